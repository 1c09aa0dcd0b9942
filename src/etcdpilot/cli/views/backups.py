"""How backups and what is in them are shown."""

from __future__ import annotations

import base64
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from etcdpilot.cli.views.document import line, plain
from etcdpilot.cli.views.text import clean, columns, mark, plural, size
from etcdpilot.model.answers import KeyValue
from etcdpilot.model.snapshot_contents import ChangeKind, KeyChange, PrefixSize
from etcdpilot.model.snapshot_tables import Tables
from etcdpilot.model.snapshots import Manifest, Verdict

if TYPE_CHECKING:
    from etcdpilot.applying.backups import Saved
    from etcdpilot.planning.retention import Kept
    from etcdpilot.stores.catalogue import Shelf
    from etcdpilot.stores.snapshot.bbolt import BoltFile

SIGNS = {ChangeKind.ADDED: "+", ChangeKind.REMOVED: "-", ChangeKind.CHANGED: "~", ChangeKind.REWRITTEN: "="}


class Bytes:
    """How much has come, in place on a terminal; nothing elsewhere."""

    def __init__(self, quiet: bool) -> None:
        self.shown = not quiet and sys.stderr.isatty()
        self.last = 0.0

    def show(self, count: int) -> None:
        if self.shown and time.monotonic() - self.last > 0.1:
            self.last = time.monotonic()
            click.echo(f"\r\x1b[K… {size(count)}", nl=False, err=True)

    def end(self) -> None:
        if self.shown:
            click.echo("\r\x1b[K", nl=False, err=True)


def saved_text(saved: Saved) -> str:
    manifest = saved.manifest
    keys = "hash of keys equal to the member's" if not saved.notes else "keys not compared"
    lines = [
        f"{mark(True)} {clean(saved.where)}" + ("" if saved.fresh else "  (was there already)"),
        f"  revision {manifest.revision}    {plural(manifest.keys, 'key')}    {size(manifest.size)}"
        f"    from {clean(manifest.member)}, etcd {manifest.etcd_version}, in {manifest.duration.total_seconds():.2f} s",
        f"  proved: SHA-256, every page, {keys}",
    ]
    return "\n".join(lines + [f"! {clean(note)}" for note in saved.notes])


def saved_document(saved: Saved) -> dict[str, Any]:
    return {
        "where": saved.where,
        "fresh": saved.fresh,
        "notes": list(saved.notes),
        "manifest": saved.manifest.to_json(),
    }


def shelf_text(shelf: Shelf, url: str) -> str:
    rows = [_manifest_cells(manifest) for manifest in shelf.backups]
    head = ("taken at", "revision", "keys", "size", "member", "etcd", "restored", "name")
    lines = [columns(head, rows)] if rows else [f"No backups in {clean(url)}."]
    lines += [
        f"! {clean(name)}: no manifest, so not a backup: its save was cut off or runs"
        for name in shelf.without_manifest
    ]
    lines += [f"{mark(False)} {clean(name)}: its snapshot is gone or cut short" for name in shelf.without_snapshot]
    lines += [f"{mark(False)} {clean(name)}: {clean(why)}" for name, why in shelf.unreadable]
    return "\n".join(lines)


def _manifest_cells(manifest: Manifest) -> tuple[str, ...]:
    return (
        manifest.taken_at.strftime("%Y-%m-%d %H:%M:%S"),
        str(manifest.revision),
        str(manifest.keys),
        size(manifest.size),
        manifest.member,
        manifest.etcd_version or "?",
        manifest.proved_at.strftime("%Y-%m-%d") if manifest.proved_at else "never",
        manifest.name,
    )


def shelf_document(shelf: Shelf) -> dict[str, Any]:
    return {
        "backups": [{"name": manifest.name, **manifest.to_json()} for manifest in shelf.backups],
        "without_manifest": list(shelf.without_manifest),
        "without_snapshot": list(shelf.without_snapshot),
        "unreadable": [{"name": name, "why": why} for name, why in shelf.unreadable],
    }


def verdict_text(name: str, verdict: Verdict) -> str:
    snapshot = verdict.snapshot
    what = "sound" if verdict.sound else "NOT SOUND"
    head = f"{mark(verdict.sound)} {clean(name)}: {what}"
    if snapshot is not None:
        head += f"    revision {snapshot.current_revision}    hash {snapshot.hash_text}    {size(verdict.size)}"
    if verdict.hash_of_keys is not None and verdict.sound:
        head += "    keys equal to the cluster's"
    lines = [f"    {clean(str(fault))}" for fault in verdict.faults] + [f"  ! {clean(note)}" for note in verdict.notes]
    return "\n".join([head, *lines])


def verdict_document(name: str, verdict: Verdict) -> dict[str, Any]:
    snapshot, keys = verdict.snapshot, verdict.hash_of_keys
    return {
        "name": name,
        "sound": verdict.sound,
        "intact": verdict.intact,
        "faults": [{"kind": fault.kind.value, "what": fault.what} for fault in verdict.faults],
        "notes": list(verdict.notes),
        "size": verdict.size,
        "sha256": verdict.sha256,
        "revision": snapshot and snapshot.current_revision,
        "hash": snapshot and snapshot.hash,
        "records": snapshot and snapshot.records,
        "total_size": snapshot and snapshot.total_size,
        "compact_revision": snapshot and snapshot.compact_revision,
        "storage_version": snapshot and snapshot.storage_version,
        "hash_of_keys": keys and {"hash": keys.hash, "revision": keys.revision, "compacted": keys.compact_revision},
        "same_cluster": verdict.same_cluster,
    }


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a snapshot is to be shown."""

    prefix: bytes
    keys: bool
    values: bool
    sizes: bool
    depth: int
    at: int | None
    limit: int | None


def snapshot_lines(database: BoltFile, wanted: Wanted, manifest: Manifest | None) -> Iterator[str]:
    if wanted.sizes:
        yield columns(("prefix", "keys", "live", "records", "with history"), map(_size_cells, _sizes(database, wanted)))
    if wanted.keys:
        yield from (_key_line(pair, wanted) for pair in _pairs(database, wanted))
    if not wanted.sizes and not wanted.keys:
        yield from _summary_lines(database, manifest)


def snapshot_json(database: BoltFile, wanted: Wanted) -> Iterator[str]:
    """One document for what is bounded; keys come one a line, for there may be a million."""
    if wanted.keys:
        yield from (line(_key_document(pair, wanted)) for pair in _pairs(database, wanted))
    elif wanted.sizes:
        yield json.dumps([_size_document(each) for each in _sizes(database, wanted)], indent=2)
    else:
        yield json.dumps(_summary_document(database), indent=2, default=plain)


def _pairs(database: BoltFile, wanted: Wanted) -> Iterator[KeyValue]:
    from etcdpilot.model.errors import SpecError
    from etcdpilot.stores.snapshot.mvcc import OutOfRange, live_keys

    try:
        yield from islice(live_keys(database, at=wanted.at, prefix=wanted.prefix), wanted.limit)
    except OutOfRange as why:
        raise SpecError(f"The keys at revision {wanted.at} cannot be shown.", why=str(why)) from None


def _sizes(database: BoltFile, wanted: Wanted) -> Sequence[PrefixSize]:
    from etcdpilot.stores.snapshot.sizes import sizes_by_prefix

    return sizes_by_prefix(database, depth=wanted.depth, prefix=wanted.prefix)[: wanted.limit]


def _size_cells(each: PrefixSize) -> tuple[str, ...]:
    name = text(each.prefix) if each.prefix else "(no slash)"
    return (name, str(each.keys), size(each.live_bytes), str(each.records), size(each.record_bytes))


def _size_document(each: PrefixSize) -> dict[str, Any]:
    return {
        **_bytes_fields("prefix", each.prefix),
        "keys": each.keys,
        "live_bytes": each.live_bytes,
        "records": each.records,
        "record_bytes": each.record_bytes,
    }


def _key_line(pair: KeyValue, wanted: Wanted) -> str:
    head = f"{text(pair.key)}    rev {pair.mod_revision}    {size(len(pair.value))}"
    if pair.lease:
        head += f"    lease {pair.lease & (1 << 64) - 1:x}"
    return f"{head}\n  {text(pair.value)}" if wanted.values else head


def _key_document(pair: KeyValue, wanted: Wanted) -> dict[str, Any]:
    return {
        **_bytes_fields("key", pair.key),
        "mod_revision": pair.mod_revision,
        "create_revision": pair.create_revision,
        "version": pair.version,
        "lease": pair.lease,
        "size": len(pair.value),
        **(_bytes_fields("value", pair.value) if wanted.values else {}),
    }


def _summary_lines(database: BoltFile, manifest: Manifest | None) -> Iterator[str]:
    found = _summary_document(database)
    tables: Tables = found["tables"]
    compacted = "never compacted" if found["compacted"] < 0 else f"compacted at {found['compacted']}"
    yield "    ".join(
        (f"revision {found['revision']}", compacted, plural(found["keys"], "key"), size(found["total_size"]))
    )
    if manifest:
        yield f"taken from {clean(manifest.member)} at {manifest.taken_at:%Y-%m-%d %H:%M:%S} UTC, etcd {manifest.etcd_version}"
    progress = tables.progress
    yield (
        f"cluster version {progress.cluster_version or '?'}    storage version {progress.storage_version or 'none'}"
        f"    log index {progress.consistent_index}    term {progress.term}"
    )
    for member in tables.members:
        learner = "    learner" if member.is_learner else ""
        yield f"member {member.id:x}    {clean(member.name)}    {clean(','.join(member.peer_urls))}{learner}"
    yield from (f"removed {identity:x}" for identity in tables.removed_members)
    ghosts = set(tables.ghost_alarms)
    for alarm in tables.alarms:
        ghost = "    of nobody in the member list" if alarm in ghosts else ""
        yield f"{mark(False)} alarm {getattr(alarm.kind, 'name', alarm.kind)} of {alarm.member:x}{ghost}"
    yield f"{plural(len(tables.leases), 'lease')}    auth {'on' if tables.auth_enabled else 'off'}"
    yield from (f"user {clean(user.name)}    {clean(', '.join(user.roles))}".rstrip() for user in tables.users)
    yield from (f"role {clean(role.name)}    {plural(len(role.permissions), 'permission')}" for role in tables.roles)


def _summary_document(database: BoltFile) -> dict[str, Any]:
    from etcdpilot.stores.snapshot.mvcc import live_count, read_revisions
    from etcdpilot.stores.snapshot.tables import read_tables

    revisions = read_revisions(database)
    return {
        "revision": revisions.current,
        "compacted": revisions.compacted,
        "keys": live_count(database),
        "total_size": database.meta.size,
        "tables": read_tables(database),
    }


class Difference:
    """Two snapshots held side by side, shown while they are read. `any`: whether anything differed."""

    def __init__(self, before: BoltFile, after: BoltFile, prefix: bytes) -> None:
        from etcdpilot.stores.snapshot.diff import differences, table_differences

        self.changes = differences(before, after, prefix=prefix)
        self.tables = table_differences(before, after)
        self.counts = dict.fromkeys(ChangeKind, 0)

    @property
    def any(self) -> bool:
        return any(self.counts.values()) or bool(self.tables.only_before + self.tables.only_after)

    def lines(self) -> Iterator[str]:
        for change in self._counted():
            if change.kind is not ChangeKind.REWRITTEN:
                yield f"{SIGNS[change.kind]} {text(change.key)}{_sizes_of(change)}"
        yield from (f"- {clean(word)}" for word in self.tables.only_before)
        yield from (f"+ {clean(word)}" for word in self.tables.only_after)
        yield "    ".join(f"{count} {kind.value}" for kind, count in self.counts.items())

    def json(self) -> Iterator[str]:
        """A line for each change, and one at the end with what differs beside the keys."""
        for change in self._counted():
            states = {"before": change.before, "after": change.after}
            yield line({"change": change.kind.value, **_bytes_fields("key", change.key), **states})
        counts = {kind.value: count for kind, count in self.counts.items()}
        yield line({"counts": counts, "only_before": self.tables.only_before, "only_after": self.tables.only_after})

    def _counted(self) -> Iterator[KeyChange]:
        for change in self.changes:
            self.counts[change.kind] += 1
            yield change


def _sizes_of(change: KeyChange) -> str:
    before, after = change.before, change.after
    if before and after:
        return f"    {size(before.size)} → {size(after.size)}    rev {before.mod_revision} → {after.mod_revision}"
    only = before or after
    return f"    {size(only.size)}    rev {only.mod_revision}" if only else ""


def pruned_text(kept: Sequence[Kept], gone: Sequence[Manifest], *, done: bool) -> str:
    lines = [f"  keep  {clean(each.manifest.name)}    {', '.join(each.reasons)}" for each in reversed(kept)]
    word = "gone" if done else "let go"
    lines += [f"  {word}  {clean(manifest.name)}" for manifest in gone]
    if not gone:
        lines.append("Nothing to let go.")
    elif not done:
        lines.append("Nothing was deleted. To delete them, add --yes.")
    return "\n".join(lines)


def pruned_document(kept: Sequence[Kept], gone: Sequence[Manifest], *, done: bool) -> dict[str, Any]:
    return {
        "kept": [{"name": each.manifest.name, "reasons": list(each.reasons)} for each in kept],
        "gone": [manifest.name for manifest in gone],
        "done": done,
    }


def text(raw: bytes) -> str:
    """Bytes for a person: as text where they are, else escaped; nothing that steers the terminal."""
    decoded = raw.decode("utf-8", errors="backslashreplace")
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in decoded)


def _bytes_fields(name: str, raw: bytes) -> dict[str, str | None]:
    """Bytes for a program: the text where they are one, and always the base64."""
    try:
        decoded: str | None = raw.decode("utf-8")
    except UnicodeDecodeError:
        decoded = None
    return {name: decoded, f"{name}_base64": base64.b64encode(raw).decode()}
