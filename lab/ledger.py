"""What each run made, on disk, so that a run whose owner was killed is cleared by the next one.

A run is a folder `<state>/lab-<6 hex>` with a `run.json`; its name is the prefix of everything that the run makes in
the kernel (network namespaces, control groups), so clearing needs no memory of what had been done when it was cut off.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from lab import cgroups, network
from lab.commands import LabError, succeeds


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, told from a later one of the same number by its start (clock ticks since boot)."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Owner:
        return cls(pid, _started(pid))

    @property
    def lives(self) -> bool:
        return self.started != 0 and _started(self.pid) == self.started


@dataclass(frozen=True, slots=True)
class Run:
    """One lab: its prefix, who owns it, what for ("tests" or "terminal"), and its hosts in order."""

    prefix: str
    owner: Owner
    purpose: str
    hosts: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        return state_folder() / self.prefix


def state_folder() -> Path:
    """Where runs keep their files; it must not lie on an overlay, which cannot be the upper layer of another."""
    return Path(os.environ.get("ETCDPILOT_LAB_STATE") or "/var/lib/etcdpilot-lab")


def new_run(owner: Owner, purpose: str) -> Run:
    """A run on record before it makes anything."""
    record = Run(f"lab-{secrets.token_hex(3)}", owner, purpose)
    record.folder.mkdir(parents=True, mode=0o700)
    save(record)
    return record


def save(record: Run) -> None:
    beside = record.folder / "run.json.new"
    beside.write_text(json.dumps(asdict(record), indent=1), encoding="utf-8")
    beside.rename(record.folder / "run.json")


def runs() -> list[Run]:
    """Every run on record, living or not, oldest first."""
    folders = state_folder().glob("lab-*")
    return [_read(folder) for folder in sorted(folders, key=_made)]


def clear_leftovers() -> list[str]:
    """Takes down every run whose owner is gone; returns their prefixes."""
    state_folder().mkdir(parents=True, exist_ok=True)
    with (state_folder() / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two runs that begin at once: the second finds nothing left to clear
        dead = [record for record in runs() if not record.owner.lives]
        for record in dead:
            demolish(record)
    return [record.prefix for record in dead]


def demolish(record: Run) -> None:
    """Ends every process of a run and removes all that bears its prefix; safe to repeat, and after any cut-off.

    The folder goes last: while anything is left, there is a record of it."""
    groups = cgroups.cgroups_of(record.prefix)
    for group in groups:
        cgroups.kill_all(group)
    _end(pid for namespace in network.namespaces_of(record.prefix) for pid in network.processes_in(namespace))
    for mount in _mounts_below(record.folder):
        succeeds(["umount", "--lazy", mount])
    for namespace in network.namespaces_of(record.prefix):
        network.delete_namespace(namespace)
    for group in groups:
        cgroups.remove_cgroup(group)
    for made in Path("/etc/netns").glob(f"{record.prefix}-*"):
        shutil.rmtree(made, ignore_errors=True)
    _remove(record.folder)


def _remove(folder: Path, within: float = 10) -> None:
    """A discarded machine may still be on its way out under our hands."""
    deadline = time.monotonic() + within
    while folder.exists():
        shutil.rmtree(folder, ignore_errors=True)
        if time.monotonic() > deadline:
            raise LabError(f"{folder} cannot be removed")


def _end(pids: Iterable[int]) -> None:
    for pid in pids:
        if pid != os.getpid():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _mounts_below(folder: Path) -> list[str]:
    mounted = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    places = [line.split()[1].replace("\\040", " ") for line in mounted]
    return [place for place in reversed(places) if place.startswith(f"{folder}/")]


def _read(folder: Path) -> Run:
    try:
        said = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        return Run(said["prefix"], Owner(**said["owner"]), said["purpose"], tuple(said["hosts"]))
    except (OSError, ValueError, KeyError):
        # Cut off between the folder and its record: nobody's, unless it was made this very moment.
        owner = Owner.of(os.getpid()) if time.time() - _made(folder) < 5 else Owner(0, 0)
        return Run(folder.name, owner, "unknown")


def _made(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _started(pid: int) -> int:
    """Start of a living process; 0 for one that is gone, or dead and not yet reaped."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] in "ZX" else int(fields[19])
