"""What must be clear before anything is planned: whose hosts these are, and whether they can be seen."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from etcdpilot.model.cluster import ClusterSpec, MemberSpec
from etcdpilot.model.knowledge import Known, Unknown
from etcdpilot.model.memory import Memory
from etcdpilot.model.observation import HostSeen, Marker, Seen
from etcdpilot.model.plans import Refusal


def unreachable_refusals(needed: frozenset[str], seen: Seen) -> Iterator[Refusal]:
    """A first start needs every host; later only those that some step touches."""
    for name, why in seen.unreachable.items():
        if name in needed:
            yield Refusal(
                f"The host of {name} cannot be looked at.",
                why,
                "Nothing was touched. Bring the host back, or correct it in the cluster file, and run again.",
                "I18",
            )


def unseen_warnings(needed: frozenset[str], seen: Seen) -> Iterator[str]:
    """Hosts that no step needs and that nobody could look at: what they lack is not known."""
    for name, why in seen.unreachable.items():
        if name not in needed:
            yield f"The host of {name} cannot be looked at, so what it lacks is not known: {why}"


def stranger_refusals(wanted: ClusterSpec, seen: Seen, memory: Memory) -> Iterator[Refusal]:
    for member in wanted.members:
        host = seen.reachable.get(member.name)
        if host is not None:
            yield from of_another_cluster(wanted, member, host, memory)
            yield from taken_ports(member, host)


def of_another_cluster(wanted: ClusterSpec, member: MemberSpec, host: HostSeen, memory: Memory) -> Iterator[Refusal]:
    match host.marker:
        case Unknown(why):
            yield Refusal(
                f"What {member.paths.marker} on {member.host} says cannot be read.",
                why,
                "Look at the file: it says which cluster the host belongs to.",
                "I24",
            )
        case Known(marker) if marker.cluster != wanted.name:
            yield Refusal(
                f"The host of {member.name} belongs to the cluster {marker.cluster}.",
                f"{member.paths.marker} there says so.",
                "Give this cluster other hosts, or its own service.unit, paths and ports on these.",
                "I24",
            )
        case Known(marker) if is_a_strangers(marker, memory):
            yield Refusal(
                f"The host of {member.name} holds a cluster {marker.cluster} that this state folder did not make.",
                "Its token is another one; the CA keys and the token are where it was made.",
                "Go on with that state:\n    etcdpilot state import FILE      (or --state DIR)\n"
                "The file is made where the cluster was: etcdpilot state export FILE\n"
                "Or, when it is lost for good, make new authorities for it:\n    etcdpilot pki rescue --new-ca",
                "I1",
            )
        case _:
            return


def is_a_strangers(marker: Marker, memory: Memory) -> bool:
    if not marker.cluster_id and marker.token_hash in memory.tried:
        return False
    if any(each.token_hash == marker.token_hash for each in memory.former):
        return False  # this cluster's own, from before it was restored
    return marker.token_hash != hashlib.sha256(memory.token.encode()).hexdigest()


def taken_ports(member: MemberSpec, host: HostSeen) -> Iterator[Refusal]:
    """Somebody else listens where this member would. Our own running etcd is no stranger."""
    if host.process is None and host.busy_ports and not starting(host):
        ports = ", ".join(str(port) for port in host.busy_ports)
        yield Refusal(
            f"Port {ports} of {member.host} is taken, and {member.name} wants to listen there.",
            "Another program listens on it.",
            f"Stop that program, or give {member.name} another client-port or peer-port in the cluster file.",
        )


def starting(host: HostSeen) -> bool:
    """systemd is about to start it again: the process of a moment ago may still hold the port."""
    return host.service.active in ("activating", "deactivating", "active")
