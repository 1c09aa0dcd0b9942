"""The backups in a place. A snapshot and its manifest lie side by side; the manifest is put last and makes it a backup.

prod/20260131T235959Z-1234-0a1b2c3d.db
prod/20260131T235959Z-1234-0a1b2c3d.json
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from etcdpilot.model.errors import SpecError
from etcdpilot.model.snapshots import MANIFEST_FORMAT, Manifest
from etcdpilot.stores.port import AlreadyThere, NotThere, SnapshotStore, StoreFailed, read_all

READ_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Shelf:
    """What lies in a place for one cluster: backups from old to new, and names that are none."""

    backups: tuple[Manifest, ...]
    without_manifest: tuple[str, ...]  # snapshots whose save was cut off, or is under way
    without_snapshot: tuple[str, ...]  # manifests whose snapshot is gone, or was cut short
    unreadable: tuple[tuple[str, str], ...]  # manifests, and what is wrong with them


async def read_shelf(store: SnapshotStore, cluster: str) -> Shelf:
    """Lists the place and reads every manifest of the cluster. StoreFailed when the place does not answer."""
    sizes = {entry.name: entry.size for entry in await store.list(f"{cluster}/")}
    gate = asyncio.Semaphore(READ_AT_ONCE)
    names = [name for name in sizes if name.endswith(".json")]
    read = await asyncio.gather(*(_try_manifest(store, name, gate) for name in names))
    whole, halved, unreadable = [], [], []
    for name, manifest in zip(names, read, strict=True):
        if isinstance(manifest, str):
            unreadable.append((name, manifest))
        elif sizes.get(_snapshot_beside(name)) != manifest.size:
            halved.append(name)
        else:
            whole.append(manifest)
    bare = [name for name in sizes if name.endswith(".db") and _manifest_beside(name) not in sizes]
    whole.sort(key=lambda manifest: (manifest.taken_at, manifest.revision))
    return Shelf(tuple(whole), tuple(bare), tuple(halved), tuple(unreadable))


async def read_manifest(store: SnapshotStore, name: str) -> Manifest:
    """The manifest of that name (`….json`). StoreFailed when it cannot be read; SpecError when it is none of ours."""
    content = await read_all(store, name)
    try:
        manifest = Manifest.from_json(json.loads(content))
    except ValueError as error:
        raise SpecError(f"{name} in {store.url} is not a manifest.", why=str(error)) from None
    if manifest.format > MANIFEST_FORMAT:
        raise SpecError(f"{name} is of format {manifest.format}, which this version does not know.")
    if manifest.manifest_name != name:
        raise SpecError(f"{name} in {store.url} speaks of another backup, {manifest.name}.")
    return manifest


async def keep_backup(store: SnapshotStore, manifest: Manifest, file: Path) -> bool:
    """Put the verified snapshot `file`, then its manifest; False when this very backup was there already.

    `file` may be gone afterwards. Cut off anywhere, no backup is there, and the next try goes through.
    """
    try:
        await store.put_file(manifest.snapshot_name, file)
    except AlreadyThere:
        await _require_same(store, manifest)
    try:
        await store.put(manifest.manifest_name, manifest_bytes(manifest))
    except AlreadyThere:
        return False
    return True


async def mark_proved(store: SnapshotStore, manifest: Manifest) -> None:
    """Write down that the backup was restored; `manifest` says when."""
    await store.replace(manifest.manifest_name, manifest_bytes(manifest))


async def discard_backup(store: SnapshotStore, manifest: Manifest) -> None:
    """Delete a backup: its manifest first, so that what a cut-off leaves is no backup."""
    for name in (manifest.manifest_name, manifest.snapshot_name):
        try:
            await store.delete(name)
        except NotThere:
            continue


@asynccontextmanager
async def fetched(store: SnapshotStore, name: str) -> AsyncIterator[Path]:
    """The file `name` on this machine, in a temporary file of 0600 that is gone afterwards."""
    descriptor, path = tempfile.mkstemp(prefix="etcdpilot-", suffix=".db", dir=store.drafts())
    try:
        with os.fdopen(descriptor, "wb") as file:
            async for chunk in store.get(name):
                await asyncio.to_thread(file.write, chunk)
        yield Path(path)
    finally:
        Path(path).unlink(missing_ok=True)


def manifest_bytes(manifest: Manifest) -> bytes:
    return json.dumps(manifest.to_json(), indent=2).encode() + b"\n"


async def _try_manifest(store: SnapshotStore, name: str, gate: asyncio.Semaphore) -> Manifest | str:
    async with gate:
        try:
            return await read_manifest(store, name)
        except NotThere:
            return "it went away while the place was listed"
        except SpecError as error:
            return error.why or error.what


async def _require_same(store: SnapshotStore, manifest: Manifest) -> None:
    """A snapshot of this name is there, of a save that was cut off or runs now: it must be of the same size."""
    found = {entry.name: entry.size for entry in await store.list(manifest.snapshot_name)}
    if found.get(manifest.snapshot_name) != manifest.size:
        raise StoreFailed(
            store.url,
            f"{manifest.snapshot_name} is there with another content.",
            why="A save was cut off in a place that shows half-written files.",
            remedy="Delete it there; without a manifest it is not a backup. Then run this again.",
        )


def _snapshot_beside(manifest_name: str) -> str:
    return manifest_name.removesuffix(".json") + ".db"


def _manifest_beside(snapshot_name: str) -> str:
    return snapshot_name.removesuffix(".db") + ".json"
