"""A restore of a whole cluster: what it is made from, and the new identity that was chosen for it before it began.

The cluster that comes up is another one than the one that was there: a new token, so new IDs. A member of the old one
that comes back from the dead can neither join it nor be taken for part of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from etcdpilot.model.identity import as_hex, cluster_id, member_id
from etcdpilot.model.snapshots import KeysHash
from etcdpilot.model.versions import Version

# Watchers that knew the old cluster must never meet a revision twice. Nobody can tell how far that cluster came after
# the snapshot was taken; a thousand million changes are more than it can have made.
BUMP = 1_000_000_000

MiB = 1 << 20
DEFAULT_QUOTA = 2 << 30  # bytes; etcd's own, when no option names another


@dataclass(frozen=True, slots=True)
class Source:
    """A snapshot that was verified. Sizes in bytes; `keys_hash` is what the restored members must give."""

    path: str  # on this machine, absolute
    name: str  # as a person knows it
    size: int
    sha256: str
    revision: int
    keys_hash: KeysHash | None
    has_checksum: bool = True  # False: a copied member/snap/db
    alarms: tuple[str, ...] = ()
    users: int = 0
    auth_enabled: bool = False
    etcd: str = ""  # the newest version that may have written it: `3.6.0`; empty where it does not say


@dataclass(frozen=True, slots=True)
class Restore:
    """Written down before anything is touched, so that whatever cuts it off, the next run goes on with the same."""

    verb: str  # what began it: `restore`, `recover quorum`
    source: Source
    token: str
    cluster_id: str  # hex
    member_ids: tuple[tuple[str, str], ...]  # of the members it begins with
    bump: int  # added to the revision, 0 where this etcd cannot
    began: str  # ISO 8601
    lost: tuple[str, ...] = ()  # members whose machines were said aloud to be gone
    started: bool = False  # every member answered as the new cluster
    done: bool = False

    @property
    def members(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.member_ids)

    @property
    def mark(self) -> str:
        """What tells data that this restore made from that of any other."""
        return f"{self.source.sha256} {self.cluster_id} {self.bump}"

    def is_of(self, sha256: str) -> bool:
        return self.source.sha256 == sha256

    def moved_on(self, *, started: bool = True, done: bool = False) -> Restore:
        return replace(self, started=started, done=done)


@dataclass(frozen=True, slots=True)
class Former:
    """An identity that this cluster had before a restore: hosts may still hold it, members may still answer with it."""

    cluster_id: str  # hex
    token_hash: str
    until: str  # ISO 8601


@dataclass(frozen=True, slots=True)
class Restored:
    """What a member must be restored as."""

    name: str
    peer_urls: tuple[str, ...]


def identity_of(members: tuple[Restored, ...], token: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The cluster's ID, and each member's, that a restore with this token gives; hex."""
    ids = {each.name: member_id(each.peer_urls, token) for each in members}
    return as_hex(cluster_id(ids.values())), tuple((name, as_hex(value)) for name, value in sorted(ids.items()))


def can_bump(version: Version | None) -> bool:
    """Whether its restore takes `--bump-revision` and `--mark-compacted`: 3.4.27, 3.5.10 and 3.6 brought them."""
    if version is None:
        return False
    first = {(3, 4): Version(3, 4, 27), (3, 5): Version(3, 5, 10)}
    return version >= first.get(version.line, Version(3, 6, 0))


def restore_flags(restore: Restore, member: str, peers: tuple[tuple[str, tuple[str, ...]], ...]) -> tuple[str, ...]:
    """What `snapshot restore` is told for one member, beside the file and where its data shall stand."""
    cluster = ",".join(f"{name}={url}" for name, urls in peers for url in urls)
    own = dict(peers)[member]
    flags = [
        f"--name={member}",
        f"--initial-cluster={cluster}",
        f"--initial-cluster-token={restore.token}",
        f"--initial-advertise-peer-urls={','.join(own)}",
    ]
    if restore.bump:
        flags += [f"--bump-revision={restore.bump}", "--mark-compacted=true"]
    if not restore.source.has_checksum:
        flags.append("--skip-hash-check=true")
    return tuple(flags)
