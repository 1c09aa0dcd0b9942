"""A whole cluster brought back from a snapshot, on real local clusters: content, identity, kills, and files that are none."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from etcdpilot.etcd.errors import Compacted, OutOfSpace
from etcdpilot.model.restoring import can_bump
from etcdpilot.model.versions import Version
from tests.etcd_versions import Etcd, all_versions, every_line, usual_lines
from tests.local.changing import EVERY_MOMENT, KILLED
from tests.local.restoring import KEYS, LONG, Restoring, fill, in_the_long_form

pytestmark = [pytest.mark.local, pytest.mark.timeout(1800 if LONG else 300)]
if not every_line():
    pytest.skip("no etcd binary; install the extra `local`", allow_module_level=True)

OLDEST = [each for each in all_versions() if each.version == "3.4.23"] or usual_lines()[:1]
PINNED = [each for each in all_versions() if each.version in ("3.4.23", "3.5.30")]
RUN = list(dict.fromkeys([*PINNED, *every_line()[2:]])) if LONG else [*OLDEST, *every_line()[-1:]]
NEWEST = every_line()[-1]


@pytest.fixture
def cluster(tmp_path: Path):
    here = Restoring.at(tmp_path)
    yield here
    here.destroy()


def up(cluster: Restoring, etcd: Etcd, members: int = 3, *more: str) -> Restoring:
    return cluster.begin_with(members, "--etcd", str(etcd.directory / "etcd"), *more)


def saved(cluster: Restoring, name: str = "s.db") -> Path:
    cluster.patiently("backup", "save", name)
    return cluster.path / name


def is_proved(cluster: Restoring, members: int = 3) -> None:
    rows = cluster.run("status", "-o", "json").document["members"]
    assert [row["state"] for row in rows] == ["voting"] * members
    cluster.run("health")
    assert "Nothing to do" in cluster.run("apply", "--yes").out


@pytest.mark.parametrize("etcd", RUN, ids=str)
def test_a_restored_cluster_holds_what_the_snapshot_holds_under_a_new_identity(cluster: Restoring, etcd: Etcd) -> None:
    up(cluster, etcd, 3)
    if LONG:
        cluster.edit("etcd:\n", "etcd:\n  options: {quota-backend-bytes: 4GiB}\n")
        cluster.run("apply", "--yes")
    cluster.client_do(fill)
    snapshot = saved(cluster)
    before = cluster.run("status", "-o", "json").document["cluster"]
    cluster.client_do(lambda client: client.kv.delete("/bulk/", prefix=True))
    cluster.remember_data()
    said = cluster.patiently("restore", "s.db", "--yes")
    is_proved(cluster)
    found = cluster.compared_with(snapshot)
    assert found.differences == () and found.keys == KEYS - 1 + 20 + 3 + 1 and (found.leases, found.users) == (3, 2)
    after = cluster.run("status", "-o", "json").document["cluster"]
    assert after["id"] != before["id"]
    bumps = can_bump(Version.parse(etcd.version))
    assert (after["revision"] > 1_000_000_000) is bumps
    assert ("cannot bump" in said) is not bumps
    cluster.old_data_is_there()
    assert len(cluster.aside()) == 3


def test_killed_at_every_step_one_more_command_finishes_and_the_old_data_are_there(cluster: Restoring) -> None:
    up(cluster, NEWEST)
    snapshot = saved(cluster)
    cluster.run("ctl", "--", "put", "kept", "written later")
    cluster.remember_data()
    moments = EVERY_MOMENT if LONG else ("before:2",)
    runs = cluster.in_pieces("restore", "s.db", "--yes", again=("restore", "--yes"), moments=moments)
    assert LONG or runs == 10, "nine steps, each of them once"
    is_proved(cluster)
    assert cluster.compared_with(snapshot).differences == ()
    cluster.old_data_is_there()


@in_the_long_form
def test_between_the_end_of_the_old_cluster_and_the_start_of_the_new_nothing_else_is_done(cluster: Restoring) -> None:
    up(cluster, NEWEST)
    saved(cluster)
    assert cluster.dying("before:6", "restore", "s.db", "--yes").code == KILLED
    for verb in (("apply", "--yes"), ("up",), ("restart", "--yes"), ("member", "remove", "etcd-2", "--yes")):
        refused = cluster.run(*verb, code=3).err
        assert "is not finished" in refused and "etcdpilot restore" in refused
    assert cluster.members() == {}
    cluster.run("restore", "--yes")
    is_proved(cluster)


@in_the_long_form
def test_what_is_begun_gives_way_to_another_snapshot(cluster: Restoring) -> None:
    up(cluster, NEWEST)
    saved(cluster, "one.db")
    cluster.run("ctl", "--", "put", "kept", "later")
    saved(cluster, "two.db")
    assert cluster.dying("before:12", "restore", "one.db", "--yes").code == KILLED
    (cluster.path / "one.db").unlink()
    cluster.run("restore", "two.db", "--yes")
    is_proved(cluster)
    assert cluster.run("ctl", "--", "get", "kept", "--print-value-only").out == "later\n"


def test_a_file_that_is_no_sound_snapshot_of_this_cluster_touches_nothing(cluster: Restoring, tmp_path: Path) -> None:
    up(cluster, NEWEST, 1)
    good = saved(cluster)
    other = Restoring.at(tmp_path / "other")
    other.path.mkdir()
    try:
        foreign = saved(up(other, NEWEST, 1))
    finally:
        other.close()
    data = good.read_bytes()
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 1
    files = {
        "truncated.db": data[: len(data) // 2],
        "flipped.db": bytes(flipped),
        "copied.db": data[:-32],
        "text.db": b"this is no snapshot\n" * 500,
        "empty.db": b"",
        "foreign.db": foreign.read_bytes(),
    }
    for name, content in files.items():
        (cluster.path / name).write_bytes(content)
    with sqlite3.connect(cluster.path / "other-kind.db") as database:
        database.execute("create table t (a)")
    before = cluster.pids()
    for name in (*files, "other-kind.db"):
        refused = cluster.run("restore", name, "--yes", code=3).err
        assert "nothing was touched" in refused, (name, refused)
    assert cluster.run("restore", "missing.db", "--yes", code=2).err.startswith("✗ There is no")
    assert cluster.pids() == before and cluster.aside() == []
    assert not (cluster.state / "restore.json").exists()
    # What was meant is said aloud.
    cluster.run("restore", "copied.db", "--without-checksum", "--yes")
    is_proved(cluster, 1)
    cluster.run("restore", "foreign.db", "--of-another-cluster", "--yes")
    is_proved(cluster, 1)


@in_the_long_form
def test_a_snapshot_from_before_an_earlier_restore_is_of_this_cluster(cluster: Restoring) -> None:
    up(cluster, NEWEST, 1)
    saved(cluster, "one.db")
    cluster.run("restore", "one.db", "--yes")
    saved(cluster, "two.db")
    cluster.run("restore", "one.db", "--yes")
    cluster.run("restore", "two.db", "--yes")
    is_proved(cluster, 1)


@pytest.mark.parametrize("etcd", RUN if LONG else RUN[-1:], ids=str)
def test_a_snapshot_taken_under_nospace_is_restored_into_a_cluster_that_writes(cluster: Restoring, etcd: Etcd) -> None:
    up(cluster, etcd, 1)
    cluster.edit("etcd:\n", "etcd:\n  options: {quota-backend-bytes: 16MiB}\n")
    cluster.run("apply", "--yes")

    async def fill_up(client) -> None:
        with pytest.raises(OutOfSpace):
            for _ in range(100):
                await client.kv.put("again and again", os.urandom(1_000_000), timeout=20)

    cluster.client_do(fill_up)
    snapshot = saved(cluster)
    assert "NOSPACE" in cluster.run("restore", "s.db", "--yes").out
    is_proved(cluster, 1)
    cluster.run("ctl", "--", "put", "again", "writes")
    assert cluster.run("-o", "json", "status").document["cluster"]["alarms"] == []
    assert snapshot.exists()


@in_the_long_form
def test_a_watcher_that_knew_later_revisions_is_told_so(cluster: Restoring) -> None:
    up(cluster, NEWEST, 1)
    saved(cluster)
    for _ in range(5):
        cluster.run("ctl", "--", "put", "kept", "later")
    seen = cluster.run("-o", "json", "status").document["cluster"]["revision"]
    cluster.run("restore", "s.db", "--yes")

    async def watch(client) -> None:
        async with client.watch("kept", start_revision=seen + 1) as events:
            async for _ in events:
                return

    with pytest.raises(Compacted):
        cluster.client_do(watch)


@in_the_long_form
def test_a_cluster_comes_back_in_another_size_and_into_another_cluster(cluster: Restoring, tmp_path: Path) -> None:
    up(cluster, NEWEST)
    snapshot = saved(cluster)
    cluster.name_members(1)
    cluster.run("restore", "s.db", "--yes")
    is_proved(cluster, 1)
    assert list(cluster.members()) == ["etcd-1"] and len(cluster.aside()) == 3
    cluster.name_members(0, 1, 2, 3, 4)
    cluster.run("restore", "s.db", "--yes")
    is_proved(cluster, 5)
    assert cluster.compared_with(snapshot).differences == ()
    other = Restoring.at(tmp_path / "other")
    other.path.mkdir()
    try:
        up(other, NEWEST, 1)
        other.run("down")
        cluster.run("restore", "s.db", "--to", str(other.file), "--yes")
        is_proved(other, 1)
        assert other.compared_with(snapshot).differences == ()
        is_proved(cluster, 5)
    finally:
        other.close()


@pytest.mark.parametrize("etcd", RUN if LONG else RUN[-1:], ids=str)
def test_a_member_that_comes_back_from_the_dead_never_joins_the_restored_cluster(
    cluster: Restoring, etcd: Etcd
) -> None:
    up(cluster, etcd)
    saved(cluster)
    cluster.run("ctl", "--", "put", "kept", "what the dead one knows")
    cluster.kill("etcd-2")
    home = cluster.state / "members" / "etcd-2"
    home.rename(cluster.path / "gone")
    cluster.run("restore", "s.db", "--lost", "etcd-2", "--yes")
    shutil.rmtree(home, ignore_errors=True)
    (cluster.path / "gone").rename(home)
    ghost = subprocess.Popen(
        ["/bin/sh", str(home / "run")],
        stdin=subprocess.DEVNULL,
        stdout=(cluster.path / "ghost.log").open("wb"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 30
        while b"cluster ID mismatch" not in (cluster.path / "ghost.log").read_bytes():
            assert ghost.poll() is None and time.monotonic() < deadline, (cluster.path / "ghost.log").read_text()[
                -3000:
            ]
            time.sleep(0.05)
        status = cluster.run("-o", "json", "status", code=1).document
        states = {row["name"]: row["state"] for row in status["members"]}
        assert states == {"etcd-0": "voting", "etcd-1": "voting", "etcd-2": "absent"}
        assert status["cluster"]["quorum"]["voters"] == 2
        for _ in range(5):
            assert cluster.run("ctl", "--", "get", "kept", "--print-value-only").out == "from the beginning\n"
        # One apply stops it, sets its data aside, and takes it in as a new member.
        cluster.run("apply", "--yes")
        is_proved(cluster)
        assert ghost.wait(10) is not None
    finally:
        if ghost.poll() is None:
            ghost.send_signal(signal.SIGKILL)
            ghost.wait()
    assert any("etcd-2/data.aside" in each for each in cluster.aside())


@pytest.mark.parametrize("etcd", RUN[:1], ids=str)
def test_the_guard_keeps_old_data_from_starting_once_the_new_identity_is_written(
    cluster: Restoring, etcd: Etcd
) -> None:
    up(cluster, etcd)
    saved(cluster)
    assert cluster.dying("before:6", "restore", "s.db", "--yes").code == KILLED  # files written, data not moved yet
    started = subprocess.run(
        ["/bin/sh", str(cluster.state / "members" / "etcd-0" / "run")], capture_output=True, text=True, check=False
    )
    assert started.returncode == 1 and "another cluster" in started.stderr
    cluster.run("restore", "--yes")
    is_proved(cluster)


def test_a_restore_is_not_begun_without_a_word(cluster: Restoring) -> None:
    up(cluster, NEWEST, 1)
    saved(cluster)
    before = cluster.pids()
    assert "no terminal" in cluster.run("restore", "s.db", code=3).err
    assert "Which snapshot" in cluster.run("restore", "--yes", code=2).err
    assert "no member etcd-7" in cluster.run("restore", "s.db", "--yes", "--lost", "etcd-7", code=2).err
    assert cluster.pids() == before and not (cluster.state / "restore.json").exists()


@in_the_long_form
def test_while_one_restores_the_second_is_told_who(cluster: Restoring) -> None:
    up(cluster, NEWEST)
    saved(cluster)
    first = cluster.begin("restore", "s.db", "--yes")
    try:
        deadline = time.monotonic() + 20
        while not (cluster.state / "restore.json").exists():
            assert time.monotonic() < deadline and first.poll() is None
            time.sleep(0.01)
        assert "Another etcdpilot is at work" in cluster.run("restore", "s.db", "--yes", code=3).err
    finally:
        first.communicate(timeout=60)
    assert first.returncode == 0
    is_proved(cluster)
