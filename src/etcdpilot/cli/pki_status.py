"""`pki status`: every certificate of a cluster, and what is due."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import click

from etcdpilot.cli.choosing import choose, with_file, with_output

if TYPE_CHECKING:
    from etcdpilot.cli.choosing import Chosen
    from etcdpilot.model.certificate_rows import CertificateReport


@click.command()
@with_file
@with_output
def status(file: str | None, state: str | None, output: str) -> None:
    """Every certificate on the controller and the hosts: what for, for whom, how long, and what is wrong with it.

    Exit 1 when something is due within 30 days, or wrong, or a rotation is unfinished.
    """
    from etcdpilot.cli.views.certificates import report_document, report_text

    found = asyncio.run(look(choose(file, state)))
    click.echo(report_document(found) if output == "json" else report_text(found))
    sys.exit(1 if found.is_due else 0)


async def look(chosen: Chosen) -> CertificateReport:
    from etcdpilot import certifying, pilot

    async with pilot.opened(chosen.wanted, chosen.state) as site:
        return await certifying.report(site)
