"""The verbs about DNS: the records that a cluster wants, and what the hosts' resolvers make of them."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING

import click

from etcdpilot.cli.choosing import choose, with_file, with_output
from etcdpilot.model.cluster import ClusterSpec, Dns
from etcdpilot.model.errors import SpecError

if TYPE_CHECKING:
    from etcdpilot.cli.choosing import Chosen
    from etcdpilot.model.findings import Finding
    from etcdpilot.model.names import NamesSeen


@click.group()
def dns() -> None:
    """Records for a bootstrap through DNS, and whether those there are do."""


@dns.command("records")
@with_file
@with_output
@click.option("--domain", default=None, help="Where the cluster file names none.")
@click.option("--format", "kind", type=click.Choice(["bind", "dnsmasq", "json"]), default="bind", show_default=True)
def print_records(file: str | None, state: str | None, output: str, domain: str | None, kind: str) -> None:
    """The SRV records of the members and for clients, and the addresses of their targets."""
    from etcdpilot.rendering import dns_records

    chosen = choose(file, state)
    said = domain_of(chosen.wanted, domain)
    found = dns_records.records(chosen.wanted, said.domain, said.name)
    if output == "json" or kind == "json":
        click.echo(json.dumps(dns_records.document(found), indent=2))
    elif kind == "bind":
        click.echo(dns_records.bind_zone(found, said.domain), nl=False)
    else:
        click.echo(dns_records.dnsmasq_lines(found, said.domain), nl=False)


@dns.command()
@with_file
@with_output
@click.option("--domain", default=None, help="Where the cluster file names none.")
def check(file: str | None, state: str | None, output: str, domain: str | None) -> None:
    """Ask the resolvers that the hosts use, and compare. Exit 1 when something is wrong."""
    chosen = choose(file, state)
    seen, found = asyncio.run(look(chosen, domain))
    if output == "json":
        click.echo(json.dumps(findings_document(seen, found), indent=2))
    else:
        for each in found:
            click.echo(f"{each.severity.value}  {each.where}: {each.what}{'. ' + each.why if each.why else ''}")
        asked = ", ".join(seen.resolvers) or "the resolver of this machine"
        click.echo(f"{len(seen.targets)} records of members below {seen.domain}, asked of {asked}: {verdict(found)}")
    sys.exit(1 if found else 0)


def verdict(found: tuple[Finding, ...]) -> str:
    return f"{len(found)} findings" if found else "as the file wants them"


def findings_document(seen: NamesSeen, found: tuple[Finding, ...]) -> dict[str, object]:
    return {
        "domain": seen.domain,
        "resolvers": list(seen.resolvers),
        "targets": [{"url": each.url, "addresses": list(each.addresses)} for each in seen.targets],
        "findings": [
            {"severity": each.severity.value, "where": each.where, "what": each.what, "why": each.why} for each in found
        ],
    }


async def look(chosen: Chosen, domain: str | None) -> tuple[NamesSeen, tuple[Finding, ...]]:
    from dataclasses import replace

    from etcdpilot import pilot
    from etcdpilot.observing.names import look_at_names
    from etcdpilot.planning.names import name_findings

    wanted = replace(chosen.wanted, bootstrap=domain_of(chosen.wanted, domain))
    async with pilot.opened(wanted, chosen.state, chosen.warnings) as site:
        seen = await look_at_names(site.wanted, site.fleet)
        return seen, (*name_findings(site.wanted, seen), *await pilot.certificate_name_findings(site))


def domain_of(wanted: ClusterSpec, domain: str | None) -> Dns:
    """SpecError where neither the file nor the command line names a domain."""
    if domain:
        return Dns(domain, "")
    if isinstance(wanted.bootstrap, Dns):
        return wanted.bootstrap
    raise SpecError(
        "The cluster file names no domain.",
        remedy="Add it:\n    bootstrap: {dns: {domain: example.com}}\nor give --domain example.com.",
    )
