"""The majority is lost for good: the most advanced survivor is found, running or not, and the whole cluster rebuilt."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from tests.etcd_versions import Etcd, every_line
from tests.local.changing import EVERY_MOMENT
from tests.local.restoring import LONG, Restoring, in_the_long_form
from tests.local.test_restore import NEWEST, RUN, is_proved, up

pytestmark = [pytest.mark.local, pytest.mark.timeout(1800 if LONG else 300)]
if not every_line():
    pytest.skip("no etcd binary; install the extra `local`", allow_module_level=True)


@pytest.fixture
def cluster(tmp_path: Path):
    here = Restoring.at(tmp_path)
    yield here
    here.destroy()


def lose(cluster: Restoring, *names: str) -> None:
    """Killed, and their disks are gone."""
    for name in names:
        if name in cluster.members():
            cluster.kill(name)
        shutil.rmtree(cluster.state / "members" / name / "data")


def put(cluster: Restoring, key: str) -> None:
    cluster.run("ctl", "--", "put", key, "1")


def keys(cluster: Restoring) -> list[str]:
    return cluster.run("ctl", "--", "get", "", "--prefix", "--keys-only").out.split()


@pytest.mark.parametrize("etcd", RUN if LONG else RUN[:1], ids=str)
def test_a_running_survivor_gives_its_snapshot_and_the_cluster_is_whole_again(cluster: Restoring, etcd: Etcd) -> None:
    up(cluster, etcd)
    assert "has its quorum" in cluster.run("recover", "quorum", "--yes", code=3).err
    put(cluster, "acknowledged")
    lose(cluster, "etcd-1", "etcd-2")
    cluster.run("ctl", "--", "put", "never acknowledged", "1", "--command-timeout=1s", code=None)
    cluster.remember_data()
    survivor = cluster.members()["etcd-0"]
    said = cluster.run("recover", "quorum", code=3)
    assert "taking a snapshot of etcd-0, which runs" in said.out and "no terminal" in said.err
    assert cluster.members() == {"etcd-0": survivor}, "it goes on running until it is said aloud"
    assert list((cluster.state / "backups").rglob("*.db")), "its snapshot is kept in any case"
    cluster.run("recover", "quorum", "--yes")
    is_proved(cluster)
    assert {"kept", "acknowledged"} <= set(keys(cluster))
    assert any("etcd-0/data.aside" in each for each in cluster.aside())
    assert "has its quorum" in cluster.run("recover", "quorum", "--yes", code=3).err


@pytest.mark.parametrize("etcd", RUN if LONG else RUN[-1:], ids=str)
def test_the_most_advanced_of_those_that_are_down_is_taken_with_what_stands_in_its_log_alone(
    cluster: Restoring, etcd: Etcd
) -> None:
    up(cluster, etcd, 5)
    cluster.kill("etcd-4")
    for number in range(20):
        put(cluster, f"after etcd-4 died {number}")
    # Everybody dies at once, without a chance to write down what was applied.
    for name, pid in cluster.members().items():
        os.kill(pid, signal.SIGKILL)
        assert name != "etcd-4"
    while cluster.members():
        pass
    lose(cluster, "etcd-0", "etcd-1", "etcd-2")
    said = cluster.run("recover", "quorum", "--yes").out
    lines = {line.split()[0]: line for line in said.splitlines() if line.startswith("etcd-")}
    assert "taken" in lines["etcd-3"] and "revisions behind" in lines["etcd-4"], said
    is_proved(cluster, 5)
    # The last one was acknowledged by a majority to which the only survivor need not have belonged.
    assert len([key for key in keys(cluster) if key == "after"]) in (19, 20)


@in_the_long_form
def test_a_majority_that_still_has_its_data_is_started_not_recovered(cluster: Restoring) -> None:
    up(cluster, NEWEST)
    for name in ("etcd-1", "etcd-2"):
        cluster.kill(name)
    refused = cluster.run("recover", "quorum", "--yes", code=3).err
    assert "still have their data" in refused and "etcdpilot apply" in refused
    # One of them is beyond repair: it is named, and does not count.
    for log in (cluster.state / "members" / "etcd-2" / "data" / "member" / "wal").glob("*.wal"):
        log.write_bytes(log.read_bytes()[:4096][::-1])
    lose(cluster, "etcd-1")
    cluster.run("recover", "quorum", "--lost", "etcd-2", "--yes")
    assert cluster.states()["etcd-0"] == cluster.states()["etcd-1"] == "voting"
    cluster.run("apply", "--yes")
    is_proved(cluster)


@in_the_long_form
def test_where_nobody_has_data_a_backup_is_what_is_left(cluster: Restoring) -> None:
    up(cluster, NEWEST)
    cluster.run("backup", "save")
    lose(cluster, "etcd-0", "etcd-1", "etcd-2")
    refused = cluster.run("recover", "quorum", "--yes", code=3).err
    assert "Nobody of dev has data left" in refused and "etcdpilot restore latest" in refused
    cluster.run("restore", "latest", "--yes")
    is_proved(cluster)


@in_the_long_form
def test_killed_at_every_step_one_more_command_finishes_the_recovery(cluster: Restoring) -> None:
    up(cluster, NEWEST)
    put(cluster, "acknowledged")
    lose(cluster, "etcd-1", "etcd-2")
    cluster.remember_data()
    moments = EVERY_MOMENT if LONG else ("before:4",)
    for _ in range(30):
        codes = [cluster.dying(moment, "recover", "quorum", "--yes").code for moment in moments]
        cluster.old_data_is_there()
        if 0 in codes or 3 in codes:  # 3: it has its quorum again
            break
        assert set(codes) == {-signal.SIGKILL}
    is_proved(cluster)
    assert "acknowledged" in keys(cluster)
