"""What a data directory allows. Data is never deleted, and never trusted under a name that is not its own."""

from __future__ import annotations

from collections.abc import Iterator

from etcdpilot.model.cluster import ClusterSpec, MemberSpec
from etcdpilot.model.knowledge import Known
from etcdpilot.model.membership import MemberState
from etcdpilot.model.observation import HostSeen, Seen
from etcdpilot.model.plans import Refusal
from etcdpilot.planning.moving import data_elsewhere, two_places


def data_refusals(wanted: ClusterSpec, seen: Seen, *, formed: bool) -> Iterator[Refusal]:
    elsewhere = data_elsewhere(wanted, seen) if formed else {}
    yield from two_places(wanted, seen) if formed else ()
    for member in wanted.members:
        host = seen.reachable.get(member.name)
        if host is None:
            continue
        if host.data.foreign:
            yield foreign(member)
        elif not formed and host.data.has_member and not ours(wanted, host):
            yield of_somebody(member)
        elif member.name in elsewhere:
            continue
        elif formed and seen.membership.state_of(member.name) is MemberState.DOWN and host.process is None:
            yield from lost(member, host)


def ours(wanted: ClusterSpec, host: HostSeen) -> bool:
    return isinstance(host.marker, Known) and host.marker.value.cluster == wanted.name


def foreign(member: MemberSpec) -> Refusal:
    return Refusal(
        f"{member.paths.data} of {member.name} holds files that are not etcd's.",
        "A data directory belongs to one member alone.",
        f"Set paths.data of {member.name} to an empty directory, or move the files away yourself.",
        "I7",
    )


def of_somebody(member: MemberSpec) -> Refusal:
    return Refusal(
        f"{member.paths.data} of {member.name} holds the data of an etcd that this cluster does not know.",
        "Starting on it would serve another cluster's keys under this cluster's name.",
        f"Set paths.data of {member.name} to an empty directory; or, when it is this cluster's own data and only the "
        "state folder is missing, bring that back:\n    etcdpilot state import FILE",
        "I7",
    )


def lost(member: MemberSpec, host: HostSeen) -> Iterator[Refusal]:
    """A member that is in the list, does not run, and whose disk is not what was seen of it."""
    expected = host.marker.value.last_index if isinstance(host.marker, Known) else 0
    if not host.data.has_member:
        what = f"The data of {member.name} in {member.paths.data} is gone."
    elif host.data.last_index < expected:
        what = f"The data of {member.name} in {member.paths.data} is older than what was seen of it."
    else:
        return
    yield Refusal(
        what,
        "Started under its old identity it would vote for what it no longer remembers, and acknowledged writes would "
        "be lost in silence.",
        f"Replace it; the others keep the data:\n    etcdpilot member replace {member.name}",
        "I7",
    )
