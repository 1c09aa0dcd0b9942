"""confd on real etcd: the command line as users type it, and faults while keys change.

`ETCDPILOT_FAULTS=24` for a long run; a few faults otherwise.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from etcdpilot.etcd.client import Client
from etcdpilot.etcd.errors import EtcdError
from etcdpilot.model.confd import Settings
from etcdpilot.rendering.confd.world import World
from etcdpilot.serving.confd.etcd_source import EtcdSource
from etcdpilot.serving.confd.log import Log
from etcdpilot.serving.confd.loops import Confd
from etcdpilot.serving.confd.source import HistoryLost
from tests.local.confd.folders import Folder, until
from tests.local.etcd.conftest import SKIPPED
from tests.local.etcd.helping import leader_of, tls_of
from tests.local.raw_etcd import RawCluster, found_binaries

pytestmark = pytest.mark.local

_FAULTS = int(os.environ.get("ETCDPILOT_FAULTS", "4"))
_GONE_SECONDS = 30 if _FAULTS >= 24 else 2
_DATA = Path(__file__).parents[2] / "data" / "confd"
_NEWEST_3_5 = [one for one in found_binaries() if one.line == (3, 5)][-1:] or SKIPPED


@pytest.fixture(scope="module", params=_NEWEST_3_5, ids=str)
async def cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RawCluster]:
    async with RawCluster(request.param, tmp_path_factory.mktemp("confd")) as raw:
        yield raw


@pytest.fixture
async def client(cluster: RawCluster) -> AsyncIterator[Client]:
    async with Client(cluster.endpoints, tls_of(cluster), timeout=10) as opened:
        yield opened
        await opened.kv.delete(b"", prefix=True)


def confd(cluster: RawCluster, folder: Path, *more: str) -> list[str]:
    """A command line of confd with every node and the certificates."""
    pem = cluster.folder
    certificates = (
        "-client-ca-keys",
        pem / "ca.pem",
        "-client-cert",
        pem / "client.pem",
        f"--client-key={pem}/client-key.pem",
    )
    nodes = [word for url in cluster.endpoints for word in ("-node", url)]
    words = ["confd", "-confdir", folder, *certificates, *nodes, *more]
    return [*_PROGRAM, *map(str, words)]


_PROGRAM = (sys.executable, "-c", "from etcdpilot.cli.main import run; run()")


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("ETCD", "CONFD"))}


async def ran(command: list[str], folder: Path) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, out.decode()


async def test_the_nginx_example_gives_the_real_programs_bytes(
    cluster: RawCluster, client: Client, tmp_path: Path
) -> None:
    folder = Folder(tmp_path)
    shutil.copy(_DATA / "nginx.tmpl", tmp_path / "templates")
    toml = (_DATA / "nginx.toml").read_text().replace("/tmp/myapp.conf", f"{tmp_path}/out/myapp.conf")
    (tmp_path / "conf.d" / "nginx.toml").write_text(toml)
    nodes = {f"node/n0{number}": f"192.168.100.11{number}" for number in (1, 2, 3)}
    for key, value in {**nodes, "service/s01": "1005", "service/s02": "1007"}.items():
        await client.kv.put(f"/docker/{key}", value)
    code, log = await ran(confd(cluster, tmp_path, "--onetime", "-backend", "etcdv3"), tmp_path)
    assert code == 0, log
    assert (tmp_path / "out" / "myapp.conf").read_bytes() == (_DATA / "nginx.conf").read_bytes()
    assert "INFO Backend set to etcdv3" in log
    assert folder.left_behind == []


async def test_a_missing_key_ends_with_confds_words_and_code(cluster: RawCluster, tmp_path: Path) -> None:
    Folder(tmp_path).resource("t", 'x{{getv "/nope"}}y')
    code, log = await ran(confd(cluster, tmp_path, "-onetime"), tmp_path)
    assert code == 1
    assert (
        'ERROR template: t.tmpl:1:3: executing "t.tmpl" at <getv "/nope">: error calling getv: key does not exist: /nope'
        in log
    )
    assert "Traceback" not in log


@pytest.mark.parametrize(
    ("words", "said"), [(("-nope",), "flag provided but not defined: -nope"), (("-node",), "needs an argument")]
)
async def test_a_wrong_command_line_ends_with_two(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    code, log = await ran([*_PROGRAM, "confd", *words], tmp_path)
    assert (code, said in log) == (2, True)


async def test_without_etcd_it_ends_with_one(tmp_path: Path) -> None:
    Folder(tmp_path).resource("t", "x")
    code, log = await ran([*_PROGRAM, "confd", "-onetime", "-confdir", str(tmp_path), "-node", "127.0.0.1:1"], tmp_path)
    assert (code, "FATAL" in log, "Traceback" in log) == (1, True, False)


async def test_a_dead_first_node_is_passed_over(cluster: RawCluster, client: Client, tmp_path: Path) -> None:
    dest = Folder(tmp_path).resource("t", '{{getv "/a"}}')
    await client.kv.put("/a", "1")
    command = confd(cluster, tmp_path, "-onetime")
    command[command.index("-node") + 1] = "https://127.0.0.1:1"
    code, log = await ran(command, tmp_path)
    assert (code, dest.read_text()) == (0, "1"), log


async def test_watching_follows_and_ends_well_on_a_signal(cluster: RawCluster, client: Client, tmp_path: Path) -> None:
    dest = Folder(tmp_path).resource("t", '{{getv "/a" "none"}}', keys='["/a"]')
    process = await asyncio.create_subprocess_exec(
        *confd(cluster, tmp_path, "-watch"), cwd=tmp_path, env=clean_environment(), stderr=subprocess.PIPE
    )
    await until(lambda: dest.exists() and dest.read_text() == "none")
    await client.kv.put("/a", "1")
    await until(lambda: dest.read_text() == "1")
    process.send_signal(signal.SIGTERM)
    _, log = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0
    assert b"INFO Captured terminated. Exiting..." in log


async def test_a_kill_at_any_moment_loses_neither_a_change_nor_a_reload(
    cluster: RawCluster, client: Client, tmp_path: Path
) -> None:
    choose, reloaded = random.Random(5), tmp_path / "reloaded"
    folder = Folder(tmp_path)
    dest = folder.resource("x", _WHOLE, keys='["/k"]', more=f'reload_cmd = "sleep 0.02; cp {{{{.dest}}}} {reloaded}"')
    for _ in range(6):
        process = await asyncio.create_subprocess_exec(
            *confd(cluster, tmp_path, "-watch", "-log-level", "panic"), cwd=tmp_path, env=clean_environment()
        )
        async with writing(client, choose):
            await asyncio.sleep(0.4 + choose.random())
            process.kill()
            await process.wait()
    code, log = await ran(confd(cluster, tmp_path, "-onetime"), tmp_path)
    assert code == 0, log
    assert dest.read_text() == await _fresh(client)
    assert reloaded.read_text() == dest.read_text()
    assert not (tmp_path / "out" / ".x.conf.reload-owed").exists()


async def test_changes_that_were_compacted_away_are_history_lost(cluster: RawCluster, client: Client) -> None:
    source = EtcdSource(client)
    first = await source.state(["/k"])
    for number in range(5):
        await client.kv.put("/k/a", str(number))
    await client.kv.compact((await source.state(["/k"])).revision)
    with pytest.raises(HistoryLost):
        async for _ in source.changes("/k", first.revision):
            pass


async def test_a_state_is_of_one_revision_and_only_of_its_paths(cluster: RawCluster, client: Client) -> None:
    for key in ("/a/1", "/a", "/ab", "/b/1", "/c"):
        await client.kv.put(key, "v")
    state = await EtcdSource(client).state(["/a", "/b", "/a/1"])
    assert sorted(state.entries) == [b"/a", b"/a/1", b"/b/1"]
    assert len((await EtcdSource(client).state(["/"])).entries) >= 5


async def test_a_watch_that_a_compaction_overtook_reads_every_key_anew(
    cluster: RawCluster, client: Client, tmp_path: Path
) -> None:
    folder = Folder(tmp_path)
    dest = folder.resource("x", '{{range gets "/k/*"}}{{.Key}}={{.Value}} {{end}}', keys='["/k"]')
    await client.kv.put("/k/gone", "1")
    leader = await leader_of(client, cluster)
    held, *others = sorted(cluster.members.values(), key=lambda member: member.name == leader)
    # The first endpoint is asked first: the watch hangs on the member that will be held still.
    async with Client([held.client_url, *(one.client_url for one in others)], tls_of(cluster)) as own:
        watched = Confd(Settings(confdir=str(tmp_path)), EtcdSource(own), World(), Log("info", folder.lines.append))
        task = asyncio.create_task(watched.on_change())
        await until(lambda: dest.exists() and dest.read_text() == "/k/gone=1 ")
        held.pause()
        async with Client([one.client_url for one in others], tls_of(cluster), timeout=20) as elsewhere:
            await elsewhere.kv.delete("/k/gone")
            await elsewhere.kv.put("/k/new", "2")
            await elsewhere.kv.compact((await elsewhere.kv.range("/k")).header.revision)
        held.kill()
        await until(lambda: dest.read_text() == "/k/new=2 ", 60)
        task.cancel()
        await asyncio.wait((task,))
    held.start(cluster.initial_cluster)
    await held.up()
    assert "fell behind a compaction" in folder.log


# Faults.

_WHOLE = '{{range gets "/k/*"}}{{.Key}}={{.Value}}\n{{end}}END {{len (gets "/k/*")}}\n'


class Reader(threading.Thread):
    """Reads a file over and over, and keeps what was not whole."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self.path, self.over, self.broken, self.reads = path, threading.Event(), [], 0

    def run(self) -> None:
        while not self.over.wait(0.001):
            try:
                lines = self.path.read_text().splitlines()
            except FileNotFoundError:
                continue
            self.reads += 1
            if not lines or lines[-1] != f"END {len(lines) - 1}":
                self.broken.append(lines)


@asynccontextmanager
async def writing(client: Client, choose: random.Random) -> AsyncIterator[None]:
    """Keys come, change and go for as long as this lasts; what etcd refuses meanwhile is of no matter."""

    async def write() -> None:
        while True:
            key = f"/k/{choose.randrange(30)}"
            try:
                if choose.random() < 0.2:
                    await client.kv.delete(key, timeout=1)
                else:
                    await client.kv.put(key, str(choose.randrange(10**9)), timeout=1)
            except EtcdError:
                pass
            await asyncio.sleep(0.005)

    task = asyncio.create_task(write())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait((task,))


Fault = Callable[[], Awaitable[None]]


class Faults:
    def __init__(self, cluster: RawCluster, client: Client, folder: Folder, choose: random.Random) -> None:
        self.cluster, self.client, self.folder, self.choose = cluster, client, folder, choose

    def all(self) -> list[Fault]:
        found = [self.member_killed, self.all_restarted, self.compacted, self.gone, self.reload_fails, self.folder_away]
        return [*found, self.disk_full] if os.path.ismount(self.folder.root / "out") else found

    async def _back(self, names: list[str]) -> None:
        for name in names:
            self.cluster.members[name].start(self.cluster.initial_cluster)
        await self.cluster.up(*names)

    async def member_killed(self) -> None:
        name = self.choose.choice(sorted(self.cluster.members))
        self.cluster.members[name].kill()
        await asyncio.sleep(0.5)
        await self._back([name])

    async def all_restarted(self) -> None:
        await self.gone(0.2)

    async def gone(self, seconds: float = _GONE_SECONDS) -> None:
        names = sorted(self.cluster.members)
        for name in names:
            self.cluster.members[name].kill()
        await asyncio.sleep(seconds)
        await self._back(names)

    async def compacted(self) -> None:
        """A member is held still while the others go on and compact: whoever hangs on it has lost its history."""
        name = self.choose.choice(sorted(self.cluster.members))
        self.cluster.members[name].pause()
        await asyncio.sleep(0.5)
        try:
            found = await self.client.kv.range("/k", prefix=True, timeout=10)
            await self.client.kv.compact(found.header.revision)
        except EtcdError:
            pass
        self.cluster.members[name].kill()
        await self._back([name])

    async def reload_fails(self) -> None:
        (self.folder.root / "failures").write_text("x" * 5)
        await asyncio.sleep(0.3)

    async def folder_away(self) -> None:
        if os.path.ismount(self.folder.root / "out"):
            return
        (self.folder.root / "out").rename(self.folder.root / "away")
        await asyncio.sleep(0.3)
        (self.folder.root / "away").rename(self.folder.root / "out")

    async def disk_full(self) -> None:
        filler = self.folder.root / "out" / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(b"x" * 512):
                pass
        await asyncio.sleep(0.5)
        filler.unlink()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Folder]:
    """A confd folder whose `out` is a disk of 256 KiB, where that can be had."""
    folder = Folder(tmp_path)
    out = tmp_path / "out"
    mount = shutil.which("mount")
    mounted = (
        os.geteuid() == 0
        and mount
        and subprocess.run([mount, "-t", "tmpfs", "-o", "size=256k", "none", out]).returncode == 0
    )
    yield folder
    if mounted:
        subprocess.run(["umount", "-l", str(out)], check=True)


@pytest.mark.timeout(1800)
async def test_whatever_happens_the_file_ends_equal_to_a_fresh_rendering(
    cluster: RawCluster, client: Client, small_disk: Folder
) -> None:
    choose = random.Random(int(os.environ.get("ETCDPILOT_SEED", "7")))
    failures = small_disk.root / "failures"
    reload = f"test ! -s {failures} || {{ truncate -s -1 {failures}; false; }}"
    dest = small_disk.resource("x", _WHOLE, keys='["/k"]', more=f'reload_cmd = "{reload}"')
    reader = Reader(dest)
    async with Client(cluster.endpoints, tls_of(cluster), timeout=3) as own:
        watched = Confd(
            Settings(confdir=str(small_disk.root)), EtcdSource(own), World(), Log("info", small_disk.lines.append)
        )
        task = asyncio.create_task(watched.on_change())
        reader.start()
        faults = Faults(cluster, client, small_disk, choose)
        for _ in range(_FAULTS):
            fault = choose.choice(faults.all())
            async with writing(client, choose):
                await asyncio.sleep(0.2)
                await fault()
                await asyncio.sleep(0.2)
            wanted = await _fresh(client)
            await until(lambda wanted=wanted: dest.exists() and dest.read_text() == wanted, 60)
        await until(lambda: not (small_disk.root / "out" / ".x.conf.reload-owed").exists(), 60)
        reader.over.set()
        task.cancel()
        await asyncio.wait((task,))
    assert reader.reads > 10
    assert reader.broken == []
    assert not failures.exists() or failures.read_text() == ""


async def _fresh(client: Client) -> str:
    """What the file must be: asked of etcd itself once it answers, and put into words without the template engine."""
    while True:
        try:
            found = (await client.kv.range("/k/", prefix=True, timeout=5)).kvs
            break
        except EtcdError:
            await asyncio.sleep(0.1)
    lines = sorted((kv.key.decode(), kv.value.decode()) for kv in found)
    return "".join(f"{key}={value}\n" for key, value in lines) + f"END {len(lines)}\n"
