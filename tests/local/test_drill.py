"""A backup is drilled: restored into a cluster that is gone again, compared key by key, and noted."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from tests.etcd_versions import every_line
from tests.local.changing import KILLED
from tests.local.restoring import LONG, Restoring, fill, in_the_long_form
from tests.local.test_restore import NEWEST, up

pytestmark = [pytest.mark.local, pytest.mark.timeout(900 if LONG else 300)]
if not every_line():
    pytest.skip("no etcd binary; install the extra `local`", allow_module_level=True)


@pytest.fixture
def cluster(tmp_path: Path):
    here = Restoring.at(tmp_path)
    yield here
    here.destroy()


def test_a_drill_proves_the_newest_backup_and_leaves_nothing_but_a_note(cluster: Restoring) -> None:
    up(cluster, NEWEST, 1)
    cluster.client_do(fill)
    cluster.run("backup", "save")
    before = cluster.members()
    (cluster.state / "last-backup.json").unlink()
    said = cluster.run("-o", "json", "backup", "drill").document
    assert said["holds"] and said["differences"] == [] and (said["leases"], said["users"]) == (3, 2)
    (backup,) = cluster.run("-o", "json", "backup", "list").document["backups"]
    assert backup["proved_at"][:16] == said["at"][:16]
    noted = cluster.run("status", "-o", "json").document["backups"]
    assert noted["newest"]["name"] == backup["name"] and noted["newest"]["proved_at"][:16] == said["at"][:16]
    assert cluster.members() == before
    assert [path.name for path in (cluster.state / "drill").iterdir()] == ["lock"]
    # A drill that is killed leaves its cluster running; the next one takes that away.
    first = cluster.begin("backup", "drill")
    deadline = time.monotonic() + 60
    while len(cluster.members()) == len(before) and "drill" not in str(
        list(cluster.state.glob("drill/members/*/etcd.log"))
    ):
        assert time.monotonic() < deadline and first.poll() is None
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    assert first.wait() == KILLED
    cluster.run("backup", "drill")
    assert cluster.members() == before


@in_the_long_form
def test_a_drill_of_a_file_needs_no_cluster_and_finds_what_is_damaged(cluster: Restoring) -> None:
    up(cluster, NEWEST, 1)
    cluster.run("backup", "save", "s.db")
    cluster.run("backup", "drill", "s.db", "--members", "3")
    assert json.loads((cluster.path / "s.json").read_text())["proved_at"]
    data = bytearray((cluster.path / "s.db").read_bytes())
    data[len(data) // 2] ^= 1
    (cluster.path / "bad.db").write_bytes(data)
    assert "not a sound snapshot" in cluster.run("backup", "drill", "bad.db", code=3).err
    assert "There is no snapshot" in cluster.run("backup", "drill", "./nowhere.db", code=2).err
