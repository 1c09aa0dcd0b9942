"""`etcdpilot pki`: cfssl's verbs, and the judge of certificates."""

from __future__ import annotations

import click

from etcdpilot.cli.cfssl import bundle, gencert, info, print_defaults, sign
from etcdpilot.cli.check import check
from etcdpilot.cli.groups import Verbs


@click.group(cls=Verbs)
def pki() -> None:
    """Make certificates from cfssl's JSON files, and judge certificates."""


for command in (gencert, sign, info, bundle, print_defaults, check):
    pki.add_command(command)
