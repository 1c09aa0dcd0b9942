"""`etcdpilot pki`: a cluster's certificates, cfssl's verbs, and the judge of certificates."""

from __future__ import annotations

import click

from etcdpilot.cli.cfssl import bundle, gencert, info, print_defaults, sign
from etcdpilot.cli.check import check
from etcdpilot.cli.groups import Verbs
from etcdpilot.cli.pki_client import client
from etcdpilot.cli.pki_rotation import renew, rescue, rotate_ca
from etcdpilot.cli.pki_status import status
from etcdpilot.cli.requests import import_, request


@click.group(cls=Verbs)
def pki() -> None:
    """A cluster's own certificates through their whole life; cfssl's verbs; and a judge of certificates."""


for command in (
    status,
    renew,
    client,
    rotate_ca,
    rescue,
    request,
    import_,
    gencert,
    sign,
    info,
    bundle,
    print_defaults,
    check,
):
    pki.add_command(command)
