"""Finding the etcd processes of this machine by what they were started with.

A process is found by its arguments, never by a file with a number in it: such a file can be missing after a kill, or
name a process that has nothing to do with us.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from etcdpilot.model.observation import Process

PROC = Path("/proc")


def processes_of(script: str, data: str) -> list[Process]:
    """The living processes that run `script`, or an etcd on the data directory `data`."""
    return [process for process in all_processes() if is_of(process, script, data)]


def is_of(process: Process, script: str, data: str) -> bool:
    arguments = process.arguments
    if f"--data-dir={data}" in arguments:
        return True
    if script in arguments:
        return True
    return ("--data-dir", data) in pairwise(arguments)


def all_processes() -> Iterator[Process]:
    return _from_proc() if PROC.joinpath("self", "cmdline").exists() else _from_ps()


def _from_proc() -> Iterator[Process]:
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
                if not command:  # a kernel thread, or a process that ended and was not waited for
                    continue
                executable = os.readlink(entry / "exe")
            except OSError:
                continue  # it ended while we looked, or is somebody else's
            words = command.rstrip(b"\0").decode(errors="replace").split("\0")
            yield Process(int(entry.name), executable.removesuffix(" (deleted)"), tuple(words[1:]), ())


def environment_of(pid: int) -> tuple[tuple[str, str], ...]:
    """Its ETCD_* variables; empty where they cannot be read (another user's process, or no /proc)."""
    try:
        raw = (PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return ()
    pairs = (line.partition("=") for line in raw.decode(errors="replace").split("\0"))
    return tuple((name, value) for name, _, value in pairs if name.startswith("ETCD_"))


TICKS = 100  # a second: USER_HZ, the same on every Linux


def started(clock: float, uptime: float, life: str) -> float:
    """When a process began, by today's clock; `life` is what stands behind its name in /proc/PID/stat.

    Not from the time of boot, which is whole seconds and was told by a clock that may have been wrong.
    """
    return clock - (uptime - int(life.split()[19]) / TICKS)


def started_at(pid: int) -> float:
    """0 where it cannot be said: no /proc, or it has ended."""
    try:
        life = (PROC / str(pid) / "stat").read_text().rpartition(") ")[2]
        return started(time.time(), float((PROC / "uptime").read_text().split()[0]), life)
    except OSError:
        return 0.0


def _from_ps() -> Iterator[Process]:
    listing = subprocess.run(["ps", "-axww", "-o", "pid=,command="], capture_output=True, text=True, check=False)
    for line in listing.stdout.splitlines():
        pid, _, command = line.strip().partition(" ")
        try:
            words = shlex.split(command)
        except ValueError:
            words = command.split()
        if pid.isdigit() and words:
            yield Process(int(pid), words[0], tuple(words[1:]), ())
