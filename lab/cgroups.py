"""A control group of its own for every host.

Started plainly, all hosts would share one tree, and the systemd of one host would reach the processes of another: a
`systemctl stop` then fails with "Failed to kill control group …: Input/output error" and the service goes on running.
The group also answers, without any bookkeeping of ours, which processes are a host's.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from lab.commands import LabError

_ROOT = Path("/sys/fs/cgroup")
_V1_HIERARCHIES = ("systemd", "pids", "memory", "unified")


def make_cgroup(name: str) -> list[Path]:
    """Makes the group in every hierarchy that matters; returns the `cgroup.procs` files a starting host writes to."""
    folders = _folders(name)
    for folder in folders:
        folder.mkdir(exist_ok=True)
    return [folder / "cgroup.procs" for folder in folders]


def processes(name: str) -> set[int]:
    """All processes of a group and of the groups below it, by the box's own numbers."""
    found: set[int] = set()
    for group in _groups_below(name):
        with suppress(OSError):
            found.update(map(int, (group / "cgroup.procs").read_text(encoding="ascii").split()))
    return found


def kill_all(name: str, *, within: float = 10) -> None:
    """SIGKILL until nobody is left."""
    deadline = time.monotonic() + within
    while alive := {pid for pid in processes(name) if pid != os.getpid()}:
        for pid in alive:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            raise LabError(f"processes {sorted(alive)} of {name} outlive SIGKILL")
        time.sleep(0.005)


def remove_cgroup(name: str) -> None:
    """Removes the empty group and all below it."""
    for group in reversed(_groups_below(name)):
        with suppress(OSError):  # one that is still busy goes with the next call
            group.rmdir()


def cgroups_of(prefix: str) -> set[str]:
    """Names of all groups that a run made."""
    parents = [_ROOT] if _is_v2() else [_ROOT / hierarchy for hierarchy in _V1_HIERARCHIES]
    return {folder.name for parent in parents for folder in parent.glob(f"{prefix}-*")}


def _groups_below(name: str) -> list[Path]:
    """A group and all below it, parents first. Groups come and go meanwhile, which os.walk takes as it finds it."""
    return [Path(place) for folder in _folders(name) for place, _, _ in os.walk(folder)]


def _folders(name: str) -> list[Path]:
    if _is_v2():
        return [_ROOT / name]
    return [_ROOT / hierarchy / name for hierarchy in _V1_HIERARCHIES if (_ROOT / hierarchy).is_dir()]


def _is_v2() -> bool:
    return (_ROOT / "cgroup.controllers").exists()
