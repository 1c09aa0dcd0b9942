"""What etcdctl itself says when members are added, changed and removed by hand, and that the product stands above it: the
words of the classic tutorials as etcd says them today."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.etcd_versions import Etcd, all_versions
from tests.local.changing import Cluster
from tests.local.commands import Ended

pytestmark = [pytest.mark.local, pytest.mark.timeout(240)]
CLASSIC = [each for each in all_versions() if each.version in ("3.4.23", "3.5.30")]
SHORT = os.environ.get("ETCDPILOT_LONG") != "1"
USUAL = CLASSIC[:1] if SHORT else CLASSIC
LONG = pytest.mark.skipif(SHORT, reason="the long form (ETCDPILOT_LONG=1) says more of what etcdctl does by hand")
ID = r"[0-9a-f]{8,16}"


@pytest.fixture(params=USUAL, ids=str)
def cluster(request: pytest.FixtureRequest, tmp_path: Path):
    etcd: Etcd = request.param
    here = Cluster.at(tmp_path)
    here.begin_with(3, "--etcd", str(etcd.directory / "etcd"))
    here.directory, here.version = etcd.directory, etcd.version  # type: ignore[attr-defined]
    yield here
    here.close()


def ctl(cluster: Cluster, *words: str, code: int | None = 0) -> Ended:
    return cluster.run("ctl", "--", *words, code=code)


def once_it_is_old_enough(cluster: Cluster, *words: str) -> str:
    """A cluster answers `unhealthy cluster` for five seconds after its start or a change."""
    deadline = time.monotonic() + 30
    while (said := ctl(cluster, *words, code=None)).code:
        assert "unhealthy cluster" in said.err and time.monotonic() < deadline, said.err
    return said.out


def url(cluster: Cluster, number: int) -> str:
    return f"https://127.0.0.1:{cluster.ports[number][1]}"


def test_adding_by_hand_says_what_the_tutorials_say_and_one_at_a_time(cluster: Cluster):
    positional = ctl(cluster, "member", "add", "infra3", url(cluster, 3), code=None)
    assert positional.code and "too many arguments, did you mean --peer-urls=" in positional.err
    added = once_it_is_old_enough(cluster, "member", "add", "infra3", f"--peer-urls={url(cluster, 3)}")
    assert re.search(rf"Member +{ID} added to cluster +{ID}", added)
    assert 'ETCD_NAME="infra3"' in added and 'ETCD_INITIAL_CLUSTER_STATE="existing"' in added
    assert f'ETCD_INITIAL_ADVERTISE_PEER_URLS="{url(cluster, 3)}"' in added
    assert f"infra3={url(cluster, 3)}" in added.split("ETCD_INITIAL_CLUSTER=")[1]
    listed = ctl(cluster, "member", "list").out
    assert re.search(rf"{ID}, unstarted, , {re.escape(url(cluster, 3))}, , false", listed)
    second = ctl(cluster, "member", "add", "infra4", f"--peer-urls={url(cluster, 4)}", code=None)
    if cluster.version.startswith("3.4"):  # type: ignore[attr-defined]
        assert second.code and "etcdserver: unhealthy cluster" in second.err
    else:  # since 3.5.30 etcd takes it while a quorum of those before it is well
        assert "added to cluster" in second.out
    # Ours refuses as well, before anything is touched: nobody knows whose that member is.
    assert "nobody here created it" in cluster.run("apply", "--yes", code=3).err


@LONG
def test_a_second_learner_is_more_than_etcd_takes_and_ours_does_not_ask_for_it(cluster: Cluster):
    once_it_is_old_enough(cluster, "member", "add", "learner", "--learner", f"--peer-urls={url(cluster, 3)}")
    second = ctl(cluster, "member", "add", "another", "--learner", f"--peer-urls={url(cluster, 4)}", code=None)
    assert second.code and "too many learner members in cluster" in second.err
    before = ctl(cluster, "member", "list").out
    refused = cluster.add(4, code=3)
    assert "nobody here created it" in refused.err, "and it is named, with the way to take it out"
    assert ctl(cluster, "member", "list").out == before and "etcd-4" not in cluster.members()


def started_by_hand(cluster: Cluster, state: str, log: Path) -> subprocess.Popen[bytes]:
    """A fourth member as the tutorials start it, with all four in its flags."""
    peers = ",".join(f"etcd-{number}={url(cluster, number)}" for number in range(4))
    keys, (client, _) = cluster.state / "members" / "etcd-0" / "tls", cluster.ports[3]
    command = [
        str(cluster.directory / "etcd"),  # type: ignore[attr-defined]
        "--name=etcd-3",
        f"--data-dir={cluster.path / 'by-hand'}",
        f"--listen-peer-urls={url(cluster, 3)}",
        f"--initial-advertise-peer-urls={url(cluster, 3)}",
        f"--listen-client-urls=http://127.0.0.1:{client}",
        f"--advertise-client-urls=http://127.0.0.1:{client}",
        f"--initial-cluster={peers}",
        f"--initial-cluster-state={state}",
        *(f"--peer-{name}={keys / file}" for name, file in PEER.items()),
        "--logger=zap",
    ]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ETCD")}
    with log.open("wb") as into:
        return subprocess.Popen(command, env=clean, stdout=into, stderr=into)


@LONG
def test_a_member_that_is_started_before_it_is_added_is_turned_away(cluster: Cluster):
    log = cluster.path / "early.log"
    assert started_by_hand(cluster, "existing", log).wait(timeout=30) == 1
    said = log.read_text()
    assert "error validating peerURLs" in said and "member count is unequal" in said


@LONG
def test_a_member_that_is_added_and_started_as_a_new_cluster_never_comes_in(cluster: Cluster):
    """It makes up a cluster of its own from the same flags, and both sides send each other away."""
    once_it_is_old_enough(cluster, "member", "add", "etcd-3", f"--peer-urls={url(cluster, 3)}")
    log = cluster.path / "new.log"
    process = started_by_hand(cluster, "new", log)
    try:
        deadline = time.monotonic() + 30
        while "cluster ID mismatch" not in log.read_text():
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()[-2000:]
            time.sleep(0.1)
        listed = ctl(cluster, "member", "list").out
        assert re.search(rf"{ID}, unstarted, , {re.escape(url(cluster, 3))}, , false", listed)
        assert "nobody here created it" in cluster.run("apply", "--yes", code=3).err
    finally:
        process.kill()
        process.wait()


PEER = {"cert-file": "peer.crt", "key-file": "peer.key", "trusted-ca-file": "peer-ca.crt"}


def test_updating_by_hand_says_what_the_tutorials_say_and_apply_puts_it_right(cluster: Cluster):
    ids = {name: row["id"] for name, row in cluster.rows().items()}
    positional = ctl(cluster, "member", "update", ids["etcd-1"], url(cluster, 5), code=None)
    assert positional.code and "member ID is not provided" in positional.err
    twice = ctl(cluster, "member", "update", ids["etcd-1"], f"--peer-urls={url(cluster, 0)}", code=None)
    assert "etcdserver: Peer URLs already exists" in twice.err
    nobody = ctl(cluster, "member", "update", "abcdef", f"--peer-urls={url(cluster, 5)}", code=None)
    assert "etcdserver: member not found" in nobody.err
    moved = ctl(cluster, "member", "update", ids["etcd-1"], f"--peer-urls={url(cluster, 5)}").out
    assert re.search(rf"Member +{ID} updated in cluster +{ID}", moved)
    told = cluster.run("apply", "--yes").out
    assert f"tell the cluster that etcd-1 moves to {url(cluster, 1)}" in told, "the file is the truth"
    cluster.is_settled("etcd-0", "etcd-1", "etcd-2")


@LONG
def test_removing_by_hand_ends_the_member_and_ours_shows_the_new_endpoints(cluster: Cluster):
    deadline = time.monotonic() + 60
    while True:  # an election of its own may come in between
        rows = cluster.rows()
        gone, row = next((name, row) for name, row in rows.items() if not row["is_leader"])
        away = ctl(cluster, "--endpoints", row["client_urls"][0], "move-leader", row["id"], code=None)
        if away.code and "no leader endpoint given at" in away.err:
            break
        assert time.monotonic() < deadline, away.err
    removed = once_it_is_old_enough(cluster, "member", "remove", row["id"])
    assert re.search(rf"Member +{ID} removed from cluster +{ID}", removed)
    deadline = time.monotonic() + 10
    while gone in cluster.members():
        assert time.monotonic() < deadline, "a removed member stops by itself"
    said = (cluster.state / "members" / gone / "etcd.log").read_text()
    assert "removed from the cluster" in said
    assert "etcdserver: member not found" in ctl(cluster, "member", "remove", row["id"], code=None).err


@LONG
def test_the_table_of_endpoints_has_its_columns_and_one_leader(cluster: Cluster):
    shown = ctl(cluster, "-w", "table", "endpoint", "status").out
    head = next(line for line in shown.splitlines() if "ENDPOINT" in line)
    columns = cells(head)
    assert columns[:3] == ["ENDPOINT", "ID", "VERSION"]
    assert [each for each in columns if each in LAST] == LAST
    place = columns.index("IS LEADER")
    rows = [cells(line) for line in shown.splitlines() if "127.0.0.1" in line]
    assert [row[place] for row in rows].count("true") == 1 and len(rows) == 3


def cells(line: str) -> list[str]:
    """Its bars are | in older releases and box drawing later."""
    return [cell.strip() for cell in re.split("[|│]", line.strip(" |│"))]


LAST = ["DB SIZE", "IS LEADER", "IS LEARNER", "RAFT TERM", "RAFT INDEX", "RAFT APPLIED INDEX", "ERRORS"]


@LONG
def test_after_every_change_the_parameters_of_others_name_who_is_there(cluster: Cluster):
    def servers(consumer: str, word: str) -> list[str]:
        lines = cluster.run("env", "--for", consumer).out.splitlines()
        return next(line for line in lines if word in line).split("=", 1)[1].split(",")

    assert len(servers("kube-apiserver", "--etcd-servers=")) == 3
    cluster.add(3)
    for consumer, word in (("kube-apiserver", "--etcd-servers="), ("flannel", "--etcd-endpoints=")):
        assert servers(consumer, word) == [f"https://127.0.0.1:{client}" for client, _ in cluster.ports[:4]]
    cluster.run("member", "remove", "etcd-1", "--yes")
    assert f"https://127.0.0.1:{cluster.ports[1][0]}" not in servers("kube-apiserver", "--etcd-servers=")
    flannel = cluster.run("env", "--for", "flannel").out
    assert "--etcd-prefix=/k8s/network" in flannel and "--etcd-cafile=" in flannel
