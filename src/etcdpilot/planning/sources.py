"""etcd compares the address that a peer's connection comes from with the peer's certificate.

A host with several addresses may dial from another than the one that it advertises. The members then connect in one
direction alone: half of their streams are missing, and every health check stays green.
"""

from __future__ import annotations

from collections.abc import Iterator

from etcdpilot.model.certificates import Purpose
from etcdpilot.model.cluster import ClusterSpec, MemberSpec
from etcdpilot.model.memory import Memory
from etcdpilot.model.observation import Seen
from etcdpilot.model.plans import Refusal
from etcdpilot.rendering.certificate_files import peer_certificate


def source_refusals(wanted: ClusterSpec, seen: Seen, memory: Memory) -> Iterator[Refusal]:
    """Before a first start it costs nothing to put this right."""
    for member, missing, by_name in unnamed_sources(wanted, seen, memory):
        if not by_name:
            yield Refusal(
                f"The connections of {member.name} to its peers come from {missing}, which its certificate does not name.",
                "Its peers compare the two and refuse. Nothing was touched.",
                remedy(wanted, member, missing),
                "I13",
            )


def source_warnings(wanted: ClusterSpec, seen: Seen, memory: Memory, *, formed: bool) -> Iterator[str]:
    """Of a cluster that runs: it goes on as it is, and nothing else waits for this."""
    for member, missing, by_name in unnamed_sources(wanted, seen, memory):
        if not formed and not by_name:
            continue
        only = "only while the reverse DNS of that address leads to one of its names" if by_name else "none of them"
        yield (
            f"The connections of {member.name} to its peers come from {missing}, which its certificate does not name: "
            f"its peers accept {only}. {remedy(wanted, member, missing)}"
        )


def unnamed_sources(wanted: ClusterSpec, seen: Seen, memory: Memory) -> Iterator[tuple[MemberSpec, str, bool]]:
    """(member, address, whether a name in the certificate might do); nothing of members that are known by name alone."""
    if not wanted.encrypted:
        return
    for member in wanted.members:
        host, said = seen.reachable.get(member.name), named(wanted, member, memory)
        if host is None or said is None:
            continue
        names, addresses = said
        for source in host.sources:
            if source not in addresses and addresses:
                yield member, source, bool(names)


def named(wanted: ClusterSpec, member: MemberSpec, memory: Memory) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The names and the addresses in its peer certificate; None where there is none to be looked at."""
    if wanted.tls.given is None:
        spec = peer_certificate(wanted, member)
        return spec.dns_names, spec.ip_addresses
    for pair in memory.given.pairs:
        if pair.owner == member.name and pair.purpose is Purpose.PEER and pair.facts is not None:
            return pair.facts.dns_names, pair.facts.ip_addresses
    return None


def remedy(wanted: ClusterSpec, member: MemberSpec, missing: str) -> str:
    if wanted.tls.given is not None:
        return f"Have its certificate issued again with {missing} in it, or let the host dial from its own address."
    return f"Give it extra-names: [{missing}] in the cluster file, or let the host dial from its own address."
