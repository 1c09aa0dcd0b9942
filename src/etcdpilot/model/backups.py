"""Backups as a cluster file wishes them: where they go, how often they come, and how many stay.

Imports nothing that `status` would have to wait for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from etcdpilot.model.snapshots import RetentionPolicy

DAILY = "daily"
WORDS = {"hourly": timedelta(hours=1), "daily": timedelta(days=1), "weekly": timedelta(weeks=1)}
UNITS = {"y": timedelta(days=365), "w": timedelta(weeks=1), "d": timedelta(days=1), "h": timedelta(hours=1)}


@dataclass(frozen=True, slots=True)
class OnMembers:
    """Snapshots that each member takes of itself, into a directory of its own host, to be collected."""

    directory: str = "/var/backups/etcd"
    schedule: str = DAILY
    keep: int = 7


@dataclass(frozen=True, slots=True)
class BackupSpec:
    """`options` belong to an object store (endpoint, region, credentials-file, ca-file); paths in them are absolute."""

    store: str  # /path, file:///path or s3://bucket/prefix
    options: tuple[tuple[str, str], ...] = ()
    schedule: str = DAILY  # hourly, daily, weekly, or an interval such as 6h
    keep: RetentionPolicy | None = None  # None: all of them
    on_members: OnMembers = OnMembers()


@dataclass(frozen=True, slots=True)
class LastBackup:
    """The newest backup that was proved, as this controller noted it."""

    name: str
    where: str  # the store's URL, or a file
    revision: int
    taken_at: datetime
    proved_at: datetime


def interval_of(schedule: str) -> timedelta:
    """`hourly`, `daily`, `weekly`, or `6h`; ValueError for anything else."""
    if schedule in WORDS:
        return WORDS[schedule]
    found = re.fullmatch(r"([0-9]{1,7})([ywdhm])", schedule)
    if found is None or not int(found[1]):
        raise ValueError(f"{schedule!r} is not a schedule; write hourly, daily, weekly or an interval such as 6h")
    return int(found[1]) * UNITS.get(found[2], timedelta(minutes=1))
