"""Takes backups and deletes them. A snapshot gets its name, and its manifest, only after it was proved whole."""

from __future__ import annotations

import asyncio
import errno
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from etcdpilot.etcd.door import Door
from etcdpilot.model.errors import ClusterFailed, HostFailed
from etcdpilot.model.knowledge import Known, Unknown
from etcdpilot.model.snapshots import Expected, KeysHash, Manifest, Verdict
from etcdpilot.observing.backups import ANSWER_SECONDS, live_hash_of_keys
from etcdpilot.observing.clock import Clock
from etcdpilot.stores.catalogue import discard_backup, keep_backup, manifest_bytes
from etcdpilot.stores.directory import give_name
from etcdpilot.stores.port import AlreadyThere, SnapshotStore
from etcdpilot.stores.snapshot.arrival import Arrival
from etcdpilot.stores.snapshot.bbolt import BoltFile, Corrupt
from etcdpilot.stores.snapshot.mvcc import live_count, read_revisions
from etcdpilot.stores.snapshot.trailer import Trailer
from etcdpilot.stores.snapshot.verify import verify
from etcdpilot.stores.write_behind import WriteBehind
from etcdpilot.stores.writing import write_private

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Saved:
    """A backup that was made; `where` is a URL or a path. `fresh` is False when somebody had just kept the very same."""

    manifest: Manifest
    where: str
    notes: tuple[str, ...] = ()
    fresh: bool = True


async def save_to_store(
    door: Door, member: str, cluster: str, store: SnapshotStore, clock: Clock, progress: Progress | None = None
) -> Saved:
    """Stream a member's snapshot, prove it, and keep it. Cut off anywhere, nothing there is taken for a backup."""
    await _make_ready(store)
    async with draft_in(store.drafts()) as draft:
        manifest, notes = await _take(door, member, cluster, draft, clock, progress)
        fresh = await keep_backup(store, manifest, draft)
    return Saved(manifest, f"{store.url}/{manifest.snapshot_name}", notes, fresh)


async def save_to_file(
    door: Door, member: str, cluster: str, file: Path, clock: Clock, progress: Progress | None = None
) -> Saved:
    """The same into a file of a name of its own, with its manifest beside it; AlreadyThere rather than over another."""
    if file.exists() or file.with_suffix(".json").exists():
        raise AlreadyThere(f"{file} is already there, or a manifest for it.", why="A backup is never written over.")
    async with draft_in(file.absolute().parent) as draft:
        manifest, notes = await _take(door, member, cluster, draft, clock, progress)
        try:
            await asyncio.to_thread(give_name, draft, file.absolute())
        except OSError as error:
            raise _no_room(file, error) from None
        await asyncio.to_thread(write_private, file.with_suffix(".json"), manifest_bytes(manifest))
    return Saved(manifest, str(file), notes)


async def discard(store: SnapshotStore, manifests: Iterable[Manifest]) -> None:
    """Delete these backups, one after another, manifests first."""
    for manifest in manifests:
        await discard_backup(store, manifest)


async def _make_ready(store: SnapshotStore) -> None:
    """Learn that the place cannot be used before the snapshot is taken, not after. A missing directory is made."""
    if store.drafts() is None:
        await store.describe()


async def _take(
    door: Door, member: str, cluster: str, draft: Path, clock: Clock, progress: Progress | None
) -> tuple[Manifest, tuple[str, ...]]:
    taken_at, begun = clock.now(), clock.monotonic()
    endpoint = door.endpoints[member]
    status = await door.client().at(endpoint).maintenance.status(timeout=ANSWER_SECONDS)
    # The status was asked before: what the snapshot holds can only be the same or newer.
    verdict = await _fetch_and_prove(door, member, draft, status.revision, progress)
    snapshot = verdict.snapshot
    if not verdict.sound or snapshot is None:
        raise ClusterFailed(
            f"The snapshot that {member} gave is not sound; nothing was kept.",
            why="\n".join(str(fault) for fault in verdict.faults),
            remedy="Take it from another member, with --member NAME.",
        )
    manifest = Manifest(
        cluster=cluster,
        member=member,
        revision=snapshot.current_revision,
        hash=snapshot.hash,
        keys=await _count(door, member, draft, snapshot.current_revision),
        size=verdict.size,
        sha256=verdict.sha256,
        taken_at=taken_at,
        cluster_id=status.cluster_id,
        hash_of_keys=verdict.hash_of_keys,
        etcd_version=status.version,
        duration=timedelta(seconds=round(clock.monotonic() - begun, 3)),
        endpoint=str(endpoint),
    )
    return manifest, verdict.notes


async def _fetch_and_prove(door: Door, member: str, draft: Path, at_least: int, progress: Progress | None) -> Verdict:
    """Write the snapshot to `draft` while its pages are proved, then hold its keys against the member's hash of them."""
    arrival = Arrival()
    proving = asyncio.create_task(
        asyncio.to_thread(verify, draft, Expected(at_least=at_least), hash_keys=True, arrival=arrival)
    )
    try:
        await _stream(door, member, draft, arrival, progress)
        live = await _live_hash(door, member, draft)
    finally:
        arrival.end()
        verdict = await proving
    return await held_against(verdict, live, draft, Expected(at_least=at_least), arrival)


async def held_against(
    verdict: Verdict, live: Known[KeysHash] | Unknown, draft: Path, expected: Expected, arrival: Arrival | None = None
) -> Verdict:
    """The verdict on a file whose keys the member was asked about too."""
    if isinstance(live, Unknown):
        note = f"its keys were not compared with the member's: {live.why}"
        return replace(verdict, notes=(*verdict.notes, note))
    if verdict.hash_of_keys == live.value:
        return verdict
    # Another hash at the same compaction is a fault; after a compaction in between, the file must be looked at anew.
    return await asyncio.to_thread(verify, draft, replace(expected, hash_of_keys=live.value), arrival=arrival)


async def _stream(door: Door, member: str, draft: Path, arrival: Arrival, progress: Progress | None) -> None:
    """Write the member's snapshot to `draft`; the stream checks its SHA-256 while it passes."""
    stream = door.client().at(door.endpoints[member]).maintenance.snapshot()
    try:
        async with WriteBehind(draft, arrival.came) as file:
            async for chunk in stream:
                arrival.expect(stream.total)
                await file.write(chunk)
                if progress:
                    progress(stream.size)
    except OSError as error:
        raise _no_room(draft, error) from None
    checked = bytes.fromhex(stream.sha256)
    arrival.end(Trailer(stream.size, bytes.fromhex(stream.file_sha256), checked, checked))


async def _live_hash(door: Door, member: str, draft: Path) -> Known[KeysHash] | Unknown:
    try:
        with BoltFile.open(draft) as database:
            revision = read_revisions(database).current
    except (Corrupt, OSError) as wrong:
        return Unknown(str(wrong))
    return await live_hash_of_keys(door, member, revision)


async def _count(door: Door, member: str, draft: Path, revision: int) -> int:
    """How many keys live. The member has counted them already; where it cannot be asked, the file is."""
    try:
        client = door.client().at(door.endpoints[member])
        answer = await client.kv.range(b"\0", range_end=b"\0", revision=revision, count_only=True, serializable=True)
        return answer.count
    except ClusterFailed:
        return await asyncio.to_thread(count_offline, draft)


def count_offline(draft: Path) -> int:
    with BoltFile.open(draft) as database:
        return live_count(database)


def _no_room(draft: Path, error: OSError) -> HostFailed:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    what_helps = "Free space there" if full else "Look at that place"
    return HostFailed(
        "this machine",
        f"The snapshot could not be written to {draft.parent}.",
        why=error.strerror or str(error),
        remedy=f"{what_helps}, and run this again: nothing half-written is kept.",
    )


@asynccontextmanager
async def draft_in(folder: Path | None) -> AsyncIterator[Path]:
    """A new file of 0600 that nobody takes for a backup, gone at the end unless it was kept."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=".etcdpilot-", suffix=".part", dir=folder)
    except OSError as error:
        raise _no_room((folder or Path(tempfile.gettempdir())) / "draft", error) from None
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)
