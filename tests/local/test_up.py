"""`etcdpilot up`: a proved three-member TLS cluster from one command, and what becomes of it."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from etcdpilot.hosts.processes import all_processes
from etcdpilot.model.identity import as_hex, cluster_id, member_id
from etcdpilot.stores.local_clusters import begin
from etcdpilot.testing.dying import last_begun
from tests.etcd_versions import Etcd, usual_lines
from tests.local.blank_logs import blank_log
from tests.local.changing import KILLED, Cluster
from tests.local.commands import Folder

pytestmark = pytest.mark.local


@pytest.fixture(params=usual_lines(), ids=str)
def etcd(request: pytest.FixtureRequest) -> Etcd:
    return request.param


def up(folder: Folder, etcd: Etcd, *more: str) -> dict:
    return folder.run("-o", "json", "up", "--etcd", str(etcd.directory / "etcd"), *more).document


def state(folder: Folder) -> Path:
    return folder.path / ".etcdpilot" / "dev"


def test_up_makes_three_voters_under_one_leader_with_the_ids_that_were_foretold(folder: Folder, etcd: Etcd):
    status = up(folder, etcd)
    assert [member["state"] for member in status["members"]] == ["voting"] * 3
    assert [member["is_leader"] for member in status["members"]].count(True) == 1
    assert status["cluster"]["tolerance"] == 1
    assert status["cluster"]["version"] == etcd.version

    token = json.loads((state(folder) / "identity.json").read_text())["token"]
    ids = [member_id(member["peer_urls"], token) for member in status["members"]]
    assert [member["id"] for member in status["members"]] == [as_hex(each) for each in ids]
    assert status["cluster"]["id"] == as_hex(cluster_id(ids))
    folder.run("health")


def test_every_listener_refuses_plain_text_and_clients_without_a_certificate(folder: Folder, etcd: Etcd):
    status = up(folder, etcd)
    for member in status["members"]:
        for url in (*member["client_urls"], *member["peer_urls"]):
            port = int(url.rsplit(":", 1)[1])
            assert not answers_http(port), url
            assert not completes_handshake(port, None), url


def test_a_client_certificate_opens_the_client_port_and_no_peer_port(folder: Folder, etcd: Etcd):
    status = up(folder, etcd)
    pair = (state(folder) / "client.crt", state(folder) / "client.key")
    for member in status["members"]:
        assert completes_handshake(int(member["client_urls"][0].rsplit(":", 1)[1]), pair)
        assert not completes_handshake(int(member["peer_urls"][0].rsplit(":", 1)[1]), pair)


def test_everything_that_up_writes_is_for_its_user_alone(folder: Folder, etcd: Etcd):
    os.umask(0)
    try:
        up(folder, etcd)
    finally:
        os.umask(0o022)
    for path in [state(folder), *state(folder).rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        if path.is_dir():
            assert mode == 0o700 or path.parts[-1] in ("member", "snap", "wal"), path
        elif path.suffix == ".key" or b"PRIVATE KEY" in path.read_bytes():
            assert mode == 0o600, path


def test_up_again_changes_nothing_and_says_so(folder: Folder, etcd: Etcd):
    up(folder, etcd)
    before = (folder.members(), modified(state(folder)))
    assert "Nothing to do" in folder.run("up").out
    assert (folder.members(), modified(state(folder))) == before


def test_a_killed_member_is_a_row_that_says_why_and_up_brings_it_back_with_its_data(folder: Folder, etcd: Etcd):
    up(folder, etcd)
    folder.run("ctl", "--", "put", "kept", "value")
    os.kill(folder.members()["etcd-1"], signal.SIGKILL)

    ended = folder.run("status", "-o", "json", code=1)
    # Where it led, the others elect first, and until they have nobody answers a true read.
    deadline = time.monotonic() + 30
    while ended.document["cluster"]["tolerance"] < 0 and time.monotonic() < deadline:
        ended = folder.run("status", "-o", "json", code=1)
    rows = {member["name"]: member for member in ended.document["members"]}
    assert ended.document["cluster"]["tolerance"] == 0
    assert rows["etcd-1"]["state"] == "down" and rows["etcd-1"]["errors"]
    assert [rows[name]["errors"] for name in ("etcd-0", "etcd-2")] == [[], []]

    folder.run("up")
    folder.run("health")
    endpoint = rows["etcd-1"]["client_urls"][0]
    assert folder.run("ctl", "--", "--endpoints", endpoint, "get", "kept").out == "kept\nvalue\n"


def test_up_brings_the_data_back_after_all_members_were_killed(folder: Folder, etcd: Etcd):
    first = up(folder, etcd)
    folder.run("ctl", "--", "put", "kept", "value")
    folder.close()
    assert folder.run("status", code=1)
    again = folder.run("-o", "json", "up").document
    assert again["cluster"]["id"] == first["cluster"]["id"]
    assert folder.run("ctl", "--", "get", "kept").out == "kept\nvalue\n"


def test_down_leaves_no_process_and_up_brings_the_same_cluster_back(folder: Folder, etcd: Etcd):
    first = up(folder, etcd)
    folder.run("ctl", "--", "put", "kept", "value")
    folder.run("down")
    assert folder.members() == {}
    assert folder.run("-o", "json", "up").document["cluster"]["id"] == first["cluster"]["id"]
    assert folder.run("ctl", "--", "get", "kept").out == "kept\nvalue\n"


def test_of_two_that_write_a_cluster_file_the_first_has_written_it(tmp_path: Path):
    """With the ports of the second the members of the first would seem to have moved."""
    with ThreadPoolExecutor(8) as pool:
        texts = [f"name: c{number}\n" for number in range(8)]
        ours = list(pool.map(lambda text: begin(tmp_path / "cluster.yaml", text), texts))
    assert ours.count(True) == 1
    assert (tmp_path / "cluster.yaml").read_text() == texts[ours.index(True)]


def test_of_two_up_at_once_one_is_told_who_is_at_work(folder: Folder):
    runs = [folder.begin("up") for _ in range(2)]
    ended = [(run.communicate(timeout=90), run.returncode) for run in runs]
    codes = sorted(code for _, code in ended)
    assert codes in ([0, 0], [0, 3])
    for (_, err), code in ended:
        if code == 3:
            assert "at work on this cluster" in err and ("process" in err or "it has just begun" in err)
    assert "(before)" not in folder.run("health").out
    assert len(folder.members()) == 3


def test_who_holds_the_lock_is_named(folder: Folder):
    folder.run("up")
    import fcntl

    lock = state(folder) / "lock"
    with lock.open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        held.truncate(0)
        held.write(json.dumps({"pid": 4242, "user": "ada", "host": "there", "since": "noon", "doing": "upgrade"}))
        held.flush()
        refused = folder.run("up", code=3)
    assert "upgrade, process 4242 of ada on there, since noon" in refused.err


@pytest.mark.parametrize("etcd", usual_lines(), ids=str)
def test_members_that_died_before_their_first_entry_begin_again(tmp_path: Path, etcd: Etcd):
    """Each knows itself alone, and started again it would wait for ever to be told who the others are."""
    here = Cluster.at(tmp_path)
    try:
        ended = here.dying("before:6", "up", "--etcd", str(etcd.directory / "etcd"))
        assert ended.code == KILLED and "start etcd-0" in last_begun(here.state / "journal.jsonl")
        for name in here.members():
            here.kill(name)
            blank_log(here.state / "members" / name / "data")
        identity = here.state / "identity.json"
        identity.write_text(json.dumps(json.loads(identity.read_text()) | {"formed": False}))
        assert here.run("-o", "json", "up").document["cluster"]["healthy"]
        assert len(here.aside()) == 3
    finally:
        here.destroy()


MOMENTS = 24 if os.environ.get("ETCDPILOT_LONG") == "1" else 12


@pytest.mark.timeout(600)  # a minute on a quiet machine
def test_up_killed_at_any_moment_is_finished_by_up(tmp_path: Path):
    """Moments over the length of a first `up`: same cluster, no orphan, nothing lost."""
    whole = Folder.at(tmp_path / "whole")
    whole.path.mkdir()
    began = time.monotonic()
    whole.run("up")
    length = time.monotonic() - began
    whole.close()
    moments = [length * place / MOMENTS for place in range(1, MOMENTS + 1)]
    for place, moment in enumerate(moments):
        here = Folder.at(tmp_path / f"cut-{place}")
        here.path.mkdir()
        try:
            finish_after_kill(here, moment)
            if place % 4 == 0:
                here.run("ctl", "--", "put", "kept", "value")
                assert "Nothing to do" in here.run("up").out
                here.close()  # and the same while it brings members back that hold data
                finish_after_kill(here, moment)
                assert here.run("ctl", "--", "get", "kept").out == "kept\nvalue\n"
        finally:
            here.destroy()


def finish_after_kill(here: Folder, moment: float) -> None:
    run = here.begin("up")
    deadline = time.monotonic() + moment
    while time.monotonic() < deadline and run.poll() is None:
        time.sleep(0.005)
    run.kill()
    run.communicate()
    token = token_of(here)
    cluster = here.run("up", "-o", "json").document
    assert cluster["cluster"]["healthy"], f"killed after {moment:.3f} s"
    assert len(here.members()) == 3 == len(processes_below(here.path))
    assert token in (None, token_of(here))


def token_of(here: Folder) -> str | None:
    path = here.path / ".etcdpilot" / "dev" / "identity.json"
    return json.loads(path.read_text())["token"] if path.exists() else None


def processes_below(path: Path) -> list[int]:
    return [each.pid for each in all_processes() if any(str(path) in word for word in each.arguments)]


def modified(path: Path) -> dict[str, int]:
    """When each file of ours was written; etcd's own data, the journal and the lock change by themselves."""
    return {
        str(each): each.stat().st_mtime_ns
        for each in path.rglob("*")
        if each.is_file() and "data" not in each.parts and each.name not in ("etcd.log", "lock")
    }


def answers_http(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), 2) as line:
        line.settimeout(2)
        line.sendall(b"GET /version HTTP/1.0\r\n\r\n")
        try:
            return b"200" in line.recv(100)
        except OSError:
            return False


def completes_handshake(port: int, pair: tuple[Path, Path] | None) -> bool:
    """Whether a client with this pair, or none, is let in: in TLS 1.3 the refusal comes with the first read."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if pair:
        context.load_cert_chain(*pair)
    try:
        with (
            socket.create_connection(("127.0.0.1", port), 2) as line,
            context.wrap_socket(line, server_hostname="localhost") as secure,
        ):
            secure.settimeout(2)
            secure.sendall(b"GET /version HTTP/1.0\r\n\r\n")
            return b"HTTP" in secure.recv(100)
    except OSError:
        return False
