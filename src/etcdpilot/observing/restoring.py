"""Judges the snapshot that a restore is to be made from, offline, before anything else is done; changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from etcdpilot.model.errors import Refused, SpecError
from etcdpilot.model.identity import as_hex
from etcdpilot.model.restoring import Source
from etcdpilot.model.snapshot_tables import AlarmKind, StoredAlarm, Tables
from etcdpilot.model.snapshots import Expected, FaultKind, Manifest, Verdict
from etcdpilot.stores.snapshot.bbolt import BoltFile, Corrupt
from etcdpilot.stores.snapshot.belonging import is_of_cluster
from etcdpilot.stores.snapshot.restored import keys_after_restore
from etcdpilot.stores.snapshot.tables import read_tables
from etcdpilot.stores.snapshot.trailer import read_trailer
from etcdpilot.stores.snapshot.verify import verify


@dataclass(frozen=True, slots=True)
class Terms:
    """What a snapshot is held against. `clusters`: hex IDs that the cluster has or had; none: nobody knows."""

    clusters: tuple[str, ...] = ()
    manifest: Manifest | None = None
    without_checksum: bool = False  # said aloud: it is a copied member/snap/db
    of_another: bool = False  # said aloud: it may be of another cluster


async def judged_source(path: Path, name: str, terms: Terms, bump: int) -> Source:
    """Refused with every fault where it is no sound snapshot of this cluster; SpecError where there is no such file."""
    if not path.is_file():
        raise SpecError(f"There is no snapshot {name}.", remedy="See what there is:\n    etcdpilot backup list")
    return await asyncio.to_thread(judge, path, name, terms, bump)


def judge(path: Path, name: str, terms: Terms, bump: int) -> Source:
    verdict = verify(path, Expected(manifest=terms.manifest))
    require_sound(verdict, name, terms)
    try:
        with BoltFile.open(path) as database:
            tables = read_tables(database)
            keys = keys_after_restore(database, bump)
    except Corrupt as wrong:
        raise damaged(name, str(wrong)) from None
    require_same_cluster(tables, name, terms)
    assert verdict.snapshot is not None
    progress = tables.progress
    return Source(
        path=str(path.absolute()),
        name=name,
        size=verdict.size,
        sha256=verdict.sha256,
        revision=verdict.snapshot.current_revision,
        keys_hash=keys,
        has_checksum=not any(fault.kind is FaultKind.NO_CHECKSUM for fault in verdict.faults),
        alarms=tuple(dict.fromkeys(in_words(alarm) for alarm in tables.alarms)),
        users=len(tables.users),
        auth_enabled=tables.auth_enabled,
        etcd=progress.storage_version or progress.cluster_version,
    )


def in_words(alarm: StoredAlarm) -> str:
    return alarm.kind.name if isinstance(alarm.kind, AlarmKind) else f"number {alarm.kind}"


def require_sound(verdict: Verdict, name: str, terms: Terms) -> None:
    waived = {FaultKind.NO_CHECKSUM} if terms.without_checksum else set()
    faults = [fault for fault in verdict.faults if fault.kind not in waived]
    if not faults:
        return
    if all(fault.kind is FaultKind.NO_CHECKSUM for fault in faults):
        raise Refused(
            f"{name} has no checksum; nothing was touched.",
            why=str(faults[0]),
            remedy="If it is a copied member/snap/db, which may lack the last writes, say so:\n"
            f"    etcdpilot restore {name} --without-checksum",
        )
    raise damaged(name, "\n".join(str(fault) for fault in faults))


def damaged(name: str, why: str) -> Refused:
    return Refused(
        f"{name} is not a sound snapshot; nothing was touched.",
        why=why,
        remedy="Take another one:\n    etcdpilot backup list",
    )


def require_same_cluster(tables: Tables, name: str, terms: Terms) -> None:
    """A snapshot from before an earlier restore is of this cluster too. Where the file cannot tell, it is taken."""
    if not terms.clusters or terms.of_another:
        return
    written = terms.manifest.cluster_id if terms.manifest else None
    if written is not None and as_hex(written) in terms.clusters:
        return
    answers = [is_of_cluster(tables, int(each, 16)) for each in terms.clusters]
    if any(answer is not False for answer in answers):
        return
    members = ", ".join(each.name or as_hex(each.id) for each in tables.members)
    raise Refused(
        f"{name} is a snapshot of another cluster; nothing was touched.",
        why=f"Its members are {members}; none of the IDs that this cluster has or had can come of them: "
        f"{', '.join(terms.clusters)}.",
        remedy=f"If that is meant, say so:\n    etcdpilot restore {name} --of-another-cluster",
    )


async def require_unchanged(source: Source) -> None:
    """Of a restore that goes on: the file is there, and what it was."""
    path = Path(source.path)
    try:
        sha256 = (await asyncio.to_thread(read_trailer, path)).whole.hex()
    except OSError as error:
        raise Refused(
            f"The snapshot of the unfinished restore cannot be read: {source.path}.",
            why=f"{error.strerror}.",
            remedy="Bring it back, or restore another one; what was begun gives way to it:\n    etcdpilot restore FILE",
        ) from None
    if sha256 != source.sha256:
        raise Refused(
            f"{source.path} is not the file any more that the unfinished restore began with.",
            why=f"Its SHA-256 is {sha256}, it was {source.sha256}.",
            remedy="Restore it as what it is now, from the beginning:\n    etcdpilot restore " + source.path,
        )


def known_clusters(present: str, former: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each for each in (present, *former) if each))
