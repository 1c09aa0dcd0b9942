"""Small questions that tests of hosts ask over and over."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable

from lab.host import Host
from lab.laboratory import Lab


def until(condition: Callable[[], bool], within: float = 15) -> bool:
    """Waits for a condition; False when it does not come true in time. Assert it."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def ssh(
    lab: Lab, host: Host | str, command: str, *, user: str = "root", port: int = 22
) -> subprocess.CompletedProcess[str]:
    """One OpenSSH command from the controller, whatever comes of it."""
    argv = lab.ssh_argv(host, command, user=user, port=port)
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False)


def reaches(lab: Lab, source: str, target: str, *, ipv6: bool = False) -> bool:
    """Whether a connection to the target's SSH port opens: a cut keeps it waiting."""
    where = lab.inside_controller() if source == "ctl" else lab.inside_host(source)
    host = lab.host(target)
    with where:
        try:
            socket.create_connection((host.address6 if ipv6 else host.address, 22), timeout=0.5).close()
        except OSError:
            return False
    return True
