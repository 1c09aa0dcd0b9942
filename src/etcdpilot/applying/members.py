"""Changes the member list, one change at a time. After an unknown outcome it looks before it acts again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING, TypeGuard

from etcdpilot.applying.gates import answers
from etcdpilot.applying.way_back import close
from etcdpilot.etcd.door import Door
from etcdpilot.etcd.errors import NotYet, UnknownOutcome
from etcdpilot.model.answers import MemberEntry, MemberStatus
from etcdpilot.model.errors import ClusterFailed
from etcdpilot.model.knowledge import Known, Unknown
from etcdpilot.model.observation import EtcdSeen
from etcdpilot.model.steps import AddLearner, MoveLeader, PromoteLearner, RemoveMember, UpdateMember
from etcdpilot.observing.members import ask, ask_only

if TYPE_CHECKING:
    from etcdpilot.applying.world import RealWorld

PATIENCE = 60.0


async def add_learner(step: AddLearner, world: RealWorld) -> AsyncIterator[str]:
    """Its natural key is the peer URL: a repeat after an unknown outcome finds it already there.

    A cluster that has just changed answers `unhealthy cluster` for a few seconds: that is a wait with a deadline.
    """
    began = world.clock.monotonic()
    while not any(set(entry.peer_urls) & set(step.peer_urls) for entry in await entries(world.door)):
        try:
            await world.door.client().cluster.add_learner(step.peer_urls)
            return
        except (NotYet, UnknownOutcome) as error:
            if world.clock.monotonic() - began > PATIENCE:
                raise
            yield f"waiting until the cluster takes another member: {error.why or error.what}"
        await world.clock.sleep(0.2)


async def promote(step: PromoteLearner, world: RealWorld) -> AsyncIterator[str]:
    """Until etcd takes it: a learner that has not caught up is refused, which is a wait with a deadline.

    etcd itself promotes a learner that has died since, and loses quorum for good: it must answer a read first.
    """
    began = world.clock.monotonic()
    while True:
        entry = await entry_of(step.member, world)
        if entry is None:
            raise ClusterFailed(f"{step.member} is not in the member list any more.", remedy="Run it again.")
        if not entry.is_learner:
            break
        seen = await ask(world.door)
        if isinstance(seen.status(step.member), Known):
            try:
                await world.door.client().cluster.promote(entry.id)
                break
            except (NotYet, UnknownOutcome) as error:
                why = error.why or error.what
        else:
            why = "it does not answer"
        if world.clock.monotonic() - began > PATIENCE:
            raise ClusterFailed(
                f"{step.member} could not be promoted.",
                why=f"{why}.",
                remedy="It stays a learner, which costs nothing. Look at its log, then run this again.",
            )
        yield f"waiting until {step.member} has caught up{progress(step.member, seen)}: {why}"
        await world.clock.sleep(0.1)
    # It votes at once, and answers a true read only when it has heard of that itself.
    async for on in answers((step.member,), world):
        yield on


def progress(name: str, seen: EtcdSeen) -> str:
    """` (12.0 of 20.0 MiB)`, by the sizes of its database and of the largest other one."""
    own = seen.status(name)
    others = [status.value.db_size for other, status in seen.statuses if other != name and isinstance(status, Known)]
    if not isinstance(own, Known) or not others:
        return ""
    return f" ({own.value.db_size / 2**20:.1f} of {max(others) / 2**20:.1f} MiB)"


async def entry_of(name: str, world: RealWorld) -> MemberEntry | None:
    """Its line in the member list, by the names of the file."""
    roster = world.wanted.roster
    return next((entry for entry in await entries(world.door) if roster.name_of(entry) == name), None)


async def remove(step: RemoveMember, world: RealWorld) -> AsyncIterator[str]:
    async for on in hand_over_first(step.member, world):
        yield on
    member_id, began = int(step.member_id, 16), world.clock.monotonic()
    while any(entry.id == member_id for entry in await entries(world.door)):
        try:
            await world.door.client().cluster.remove(member_id)
            return
        except (NotYet, UnknownOutcome) as error:
            if world.clock.monotonic() - began > PATIENCE:
                raise
            yield f"waiting until the cluster lets a member go: {error.why or error.what}"
        await world.clock.sleep(0.2)


async def update(step: UpdateMember, world: RealWorld) -> AsyncIterator[str]:
    close(step.member, world)
    member_id, began = int(step.member_id, 16), world.clock.monotonic()
    while not any(
        entry.id == member_id and set(entry.peer_urls) == set(step.peer_urls) for entry in await entries(world.door)
    ):
        try:
            await world.door.client().cluster.update(member_id, step.peer_urls)
            return
        except (NotYet, UnknownOutcome) as error:
            if world.clock.monotonic() - began > PATIENCE:
                raise
            yield f"waiting until the cluster lets a member move: {error.why or error.what}"
        await world.clock.sleep(0.2)


async def move_leader(step: MoveLeader, world: RealWorld) -> AsyncIterator[str]:
    """Asked of the leader's own endpoint, any other refuses; done when somebody else leads."""
    giver, successor = await entry_of(step.leader, world), await entry_of(step.to, world)
    leading = [(name, said.value) for name, said in (await ask(world.door)).statuses if leads(said)]
    if giver is None or successor is None or not leading or leading[0][1].member_id != giver.id:
        return
    where, leader = leading[0]
    with suppress(UnknownOutcome):  # who leads is looked at below
        await world.door.client().at(world.door.endpoints[where]).maintenance.move_leader(successor.id)
    began = world.clock.monotonic()
    while world.clock.monotonic() - began < PATIENCE:
        followed = [said.value.leader for _, said in (await ask(world.door)).statuses if isinstance(said, Known)]
        if any(followed) and leader.member_id not in followed:
            return
        yield f"waiting until {step.leader} has handed over"
        await world.clock.sleep(0.05)


async def hand_over_first(name: str, world: RealWorld) -> AsyncIterator[str]:
    """Who leads now is asked before its planned end: an election since the plan was made moves no step of it."""
    here = await ask_only(world.door, (name,))
    if name in world.door.endpoints and not leads(here.status(name)):
        return
    seen = await ask(world.door)
    leader = next((said.value for _, said in seen.statuses if leads(said)), None)
    entry = await entry_of(name, world) if leader is not None else None
    if leader is None or entry is None or entry.id != leader.member_id:
        return
    others = sorted(
        (-said.value.raft_applied_index, other)
        for other, said in seen.statuses
        if isinstance(said, Known) and not said.value.is_learner and said.value.member_id != leader.member_id
    )
    to = next((other for _, other in others if other in world.wanted.names), None)
    if to is not None:
        async for on in move_leader(MoveLeader(name, to), world):
            yield on


def leads(said: Known[MemberStatus] | Unknown) -> TypeGuard[Known[MemberStatus]]:
    return isinstance(said, Known) and said.value.is_leader


async def entries(door: Door) -> tuple[MemberEntry, ...]:
    return (await door.client().cluster.list()).members
