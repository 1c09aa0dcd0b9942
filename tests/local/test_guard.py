"""The guard, run by a real shell on the data of a real etcd."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from etcdpilot.model.identity import as_hex, cluster_id, member_id
from etcdpilot.model.observation import Marker
from etcdpilot.rendering.env_file import env_file
from etcdpilot.rendering.guard import GUARD
from etcdpilot.rendering.marker import marker_text

ODD = "a $(touch x) 'b' \"c\" %d ;&\n*"
ETCD = shutil.which("etcd", path=str(Path(sys.executable).parent))
TOKEN = "guarded"


def ran_once(folder: Path) -> tuple[Path, Marker]:
    """The data of a member that has run, and the marker that belongs to it."""
    ports = free_ports(2)
    peer, client = (f"http://127.0.0.1:{port}" for port in ports)
    data = folder / "data"
    log = folder / "log"
    words = [f"--data-dir={data}", "--name=a", f"--initial-cluster=a={peer}", f"--initial-cluster-token={TOKEN}"]
    words += [f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}"]
    words += [f"--listen-client-urls={client}", f"--advertise-client-urls={client}", "--logger=zap"]
    with log.open("wb") as output:
        process = subprocess.Popen([str(ETCD), *words], stdout=output, stderr=output, env={"PATH": "/usr/bin:/bin"})
    try:
        deadline = time.monotonic() + 20
        while b"ready to serve client requests" not in log.read_bytes():
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    own = member_id([peer], TOKEN)
    return data, Marker("prod", "a", as_hex(cluster_id([own])), (("a", as_hex(own)),), "", 0)


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    if ETCD is None:
        pytest.skip("needs the extra [local]: it brings an etcd")
    return ran_once(tmp_path_factory.mktemp("lived"))


def guard(folder: Path, data: Path, marker: Marker | None, name: str = "a") -> subprocess.CompletedProcess[str]:
    odd = folder / ODD
    odd.mkdir(exist_ok=True)
    (odd / "guard.sh").write_text(GUARD)
    if marker is not None:
        (odd / "etcdpilot.json").write_text(marker_text(marker))
    words = ["/bin/sh", str(odd / "guard.sh"), str(data), str(odd / "etcdpilot.json"), name]
    return subprocess.run(words, capture_output=True, text=True, cwd=folder, timeout=20, check=False)


def changed(marker: Marker, **changes: object) -> Marker:
    return replace(marker, **changes)  # type: ignore[arg-type]


@pytest.mark.local
def test_a_member_with_its_own_data_starts(lived, tmp_path):
    data, marker = lived
    copy = tmp_path / ODD / "data"
    shutil.copytree(data, copy)
    done = guard(tmp_path, copy, marker)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_member_that_was_never_started_starts_without_data(tmp_path):
    assert guard(tmp_path, tmp_path / "none", None).returncode == 0
    assert guard(tmp_path, tmp_path / "none", Marker("prod", "a", "", (("a", "1"),), "", 0)).returncode == 0


def test_a_member_that_is_about_to_join_starts_without_data(tmp_path):
    (tmp_path / "empty").mkdir()
    assert guard(tmp_path, tmp_path / "empty", Marker("prod", "a", "f1", (("b", "1"),), "", 0)).returncode == 0


@pytest.mark.parametrize("left", ["nothing", "an empty directory", "strangers", "no log"])
def test_a_member_that_has_run_does_not_start_without_its_data(tmp_path, left):
    data = tmp_path / ODD
    if left != "nothing":
        data.mkdir()
    if left == "strangers":
        (data / "lost+found").mkdir()
    if left == "no log":
        (data / "member" / "wal").mkdir(parents=True)
    done = guard(tmp_path, data, Marker("prod", "a", "f1", (("a", "a1"),), "", 0))
    assert done.returncode == 1
    assert "etcdpilot member replace a" in done.stderr
    assert str(data) in done.stderr
    assert not (tmp_path / "x").exists()


@pytest.mark.local
@pytest.mark.parametrize("other", [{"cluster_id": "abc"}, {"member_ids": (("a", "abc"),)}])
def test_a_member_does_not_start_on_the_data_of_another(lived, tmp_path, other):
    data, marker = lived
    done = guard(tmp_path, data, changed(marker, **other))
    assert done.returncode == 1 and "another" in done.stderr


@pytest.mark.local
def test_a_joining_member_does_not_start_on_the_data_of_another_cluster(lived, tmp_path):
    data, marker = lived
    joining = changed(marker, member_ids=())
    assert guard(tmp_path, data, joining).returncode == 0
    assert guard(tmp_path, data, changed(joining, cluster_id="abc")).returncode == 1


@pytest.mark.local
def test_a_member_does_not_start_on_data_older_than_what_was_seen(lived, tmp_path):
    data, marker = lived
    copy = tmp_path / "data"
    shutil.copytree(data, copy)
    (copy / "member" / "snap" / "0000000000000002-00000000000186a1.snap").touch()
    assert guard(tmp_path, copy, changed(marker, last_index=100001)).returncode == 0
    done = guard(tmp_path, copy, changed(marker, last_index=100002))
    assert done.returncode == 1 and "older" in done.stderr


@pytest.mark.local
def test_a_log_in_a_directory_of_its_own_is_looked_at_there(lived, tmp_path):
    data, marker = lived
    (tmp_path / "data" / "member").mkdir(parents=True)
    shutil.copytree(data / "member" / "wal", tmp_path / "wal")
    (tmp_path / "m").write_text(marker_text(marker))
    (tmp_path / "g").write_text(GUARD)
    words = ["/bin/sh", tmp_path / "g", tmp_path / "data", tmp_path / "m", "a"]
    assert subprocess.run([*words, tmp_path / "wal"], check=False).returncode == 0
    assert subprocess.run(words, check=False, capture_output=True).returncode == 1


@pytest.mark.parametrize("value", ["plain", ODD, "\\", '"', "`id`", "$HOME", "\\n", "é", "'", "a\\\\b$"])
def test_an_env_file_means_to_a_shell_what_it_means_to_systemd(tmp_path, value):
    file = tmp_path / "env"
    file.write_text(env_file({"name": value}))
    words = ["/bin/sh", "-c", '. "$0"; printf %s "$ETCD_NAME"', str(file)]
    assert subprocess.run(words, capture_output=True, text=True, check=True, cwd=tmp_path).stdout == value
