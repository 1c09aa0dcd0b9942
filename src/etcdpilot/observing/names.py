"""Asks the resolvers that the hosts use, in the way etcd does, and reads what else decides names there.

A resolver on a host's own loopback cannot be asked from here; the servers behind systemd's are read from its file.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from etcdpilot.hosts.fleet import Fleet
from etcdpilot.hosts.port import Question
from etcdpilot.model.addresses import MemberUrl, is_address
from etcdpilot.model.cluster import ClusterSpec, Dns, HostKind, MemberSpec
from etcdpilot.model.names import NamesSeen, Otherwise, Target
from etcdpilot.rendering.dns_records import service_name

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver

RESOLV, BEHIND_SYSTEMD, HOSTS = "/etc/resolv.conf", "/run/systemd/resolve/resolv.conf", "/etc/hosts"
SECONDS = 5.0
PORT = 53


@dataclass(frozen=True, slots=True)
class NameFiles:
    """The resolvers of a host that can be asked from here, and its /etc/hosts. `closed`: it has others alone."""

    resolvers: tuple[str, ...]
    hosts: str
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """What one resolver says of the cluster: the SRV records for peers, and the addresses of the members' own names."""

    targets: tuple[Target, ...]
    own: dict[str, tuple[str, ...]]

    @property
    def lines(self) -> frozenset[str]:
        records = {f"{each.url} at {', '.join(each.addresses) or 'no address'}" for each in self.targets}
        return frozenset(records | {f"{name} at {', '.join(found)}" for name, found in self.own.items() if found})


async def look_at_names(wanted: ClusterSpec, fleet: Fleet, hosts: tuple[MemberSpec, ...] = ()) -> NamesSeen:
    """Asks the resolvers of `hosts` (all of the members' own) about these members. HostFailed where a host cannot be
    asked which resolvers it has."""
    assert isinstance(wanted.bootstrap, Dns)
    domain, asked = wanted.bootstrap.domain, hosts or wanted.members
    answers = await asyncio.gather(*(read(member, fleet) for member in asked))
    files = {member.name: answer for member, answer in zip(asked, answers, strict=True)}
    servers = tuple(dict.fromkeys(server for each in files.values() for server in each.resolvers))
    # Each is asked by itself: a host believes its own, and members that hear different things never find each other.
    said = await asyncio.gather(*(all_of(resolver_of(servers[n : n + 1]), wanted) for n in range(max(len(servers), 1))))
    heard = [(n, each) for n, each in enumerate(said) if each is not None]
    unasked = tuple(name for name, each in files.items() if each.closed)
    if not heard:
        return NamesSeen(domain, servers, (), {}, trouble="no resolver answered", unasked=unasked)
    first, found = heard[0]
    there = {address for target in found.targets for address in target.addresses}
    resolver = resolver_of(servers[first : first + 1])
    reverse = {address: await pointers(resolver, address) for address in sorted(there)}
    names = {target.name for target in found.targets}
    pinned = {name: lines for name, each in files.items() if (lines := pinned_lines(each.hosts, there, names))}
    other = tuple(
        Otherwise(server, who_asks(server, files), *differences(found, each), who_asks_nobody_else(server, files))
        for server, each in zip(servers, said, strict=False)
        if each is None or each.lines != found.lines
    )
    return NamesSeen(domain, servers, found.targets, found.own, reverse, pinned, otherwise=other, unasked=unasked)


async def all_of(resolver: Resolver, wanted: ClusterSpec) -> Said | None:
    """None of one that does not answer."""
    assert isinstance(wanted.bootstrap, Dns)
    domain, suffix = wanted.bootstrap.domain, wanted.bootstrap.name
    try:
        found = await asyncio.gather(
            services(resolver, service_name("server", domain, suffix, secure=True), "https"),
            services(resolver, service_name("server", domain, suffix, secure=False), "http"),
        )
    except TimeoutError:
        return None
    own = await asyncio.gather(*(addresses(resolver, host_of(member)) for member in wanted.members))
    return Said((*found[0], *found[1]), {each.name: at for each, at in zip(wanted.members, own, strict=True)})


def who_asks(server: str, files: dict[str, NameFiles]) -> tuple[str, ...]:
    return tuple(name for name, each in files.items() if server in each.resolvers)


def who_asks_nobody_else(server: str, files: dict[str, NameFiles]) -> tuple[str, ...]:
    return tuple(name for name, each in files.items() if set(each.resolvers) == {server})


def differences(first: Said, other: Said | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if other is None:
        return (), ()
    return tuple(sorted(first.lines - other.lines)), tuple(sorted(other.lines - first.lines))


async def read(member: MemberSpec, fleet: Fleet) -> NameFiles:
    if fleet.wanted.kind is HostKind.LOCAL:
        texts = {
            path: Path(path).read_text() if Path(path).exists() else "" for path in (RESOLV, BEHIND_SYSTEMD, HOSTS)
        }
    else:
        paths = (RESOLV, BEHIND_SYSTEMD, HOSTS)
        host = await fleet.host(member.name)
        answer = await host.look(
            Question(member.service.unit, f"{member.paths.bin}/etcd", member.paths.data, paths, paths, ())
        )
        texts = {each.path: each.text or "" for each in answer.files}
    servers = nameservers(texts.get(RESOLV, ""))
    if (
        servers
        and all(ipaddress.ip_address(each).is_loopback for each in servers)
        and fleet.wanted.kind is HostKind.SSH
    ):
        servers = nameservers(texts.get(BEHIND_SYSTEMD, ""))
        return NameFiles(servers, texts.get(HOSTS, ""), closed=not servers)
    return NameFiles(servers, texts.get(HOSTS, ""))


def nameservers(text: str) -> tuple[str, ...]:
    found = re.findall(r"^\s*nameserver\s+(\S+)", text, re.MULTILINE)
    return tuple(each for each in found if is_address(each))


def resolver_of(servers: tuple[str, ...]) -> Resolver:
    from dns.asyncresolver import Resolver

    resolver = Resolver(configure=not servers)
    if servers:
        resolver.nameservers = list(servers)
    resolver.lifetime, resolver.cache, resolver.port = SECONDS, None, PORT
    return resolver


async def services(resolver: Resolver, name: str, scheme: str) -> tuple[Target, ...]:
    """TimeoutError when nobody answered; empty where there is no such record, or the resolver will not say."""
    from dns.resolver import NXDOMAIN, LifetimeTimeout, NoAnswer, NoNameservers

    try:
        found = await resolver.resolve(name, "SRV", search=False)
    except (NXDOMAIN, NoAnswer):
        return ()
    except NoNameservers as error:
        if any(response is not None for *_, response in error.kwargs["errors"]):
            return ()  # REFUSED or SERVFAIL: etcd goes on without it
        raise TimeoutError from error
    except LifetimeTimeout as error:
        raise TimeoutError from error
    said = sorted({(record.target.to_text(omit_final_dot=True).lower(), record.port) for record in found})
    return tuple([Target(scheme, target, port, await addresses(resolver, target)) for target, port in said])


async def addresses(resolver: Resolver, name: str) -> tuple[str, ...]:
    from dns.exception import DNSException

    if is_address(name):
        return (str(ipaddress.ip_address(name)),)
    found: list[str] = []
    for kind in ("A", "AAAA"):
        try:
            found += [record.address for record in await resolver.resolve(name, kind, search=False)]
        except DNSException:
            continue
    return tuple(sorted(found))


async def pointers(resolver: Resolver, address: str) -> tuple[str, ...]:
    from dns.exception import DNSException

    try:
        return tuple(r.target.to_text(omit_final_dot=True) for r in await resolver.resolve_address(address))
    except DNSException:
        return ()


def pinned_lines(hosts: str, there: set[str], names: set[str]) -> tuple[str, ...]:
    """Lines of /etc/hosts about an address or a name of the targets: they win over DNS, forward and reverse."""
    lines = (line.partition("#")[0].split() for line in hosts.splitlines())
    return tuple(" ".join(words) for words in lines if words and (words[0] in there or names & set(words[1:])))


def host_of(member: MemberSpec) -> str:
    return MemberUrl.parse(member.advertise_peer_urls[0]).host
