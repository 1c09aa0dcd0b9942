"""Changes the member list, one change at a time. After an unknown outcome it looks before it acts again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from etcdpilot.etcd.door import Door
from etcdpilot.model.answers import MemberEntry
from etcdpilot.model.errors import ClusterFailed
from etcdpilot.model.identity import as_hex
from etcdpilot.model.knowledge import Known
from etcdpilot.model.steps import AddLearner, MoveLeader, PromoteLearner, RemoveMember, UpdateMember
from etcdpilot.observing.members import ask

if TYPE_CHECKING:
    from etcdpilot.applying.world import RealWorld

PATIENCE = 60.0


async def add_learner(step: AddLearner, world: RealWorld) -> None:
    """Its natural key is the peer URL: a repeat after an unknown outcome finds it already there."""
    there = next((entry for entry in await entries(world.door) if set(entry.peer_urls) & set(step.peer_urls)), None)
    if there is None:
        added = await world.door.client().cluster.add_learner(step.peer_urls)
        there = added.member
    ids = {**dict(world.memory.member_ids), step.member: as_hex(there.id)}
    world.remember_members(tuple(sorted(ids.items())))


async def promote(step: PromoteLearner, world: RealWorld) -> AsyncIterator[str]:
    """Until etcd takes it: a learner that has not caught up is refused, which is a wait with a deadline."""
    began = world.clock.monotonic()
    member_id = int(dict(world.memory.member_ids)[step.member], 16)
    while True:
        try:
            await world.door.client().cluster.promote(member_id)
            return
        except ClusterFailed as error:
            if any(entry.id == member_id and not entry.is_learner for entry in await entries(world.door)):
                return
            if world.clock.monotonic() - began > PATIENCE:
                raise
            yield f"waiting until {step.member} has caught up: {error.why or error.what}"
        await world.clock.sleep(0.1)


async def remove(step: RemoveMember, world: RealWorld) -> None:
    member_id = int(step.member_id, 16)
    if any(entry.id == member_id for entry in await entries(world.door)):
        await world.door.client().cluster.remove(member_id)
    ids = {name: value for name, value in world.memory.member_ids if value != step.member_id}
    world.remember_members(tuple(sorted(ids.items())))


async def update(step: UpdateMember, world: RealWorld) -> None:
    await world.door.client().cluster.update(int(step.member_id, 16), step.peer_urls)


async def move_leader(step: MoveLeader, world: RealWorld) -> AsyncIterator[str]:
    """Asked of the leader's own endpoint, any other refuses; done when somebody else leads."""
    seen = await ask(world.door)
    leader, successor = seen.status(step.leader), seen.status(step.to)
    if not isinstance(leader, Known) or not isinstance(successor, Known) or not leader.value.is_leader:
        return
    pinned = world.door.client().at(world.door.endpoints[step.leader])
    await pinned.maintenance.move_leader(successor.value.member_id)
    began = world.clock.monotonic()
    while world.clock.monotonic() - began < PATIENCE:
        now = (await ask(world.door)).status(step.to)
        if isinstance(now, Known) and now.value.leader != leader.value.member_id:
            return
        yield f"waiting until {step.leader} has handed over"
        await world.clock.sleep(0.05)


async def entries(door: Door) -> tuple[MemberEntry, ...]:
    return (await door.client().cluster.list()).members
