"""How a cluster does, as `status` shows it. What is unknown is None, with its reason among the errors."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from etcdpilot.model.backups import LastBackup
from etcdpilot.model.membership import Quorum


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One member. IDs in hex, sizes in bytes. `state` is a MemberState's word."""

    name: str
    id: str | None
    state: str
    peer_urls: tuple[str, ...]
    client_urls: tuple[str, ...]
    version: str | None
    db_size: int | None
    db_size_in_use: int | None
    is_leader: bool | None
    raft_term: int | None
    raft_index: int | None
    applied_index: int | None
    certificate_expires: datetime | None
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Backups:
    """What this controller knows of backups: the newest proved one, how old it is, and how old it may become."""

    newest: LastBackup | None
    age: timedelta | None
    wanted_every: timedelta | None  # None: the cluster file wishes none

    @property
    def overdue(self) -> bool:
        """Twice the interval has gone by, so one was missed."""
        if self.wanted_every is None:
            return False
        return self.age is None or self.age > 2 * self.wanted_every


@dataclass(frozen=True, slots=True)
class Status:
    """`version` is the lowest that a member runs: what the cluster as a whole can do."""

    name: str
    id: str | None
    revision: int | None
    leader: str | None
    quorum: Quorum
    version: str | None
    members: tuple[MemberRow, ...]
    alarms: tuple[str, ...]
    backups: Backups | None = None  # None: of a cluster that was not built here

    @property
    def healthy(self) -> bool:
        """Every member votes and answers, there is a leader, and nobody complains."""
        fine = all(row.state == "voting" and not row.errors for row in self.members)
        return fine and bool(self.members) and self.leader is not None and self.quorum.holds and not self.alarms
