"""Which members join and leave, and in what order.

A step is chosen only from what is seen now, never from what an earlier plan meant to do. So a plan that was cut short
is resumed by planning again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from etcdpilot.model.cluster import MemberSpec
from etcdpilot.model.membership import Membership, MemberState
from etcdpilot.model.steps import (
    AddLearner,
    PromoteLearner,
    RemoveMember,
    StartLearner,
    Step,
)


def leaving(wanted: frozenset[str], seen: Membership, ids: dict[str, str]) -> tuple[list[Step], list[Step]]:
    """Who leaves before anybody joins, and who leaves after.

    A dead voter still counts: with 2 of 3 alive, adding first would need 3 of 4 to commit the next change. So the dead
    and the unfinished leave first, and a healthy voter is given up only once its replacement votes.
    """
    first: list[Step] = []
    last: list[Step] = []
    for name in sorted(seen.names - wanted):
        healthy = seen.state_of(name) is MemberState.VOTING
        step = RemoveMember(name, ids.get(name, ""), "it is not in the cluster file")
        (last if healthy else first).append(step)
    return first, last


def joining(member: MemberSpec, state: MemberState) -> Iterator[Step]:
    """What a wanted member still needs, by how far it has come."""
    if state is MemberState.ABSENT:
        yield AddLearner(member.name, member.advertise_peer_urls)
    if state in (MemberState.ABSENT, MemberState.ADDED):
        yield StartLearner(member.name)
    if state in (MemberState.ABSENT, MemberState.ADDED, MemberState.LEARNING):
        yield PromoteLearner(member.name)


def in_joining_order(members: Sequence[MemberSpec], seen: Membership) -> list[MemberSpec]:
    """Those that came furthest go first: etcd takes one learner at a time."""
    far = {MemberState.LEARNING: 0, MemberState.ADDED: 1}
    return sorted(members, key=lambda member: (far.get(seen.state_of(member.name), 2), member.name))
