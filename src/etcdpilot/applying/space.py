"""Makes room in the database: compacts, defragments, disarms, and proves that writes go through again."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING

from etcdpilot.applying.gates import answers
from etcdpilot.applying.health import prove
from etcdpilot.applying.members import move_leader
from etcdpilot.etcd.errors import Compacted, Unavailable, UnknownOutcome
from etcdpilot.model.answers import AlarmType, MemberStatus
from etcdpilot.model.errors import ClusterFailed
from etcdpilot.model.knowledge import Known, Unknown
from etcdpilot.model.steps import MoveLeader
from etcdpilot.model.upkeep import CompactHistory, DefragmentMember, DisarmNoSpace, ProveWrite
from etcdpilot.observing.members import ask

if TYPE_CHECKING:
    from etcdpilot.applying.world import RealWorld

COMPACTING_SECONDS = 300.0
# Three times what the slowest disk took that was seen (146 MiB in 0.9 s, 4 GB in 15 s), and never less than a minute.
SLOWEST_BYTES_A_SECOND = 50 * 2**20
LEAST_SECONDS = 60.0
PATIENCE = 120.0
LAGGING = 1000  # log entries
DEFAULT_QUOTA = 2 * 2**30
# Below that much of the quota; above it the next writes would raise the alarm again.
NEARLY_FULL = 0.95
SAME_FOR = 3  # so many looks, a quarter of a second apart, find the same: whatever worked inside has ended


async def compact(step: CompactHistory, world: RealWorld) -> None:
    """Done already is done; so is one whose answer was lost, for it is in the log and the next step waits for its end."""
    with suppress(Compacted, UnknownOutcome):
        await world.door.client().kv.compact(step.revision, physical=True, timeout=COMPACTING_SECONDS)


async def defragment(step: DefragmentMember, world: RealWorld) -> AsyncIterator[str]:
    """One call; when no answer came the member goes on with it, so its size is looked at once it answers again."""
    async for on in led_by_another(step.member, world):
        yield on
    before = await settled(step.member, world)
    limit = max(LEAST_SECONDS, 3 * before.db_size / SLOWEST_BYTES_A_SECOND)
    try:
        at = world.door.client().at(world.door.endpoints[step.member])
        await at.maintenance.defragment(timeout=limit)
    except (UnknownOutcome, Unavailable) as error:
        yield f"waiting for {step.member}, which gave no answer: {error.why or error.what}"
    async for on in answers((step.member,), world):
        yield on
    async for on in caught_up(step.member, world):
        yield on
    now = await status_of(step.member, world)
    if now.db_size >= before.db_size > 2 * before.db_size_in_use:
        raise ClusterFailed(
            f"{step.member} was not defragmented.",
            why=f"Its database has {now.db_size} bytes, {now.db_size_in_use} of them in use, as before.",
            remedy="Look at its log, then run this again; members that are done are not done again.",
        )


async def led_by_another(name: str, world: RealWorld) -> AsyncIterator[str]:
    """It led when the plan was made, and handed over; or it was chosen meanwhile: then it hands over now."""
    voters = [other for other, status in (await ask(world.door)).statuses if other != name and votes(status)]
    if voters:
        async for on in move_leader(MoveLeader(name, min(voters)), world):
            yield on


def votes(status: Known[MemberStatus] | Unknown) -> bool:
    return isinstance(status, Known) and not status.value.is_learner


async def settled(name: str, world: RealWorld) -> MemberStatus:
    """Its status once nothing frees space inside any more: a compaction goes on in each member after it was answered."""
    began, seen = world.clock.monotonic(), [await status_of(name, world)]
    while len({each.db_size_in_use for each in seen}) > 1 or len(seen) < SAME_FOR:
        if world.clock.monotonic() - began > PATIENCE:
            break  # a member under load is never quite still
        await world.clock.sleep(0.25)
        seen = [*seen[-SAME_FOR + 1 :], await status_of(name, world)]
    return seen[-1]


async def status_of(name: str, world: RealWorld) -> MemberStatus:
    return await world.door.client().at(world.door.endpoints[name]).maintenance.status()


async def caught_up(name: str, world: RealWorld) -> AsyncIterator[str]:
    """Until it is no more than a little behind the foremost: what was written meanwhile came without it."""
    began = world.clock.monotonic()
    while True:
        said = {other: status.value for other, status in (await ask(world.door)).statuses if isinstance(status, Known)}
        foremost = max((status.raft_applied_index for status in said.values()), default=0)
        if name in said and foremost - said[name].raft_applied_index <= LAGGING:
            return
        if world.clock.monotonic() - began > PATIENCE:
            raise ClusterFailed(
                f"{name} does not catch up.",
                why=f"It is more than {LAGGING} entries behind after {PATIENCE:.0f} s.",
                remedy="Nobody else was touched. See: etcdpilot status",
            )
        yield f"waiting until {name} has caught up"
        await world.clock.sleep(0.1)


async def disarm(step: DisarmNoSpace, world: RealWorld) -> None:
    """Also alarms of members that are gone. ClusterFailed where a database is still as large as its quota."""
    for name, status in (await ask(world.door)).statuses:
        if isinstance(status, Known):
            require_room(name, status.value, world)
    await world.door.client().maintenance.disarm(alarm=AlarmType.NOSPACE)


def require_room(name: str, status: MemberStatus, world: RealWorld) -> None:
    quota = quota_of(name, status, world)
    if 0 < quota * NEARLY_FULL <= status.db_size:
        raise ClusterFailed(
            f"The database of {name} is still as large as its quota.",
            why=f"It has {status.db_size} bytes, {status.db_size_in_use} of them in use; the quota is {quota}.",
            remedy="Deletes are taken under the alarm. See what fills it, delete what nobody needs, and run this again:\n"
            "    etcdpilot backup show latest --sizes\n    etcdpilot ctl -- del --prefix KEYS\n"
            "    etcdpilot recover nospace --keep-revisions 0",
        )


def quota_of(name: str, status: MemberStatus, world: RealWorld) -> int:
    """Bytes, less than 1 for none. From 3.6 on the member tells it; before that the cluster file does."""
    if status.db_size_quota:
        return status.db_size_quota
    given = int(dict(world.wanted.machine(name).options).get("quota-backend-bytes", "0"))
    return given or DEFAULT_QUOTA


async def prove_write(step: ProveWrite, world: RealWorld) -> None:
    """ClusterFailed with every proof that does not hold."""
    found = await prove(world.door, nonce=secrets.token_hex(8))
    if failed := [proof for proof in found.proofs if not proof.holds]:
        raise ClusterFailed(
            "The cluster is not well yet.",
            why="\n".join(
                f"{proof.what}{f' of {proof.where}' if proof.where else ''}: {proof.why}" for proof in failed
            ),
            remedy="Put that right, and run this again.",
        )
