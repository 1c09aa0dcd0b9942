"""Snapshots and backups: what a file says, what its manifest says, whether it is sound, and how long it is kept.

A snapshot is a file as etcd streams it. A backup is a snapshot with its manifest beside it: the manifest is written
last, so a snapshot without one was cut off and is not a backup.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

MANIFEST_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a snapshot file says of itself; `hash`, `revision`, `total_size` are those of `snapshot status`."""

    revision: int  # main revision of the newest record
    hash: int  # CRC-32C over every bucket: what etcdutl prints
    records: int  # every record of every bucket: `totalKey` of etcdutl before 3.6
    total_size: int  # bytes of the database, without the trailer
    compact_revision: int = -1  # revisions up to here are compacted; -1: never compacted
    consistent_index: int = 0
    term: int = 0
    storage_version: str = ""  # 3.6 and later write it
    cluster_version: str = ""

    @property
    def current_revision(self) -> int:
        """Where etcd goes on counting. After a compaction of nothing but tombstones no record is as new as that."""
        return max(1, self.revision, self.compact_revision)

    @property
    def hash_text(self) -> str:
        """The hash as etcdutl prints it in its table."""
        return f"{self.hash:x}"


@dataclass(frozen=True, slots=True)
class KeysHash:
    """The server's hash of keys (`endpoint hashkv`): two are comparable only at one revision and one compaction."""

    hash: int
    revision: int
    compact_revision: int

    def comparable_with(self, other: KeysHash) -> bool:
        return (self.revision, self.compact_revision) == (other.revision, other.compact_revision)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is written beside a snapshot. Unknown fields of a later format are kept, never dropped."""

    cluster: str
    member: str
    revision: int
    hash: int
    keys: int  # live keys
    size: int  # bytes of the file, trailer included
    sha256: str  # of the whole file, hex
    taken_at: datetime
    cluster_id: int | None = None
    hash_of_keys: KeysHash | None = None
    etcd_version: str = ""
    duration: timedelta = timedelta(0)
    endpoint: str = ""
    format: int = MANIFEST_FORMAT
    encryption: Mapping[str, Any] | None = None  # None: the file is as etcd wrote it
    change_log: Mapping[str, Any] | None = None  # None: nothing follows the snapshot
    proved_at: datetime | None = None  # when a drill last restored it
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """`<cluster>/<taken-at>-<revision>-<eight digits of the SHA-256>`, without ending.

        The digits keep two savers of one second apart: one name, one content.
        """
        return f"{self.cluster}/{stamp(self.taken_at)}-{self.revision}-{self.sha256[:8]}"

    @property
    def snapshot_name(self) -> str:
        return f"{self.name}.db"

    @property
    def manifest_name(self) -> str:
        return f"{self.name}.json"

    def proved(self, at: datetime) -> Manifest:
        return replace(self, proved_at=at)

    def to_json(self) -> dict[str, Any]:
        """One flat document; identities in hex, times in UTC, durations in seconds."""
        keys = self.hash_of_keys
        return {
            **self.more,
            "format": self.format,
            "cluster": self.cluster,
            "cluster_id": None if self.cluster_id is None else f"{self.cluster_id:x}",
            "member": self.member,
            "endpoint": self.endpoint,
            "etcd_version": self.etcd_version,
            "taken_at": self.taken_at.astimezone(UTC).isoformat(),
            "duration": self.duration.total_seconds(),
            "revision": self.revision,
            "keys": self.keys,
            "hash": self.hash,
            "hash_of_keys": keys and {"hash": keys.hash, "revision": keys.revision, "compacted": keys.compact_revision},
            "size": self.size,
            "sha256": self.sha256,
            "encryption": self.encryption,
            "change_log": self.change_log,
            "proved_at": self.proved_at and self.proved_at.astimezone(UTC).isoformat(),
        }

    @classmethod
    def from_json(cls, document: Any) -> Manifest:
        """The manifest in `document`; ValueError says which field is missing or is not what it should be."""
        if not isinstance(document, dict):
            raise ValueError("a manifest is a JSON object")
        try:
            return cls._from_fields(dict(document))
        except KeyError as missing:
            raise ValueError(f"the manifest has no field {missing}") from None
        except (TypeError, AttributeError) as wrong:
            raise ValueError(f"a field of the manifest is not what it should be: {wrong}") from None

    @classmethod
    def _from_fields(cls, fields: dict[str, Any]) -> Manifest:
        keys, identity, proved = fields.pop("hash_of_keys"), fields.pop("cluster_id"), fields.pop("proved_at", None)
        return cls(
            cluster=_text(fields.pop("cluster")),
            member=_text(fields.pop("member")),
            revision=_whole(fields.pop("revision")),
            hash=_whole(fields.pop("hash")),
            keys=_whole(fields.pop("keys")),
            size=_whole(fields.pop("size")),
            sha256=_text(fields.pop("sha256")),
            taken_at=moment(fields.pop("taken_at")),
            cluster_id=None if identity is None else int(identity, 16),
            hash_of_keys=keys and KeysHash(_whole(keys["hash"]), _whole(keys["revision"]), _whole(keys["compacted"])),
            etcd_version=_text(fields.pop("etcd_version", "")),
            duration=timedelta(seconds=float(fields.pop("duration", 0))),
            endpoint=_text(fields.pop("endpoint", "")),
            format=_whole(fields.pop("format")),
            encryption=fields.pop("encryption", None),
            change_log=fields.pop("change_log", None),
            proved_at=proved and moment(proved),
            more=fields,
        )


class FaultKind(Enum):
    """What may be wrong with a file that should be a snapshot."""

    UNREADABLE = "unreadable"  # it could not be opened or read
    NOT_A_SNAPSHOT = "not a snapshot"  # no database page in it
    NO_CHECKSUM = "no checksum"  # a copied member/snap/db, or a snapshot whose trailer was cut off
    TRUNCATED = "truncated"
    CHANGED = "changed"  # the SHA-256 at its end is not that of its content
    BROKEN = "broken"  # the checksum fits, but the database inside does not hang together
    NOT_AS_SAVED = "not as saved"  # it is whole, but not the file its manifest speaks of
    WRONG_CLUSTER = "wrong cluster"
    OLDER = "older"  # its revision is below what was asked for
    NEWER = "newer"
    KEYS_DIFFER = "keys differ"  # its hash of keys is not the one the cluster gave at that revision


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a file, as a sentence."""

    kind: FaultKind
    what: str

    def __str__(self) -> str:
        return f"{self.kind.value}: {self.what}"


@dataclass(frozen=True, slots=True)
class Expected:
    """What a file is compared with; a field of None is not compared."""

    cluster_id: int | None = None
    at_least: int | None = None  # revision
    at_most: int | None = None  # revision
    manifest: Manifest | None = None
    hash_of_keys: KeysHash | None = None  # as the live cluster gave it


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a file is a sound snapshot, with every reason against it; `snapshot` is None if it could not be read."""

    faults: tuple[Fault, ...]
    size: int = 0
    sha256: str = ""
    snapshot: Snapshot | None = None
    hash_of_keys: KeysHash | None = None
    same_cluster: bool | None = None  # None: not asked, or cannot be told from the file
    notes: tuple[str, ...] = ()  # what could not be compared, and why

    @property
    def sound(self) -> bool:
        return not self.faults

    @property
    def intact(self) -> bool:
        """Sound as a file, whichever cluster and revision it is of."""
        wanted = {FaultKind.WRONG_CLUSTER, FaultKind.OLDER, FaultKind.NEWER}
        return all(fault.kind in wanted for fault in self.faults)


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """How many backups to keep: the newest `last`, and the newest of each of so many hours, days, weeks and months."""

    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0

    def __post_init__(self) -> None:
        counts = (self.last, self.hourly, self.daily, self.weekly, self.monthly)
        if min(counts) < 0:
            raise ValueError("a retention policy counts from 0")
        if not any(counts):
            raise ValueError("a retention policy that keeps nothing would delete every backup; keep at least one")


def stamp(at: datetime) -> str:
    """A time as backups are named by: `20260131T235959Z`; it sorts as it reads."""
    return at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def moment(text: object) -> datetime:
    """An ISO 8601 time with its zone, in UTC; ValueError without one."""
    at = datetime.fromisoformat(_text(text))
    if at.tzinfo is None:
        raise ValueError(f"the time {text!r} does not say its zone")
    return at.astimezone(UTC)


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{value!r} is not a whole number")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a text")
    return value
