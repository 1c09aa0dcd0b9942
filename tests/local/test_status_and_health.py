"""`status` and `health`: one document of a fixed shape, a dead member as a row that says why, every way to fall short."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from etcdpilot.etcd.door import CONNECT_SECONDS, Door
from etcdpilot.model.knowledge import Known
from etcdpilot.observing.members import ANSWER_SECONDS, ask
from etcdpilot.observing.memory import keyring
from etcdpilot.stores.state import StateFolder
from etcdpilot.testing.local_cluster import LocalCluster
from tests.etcd_versions import Etcd, usual_lines
from tests.local.commands import Ended, Folder

pytestmark = pytest.mark.local

TEXT, NUMBER, LIST = str, int, list
CLUSTER = {
    "name": TEXT,
    "id": TEXT,
    "healthy": bool,
    "revision": NUMBER,
    "leader": TEXT,
    "quorum": dict,
    "tolerance": NUMBER,
    "version": TEXT,
}
MEMBER = {
    "name": TEXT,
    "id": TEXT,
    "state": TEXT,
    "peer_urls": LIST,
    "client_urls": LIST,
    "version": TEXT,
    "db_size": NUMBER,
    "db_size_in_use": NUMBER,
    "is_leader": bool,
    "raft_term": NUMBER,
    "raft_index": NUMBER,
    "applied_index": NUMBER,
    "certificate_expires": TEXT,
    "errors": LIST,
}


@pytest.fixture(scope="module", params=usual_lines(), ids=str)
def etcd(request: pytest.FixtureRequest) -> Etcd:
    return request.param


@pytest.fixture(scope="module")
def cluster(etcd: Etcd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    with LocalCluster(etcd=str(etcd.directory), directory=tmp_path_factory.mktemp("status")) as made:
        yield made


@pytest.fixture
def folder(cluster: LocalCluster) -> Iterator[Folder]:
    """The command line beside the cluster; whatever a test did to a member is mended."""
    yield Folder.at(cluster.directory)
    for member in cluster.members:
        cluster.resume(member.name)
    cluster.start()


def status(folder: Folder, code: int = 0) -> Any:
    return folder.run("-o", "json", "status", code=code).document


def health(folder: Folder, *more: str, code: int = 0) -> dict[str, dict[str, Any]]:
    document = folder.run("-o", "json", "health", *more, code=code).document
    assert document["healthy"] is (code == 0)
    return {f"{proof['what']} {proof['where']}".strip(): proof for proof in document["proofs"]}


def has_shape(found: dict[str, Any], shape: dict[str, Any], nullable: tuple[str, ...] = ()) -> None:
    for name, kind in shape.items():
        assert name in found
        assert isinstance(found[name], kind) or (name in nullable and found[name] is None), (name, found[name])


def test_the_document_has_every_field_with_its_type(folder: Folder):
    document = status(folder)
    assert list(document) == ["cluster", "members"]
    has_shape(document["cluster"], CLUSTER)
    assert {"voters": 3, "answering": 3, "needed": 2}.items() <= document["cluster"]["quorum"].items()
    for member in document["members"]:
        has_shape(member, MEMBER)
        assert set(member) == set(MEMBER)
    assert document["cluster"]["leader"] in [member["name"] for member in document["members"] if member["is_leader"]]


def test_a_dead_member_is_a_row_that_says_why_and_its_unknown_values_are_null(folder: Folder, cluster: LocalCluster):
    cluster.kill("etcd-2")
    document = status(folder, code=1)
    row = document["members"][2]
    unknown = ("version", "db_size", "db_size_in_use", "is_leader", "raft_term", "raft_index", "applied_index")
    has_shape(row, MEMBER, nullable=(*unknown, "certificate_expires"))
    assert (row["name"], row["state"], row["version"], row["is_leader"]) == ("etcd-2", "down", None, None)
    assert row["errors"] and row["peer_urls"] and row["client_urls"] and row["id"]
    assert "etcd-2: it does not accept connections" in folder.run("status", code=1).out


def test_a_member_that_holds_its_connections_and_answers_nothing_is_a_row_too(folder: Folder, cluster: LocalCluster):
    """How long that may take is judged by `make bench`; here, that every question asked of it has an end."""
    assert CONNECT_SECONDS < 1 and ANSWER_SECONDS < 1
    paused = follower(cluster)
    cluster.pause(paused)
    found = cluster.status()
    states = {row.name: row.state for row in found.members}
    assert states.pop(paused) == "down" and set(states.values()) == {"voting"}
    assert not found.healthy and found.quorum.tolerance == 0


def follower(cluster: LocalCluster) -> str:
    """Pausing the leader would make the others elect first, and nobody answers a true read meanwhile."""
    leader = cluster.status().leader
    return next(member.name for member in cluster.members if member.name != leader)


def test_without_a_quorum_every_row_is_there_and_the_exit_code_is_one(folder: Folder, cluster: LocalCluster):
    cluster.kill("etcd-0")
    cluster.kill("etcd-1")
    document = status(folder, code=1)
    assert [member["name"] for member in document["members"]] == ["etcd-0", "etcd-1", "etcd-2"]
    assert document["cluster"]["tolerance"] < 0 and not document["cluster"]["healthy"]
    (why,) = document["members"][2]["errors"]
    assert why.startswith("it runs, and "), why  # follows no leader, or does not know yet that there is none
    cluster.kill("etcd-2")
    assert [member["state"] for member in status(folder, code=1)["members"]] == ["down"] * 3
    assert not health(folder, code=1)["a write and its delete"]["holds"]


def test_health_proves_reads_a_write_hashes_and_leaves_no_key_behind(folder: Folder):
    proofs = health(folder)
    assert len([what for what in proofs if what.startswith("a linearizable read")]) == 3
    assert {"a write and its delete", "equal hash of keys at one revision", "one cluster", "no alarm"} <= set(proofs)
    assert folder.run("ctl", "--", "get", "--prefix", "/etcdpilot", "--keys-only").out == ""


def test_status_writes_nothing(folder: Folder):
    before = status(folder)["cluster"]["revision"]
    assert status(folder)["cluster"]["revision"] == before


def test_health_falls_short_for_a_paused_member(folder: Folder, cluster: LocalCluster):
    paused = follower(cluster)
    cluster.pause(paused)
    proofs = health(folder, code=1)
    reads = {what.rsplit(" ", 1)[1]: each for what, each in proofs.items() if what.startswith("a linearizable read")}
    assert not reads[paused]["holds"] and reads[paused]["why"]
    assert [name for name, each in reads.items() if not each["holds"]] == [paused]


def test_health_and_status_fall_short_for_an_alarm(tmp_path: Path, etcd: Etcd):
    """A database that is full raises NOSPACE: reads go on, writes do not."""
    here = Folder.at(tmp_path)
    made = LocalCluster(
        etcd=str(etcd.directory), directory=tmp_path, members=1, options={"quota-backend-bytes": str(2**20)}
    )
    with made:
        value = "x" * 400_000
        for number in range(6):
            here.run("ctl", "--", "put", f"big{number}", stdin=value, code=None)
        proofs = health(here, code=1)
        assert "NOSPACE" in proofs["no alarm"]["why"] and not proofs["no alarm"]["holds"]
        assert not proofs["a write and its delete"]["holds"]
        assert "NOSPACE" in folder_line(here.run("status", code=1), "alarm")


def folder_line(ended: Ended, word: str) -> str:
    return next(line for line in ended.out.splitlines() if word in line)


def strangers(cluster: LocalCluster, *endpoints: str) -> tuple[str, ...]:
    state = cluster.directory
    pair = ("--cert", str(state / "client.crt"), "--key", str(state / "client.key"))
    return ("--endpoints", ",".join(endpoints or cluster.endpoints), "--cacert", str(state / "ca.crt"), *pair)


def test_a_cluster_that_was_not_built_here_is_looked_at_by_its_endpoints(
    folder: Folder, cluster: LocalCluster, tmp_path: Path
):
    elsewhere = Folder.at(tmp_path)
    document = elsewhere.run("-o", "json", "status", *strangers(cluster, cluster.endpoints[1])).document
    assert document["cluster"]["id"] == status(folder)["cluster"]["id"]
    assert sorted(member["name"] for member in document["members"]) == ["etcd-0", "etcd-1", "etcd-2"]
    for member in document["members"]:
        has_shape(member, MEMBER)
    assert elsewhere.run("health", *strangers(cluster, cluster.endpoints[1]))


class Late(Door):
    """As on a machine that stood still while it connected: its first look reaches nobody."""

    looked = False

    async def listening(self, seconds: float = CONNECT_SECONDS, *, only: tuple[str, ...] = ()) -> frozenset[str]:
        first, self.looked = not self.looked, True
        return frozenset() if first else await super().listening(seconds, only=only)


async def test_a_cluster_is_not_down_because_one_look_reached_nobody(cluster: LocalCluster):
    names = [member.name for member in cluster.wanted.members]
    door = Late(dict(zip(names, cluster.endpoints, strict=True)), keyring(StateFolder(cluster.directory)))
    try:
        seen = await ask(door)
    finally:
        await door.close()
    assert {name for name, status in seen.statuses if isinstance(status, Known)} == set(names)


def test_of_a_strangers_cluster_a_dead_member_is_a_row_too(folder: Folder, cluster: LocalCluster, tmp_path: Path):
    cluster.kill("etcd-0")
    elsewhere = Folder.at(tmp_path)
    document = elsewhere.run("-o", "json", "status", *strangers(cluster), code=1).document
    states = {member["name"]: member["state"] for member in document["members"]}
    assert states == {"etcd-0": "down", "etcd-1": "voting", "etcd-2": "voting"}


def test_a_member_that_never_started_is_a_row_by_its_id(tmp_path: Path, etcd: Etcd):
    """It has no name and no client URL yet; the dead learner takes no vote, so the others go on."""
    with LocalCluster(etcd=str(etcd.directory), directory=tmp_path / "c") as made:
        here = Folder.at(made.directory)
        add = ("ctl", "--", "member", "add", "late", "--learner", "--peer-urls", "https://127.0.0.1:1")
        # For some seconds after a start etcd itself says `unhealthy cluster` to whoever wants to change its members.
        until(lambda: here.run(*add, code=None).code == 0)
        elsewhere = Folder.at(tmp_path)
        document = elsewhere.run("-o", "json", "status", *strangers(made), code=1).document
        late = next(each for each in document["members"] if each["peer_urls"] == ["https://127.0.0.1:1"])
        assert late["state"] == "added" and late["client_urls"] == [] and late["name"] == late["id"]


def test_two_clusters_behind_one_list_of_endpoints_are_no_cluster(
    cluster: LocalCluster, folder: Folder, tmp_path: Path
):
    with (
        LocalCluster(members=1, tls=False, directory=tmp_path / "one") as one,
        LocalCluster(members=1, tls=False, directory=tmp_path / "two") as two,
    ):
        both = ",".join((*one.endpoints, *two.endpoints))
        proofs = health(Folder.at(tmp_path), "--endpoints", both, code=1)
        assert not proofs["one cluster"]["holds"] and "2 different clusters" in proofs["one cluster"]["why"]
        assert Folder.at(tmp_path).run("status", "--endpoints", both, code=1)


def test_endpoints_where_nobody_answers_or_half_a_pair_of_files_end_in_an_error(tmp_path: Path):
    here = Folder.at(tmp_path)
    silent = here.run("status", "--endpoints", "http://127.0.0.1:1", code=None)
    assert silent.code == 1 and "Traceback" not in silent.err and "127.0.0.1:1" in silent.out + silent.err
    (tmp_path / "a.crt").write_text("nonsense")
    assert "belong together" in here.run("status", "--endpoints", "https://[::1]:1", "--cert", "a.crt", code=2).err
    assert here.run("status", "--endpoints", "https://127.0.0.1:1", "--cacert", "missing.crt", code=2)
    assert here.run("status", "--endpoints", "ftp://x", code=2)
    nonsense = ("--cacert", "a.crt", "--cert", "a.crt", "--key", "a.crt")
    assert here.run("health", "--endpoints", "https://127.0.0.1:1", *nonsense, code=None).code in (1, 2)


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_status_says_the_same_while_a_member_dies(folder: Folder, cluster: LocalCluster):
    """Looked at again and again from the kill on: never a missing row, never a traceback."""
    os.kill(next(pid for name, pid in folder.members().items() if name == "etcd-0"), signal.SIGKILL)
    for _ in range(4):
        document = folder.run("-o", "json", "status", code=1).document
        assert len(document["members"]) == 3
