"""What a data directory holds, read from the names of its files alone.

WAL files are named `<sequence>-<index of their first entry>.wal` and snapshots `<term>-<index>.snap`, both in hex.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from etcdpilot.hosts.wal import HEAD, is_blank, owner
from etcdpilot.model.observation import DataSeen

INDEXED = re.compile(r"[0-9a-f]{16}-([0-9a-f]{16})\.(?:wal|snap)")


def look_at_data(path: Path) -> DataSeen:
    """`path` is the member's data directory; PermissionError when it may not be read."""
    if not path.is_dir():
        return DataSeen(path.exists(), False, path.exists(), 0, prepared=mark_beside(path))
    wal = [entry.name for entry in (path / "member" / "wal").glob("*.wal")]
    snapshots = [entry.name for entry in (path / "member" / "snap").glob("*.snap")]
    strangers = [entry.name for entry in path.iterdir() if is_stranger(entry.name)]
    return data_seen(True, [*wal, *snapshots], bool(wal), strangers, head_of_log(path, wal), mark_beside(path))


def mark_beside(path: Path) -> str:
    """Of data that a restore has made ready; empty when there are none."""
    try:
        return (path.with_name(f"{path.name}.restoring") / "ready" / "mark").read_text()
    except OSError:
        return ""


def head_of_log(path: Path, names: list[str]) -> bytes:
    """The beginning of its first file; empty when there is none, or it went away meanwhile."""
    try:
        with (path / "member" / "wal" / min(names, default="")).open("rb") as file:
            return file.read(HEAD)
    except OSError:
        return b""


def data_seen(
    exists: bool,
    indexed: Iterable[str],
    has_wal: bool,
    strangers: list[str],
    head: bytes = b"",
    prepared: str = "",
) -> DataSeen:
    """The same judgement for a listing that came from another machine; `head` is the beginning of a WAL file."""
    found = [int(match[1], 16) for name in indexed if (match := INDEXED.fullmatch(name))]
    blank = found == [0] and is_blank(head)
    foreign = bool(strangers) and not has_wal
    return DataSeen(exists, has_wal, foreign, max(found, default=0), *owner(head), prepared, blank)


def is_stranger(name: str) -> bool:
    """Whether something in a data directory is not etcd's, the disk's own, or a member's data that was moved aside."""
    return name not in ("member", "lost+found", "proxy") and not name.startswith("member.")
