"""What two snapshots differ in, and where the bytes of one are."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from etcdpilot.model.snapshot_tables import Tables


class ChangeKind(Enum):
    """How a key differs between an older and a newer snapshot."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"  # another value or lease
    REWRITTEN = "rewritten"  # put again with what it held


@dataclass(frozen=True, slots=True)
class KeyState:
    """A key in one snapshot; `size` is the bytes of its value."""

    mod_revision: int
    size: int
    lease: int = 0


@dataclass(frozen=True, slots=True)
class KeyChange:
    """One key that differs."""

    kind: ChangeKind
    key: bytes
    before: KeyState | None
    after: KeyState | None


@dataclass(frozen=True, slots=True)
class TableDifference:
    """What differs beside the keys, as words: `member m3`, `user bob`; both in order."""

    only_before: tuple[str, ...]
    only_after: tuple[str, ...]

    @classmethod
    def between(cls, before: Tables, after: Tables) -> TableDifference:
        one, other = frozenset(_words(before)), frozenset(_words(after))
        return cls(tuple(sorted(one - other)), tuple(sorted(other - one)))


@dataclass(frozen=True, slots=True)
class PrefixSize:
    """What lies below one prefix. Bytes are those of keys and values; `records` counts the history too."""

    prefix: bytes
    keys: int
    live_bytes: int
    records: int
    record_bytes: int


def _words(tables: Tables) -> list[str]:
    return [
        *(f"member {member.name or hex(member.id)[2:]} {','.join(member.peer_urls)}" for member in tables.members),
        *(f"alarm {getattr(alarm.kind, 'name', alarm.kind)} of {alarm.member:x}" for alarm in tables.alarms),
        *(f"lease {lease.id:x}" for lease in tables.leases),
        *(f"user {user.name} ({', '.join(user.roles)})" for user in tables.users),
        *(f"role {role.name}" for role in tables.roles),
        f"auth {'on' if tables.auth_enabled else 'off'}",
        f"cluster version {tables.progress.cluster_version}",
    ]
