"""System-call faults into a running process, by strace from outside the host: slow, failing or full disks for one
process alone, without a device of that kind."""

from __future__ import annotations

import os
import select
import subprocess
import time
from dataclasses import dataclass

from lab.commands import LabError


@dataclass(frozen=True, slots=True)
class Injection:
    """A strace that holds one process; the fault lasts until it lets go."""

    strace: subprocess.Popen[bytes]

    def stop(self) -> None:
        """Detaches; the process goes on unharmed."""
        self.strace.terminate()
        try:
            self.strace.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.strace.kill()
            self.strace.wait()


def inject(pid: int, fault: str, within: float = 10) -> Injection:
    """Attaches to every thread of `pid`, and to those it starts later; returns once attached."""
    calls = fault.partition(":")[0]
    argv = ["strace", "-f", "-p", str(pid), "-o", "/dev/null", "-e", f"trace={calls}", "-e", f"inject={fault}"]
    strace = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = b""
    deadline = time.monotonic() + within
    assert strace.stderr is not None
    heard_from = strace.stderr.fileno()
    while b"attached" not in said:
        ready, _, _ = select.select([heard_from], [], [], max(0.0, deadline - time.monotonic()))
        heard = os.read(heard_from, 4096) if ready else b""
        if not heard:
            strace.kill()
            strace.wait()
            raise LabError(f"strace does not attach to {pid}: {said.decode(errors='replace').strip()}")
        said += heard
    return Injection(strace)
