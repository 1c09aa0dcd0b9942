"""`etcdpilot pki`: cfssl's verbs, and the judge of certificates."""

from __future__ import annotations

import click

from etcdpilot.cli.cfssl import bundle, gencert, info, print_defaults, sign
from etcdpilot.cli.check import check
from etcdpilot.cli.groups import Verbs
from etcdpilot.cli.requests import import_, request


@click.group(cls=Verbs)
def pki() -> None:
    """Make certificates from cfssl's JSON files, and judge certificates."""


for command in (gencert, sign, info, bundle, print_defaults, check, request, import_):
    pki.add_command(command)
