"""Reaching members: names, addresses, proxies, certificates that do not fit, members that come back."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from etcdpilot.etcd.channels import Tls
from etcdpilot.etcd.client import Client
from etcdpilot.etcd.errors import TlsFailed, Unavailable
from tests.local.etcd.helping import back, eventually, tls_of
from tests.local.raw_etcd import RawCluster, expired_certificate, free_ports


async def test_a_name_reaches_a_member_and_is_checked(cluster: RawCluster, client: Client) -> None:
    port = cluster.members["a"].client_port
    async with Client([f"https://localhost:{port}"], tls_of(cluster)) as named:
        assert (await named.maintenance.status()).version
    async with Client([f"localhost:{port}"], tls_of(cluster)) as bare:
        assert (await bare.maintenance.status()).version


async def test_without_an_authority_those_of_the_machine_are_trusted(
    cluster: RawCluster, client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = tls_of(cluster)
    assert own.ca is not None
    nobody = Tls(cert=own.cert, key=own.key)
    async with Client(cluster.endpoints, nobody) as stranger:
        with pytest.raises(TlsFailed):
            await stranger.maintenance.status()
    (tmp_path / "bundle.pem").write_bytes(own.ca)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "bundle.pem"))
    async with Client(cluster.endpoints, nobody) as at_home:
        assert (await at_home.maintenance.status()).version


async def test_a_name_nobody_knows_is_passed_over(cluster: RawCluster, client: Client) -> None:
    async with Client(["https://nobody.invalid:2379", *cluster.endpoints], tls_of(cluster)) as wide:
        await wide.kv.put("a", "1")
        with pytest.raises(Unavailable, match=r"nobody\.invalid"):
            await wide.at("https://nobody.invalid:2379").maintenance.status()


async def test_ipv6_loopback_works_with_tls(cluster: RawCluster, client: Client, tmp_path: Path) -> None:
    if not _has_ipv6():
        pytest.skip("this machine has no IPv6 loopback")
    port = cluster.members["a"].client_port
    proxy = await asyncio.start_server(
        lambda reader, writer: _pipe(reader, writer, "127.0.0.1", port), "::1", free_ports(1)[0]
    )
    async with proxy, Client([f"https://[::1]:{proxy.sockets[0].getsockname()[1]}"], tls_of(cluster)) as six:
        assert (await six.maintenance.status()).version


def _has_ipv6() -> bool:
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return False
    return True


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int) -> None:
    there_reader, there_writer = await asyncio.open_connection(host, port)

    async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        except ConnectionError:
            pass
        finally:
            sink.close()

    await asyncio.gather(copy(reader, there_writer), copy(there_reader, writer))


async def test_a_proxy_in_the_environment_is_not_used(
    cluster: RawCluster, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "grpc_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with Client(cluster.endpoints, tls_of(cluster)) as direct:
        await direct.kv.put("a", "1")


async def test_a_server_of_another_authority_is_told_from_a_dead_one(cluster: RawCluster, client: Client) -> None:
    tls = tls_of(cluster)
    stranger = Tls(ca=trustme.CA().cert_pem.bytes(), cert=tls.cert, key=tls.key)
    async with Client(cluster.endpoints, stranger, timeout=2) as wrong:
        with pytest.raises(TlsFailed) as caught:
            await wrong.at(cluster.endpoints[0]).maintenance.status()
        assert "give the CA of this cluster" in caught.value.remedy
        with pytest.raises(TlsFailed):
            await wrong.kv.put("a", "1")


async def test_a_name_that_the_certificate_lacks_is_told(cluster: RawCluster, client: Client) -> None:
    tls = tls_of(cluster)
    misnamed = Tls(ca=tls.ca, cert=tls.cert, key=tls.key, server_name="etcd.example")
    async with Client(cluster.endpoints[:1], misnamed, timeout=2) as wrong:
        with pytest.raises(TlsFailed) as caught:
            await wrong.at(cluster.endpoints[0]).maintenance.status()
    assert "does not name this host" in caught.value.remedy
    renamed = Tls(ca=tls.ca, cert=tls.cert, key=tls.key, server_name="localhost")
    async with Client(cluster.endpoints[:1], renamed) as right:
        assert (await right.maintenance.status()).version


@pytest.mark.parametrize("shown", ["none", "stranger", "expired"])
async def test_a_client_that_is_refused_is_told_so(cluster: RawCluster, client: Client, shown: str) -> None:
    assert cluster.pki is not None
    ca = cluster.pki.authority
    match shown:
        case "none":
            tls = Tls(ca=ca)
        case "stranger":
            leaf = trustme.CA().issue_cert("127.0.0.1")
            tls = Tls(ca=ca, cert=leaf.cert_chain_pems[0].bytes(), key=leaf.private_key_pem.bytes())
        case _:
            cert, key = expired_certificate(cluster.pki, "expired")
            tls = Tls(ca=ca, cert=cert, key=key)
    async with Client(cluster.endpoints, tls, timeout=2) as refused:
        with pytest.raises(TlsFailed) as caught:
            await refused.at(cluster.endpoints[0]).maintenance.status(timeout=2)
        assert "refused the client certificate" in caught.value.remedy
        with pytest.raises(TlsFailed):
            await refused.kv.put("a", "1")


async def test_plain_text_to_a_tls_port_and_tls_to_a_plain_port_fail(cluster: RawCluster, client: Client) -> None:
    plain = cluster.endpoints[0].replace("https", "http")
    async with Client([plain], timeout=1) as wrong:
        with pytest.raises(Unavailable):
            await wrong.at(plain).maintenance.status()
    server = await asyncio.start_server(_talks_http, "127.0.0.1", free_ports(1)[0])
    async with server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with Client([url], tls_of(cluster), timeout=1) as wrong:
            with pytest.raises(TlsFailed) as caught:
                await wrong.at(url).maintenance.status()
    assert "does not speak TLS" in caught.value.remedy


async def _talks_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await writer.drain()
    writer.close()


async def test_a_host_that_swallows_everything_costs_two_seconds_and_not_the_call(
    cluster: RawCluster, client: Client
) -> None:
    silent = await asyncio.start_server(_says_nothing, "127.0.0.1", free_ports(1)[0])
    async with silent:
        url = f"https://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
        async with Client([url, *cluster.endpoints], tls_of(cluster), timeout=8) as wide:
            await wide.kv.put("a", "1")
            with pytest.raises(Unavailable, match="no connection within"):
                await wide.at(url).kv.put("a", "2", timeout=0.5)
        silent.close()


async def _says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        await reader.read()
    except ConnectionError:
        pass
    writer.close()


async def test_a_member_that_comes_back_answers_the_same_client_soon(cluster: RawCluster, client: Client) -> None:
    member = cluster.members["c"]
    pinned = client.at(member.client_url)
    await pinned.maintenance.status()
    member.kill()
    with pytest.raises(Unavailable):
        await pinned.maintenance.status()
    await back(cluster, client, "c")

    async def answers() -> bool:
        return bool((await pinned.maintenance.status(timeout=1)).version)

    await eventually(answers, 5)


async def test_a_cancelled_call_leaves_the_client_usable(cluster: RawCluster, client: Client) -> None:
    for url in cluster.endpoints:
        cluster.members["b"].pause()
        try:
            asleep = asyncio.create_task(client.at(cluster.members["b"].client_url).kv.get("a", timeout=30))
            await asyncio.sleep(0.05)
            asleep.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asleep
        finally:
            cluster.members["b"].go_on()
        assert (await client.at(url).maintenance.status()).version


async def test_a_closed_client_says_that_it_is_closed(cluster: RawCluster) -> None:
    closing = Client(cluster.endpoints, tls_of(cluster))
    events = closing.watch("a")
    async with events:
        await closing.close()
        with pytest.raises(StopAsyncIteration):
            await asyncio.wait_for(anext(events), 5)
    with pytest.raises(RuntimeError, match="closed"):
        await closing.kv.get("a")
    await closing.close()


SCRIPT = """
import asyncio, sys
from pathlib import Path
from etcdpilot.etcd.channels import Tls
from etcdpilot.etcd.client import Client

async def main(close):
    folder, *endpoints = sys.argv[2:]
    read = lambda name: Path(folder, name).read_bytes()
    client = Client(endpoints, Tls(read("ca.pem"), read("client.pem"), read("client-key.pem")))
    events = client.watch("a", prefix=True)
    await events.__aenter__()
    lease = await client.leases.keep(5).__aenter__()
    waiting = asyncio.create_task(anext(events))
    await client.kv.put("a", "1", lease=lease.id)
    await waiting
    async for _ in client.maintenance.snapshot():
        break
    try:
        await client.at("https://127.0.0.1:1").maintenance.status()
    except Exception as error:
        assert type(error).__name__ == "Unavailable", error
    if close:
        await client.close()

asyncio.run(main(sys.argv[1] == "close"), debug=True)
"""


@pytest.mark.parametrize("how", ["close", "forget"])
async def test_a_program_ends_without_a_word_on_its_error_output(cluster: RawCluster, how: str) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GRPC_")}
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-W", "always::ResourceWarning", "-c", SCRIPT, how, str(cluster.folder), *cluster.endpoints],
        capture_output=True,
        timeout=60,
        env=environment,
    )
    assert (done.returncode, done.stderr.decode(), done.stdout) == (0, "", b"")


def test_a_client_belongs_to_the_loop_that_used_it(cluster: RawCluster) -> None:
    client = Client(cluster.endpoints, tls_of(cluster))

    async def ask() -> None:
        await client.maintenance.status()

    with asyncio.Runner() as first, asyncio.Runner() as second:
        first.run(ask())
        with pytest.raises(RuntimeError, match="loop"):
            second.run(ask())
        first.run(client.close())


@pytest.fixture
async def plain(tmp_path: Path, cluster: RawCluster) -> AsyncIterator[RawCluster]:
    async with RawCluster(cluster.members["a"].binaries, tmp_path / "with space", members=1, tls=False) as raw:
        yield raw


async def test_a_cluster_without_tls_is_reached_too(plain: RawCluster) -> None:
    async with Client(plain.endpoints) as client:
        await client.kv.put("a", "1")
        assert (await client.kv.range("a")).count == 1
