"""Looks at backups and at the members that could give one; changes nothing.

Reading a snapshot is work for a thread: it takes a second for half a gigabyte.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from etcdpilot.etcd.door import Door
from etcdpilot.model.answers import MemberStatus
from etcdpilot.model.errors import ClusterFailed, Refused, SpecError
from etcdpilot.model.knowledge import Known, Unknown
from etcdpilot.model.snapshots import Expected, KeysHash, Manifest, Verdict
from etcdpilot.stores.catalogue import Shelf, fetched, read_manifest, read_shelf
from etcdpilot.stores.port import NotThere, SnapshotStore
from etcdpilot.stores.snapshot.bbolt import BoltFile, Corrupt
from etcdpilot.stores.snapshot.mvcc import read_revisions
from etcdpilot.stores.snapshot.verify import verify

ANSWER_SECONDS = 3.0
HASH_SECONDS = 60.0  # the server reads every key for it
LAGGING = 1000  # log entries behind the foremost


async def choose_source(door: Door) -> str:
    """The member to take a snapshot from: healthy, up to date, and not the leader when there is a choice.

    Needs no quorum: after its loss a running survivor still gives its snapshot, and gives none once it is restarted.
    ClusterFailed when no member answers; Refused when they are of different clusters.
    """
    statuses = await _statuses(door)
    said = {name: status.value for name, status in statuses.items() if isinstance(status, Known)}
    candidates = {name: status for name, status in said.items() if not status.is_learner}
    if not candidates:
        whys = "\n".join(f"{name}: {status.why}" for name, status in statuses.items() if isinstance(status, Unknown))
        raise ClusterFailed("No member answers that could give a snapshot.", why=whys)
    if len({status.cluster_id for status in candidates.values()}) > 1:
        raise Refused(
            "These members belong to different clusters.",
            why=", ".join(f"{name} to {status.cluster_id:x}" for name, status in candidates.items()),
            remedy="Say which one with --member NAME.",
        )
    foremost = max(status.raft_applied_index for status in candidates.values())
    return max(candidates, key=lambda name: _worth(candidates[name], foremost))


def _worth(status: MemberStatus, foremost: int) -> tuple[bool, bool, bool, int]:
    corrupt = any("corrupt" in error.lower() for error in status.errors)
    lagging = foremost - status.raft_applied_index > LAGGING
    return not corrupt, not lagging, not status.is_leader, status.raft_applied_index


async def _statuses(door: Door) -> Mapping[str, Known[MemberStatus] | Unknown]:
    async def of(name: str) -> Known[MemberStatus] | Unknown:
        try:
            status = door.client().at(door.endpoints[name]).maintenance.status(timeout=ANSWER_SECONDS)
            return Known(await status)
        except ClusterFailed as error:
            return Unknown(error.why or error.what)

    names = list(door.endpoints)
    return dict(zip(names, await asyncio.gather(*(of(name) for name in names)), strict=True))


async def live_hash_of_keys(door: Door, name: str, revision: int) -> Known[KeysHash] | Unknown:
    """The member's own hash of its keys at `revision`; Unknown once that revision is compacted away."""
    try:
        maintenance = door.client().at(door.endpoints[name]).maintenance
        answer = await maintenance.hash_of_keys(revision, timeout=HASH_SECONDS)
    except ClusterFailed as error:
        return Unknown(error.why or error.what)
    return Known(KeysHash(answer.hash, answer.revision, answer.compact_revision))


async def judge(path: Path, expected: Expected, *, hash_keys: bool = False) -> Verdict:
    """The verdict on a snapshot file; a manifest that lies beside it (`X.json` of `X.db`) is held against it."""
    if expected.manifest is None:
        expected = replace(expected, manifest=manifest_beside(path))
    return await asyncio.to_thread(verify, path, expected, hash_keys=hash_keys)


async def judge_against_cluster(path: Path, door: Door, expected: Expected) -> Verdict:
    """The same, with the keys compared with those of a member at the snapshot's revision, while it still has it."""
    name = await choose_source(door)
    status = await door.client().at(door.endpoints[name]).maintenance.status(timeout=ANSWER_SECONDS)
    expected = replace(expected, cluster_id=status.cluster_id)
    try:
        with BoltFile.open(path) as database:
            revision = read_revisions(database).current
    except (Corrupt, OSError):
        return await judge(path, expected)
    found = await live_hash_of_keys(door, name, revision)
    if isinstance(found, Known):
        return await judge(path, replace(expected, hash_of_keys=found.value))
    verdict = await judge(path, expected)
    return replace(verdict, notes=(*verdict.notes, f"{name} gave no hash of keys at revision {revision}: {found.why}"))


def manifest_beside(path: Path) -> Manifest | None:
    """None without one; SpecError when what lies there is no manifest."""
    beside = path.with_suffix(".json")
    try:
        return Manifest.from_json(json.loads(beside.read_bytes()))
    except OSError:
        return None
    except ValueError as error:
        raise SpecError(f"{beside} is not a manifest.", why=str(error)) from None


async def backups(store: SnapshotStore, cluster: str) -> Shelf:
    """Every backup of the cluster; a place that was never written to is an empty one."""
    try:
        return await read_shelf(store, cluster)
    except NotThere as missing:
        if "bucket" in missing.why:
            raise
        return Shelf((), (), (), ())


@asynccontextmanager
async def snapshot_named(word: str, store: SnapshotStore, cluster: str) -> AsyncIterator[tuple[Path, Manifest | None]]:
    """The file that `word` names: a path, `latest`, or a backup in the store, which is fetched for the time being."""
    path = Path(word)
    if path.exists() or (word != "latest" and path.suffix == ".db" and "/" not in word):
        yield path, manifest_beside(path)
        return
    manifest = await _manifest_named(word, store, cluster)
    async with fetched(store, manifest.snapshot_name) as copy:
        yield copy, manifest


async def _manifest_named(word: str, store: SnapshotStore, cluster: str) -> Manifest:
    if word != "latest":
        name = word.removesuffix(".db").removesuffix(".json")
        return await read_manifest(store, f"{name if '/' in name else f'{cluster}/{name}'}.json")
    shelf = await backups(store, cluster)
    if not shelf.backups:
        raise SpecError(
            f"There is no backup of {cluster} in {store.url}.", remedy="Make one:\n    etcdpilot backup save"
        )
    return shelf.backups[-1]
