"""The verbs about DNS: the records that a cluster wants, and what the hosts' resolvers make of them."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING

import click

from etcdpilot.cli.choosing import choose, with_file, with_output
from etcdpilot.cli.groups import Verbs
from etcdpilot.model.cluster import ClusterSpec, Dns
from etcdpilot.model.errors import SpecError

if TYPE_CHECKING:
    from etcdpilot.cli.choosing import Chosen
    from etcdpilot.model.findings import Finding
    from etcdpilot.model.names import NamesSeen


@click.group(cls=Verbs)
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
        "otherwise": [
            {"resolver": each.resolver, "members": each.members, "lacks": each.lacks, "adds": each.adds}
            for each in seen.otherwise
        ],
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


def announce(chosen: Chosen, after: str, name: str, seconds: float) -> None:
    """Say which records a joining member wants, and wait for them when asked. Refused when they do not come.

    It joins without them too, from the list of members; but a name in its URLs must resolve, and whoever finds the
    cluster through its domain does not see it before.
    """
    from dataclasses import replace

    from etcdpilot.rendering import dns_records
    from etcdpilot.spec.load import load

    spec = load(after, str(chosen.file), str(chosen.file.parent.absolute())).spec
    domain = domain_of(spec, None)
    found = dns_records.records(replace(spec, members=(spec.member(name),)), domain.domain, domain.name)
    click.echo(f"DNS wants these records for {name}:", err=True)
    click.echo(dns_records.bind_zone(found, domain.domain), nl=False, err=True)
    if seconds > 0:
        asyncio.run(wait_for(chosen, spec, name, seconds))


async def wait_for(chosen: Chosen, spec: ClusterSpec, name: str, seconds: float) -> None:
    from dataclasses import replace

    from etcdpilot import pilot
    from etcdpilot.model.errors import Refused
    from etcdpilot.observing.names import look_at_names
    from etcdpilot.planning.names import peers_in_dns

    alone = replace(spec, members=(spec.member(name),))
    async with pilot.opened(chosen.wanted, chosen.state, chosen.warnings) as site:
        began = site.clock.monotonic()
        # Its own host may bear a name that does not resolve yet; and those who are there must find it.
        while True:
            seen = await look_at_names(alone, site.fleet, site.wanted.members)
            if name in peers_in_dns(alone, seen) and all(each.silent for each in seen.otherwise):
                return
            if site.clock.monotonic() - began > seconds:
                raise Refused(
                    f"The records of {name} did not come within {seconds:.0f} s.",
                    why="The resolvers that the members' hosts use do not know them.",
                    remedy="Compare them, then run it again:\n    etcdpilot dns check",
                )
            await site.clock.sleep(0.5)


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
