"""What etcd answers, as frozen values. IDs are integers (etcdctl prints them in hex), sizes are bytes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Header:
    """Who answered, and at which revision of the store (0 where the call does not touch it)."""

    cluster_id: int
    member_id: int
    revision: int
    raft_term: int


@dataclass(frozen=True, slots=True)
class KeyValue:
    """A key as stored. `version` counts its changes since it was created; `lease` is 0 without one."""

    key: bytes
    value: bytes
    create_revision: int
    mod_revision: int
    version: int
    lease: int


@dataclass(frozen=True, slots=True)
class RangeResult:
    """`count` is the number of keys in the range, whatever the limit; `more` says that the limit cut some off."""

    header: Header
    kvs: tuple[KeyValue, ...]
    count: int
    more: bool


@dataclass(frozen=True, slots=True)
class PutResult:
    header: Header
    previous: KeyValue | None


@dataclass(frozen=True, slots=True)
class DeleteResult:
    header: Header
    deleted: int
    previous: tuple[KeyValue, ...]


@dataclass(frozen=True, slots=True)
class TxnResult:
    """`succeeded`: the conditions held. `results` are those of the branch that ran, in its order."""

    header: Header
    succeeded: bool
    results: tuple[RangeResult | PutResult | DeleteResult | TxnResult, ...]


class EventType(Enum):
    PUT = "put"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One change of one key. `previous` only where it was asked for and is not compacted away."""

    type: EventType
    kv: KeyValue
    previous: KeyValue | None = None

    @property
    def revision(self) -> int:
        return self.kv.mod_revision


@dataclass(frozen=True, slots=True)
class WatchProgress:
    """Every event up to and including this revision has been delivered."""

    revision: int


@dataclass(frozen=True, slots=True)
class Lease:
    """A granted lease; `ttl` in seconds, as etcd chose it (it has a minimum of its own)."""

    id: int
    ttl: int


@dataclass(frozen=True, slots=True)
class LeaseTimeToLive:
    """Seconds that are left (-1: expired or revoked), and those granted; `keys` only where asked for."""

    id: int
    ttl: int
    granted_ttl: int
    keys: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class MemberEntry:
    """A line of the member list. A member that never started has no name and no client URLs."""

    id: int
    name: str
    peer_urls: tuple[str, ...]
    client_urls: tuple[str, ...]
    is_learner: bool


@dataclass(frozen=True, slots=True)
class MemberList:
    header: Header
    members: tuple[MemberEntry, ...]


@dataclass(frozen=True, slots=True)
class MemberAdded:
    """The new member's entry, and the list with it in."""

    header: Header
    member: MemberEntry
    members: tuple[MemberEntry, ...]


@dataclass(frozen=True, slots=True)
class MemberStatus:
    """What one member says of itself. `leader` is 0 where it knows none.

    None stands for what this version of etcd does not tell: `storage_version`, `db_size_quota` and
    `downgrade_target` came with 3.6. (`downgrade_target` is "" when no downgrade is under way.)
    """

    header: Header
    version: str
    db_size: int
    db_size_in_use: int
    leader: int
    raft_index: int
    raft_term: int
    raft_applied_index: int
    is_learner: bool
    errors: tuple[str, ...]
    storage_version: str | None = None
    db_size_quota: int | None = None
    downgrade_target: str | None = None

    @property
    def member_id(self) -> int:
        return self.header.member_id

    @property
    def cluster_id(self) -> int:
        return self.header.cluster_id

    @property
    def revision(self) -> int:
        return self.header.revision

    @property
    def is_leader(self) -> bool:
        return self.leader == self.header.member_id


class AlarmType(Enum):
    NOSPACE = "NOSPACE"
    CORRUPT = "CORRUPT"


@dataclass(frozen=True, slots=True)
class Alarm:
    member_id: int
    type: AlarmType


@dataclass(frozen=True, slots=True)
class HashOfKeys:
    """CRC-32C over a member's key bucket up to `revision`; equal on all members only at one compact revision."""

    header: Header
    hash: int
    revision: int
    compact_revision: int


@dataclass(frozen=True, slots=True)
class AuthStatus:
    header: Header
    enabled: bool
    auth_revision: int


class Access(Enum):
    READ = "read"
    WRITE = "write"
    READWRITE = "readwrite"


@dataclass(frozen=True, slots=True)
class Permission:
    """Access to `key`, or to `[key, range_end)`; a `range_end` of one zero byte means "to the end"."""

    access: Access
    key: bytes
    range_end: bytes = b""
