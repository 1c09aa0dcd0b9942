"""Fetches the snapshots that members took of themselves, proves them here, and keeps them as backups."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from etcdpilot.applying.backups import Saved, count_offline, draft_in, held_against
from etcdpilot.etcd.door import Door
from etcdpilot.hosts.port import Host
from etcdpilot.hosts.snapshots import Listed, Receiver
from etcdpilot.model.cluster import MemberSpec
from etcdpilot.model.errors import ClusterFailed, HostFailed
from etcdpilot.model.snapshots import Expected, Manifest, Verdict
from etcdpilot.observing.backups import ANSWER_SECONDS, live_hash_of_keys
from etcdpilot.stores.catalogue import keep_backup
from etcdpilot.stores.port import SnapshotStore
from etcdpilot.stores.snapshot.verify import verify

STAMP = re.compile(r".*-(\d{8}T\d{6}Z)\.db")


@dataclass(frozen=True, slots=True)
class Found:
    """A snapshot that lies on a member's host."""

    member: str
    directory: str
    name: str
    sha256: str
    size: int
    taken_at: datetime


@dataclass(frozen=True, slots=True)
class NotKept:
    """A snapshot that was not sound or did not arrive; `name` is empty where the host could not even be asked."""

    member: str
    name: str
    why: str


async def find(member: MemberSpec, host: Host, directory: str) -> tuple[Found, ...]:
    """From old to new; those that etcdpilot's script named."""
    every = (found_of(member.name, directory, listed) for listed in await host.snapshots(directory))
    return tuple(sorted((each for each in every if each), key=lambda each: each.taken_at))


def found_of(member: str, directory: str, listed: Listed) -> Found | None:
    sha256, size, name = listed
    stamp = STAMP.fullmatch(name)
    if stamp is None or not name.startswith(f"{member}-"):
        return None
    taken_at = datetime.strptime(stamp[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return Found(member, directory, name, sha256, size, taken_at)


def missing(found: Sequence[Found], kept: Sequence[Manifest]) -> tuple[Found, ...]:
    """What came after the newest that was kept of each member: what was let go is not fetched again.

    One of the same bytes as a kept one is fetched all the same: nothing was written meanwhile, and that is news. But not
    where both are of the same second: two members that saved the same at once have made one backup.
    """
    same = {(manifest.taken_at, manifest.sha256) for manifest in kept}
    newest: dict[str, datetime] = {}
    for manifest in kept:
        newest[manifest.member] = max(manifest.taken_at, newest.get(manifest.member, manifest.taken_at))
    later = (each for each in found if each.member not in newest or each.taken_at > newest[each.member])
    return tuple(each for each in later if (each.taken_at, each.sha256) not in same)


async def collect_one(
    found: Found, host: Host, door: Door, cluster: str, cluster_id: int | None, store: SnapshotStore
) -> Saved | NotKept:
    """Fetched, its digest held against the one noted beside it, proved, and kept. StoreFailed ends everything."""
    async with draft_in(store.drafts()) as draft:
        received = Receiver(draft)
        try:
            await host.fetch(f"{found.directory}/{found.name}", received)
        except HostFailed as error:
            return NotKept(found.member, found.name, error.why or error.what)
        except FileNotFoundError:
            return NotKept(found.member, found.name, "it went away before it was fetched")
        if received.sha256 != found.sha256:
            return NotKept(
                found.member, found.name, f"its SHA-256 is {received.sha256}; {found.sha256} was noted beside it"
            )
        verdict = await asyncio.to_thread(verify, draft, Expected(cluster_id=cluster_id), hash_keys=True)
        verdict = await compared(verdict, draft, door, found.member, cluster_id)
        if not verdict.sound:
            return NotKept(found.member, found.name, "\n".join(str(fault) for fault in verdict.faults))
        manifest = await manifest_of(found, verdict, draft, door, cluster, cluster_id)
        fresh = await keep_backup(store, manifest, draft)
    return Saved(manifest, f"{store.url}/{manifest.snapshot_name}", verdict.notes, fresh)


async def compared(verdict: Verdict, draft: Path, door: Door, member: str, cluster_id: int | None) -> Verdict:
    """With the member's own hash of keys, while it still has that revision."""
    if not verdict.sound or verdict.snapshot is None:
        return verdict
    live = await live_hash_of_keys(door, member, verdict.snapshot.current_revision)
    return await held_against(verdict, live, draft, Expected(cluster_id=cluster_id))


async def manifest_of(
    found: Found, verdict: Verdict, draft: Path, door: Door, cluster: str, cluster_id: int | None
) -> Manifest:
    assert verdict.snapshot is not None
    return Manifest(
        cluster=cluster,
        member=found.member,
        revision=verdict.snapshot.current_revision,
        hash=verdict.snapshot.hash,
        keys=await asyncio.to_thread(count_offline, draft),
        size=verdict.size,
        sha256=verdict.sha256,
        taken_at=found.taken_at,
        cluster_id=cluster_id,
        hash_of_keys=verdict.hash_of_keys,
        etcd_version=await version_of(door, found.member),
        duration=timedelta(0),
        endpoint=f"{found.directory}/{found.name}",
    )


async def version_of(door: Door, member: str) -> str:
    """What it runs now; empty when it does not answer."""
    try:
        return (await door.client().at(door.endpoints[member]).maintenance.status(timeout=ANSWER_SECONDS)).version
    except ClusterFailed:
        return ""
