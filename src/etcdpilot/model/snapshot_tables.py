"""What stands in a snapshot beside the keys: members, alarms, leases, users, roles, and how far the log was applied."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class AlarmKind(Enum):
    """The alarms of etcd; the values are etcd's own numbers."""

    NONE = 0
    NOSPACE = 1
    CORRUPT = 2


@dataclass(frozen=True, slots=True)
class StoredMember:
    """A member as the database knows it. Client URLs may be missing: 3.5.1 does not write them."""

    id: int
    name: str
    peer_urls: tuple[str, ...]
    client_urls: tuple[str, ...]
    is_learner: bool


@dataclass(frozen=True, slots=True)
class StoredAlarm:
    """A raised alarm. It outlives a restore, though its member does not: see `ghost_alarms`."""

    member: int
    kind: AlarmKind | int  # a number where we know no word


@dataclass(frozen=True, slots=True)
class StoredLease:
    """A lease; times in seconds, `remaining` 0 when etcd wrote none down."""

    id: int
    ttl: int
    remaining: int


@dataclass(frozen=True, slots=True)
class StoredUser:
    """A user of etcd's own auth; its password hash is never read out."""

    name: str
    roles: tuple[str, ...]
    has_password: bool


@dataclass(frozen=True, slots=True)
class Permission:
    """What a role may do; an empty `range_end` is the one key."""

    kind: str  # read, write, readwrite
    key: bytes
    range_end: bytes


@dataclass(frozen=True, slots=True)
class StoredRole:
    """A role of etcd's own auth."""

    name: str
    permissions: tuple[Permission, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the log was applied, and what wrote the database. 0 and empty where it does not say."""

    consistent_index: int = 0
    term: int = 0
    storage_version: str = ""  # from 3.6 on
    cluster_version: str = ""


@dataclass(frozen=True, slots=True)
class Tables:
    """Everything in a snapshot but its keys."""

    members: tuple[StoredMember, ...]
    removed_members: tuple[int, ...]
    alarms: tuple[StoredAlarm, ...]
    leases: tuple[StoredLease, ...]
    users: tuple[StoredUser, ...]
    roles: tuple[StoredRole, ...]
    auth_enabled: bool
    auth_revision: int
    progress: Progress

    @property
    def ghost_alarms(self) -> tuple[StoredAlarm, ...]:
        """Alarms of members that are not in the member list: after a restore they block every write, for ever."""
        known = {member.id for member in self.members}
        return tuple(alarm for alarm in self.alarms if alarm.member not in known)
