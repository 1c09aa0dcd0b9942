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
from contextlib import suppress
from pathlib import Path

from lab.commands import LabError, run
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
    _wait_for_tap(switch, node, process)
    run(["ip", "-n", switch, "link", "set", node.name, "nomaster"])
    run(["ip", "-n", switch, "link", "set", _tap(node), "master", BRIDGE, "up"])


def speed_up(prefix: str, folder: Path, node: Node) -> None:
    """The bare cable again."""
    with suppress(FileNotFoundError, ProcessLookupError):
        pid = int(_pid_file(folder, node).read_text(encoding="ascii"))
        _pid_file(folder, node).unlink()
        os.kill(pid, signal.SIGKILL)  # its tap goes with it
        run(["ip", "-n", switch_namespace(prefix), "link", "set", node.name, "master", BRIDGE])


def _wait_for_tap(switch: str, node: Node, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 10
    while subprocess.run(["ip", "-n", switch, "link", "show", _tap(node)], capture_output=True, check=False).returncode:
        if process.poll() is not None or time.monotonic() > deadline:
            raise LabError(
                f"the slow wire of {node.name} did not start (exit {process.poll()}); see wire-{node.name}.log"
            )
        time.sleep(0.01)


def _pid_file(folder: Path, node: Node) -> Path:
    return folder / f"wire-{node.name}.pid"


def _tap(node: Node) -> str:
    return f"{node.name}-slow"
