"""What must be clear about the member list before anybody joins or leaves it."""

from __future__ import annotations

from collections.abc import Iterator

from etcdpilot.model.cluster import retired
from etcdpilot.model.identity import as_hex
from etcdpilot.model.knowledge import Known
from etcdpilot.model.membership import MemberState
from etcdpilot.model.plans import Refusal
from etcdpilot.planning.members import Ground, stands_in_its_place

THIN = "thin"


def membership_refusals(ground: Ground, waived: frozenset[str]) -> Iterator[Refusal]:
    yield from nobody_can_let_go(ground)
    yield from clusters_mixed(ground)
    yield from members_of_nobody(ground)
    yield from members_that_run_elsewhere(ground)
    if THIN not in waived:
        yield from thin_replacements(ground)


def nobody_can_let_go(ground: Ground) -> Iterator[Refusal]:
    """A cluster that is down cannot take anybody out of its list, and may need that very member to come up again."""
    gone = sorted(ground.seen.membership.names - ground.wanted.names)
    if gone and ground.memory.formed and not isinstance(ground.seen.etcd.members, Known):
        yield Refusal(
            f"{', '.join(gone)} cannot leave a cluster that does not answer.",
            "Only the cluster itself takes a member out of its list, by a majority of those in it.",
            "Put the member back into the cluster file and bring the cluster up, then take it out:\n"
            "    etcdpilot apply",
            "I2",
        )


def clusters_mixed(ground: Ground) -> Iterator[Refusal]:
    """Health checks member by member stay green when two clusters answer at the addresses of one; only the IDs tell."""
    first = "If it formed under a token that the file named before, put that one back. Else stop it, and find"
    for name, said in ground.seen.etcd.statuses:
        if isinstance(said, Known) and as_hex(said.value.cluster_id) != ground.memory.cluster_id:
            yield Refusal(
                f"{name} answers for another cluster.",
                f"Its cluster ID is {as_hex(said.value.cluster_id)}, this cluster's is {ground.memory.cluster_id}.",
                f"{first if ground.memory.tried else 'Stop it, and find'} out whose data it holds, before anything "
                "else is done:\n    etcdpilot status",
                "I1",
            )


def members_of_nobody(ground: Ground) -> Iterator[Refusal]:
    """A member that nobody here created is never removed: whose it is only people know."""
    ours = {*ground.wanted.names, *(machine.name for machine in ground.wanted.former)}
    ours |= {retired(name) for name in ground.wanted.names}
    ids = set(dict(ground.memory.member_ids).values())
    for name, entry in ground.entries.items():
        if name not in ours and as_hex(entry.id) not in ids:
            yield Refusal(
                f"{name} is a member of the cluster, and nobody here created it.",
                f"Its ID is {as_hex(entry.id)}, its peer URL {', '.join(entry.peer_urls)}; neither the cluster file nor "
                "the state folder knows it.",
                "If it belongs there, add it to the cluster file with that peer URL. If it does not, take it out "
                f"yourself:\n    etcdpilot ctl -- member remove {as_hex(entry.id)}",
                "I24",
            )


def members_that_run_elsewhere(ground: Ground) -> Iterator[Refusal]:
    """A member answers, and not on the machine that the file names, where there is nothing of it."""
    for member in ground.wanted.members:
        host = ground.seen.reachable.get(member.name)
        if host is None or ground.seen.membership.state_of(member.name) is not MemberState.VOTING:
            continue
        if host.process is None and not host.data.has_member and not host.data.exists:
            yield Refusal(
                f"{member.name} is to stand on {member.host}, and runs somewhere else.",
                f"{member.host} holds nothing of it. A member goes to another machine with its data, or is replaced there "
                "by a new one.",
                "To replace it, put its old host back into the cluster file, then:\n    etcdpilot member replace "
                f"{member.name} --host {member.host}\nTo move it, stop it, bring {member.paths.data} there, and run this "
                "again.",
                "I7",
            )


def thin_replacements(ground: Ground) -> Iterator[Refusal]:
    """A live member whose place is taken on its own machine must leave before the new one can come."""
    seen = ground.seen.membership
    for member in ground.wanted.members:
        old = retired(member.name)
        if seen.state_of(old) is MemberState.VOTING and stands_in_its_place(member, ground):
            yield Refusal(
                f"{member.name} is alive, and replacing it where it stands costs a voter for a while.",
                f"It must leave before the new one can start there: {len(seen.voters) - 1} voters meanwhile, which "
                f"tolerate {max(0, (len(seen.voters) - 2) // 2)} failures.",
                "Replace it on another host:\n    etcdpilot member replace "
                f"{member.name} --host HOST\nOr take that risk: --allow-thin",
                "I3",
            )
