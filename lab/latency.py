"""Latency on a node's cable: a small process takes the cable's place on the bridge and holds what the node sends.

Kernels of small machines often lack the netem scheduler, so the delay is made in user space (see wire.py), the same
way everywhere.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from lab.commands import LabError, run, succeeds
from lab.network import BRIDGE, Node, switch_namespace


def slow_down(prefix: str, folder: Path, node: Node, milliseconds: float) -> None:
    """What `node` sends is held so long; 0 ends it."""
    speed_up(prefix, folder, node)
    if milliseconds <= 0:
        return
    switch = switch_namespace(prefix)
    wire = Path(__file__).with_name("wire.py")
    argv = ["ip", "netns", "exec", switch, sys.executable, "-I", str(wire), node.name, _tap(node), str(milliseconds)]
    with (folder / f"wire-{node.name}.log").open("wb") as log:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    _pid_file(folder, node).write_text(str(process.pid), encoding="ascii")
    _wait_until(lambda: _tap_stands(switch, node), f"the slow wire of {node.name} did not start; see {log.name}")
    run(["ip", "-n", switch, "link", "set", node.name, "nomaster"])
    run(["ip", "-n", switch, "link", "set", _tap(node), "master", BRIDGE, "up"])


def speed_up(prefix: str, folder: Path, node: Node) -> None:
    """The bare cable again."""
    with suppress(FileNotFoundError, ProcessLookupError):
        pid = int(_pid_file(folder, node).read_text(encoding="ascii"))
        _pid_file(folder, node).unlink()
        os.kill(pid, signal.SIGKILL)  # its tap goes with it
        _wait_until(
            lambda: not _tap_stands(switch_namespace(prefix), node), f"the slow wire of {node.name} does not end"
        )
        run(["ip", "-n", switch_namespace(prefix), "link", "set", node.name, "master", BRIDGE])


def _tap_stands(switch: str, node: Node) -> bool:
    return succeeds(["ip", "-n", switch, "link", "show", _tap(node)])


def _wait_until(condition: Callable[[], bool], otherwise: str, within: float = 10) -> None:
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise LabError(otherwise)
        time.sleep(0.005)


def _pid_file(folder: Path, node: Node) -> Path:
    return folder / f"wire-{node.name}.pid"


def _tap(node: Node) -> str:
    return f"{node.name}-slow"
