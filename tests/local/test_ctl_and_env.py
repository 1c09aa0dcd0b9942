"""`ctl` and `env`: the real etcdctl with endpoints and certificates set, whatever the user exported or gives."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.etcd_versions import Etcd, usual_lines
from tests.local.changing import known_ports
from tests.local.commands import Folder

pytestmark = pytest.mark.local


@pytest.fixture(scope="module", params=usual_lines(), ids=str)
def etcd(request: pytest.FixtureRequest) -> Etcd:
    return request.param


@pytest.fixture(scope="module")
def folder(etcd: Etcd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folder]:
    """One cluster of each line for all tests that leave it as it was."""
    here = Folder.at(tmp_path_factory.mktemp("ctl"))
    here.run("up", "--etcd", str(etcd.directory))
    yield here
    here.close()


def endpoints(folder: Folder) -> list[str]:
    return [url for each in folder.run("-o", "json", "status").document["members"] for url in each["client_urls"]]


def test_put_and_get_in_every_form_that_etcdctl_knows(folder: Folder):
    assert folder.run("ctl", "--", "put", "foo", "bar").out == "OK\n"
    assert folder.run("ctl", "get", "foo").out == "foo\nbar\n"
    assert folder.run("ctl", "--", "get", "-w", "json", "foo").document["count"] == 1
    folder.run("ctl", "--", "put", "foo/below", "deep")
    assert folder.run("ctl", "--", "get", "--prefix", "foo").out == "foo\nbar\nfoo/below\ndeep\n"
    table = folder.run("ctl", "--", "endpoint", "status", "-w", "table").out
    assert table.count("https://") == 3 and "IS LEADER" in table


def test_a_snapshot_is_saved_where_the_user_says(folder: Folder):
    one = endpoints(folder)[0]
    folder.run("ctl", "--", "--endpoints", one, "snapshot", "save", "here.db")
    assert (folder.path / "here.db").stat().st_size > 10_000


def test_a_value_comes_from_standard_input(folder: Folder):
    assert folder.run("ctl", "--", "put", "from-input", stdin="a value\nof two lines\n").out == "OK\n"
    assert folder.run("ctl", "--", "get", "--print-value-only", "from-input").out == "a value\nof two lines\n\n"


def test_the_exit_code_is_etcdctls_own(folder: Folder):
    assert folder.run("ctl", "--", "frobnicate", code=None).code not in (0, 2)
    assert folder.run("ctl", "--", "del", "nothing-here").code == 0
    assert folder.run("ctl", "--", "txn", "--interactive=false", stdin="nonsense\n\n", code=None).code != 0


def test_what_the_user_gives_as_a_flag_is_left_out_of_the_environment(folder: Folder):
    one = endpoints(folder)[1]
    for words in (("--endpoints", one), (f"--endpoints={one}",)):
        found = folder.run("ctl", "--", *words, "endpoint", "status", "-w", "json").document
        assert [each["Endpoint"] for each in found] == [one]
    state = folder.path / ".etcdpilot" / "dev"
    flags = ("--cacert", str(state / "ca.crt"), "--cert", str(state / "client.crt"), "--key", str(state / "client.key"))
    assert folder.run("ctl", "--", *flags, "put", "by", "flags").out == "OK\n"


def test_a_bare_etcdctl_works_after_eval(folder: Folder, etcd: Etcd):
    line = f'eval "$({" ".join(folder.command("env"))})" && {etcd.directory}/etcdctl put bare works'
    done = subprocess.run(
        ["sh", "-c", line], cwd=folder.path, env=folder.environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "OK\n"), done.stderr
    assert "A flag of the same meaning now clashes" in folder.run("env").out


def test_what_the_user_has_exported_for_etcd_disturbs_nothing(folder: Folder):
    exported = {
        "ETCD_NAME": "somebody",
        "ETCD_DATA_DIR": "/nowhere",
        "ETCD_INITIAL_CLUSTER": "somebody=http://127.0.0.1:1",
        "ETCDCTL_ENDPOINTS": "http://127.0.0.1:1",
        "ETCDCTL_CACERT": "/nowhere",
        "ETCDCTL_USER": "root:wrong",
        "ETCDCTL_API": "3",
    }
    assert folder.run("ctl", "--", "put", "still", "works", **exported).out == "OK\n"
    assert folder.run("status", **exported).code == 0
    assert folder.run("health", **exported).code == 0
    assert "Nothing to do" in folder.run("up", **exported).out
    os.kill(folder.members()["etcd-1"], signal.SIGKILL)
    folder.run("up", **exported)
    assert set(folder.members()) == {"etcd-0", "etcd-1", "etcd-2"}
    folder.run("up", "other", "--members", "1", **exported)
    folder.run("down", "other")
    # So that the tests after this one find one cluster here again.
    (folder.path / ".etcdpilot" / "other" / "cluster.yaml").unlink()


def test_with_the_first_endpoint_dead_a_put_succeeds_and_a_running_watch_misses_nothing(folder: Folder):
    watch = folder.begin("ctl", "--", "watch", "--prefix", "seen/")
    seen = follow(watch)
    try:
        put_until(folder, "seen/start", lambda: "seen/start" in seen())
        os.kill(folder.members()["etcd-0"], signal.SIGKILL)
        # A write that reaches a follower while its leader dies is lost with it, in any etcd: wait for the next leader.
        until(lambda: folder.run("-o", "json", "status", code=1).document["cluster"]["leader"])
        for number in range(10):
            folder.run("ctl", "--", "put", f"seen/{number}", str(number))
        until(lambda: "seen/9" in seen())
        numbered = [line for line in seen() if line.startswith("seen/") and line != "seen/start"]
        assert numbered == [f"seen/{number}" for number in range(10)]
    finally:
        watch.kill()
        watch.communicate()
        folder.run("up")


def follow(run: subprocess.Popen[str]):
    """The lines that a program has printed so far, read beside it."""
    from threading import Thread

    lines: list[str] = []

    def read() -> None:
        assert run.stdout
        for line in run.stdout:
            lines.append(line.rstrip("\n"))

    Thread(target=read, daemon=True).start()
    return lambda: list(lines)


def put_until(folder: Folder, key: str, there) -> None:
    """etcdctl does not say when its watch has begun, so the first key is written until it was seen."""
    deadline = time.monotonic() + 30
    while not there():
        assert time.monotonic() < deadline
        folder.run("ctl", "--", "put", key, "x")


def until(condition) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_second_api_speaks_as_it_always_did_where_it_is_on(etcd: Etcd, tmp_path: Path):
    if etcd.line >= (3, 6):
        pytest.skip("the v2 API is gone from 3.6 on")
    here = Folder.at(tmp_path)
    try:
        second = begin_with_v2(here, etcd)
        v2 = {"ETCDCTL_API": "2"}
        healthy = here.run("ctl", "--", "cluster-health", **v2).out.splitlines()
        ids = sorted((member["id"] for member in second["members"]), key=lambda each: int(each, 16))
        urls = {member["id"]: member["client_urls"][0] for member in second["members"]}
        assert healthy == [
            *(f"member {each} is healthy: got healthy result from {urls[each]}" for each in ids),
            "cluster is healthy",
        ]
        members = here.run("ctl", "--", "member", "list", **v2).out.splitlines()
        assert [line.partition(":")[0] for line in members] == ids
        assert sum("isLeader=true" in line for line in members) == 1 and "peerURLs=https://" in members[0]
        assert here.run("ctl", "--", "set", "/config", stdin='{"Network": "10.1.0.0/16"}', **v2).out.startswith('{"Net')
        assert here.run("ctl", "--", "get", "/config", **v2).out.strip() == '{"Network": "10.1.0.0/16"}'
        assert here.run("ctl", "--", "ls", **v2).out.strip() == "/config"

        processes = here.members()
        os.kill(processes["etcd-2"], signal.SIGKILL)
        degraded = here.run("ctl", "--", "cluster-health", code=5, **v2).out
        assert "is unreachable" in degraded and degraded.endswith("cluster is degraded\n")
        os.kill(processes["etcd-1"], signal.SIGKILL)
        lost = here.run("ctl", "--", "cluster-health", code=5, **v2).out
        assert lost.endswith("cluster is unavailable\n")
    finally:
        here.close()


def begin_with_v2(here: Folder, etcd: Etcd) -> dict:
    """A cluster from a file of its own, with the v2 API on."""
    first = known_ports()[0][0]
    rows = "".join(
        f"  - {{name: etcd-{n}, host: 127.0.0.1, client-port: {first + 2 * n}, peer-port: {first + 2 * n + 1}}}\n"
        for n in range(3)
    )
    (here.path / "cluster.yaml").write_text(
        f"name: old\nhosts: {{kind: local}}\netcd:\n  timers: loopback\n  version: {etcd.version}\n"
        f"  source: {{directory: {etcd.directory}}}\n  options: {{enable-v2: true}}\nmembers:\n{rows}"
    )
    here.run("apply", "--yes")
    return here.run("-o", "json", "status").document


def test_where_the_second_api_is_off_that_is_said_instead_of_a_404(folder: Folder, etcd: Etcd):
    refused = folder.run("ctl", "--", "cluster-health", code=3, ETCDCTL_API="2")
    if etcd.line >= (3, 6):
        assert "no v2 API any more" in refused.err
    else:
        assert "The v2 API of this cluster is off" in refused.err and "enable-v2: true" in refused.err


def test_one_plain_member_on_two_client_ports_gets_the_ids_that_were_printed_long_ago(tmp_path: Path, etcd: Etcd):
    """Known IDs of a member named etcd_test at http://localhost:2380 under the token etcd-cluster."""
    (tmp_path / "cluster.yaml").write_text(
        f"name: single\nhosts: {{kind: local}}\ntoken: etcd-cluster\ntls: {{mode: 'off'}}\n"
        f"etcd: {{version: {etcd.version}, source: {{directory: {etcd.directory}}}}}\n"
        "members:\n  - name: etcd_test\n    host: 127.0.0.1\n"
        "    listen-client-urls: ['http://127.0.0.1:2379', 'http://127.0.0.1:4001']\n"
        "    advertise-client-urls: ['http://127.0.0.1:2379', 'http://127.0.0.1:4001']\n"
        "    listen-peer-urls: ['http://127.0.0.1:2380']\n    advertise-peer-urls: ['http://localhost:2380']\n"
    )
    pilot = " ".join(Folder.command())
    script = [f"{pilot} apply --yes >&2", f"{pilot} ctl -- get x -w json"]
    script += [f"{pilot} ctl -- --endpoints http://127.0.0.1:{port} put a b" for port in (2379, 4001)]
    script += [f"{pilot} down >&2"]
    done = subprocess.run(
        [*on_ports_of_its_own(), "sh", "-ec", "\n".join(script)],
        cwd=tmp_path,
        env=Folder.at(tmp_path).environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer, *puts = done.stdout.splitlines()
    header = json.loads(answer)["header"]
    assert header["cluster_id"] == 14841639068965178418
    assert header["member_id"] == 10276657743932975437
    assert puts == ["OK", "OK"]


def on_ports_of_its_own() -> list[str]:
    """The known IDs belong to these very ports: where somebody holds them, root can have a loopback of its own."""
    from etcdpilot.hosts.local import is_taken

    taken = [port for port in (2379, 2380, 4001) if is_taken(port)]
    if not taken:
        return []
    if os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("ip"):
        pytest.skip(f"port {taken} of this machine is taken, and the known IDs belong to these ports")
    return ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
