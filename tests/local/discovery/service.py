"""The discovery service as a process, and clients that speak its protocol byte by byte, as etcd's own does."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

PATIENCE = 20.0


class Service:
    """`etcdpilot discovery serve` below one folder; killed and started again on the same port and file."""

    def __init__(self, folder: Path, port: int, *words: str, scheme: str = "http") -> None:
        self.folder, self.port, self.words, self.scheme = folder, port, words, scheme
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def start(self) -> Service:
        words = ("--listen", f"127.0.0.1:{self.port}", "--data", str(self.folder / "tokens.sqlite3"), *self.words)
        with (self.folder / "service.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "etcdpilot", "discovery", "serve", *words], stdout=log, stderr=log
            )
        deadline = time.monotonic() + PATIENCE
        while not self.accepts():
            assert self.process.poll() is None, (self.folder / "service.log").read_text()
            assert time.monotonic() < deadline, "the service does not listen"
            time.sleep(0.02)
        return self

    def accepts(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def end(self, how: signal.Signals = signal.SIGKILL) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(PATIENCE)
            self.process = None

    @property
    def open_files(self) -> int:
        assert self.process is not None
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


@dataclass(frozen=True)
class Said:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    @property
    def index(self) -> int:
        return int(self.headers["x-etcd-index"])


class Cut(Exception):
    """The connection ended before an answer was read, by chance or because the service died."""


async def ask(
    port: int, method: str, target: str, body: bytes = b"", *, tls: ssl.SSLContext | None = None, cut: bool = False
) -> Said:
    """One request on a connection of its own. `cut`: hang up once it is sent, whatever becomes of it."""
    head = f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: Go-http-client/1.1\r\n"
    if body or method == "PUT":
        head += f"Content-Length: {len(body)}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    except OSError as error:
        raise Cut(str(error)) from error
    try:
        writer.write(f"{head}Accept-Encoding: gzip\r\nConnection: close\r\n\r\n".encode() + body)
        await writer.drain()
        if cut:
            raise Cut("hung up")
        said = parsed(await reader.read())
    except (OSError, ValueError, IndexError) as error:
        raise Cut(str(error)) from error
    finally:
        writer.close()
    return said


def parsed(raw: bytes) -> Said:
    """ValueError for an answer that was cut short."""
    head, empty, body = raw.partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
    if not empty or len(body) != int(headers.get("content-length", 0)):
        raise ValueError("cut short")
    return Said(int(first.split()[1]), headers, body)


def value_of(name: str, url: str) -> bytes:
    return f"value={quote(f'{name}={url}', safe='')}".encode()
