"""Backups as a cluster file wishes them: where they go, how often they come, and how many stay."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from etcdpilot.model.snapshots import RetentionPolicy

DAILY = "daily"


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
    taken_at: datetime
    proved_at: datetime
    revision: int
    restored_at: datetime | None = None  # by a drill or a restore
