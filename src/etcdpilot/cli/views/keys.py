"""How keys and values are shown: decoded for people; etcd's own field names, and the text beside, for programs."""

from __future__ import annotations

import base64
import json
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from etcdpilot.cli.views.backups import text
from etcdpilot.cli.views.text import clean, plural, size
from etcdpilot.model.answers import EventType, Header, KeyValue, WatchEvent
from etcdpilot.rendering.kubernetes import KubernetesObject, read_stored, without_secrets
from etcdpilot.rendering.kubernetes.secrets import is_secret

if TYPE_CHECKING:
    from etcdpilot.applying.keys import Imported
    from etcdpilot.model.key_changes import Change, KeyDifference
    from etcdpilot.model.key_tree import Branch
    from etcdpilot.observing.keys import Lost

LONGEST_LINE = 160
SIGNS = {"added": "+", "removed": "-", "changed": "~"}
HIDDEN = "a Secret: --secrets shows it"


def read(kv: KeyValue, *, secrets: bool) -> tuple[KubernetesObject | None, bool]:
    """What Kubernetes keeps there, if it does, and whether the value itself must not be shown."""
    found = read_stored(kv.value)
    if found is None or secrets:
        return found, False
    if is_secret(found):
        return without_secrets(found), True
    # One that cannot be read, or is encrypted, does not tell its kind; the API server's path does.
    return (None, True) if b"/secrets/" in kv.key else (found, False)


def key_lines(kv: KeyValue, *, secrets: bool, keys_only: bool = False) -> Iterator[str]:
    found, hidden = (None, False) if keys_only else read(kv, secrets=secrets)
    yield click.style(text(kv.key), bold=True) + click.style(about(kv, keys_only=keys_only), dim=True)
    if not keys_only:
        yield from (f"  {line}" for line in value_lines(kv.value, found, hidden=hidden))


def about(kv: KeyValue, *, keys_only: bool = False) -> str:
    words = [f"rev {kv.mod_revision}", f"version {kv.version}"]
    words += [] if keys_only else [size(len(kv.value))]
    words += [f"lease {kv.lease & (1 << 64) - 1:x}"] if kv.lease else []
    return "    " + "    ".join(words)


def value_lines(value: bytes, found: KubernetesObject | None, *, hidden: bool) -> Iterator[str]:
    if found is not None:
        yield from _object_lines(found, hidden=hidden)
    elif hidden:
        yield HIDDEN
    else:
        yield from plain_lines(value)


def _object_lines(found: KubernetesObject, *, hidden: bool) -> Iterator[str]:
    words = [clean(" ".join(each for each in (found.api_version, found.kind) if each)) or "Kubernetes"]
    words += [clean(f"{found.namespace}/{found.name}".lstrip("/"))] if found.name else []
    words += [f"stored as {found.stored_as}", *([clean(found.note)] if found.note else []), *([HIDDEN] * hidden)]
    yield "    ".join(words)
    if found.body is not None:
        yield from clean(json.dumps(found.body, indent=2, ensure_ascii=False)).splitlines()


def plain_lines(value: bytes) -> Iterator[str]:
    """JSON pretty, text as it is, all else in base64."""
    try:
        decoded = value.decode()
    except UnicodeDecodeError:
        yield f"binary, {size(len(value))}, in base64:"
        yield base64.b64encode(value).decode()
        return
    if value[:1] in (b"{", b"["):
        try:
            decoded = json.dumps(json.loads(decoded), indent=2, ensure_ascii=False)
        except (ValueError, RecursionError):
            pass
    yield from (clean(line) for line in decoded.split("\n")[: -1 if decoded.endswith("\n") else None])


def key_document(kv: KeyValue, *, secrets: bool, keys_only: bool = False) -> dict[str, Any]:
    found, hidden = (None, False) if keys_only else read(kv, secrets=secrets)
    document: dict[str, Any] = {
        "key": _base64(kv.key),
        "create_revision": kv.create_revision,
        "mod_revision": kv.mod_revision,
        "version": kv.version,
    }
    if not keys_only:
        document["value"] = None if hidden else _base64(kv.value)
    if kv.lease:
        document["lease"] = kv.lease
    document["key_text"] = _text(kv.key)
    if not keys_only:
        document["value_text"] = None if hidden else _text(kv.value)
    if hidden:
        document["errors"] = {"value": HIDDEN}
    if found is not None:
        document["kubernetes"] = _object_document(found)
    return document


def _object_document(found: KubernetesObject) -> dict[str, Any]:
    return {
        "apiVersion": found.api_version,
        "kind": found.kind,
        "name": found.name,
        "namespace": found.namespace,
        "stored_as": found.stored_as,
        "whole": found.whole,
        "note": found.note,
        "object": found.body,
    }


def header_document(header: Header) -> dict[str, int]:
    return {
        "cluster_id": header.cluster_id,
        "member_id": header.member_id,
        "revision": header.revision,
        "raft_term": header.raft_term,
    }


def event_text(event: WatchEvent | Lost, *, secrets: bool, stamp: str) -> Iterator[str]:
    if not isinstance(event, WatchEvent):
        yield click.style(lost_text(event), fg="yellow")
        return
    kv = event.kv
    head = f"{stamp}rev {kv.mod_revision}    {event.type.name:<6}    {text(kv.key)}"
    if event.type is EventType.DELETE:
        yield head
        return
    found, hidden = read(kv, secrets=secrets)
    lines = list(value_lines(kv.value, found, hidden=hidden))
    if len(lines) == 1 and len(lines[0]) <= LONGEST_LINE:
        yield f"{head}    {lines[0]}"
    else:
        yield head
        yield from (f"  {line}" for line in lines)


def lost_text(lost: Lost) -> str:
    return (
        f"! revisions {lost.since} to {lost.until - 1} are compacted away: what changed there cannot be told. "
        f"Going on from {lost.until}."
    )


def event_document(event: WatchEvent | Lost, *, secrets: bool) -> dict[str, Any]:
    if not isinstance(event, WatchEvent):
        return {"type": "COMPACTED", "from": event.since, "compact_revision": event.until}
    gone = event.type is EventType.DELETE
    document = {"type": event.type.name, "kv": key_document(event.kv, secrets=secrets, keys_only=gone)}
    if event.previous is not None:
        document["prev_kv"] = key_document(event.previous, secrets=secrets)
    return document


def tree_lines(root: Branch, name: bytes) -> Iterator[str]:
    rows = [(text(name) or "(all)", root.keys, root.size), *_rows(root, 1)]
    widths = [max((len(cells(row)[column]) for row in rows), default=0) for column in (0, 1, 2)]
    for row in rows:
        path, keys, amount = cells(row)
        yield f"{path.ljust(widths[0])}  {keys.rjust(widths[1])}  {amount.rjust(widths[2])}"


def cells(row: tuple[str, int, int]) -> tuple[str, str, str]:
    return row[0], plural(row[1], "key"), size(row[2])


def _rows(branch: Branch, level: int) -> Iterator[tuple[str, int, int]]:
    for part, below in sorted(branch.below.items()):
        name = part
        while not below.own and len(below.below) == 1:  # a street without a crossing is one line
            (more, below), *_ = below.below.items()
            name += more
        yield "  " * level + text(name), below.keys, below.size
        yield from _rows(below, level + 1)


def tree_document(branch: Branch, name: bytes) -> dict[str, Any]:
    below = [tree_document(each, part) for part, each in sorted(branch.below.items())]
    return {"name": text(name), "keys": branch.keys, "size": branch.size, "is_key": branch.own, "below": below}


def difference_text(found: KeyDifference) -> str:
    sizes = " → ".join(size(len(each)) for each in (found.before, found.after) if each is not None)
    return f"{SIGNS[found.change.value]} {text(found.key)}    {sizes}"


def difference_document(found: KeyDifference) -> dict[str, Any]:
    values = {"before": found.before, "after": found.after}
    return {
        "change": found.change.value,
        "key": _base64(found.key),
        "key_text": _text(found.key),
        **{name: None if value is None else {"size": len(value)} for name, value in values.items()},
    }


def counts_text(counts: dict[Change, int]) -> str:
    return "    ".join(f"{count} {change.value}" for change, count in counts.items())


class Counter:
    """How far it is, in place on a terminal; nothing elsewhere."""

    def __init__(self, quiet: bool = False) -> None:
        self.shown = not quiet and sys.stderr.isatty()
        self.last = 0.0

    def show(self, keys: int, expected: int, amount: int) -> None:
        if self.shown and time.monotonic() - self.last > 0.1:
            self.last = time.monotonic()
            of = f" of {expected}" if expected else ""
            click.echo(f"\r\x1b[K… {keys}{of} keys, {size(amount)}", nl=False, err=True)

    def imported(self, done: Imported) -> None:
        self.show(done.keys, done.expected, done.size)

    def end(self) -> None:
        if self.shown:
            click.echo("\r\x1b[K", nl=False, err=True)


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _text(raw: bytes) -> str | None:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None
