"""A stretch of ports for each process of a test run, so that two side by side never draw the same ones.

A cluster that is down, or a member that was killed, holds no port: whoever looks for a free one meanwhile would take it,
and the cluster could not come up again.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

from etcdpilot.stores.local_clusters import FIRST_PORT, HIGHEST_PORT
from etcdpilot.stores.reservations import opened

BEGIN, END = 2500, 12000  # the usual ports are left to tests that name them, those above to tests.local.raw_etcd


@cache
def first_port() -> int:
    """Where `up` and `member add` begin to look, when they are run with `own_ports`."""
    place, processes = _place()
    return BEGIN + (END - BEGIN) // processes * place if processes > 1 else FIRST_PORT


@cache
def own_ports() -> dict[str, str]:
    """The environment in which etcdpilot finds the ports of other processes reserved, as long as this one lives."""
    _, processes = _place()
    if processes == 1:
        return {}
    folder = Path(tempfile.mkdtemp(prefix="etcdpilot-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    book = opened(folder / f"etcdpilot-ports-{os.getuid()}")
    assert book is not None
    end = first_port() + (END - BEGIN) // processes
    fcntl.lockf(book, fcntl.LOCK_EX, first_port() - FIRST_PORT, FIRST_PORT)
    fcntl.lockf(book, fcntl.LOCK_EX, HIGHEST_PORT - end, end)
    return {"TMPDIR": str(folder)}


def _place() -> tuple[int, int]:
    """Which process of how many this is."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    return int(worker.removeprefix("gw")), int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
