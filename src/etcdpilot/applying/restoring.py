"""The steps of a restore: prepare beside what is there, begin anew, put in place, prove.

What a restore is made from, and its new identity, stand in the state folder before any of these is taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from etcdpilot.applying.health import prove
from etcdpilot.applying.services import leaders, stop_on
from etcdpilot.hosts.port import Restoration
from etcdpilot.hosts.together import together
from etcdpilot.model.cluster import HostKind, MemberSpec
from etcdpilot.model.errors import ClusterFailed, Refused
from etcdpilot.model.health import Health
from etcdpilot.model.identity import as_hex
from etcdpilot.model.knowledge import Known
from etcdpilot.model.restoring import Restore, restore_flags
from etcdpilot.model.snapshots import KeysHash
from etcdpilot.model.steps import BeginAnew, PlaceData, PrepareData, ProveRestored
from etcdpilot.observing.backups import live_hash_of_keys
from etcdpilot.observing.members import ask
from etcdpilot.stores.restores import drop_fetched, note_former, read_restore, write_restore

if TYPE_CHECKING:
    from etcdpilot.applying.world import RealWorld

COMPACTED_SECONDS = 60.0


def record(world: RealWorld) -> Restore:
    found = read_restore(world.state)
    if found is None:
        raise Refused("Nothing is being restored.", remedy="Begin with:\n    etcdpilot restore FILE")
    return found


async def prepare(step: PrepareData, world: RealWorld) -> None:
    """On all hosts at once. A failure on one is told when the others have ended; nothing was stopped or moved yet."""
    restore = record(world)
    await together(*(prepare_on(name, restore, world) for name in step.members))


async def prepare_on(name: str, restore: Restore, world: RealWorld) -> None:
    member = world.wanted.member(name)
    peers = tuple((each, world.wanted.member(each).advertise_peer_urls) for each in restore.members)
    wish = Restoration(
        data=member.paths.data,
        programs=programs_of(member, world),
        flags=restore_flags(restore, name, peers),
        snapshot=restore.source.path,
        size=restore.source.size,
        mark=restore.mark,
        user=member.service.user,
    )
    await (await world.fleet.host(name)).prepare_data(wish)


def programs_of(member: MemberSpec, world: RealWorld) -> str:
    """etcd's programs of the wanted version; on this machine they stand together where the member's etcd is."""
    if world.wanted.kind is HostKind.LOCAL:
        return member.paths.bin
    return f"{member.paths.library}/etcd-{world.wanted.version}"


async def begin_anew(step: BeginAnew, world: RealWorld) -> None:
    """The leader last, as ever. The old identity is noted before the new one takes its place."""
    restore = record(world)
    await require_gone(tuple(name for name in restore.lost if name not in step.stopping), restore, world)
    leading = frozenset(leaders(await ask(world.door)))
    await together(*(stop_on(name, world) for name in step.stopping if name not in leading))
    await together(*(stop_on(name, world) for name in step.stopping if name in leading))
    await require_gone(step.stopping, restore, world)
    await require_silence(restore, world)
    identity = world.state.identity()
    if identity is not None and identity.formed and identity.token != restore.token:
        note_former(world.state, identity, world.clock.now().isoformat())
    world.begin_anew(restore)


async def require_gone(names: tuple[str, ...], restore: Restore, world: RealWorld) -> None:
    """Who was stopped, or was said to be gone, may not even listen any more."""
    listening = await world.door.listening()
    refuse_strays({name for name in names if name in listening}, restore)


async def require_silence(restore: Restore, world: RealWorld) -> None:
    """Nobody may answer for the old cluster, wherever it runs."""
    said = {name: status.value for name, status in (await ask(world.door)).statuses if isinstance(status, Known)}
    refuse_strays({name for name, each in said.items() if as_hex(each.cluster_id) != restore.cluster_id}, restore)


def refuse_strays(names: set[str], restore: Restore) -> None:
    if names:
        raise Refused(
            f"{', '.join(sorted(names))} still runs; nothing was moved or started.",
            why="It was stopped, or said to be gone. Old members mix with restored ones, or go on beside them.",
            remedy=f"Stop it where it runs, then go on:\n    etcdpilot {restore.verb}",
        )


async def place(step: PlaceData, world: RealWorld) -> None:
    mark = record(world).mark
    await together(*(place_on(name, mark, world) for name in step.members))


async def place_on(name: str, mark: str, world: RealWorld) -> None:
    member = world.wanted.member(name)
    host = await world.fleet.host(name)
    await host.place_data(member.paths.data, mark, user=member.service.user)


async def prove_restored(step: ProveRestored, world: RealWorld) -> AsyncIterator[str]:
    """Alarms that came along with the snapshot belong to members that are no more: they would block every write."""
    restore = record(world)
    write_restore(world.state, restore.moved_on())
    if restore.source.keys_hash is not None:
        yield "comparing the hash of the keys on every member with the snapshot's"
        await require_keys(step.members, restore.source.keys_hash, restore, world)
    async for on in without_alarms(world):
        yield on
    require_healthy(await prove(world.door, nonce=restore.cluster_id), step.members)
    write_restore(world.state, restore.moved_on(done=True))
    drop_fetched(world.state)


async def require_keys(members: tuple[str, ...], wanted: KeysHash, restore: Restore, world: RealWorld) -> None:
    """Every member at the snapshot's own last revision. Once clients have had that compacted it cannot be asked any
    more: then the members are held against each other alone, by the proof of health."""
    found = await asyncio.gather(*(hash_on(name, wanted, world) for name in members))
    wrong = [f"{name} gives {each.hash}" for name, each in zip(members, found, strict=True) if each and each != wanted]
    if wrong:
        raise ClusterFailed(
            f"The restored members do not hold the keys of {restore.source.name}.",
            why=f"Its keys have the hash {wanted.hash} at revision {wanted.revision}; {', '.join(wrong)}.",
            remedy="The old data stand beside the new ones. Restore another snapshot, and report this.",
        )


async def hash_on(name: str, wanted: KeysHash, world: RealWorld) -> KeysHash | None:
    """None where the member cannot tell it for the same revision and compaction any more."""
    began = world.clock.monotonic()
    while True:
        found = await live_hash_of_keys(world.door, name, wanted.revision)
        if isinstance(found, Known) and found.value.comparable_with(wanted):
            return found.value
        # A restored member compacts what was marked when it starts, and tells the hash before by another compaction.
        behind = isinstance(found, Known) and found.value.compact_revision < wanted.compact_revision
        if not behind or world.clock.monotonic() - began > COMPACTED_SECONDS:
            return None
        await world.clock.sleep(0.1)


async def without_alarms(world: RealWorld) -> AsyncIterator[str]:
    """Under NOSPACE there is room again only after a compaction and a defragmentation; then it is disarmed."""
    seen = await ask(world.door)
    if not seen.alarms:
        return
    client = world.door.client()
    answering = [name for name, status in seen.statuses if isinstance(status, Known)]
    leading = frozenset(leaders(seen))
    yield "compacting, for alarms came along with the snapshot"
    revision = max(status.value.revision for _, status in seen.statuses if isinstance(status, Known))
    await compact(revision, world)
    for name in sorted(answering, key=lambda each: (each in leading, each)):
        yield f"defragmenting {name}"
        await client.at(world.door.endpoints[name]).maintenance.defragment()
    await client.maintenance.disarm()


async def compact(revision: int, world: RealWorld) -> None:
    from etcdpilot.etcd.errors import Compacted

    try:
        await world.door.client().kv.compact(revision, physical=True)
    except Compacted:
        return  # the restore has marked it so already


def require_healthy(found: Health, members: tuple[str, ...]) -> None:
    """Who was left out, because its machine is gone, need not answer."""
    failed = [proof for proof in found.proofs if not proof.holds and proof.where in ("", *members)]
    if failed:
        raise ClusterFailed(
            "The restored cluster could not be proved.",
            why="\n".join(f"{proof.what}{proof.where and f' through {proof.where}'}: {proof.why}" for proof in failed),
            remedy="Put that right and run this again; it goes on from here:\n    etcdpilot restore",
        )
