"""Which of gRPC's two engines reads the sockets of this process: its choice is made when gRPC is first imported.

Its event engine has threads of its own, which wake the reader for every 32 KB of a snapshot: a quarter of all the work
of taking one (bench.snapshots). The older engine reads in the thread that waits.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import version

VARIABLE = "GRPC_EXPERIMENTS"
# Seen to have both; a release that does not know the name says so on stderr, at every backup.
OLDEST, NEWEST = (1, 66), (1, 85)


def read_where_it_is_awaited() -> None:
    """For a process whose work is one long stream. Does nothing once gRPC is imported, for a release that may not have
    the older engine, and where somebody else has chosen."""
    if "grpc" not in sys.modules and OLDEST <= _release() <= NEWEST:
        os.environ.setdefault(VARIABLE, "-event_engine_client")


def _release() -> tuple[int, int]:
    major, minor, *_ = version("grpcio").split(".")
    return int(major), int(minor)
