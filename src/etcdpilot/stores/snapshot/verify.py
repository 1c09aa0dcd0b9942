"""The verdict on a snapshot file: sound, or every reason why it is not. Needs no etcd, and never believes the file.

`snapshot status` is no such check: it does not look at the checksum, and on a truncated file it dies of SIGBUS.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from etcdpilot.model.snapshots import Expected, Fault, FaultKind, KeysHash, Manifest, Snapshot, Verdict
from etcdpilot.stores.snapshot.arrival import Arrival
from etcdpilot.stores.snapshot.bbolt import BoltFile, Corrupt, TooShort
from etcdpilot.stores.snapshot.belonging import is_of_cluster
from etcdpilot.stores.snapshot.hashes import hash_of_keys, read_snapshot, read_with_keys
from etcdpilot.stores.snapshot.mvcc import OutOfRange, key_bucket, read_revisions
from etcdpilot.stores.snapshot.tables import read_tables
from etcdpilot.stores.snapshot.trailer import DIGEST, Trailer, read_trailer

NOTHING = Expected()


@dataclass(slots=True)
class Reading:
    """What could be read of the database inside the file, and what stood in the way."""

    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    snapshot: Snapshot | None = None
    hash_of_keys: KeysHash | None = None
    same_cluster: bool | None = None


def verify(
    path: Path, expected: Expected = NOTHING, *, hash_keys: bool = False, arrival: Arrival | None = None
) -> Verdict:
    """Reads the file twice at once: its checksum in a thread, its pages here. Memory: a few MB, whatever its size.

    `hash_keys` also computes the server's hash of keys. Of a file in `arrival` each page is read as soon as it is
    there, and the checksum is the one that whoever fetches it has computed. Raises nothing for any content.
    """
    try:
        with BoltFile.open(path, arrival) as database, ThreadPoolExecutor(1) as thread:
            checksum = thread.submit(arrival.trailer if arrival else lambda: read_trailer(path))
            reading = _read(database, expected, hash_keys)
            return _verdict(reading, checksum.result(), expected.manifest)
    except Corrupt as wrong:
        return Verdict((Fault(FaultKind.NOT_A_SNAPSHOT, str(wrong)),))
    except OSError as failure:
        return Verdict((Fault(FaultKind.UNREADABLE, f"{path}: {failure.strerror or failure}"),))


def _verdict(reading: Reading, trailer: Trailer, manifest: Manifest | None) -> Verdict:
    return Verdict(
        faults=(*_faults_of_checksum(trailer), *reading.faults, *_faults_of_manifest(reading, trailer, manifest)),
        size=trailer.size,
        sha256=trailer.whole.hex(),
        snapshot=reading.snapshot,
        hash_of_keys=reading.hash_of_keys,
        same_cluster=reading.same_cluster,
        notes=tuple(reading.notes),
    )


def _read(database: BoltFile, expected: Expected, hash_keys: bool) -> Reading:
    reading = Reading()
    try:
        key_bucket(database)
        reading.snapshot, reading.hash_of_keys = _read_pages(database, expected, hash_keys)
        reading.faults.extend(_faults_of_revision(reading.snapshot, expected))
        _compare_cluster(database, expected, reading)
        _compare_keys(database, expected, reading)
    except TooShort as wrong:
        reading.faults.append(Fault(FaultKind.TRUNCATED, str(wrong)))
    except Corrupt as wrong:
        reading.faults.append(Fault(FaultKind.BROKEN, str(wrong)))
    return reading


def _read_pages(database: BoltFile, expected: Expected, hash_keys: bool) -> tuple[Snapshot, KeysHash | None]:
    """With the hash of keys in the same pass where it is the snapshot's own that is wanted."""
    wanted = expected.hash_of_keys
    if wanted is None:
        return read_with_keys(database) if hash_keys else (read_snapshot(database), None)
    revisions = read_revisions(database)
    own = (wanted.revision, wanted.compact_revision) == (revisions.current, revisions.compacted)
    return read_with_keys(database) if own else (read_snapshot(database), None)


def _faults_of_checksum(trailer: Trailer) -> Iterator[Fault]:
    if not trailer.present:
        yield Fault(
            FaultKind.NO_CHECKSUM,
            f"no SHA-256 stands at its end ({trailer.size} bytes, not {DIGEST} over a multiple of 512): "
            "it was cut off, or is a copied member/snap/db, which may miss what is only in the log",
        )
    elif not trailer.fits:
        yield Fault(
            FaultKind.CHANGED,
            f"its content has the SHA-256 {trailer.content.hex()}, but {trailer.written.hex()} stands at its end",
        )


def _faults_of_revision(snapshot: Snapshot, expected: Expected) -> Iterator[Fault]:
    current = snapshot.current_revision
    if expected.at_least is not None and current < expected.at_least:
        yield Fault(FaultKind.OLDER, f"it ends at revision {current}, and {expected.at_least} was seen")
    if expected.at_most is not None and current > expected.at_most:
        yield Fault(FaultKind.NEWER, f"it ends at revision {current}, beyond {expected.at_most}")


def _faults_of_manifest(reading: Reading, trailer: Trailer, manifest: Manifest | None) -> Iterator[Fault]:
    if manifest is None:
        return
    if manifest.encryption is not None:
        yield Fault(FaultKind.UNREADABLE, "its manifest says that it is encrypted, which this version cannot read")
    told = [("size", manifest.size, trailer.size), ("SHA-256", manifest.sha256, trailer.whole.hex())]
    if snapshot := reading.snapshot:
        told += [("revision", manifest.revision, snapshot.current_revision), ("hash", manifest.hash, snapshot.hash)]
    for name, written, found in told:
        if written != found:
            yield Fault(FaultKind.NOT_AS_SAVED, f"its {name} is {found}; the manifest says {written}")


def _compare_cluster(database: BoltFile, expected: Expected, reading: Reading) -> None:
    tables = read_tables(database)  # read in any case: an entry that does not parse is a fault
    if (wanted := expected.cluster_id) is None:
        return
    reading.same_cluster = is_of_cluster(tables, wanted)
    written = expected.manifest.cluster_id if expected.manifest else None
    if reading.same_cluster is False or written not in (None, wanted):
        names = ", ".join(member.name or f"{member.id:x}" for member in tables.members)
        reading.same_cluster = False
        reading.faults.append(Fault(FaultKind.WRONG_CLUSTER, f"it is of members {names}, not of cluster {wanted:x}"))
    elif reading.same_cluster is None:
        reading.notes.append("which cluster it is of cannot be told from its members")


def _compare_keys(database: BoltFile, expected: Expected, reading: Reading) -> None:
    if (wanted := expected.hash_of_keys) is None:
        return
    try:
        found = reading.hash_of_keys or hash_of_keys(
            database, revision=wanted.revision, compact_revision=wanted.compact_revision
        )
    except OutOfRange as why:
        reading.notes.append(f"its keys were not compared with the cluster's: {why}")
        return
    reading.hash_of_keys = found
    if found != wanted:
        reading.faults.append(
            Fault(
                FaultKind.KEYS_DIFFER,
                f"its keys have the hash {found.hash} at revision {found.revision}; the cluster gave {wanted.hash}",
            )
        )
