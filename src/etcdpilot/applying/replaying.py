"""The data of a member that is down as a snapshot: a copy of it is brought up once, alone, and ends.

The database of a member that did not end in order lacks the last changes: they stand in its log alone. etcd itself plays
that log out on the copy, as the only member of a cluster of its own on ports of the loopback that nobody else knows, over
which nothing else is ever done. Where etcd does not come up on the copy, the database is taken as it is, and that is said.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from etcdpilot.model.errors import ClusterFailed
from etcdpilot.stores.local_clusters import free_ports

READY_SECONDS = 120.0
STOP_SECONDS = 60.0
PIECE = 1 << 20
# The copy knows its old peers, and would dial them: through a proxy that nobody is, it reaches none.
ALONE = {"PATH": os.defpath, **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")}


async def as_snapshot(copy: Path, etcd: Path | None, snapshot: Path) -> str:
    """Makes `snapshot` of the copied data directory `copy`; what of it could not be had is returned in words."""
    note = ""
    database = copy / "member" / "snap" / "db"
    before = copy.with_name("db.before")
    await asyncio.to_thread(shutil.copyfile, database, before)
    try:
        await play_out(copy, etcd)
    except ClusterFailed as error:
        note = f"{error.what} {error.why} What stands in its log alone is not in it"
        await asyncio.to_thread(shutil.copyfile, before, database)
    await asyncio.to_thread(seal, database, snapshot)
    before.unlink()
    return note


def seal(database: Path, snapshot: Path) -> None:
    """A database with its SHA-256 behind it is what etcd streams as a snapshot."""
    digest = hashlib.sha256()
    with (
        database.open("rb") as source,
        os.fdopen(os.open(snapshot, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file,
    ):
        while piece := source.read(PIECE):
            digest.update(piece)
            file.write(piece)
        file.write(digest.digest())


async def play_out(copy: Path, etcd: Path | None) -> None:
    if etcd is None:
        raise ClusterFailed("There is no etcd here to play its log out.", why="")
    ports = free_ports("127.0.0.1")
    client, peer = (f"http://127.0.0.1:{next(ports)}" for _ in range(2))
    words = [
        f"--data-dir={copy}",
        "--name=copy",
        "--force-new-cluster",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        "--logger=zap",
    ]
    log = copy.with_name("etcd.log")
    with own_process(log) as output:
        process = await asyncio.create_subprocess_exec(
            str(etcd), *words, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, env=ALONE
        )
        try:
            await until_it_answers(process, client, log)
            process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            raise ClusterFailed("etcd did not play its log out in time.", why=last_words(log)) from None
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


@contextmanager
def own_process(log: Path) -> Iterator[int]:
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        yield handle
    finally:
        os.close(handle)


async def until_it_answers(process: asyncio.subprocess.Process, url: str, log: Path) -> None:
    """It serves clients only once it has applied its whole log and leads."""
    host, _, port = url.removeprefix("http://").partition(":")
    async with asyncio.timeout(READY_SECONDS):
        while not await says_version(host, int(port)):
            if process.returncode is not None:
                raise ClusterFailed("etcd does not come up on a copy of its data.", why=last_words(log))
            await asyncio.sleep(0.05)


async def says_version(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(1.0):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(b"GET /version HTTP/1.0\r\n\r\n")
                return b" 200 " in await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False


def last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return lines[-1][:500] if lines else "It wrote nothing."
