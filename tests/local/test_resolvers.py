"""Resolvers of the hosts, each asked for itself over UDP: right ones, one that differs, one that is silent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from etcdpilot.hosts.fleet import Fleet, fleet_of
from etcdpilot.model.names import NamesSeen
from etcdpilot.observing import names
from etcdpilot.planning.names import name_findings
from etcdpilot.spec.load import load
from tests.local.raw_etcd import free_ports

pytestmark = pytest.mark.local
DOMAIN = "example.test"
FILE = f"""\
name: prod
etcd: {{version: 3.5.30, source: {{directory: /opt/etcd}}}}
bootstrap: {{dns: {{domain: {DOMAIN}}}}}
hosts: {{kind: local}}
members:
  - {{name: infra0, host: 10.0.1.10, client-port: 1, peer-port: 2380}}
  - {{name: infra1, host: 10.0.1.11, client-port: 2, peer-port: 2380}}
"""
Zone = dict[tuple[str, str], list[str]]
RIGHT: Zone = {
    (f"_etcd-server-ssl._tcp.{DOMAIN}.", "SRV"): [f"0 0 2380 infra{n}.{DOMAIN}." for n in range(2)],
    (f"infra0.{DOMAIN}.", "A"): ["10.0.1.10"],
    (f"infra1.{DOMAIN}.", "A"): ["10.0.1.11"],
    ("10.1.0.10.in-addr.arpa.", "PTR"): ["somebody.example.test."],
}


class Server(asyncio.DatagramProtocol):
    """Answers from a zone; None says nothing at all."""

    def __init__(self, zone: Zone | None) -> None:
        self.zone, self.asked = zone, 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked += 1
        if self.zone is None:
            return
        question = dns.message.from_wire(data)
        answer = dns.message.make_response(question)
        answer.flags |= dns.flags.RA
        [wanted] = question.question
        name, kind = wanted.name.to_text().lower(), dns.rdatatype.to_text(wanted.rdtype)
        if found := self.zone.get((name, kind)):
            answer.answer.append(dns.rrset.from_text(wanted.name, 60, "IN", kind, *found))
        elif name not in {each for each, _ in self.zone}:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        self.transport.sendto(answer.to_wire(), addr)


@pytest.fixture
def resolv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path, hosts = tmp_path / "resolv.conf", tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost\n")
    monkeypatch.setattr(names, "RESOLV", str(path))
    monkeypatch.setattr(names, "HOSTS", str(hosts))
    monkeypatch.setattr(names, "SECONDS", 1.0)
    yield path


@asynccontextmanager
async def resolvers(resolv: Path, monkeypatch: pytest.MonkeyPatch, *zones: Zone | None) -> AsyncIterator[list[Server]]:
    """One at 127.0.0.1, the next at 127.0.0.2, and so on; the hosts have all of them."""
    port, loop = free_ports(1)[0], asyncio.get_running_loop()
    monkeypatch.setattr(names, "PORT", port)
    servers = []
    for place, zone in enumerate(zones, 1):
        where = (f"127.0.0.{place}", port)
        _, server = await loop.create_datagram_endpoint(lambda zone=zone: Server(zone), local_addr=where)
        servers.append(server)
    resolv.write_text("".join(f"nameserver 127.0.0.{place}\n" for place in range(1, len(zones) + 1)))
    try:
        yield servers
    finally:
        for server in servers:
            server.transport.close()


async def look() -> tuple[NamesSeen, list[str]]:
    wanted = load(FILE).spec
    fleet: Fleet = fleet_of(wanted)
    try:
        seen = await names.look_at_names(wanted, fleet)
    finally:
        await fleet.close()
    return seen, [f"{each.severity.value} {each.where}: {each.what}" for each in name_findings(wanted, seen)]


async def test_two_resolvers_of_one_mind(resolv: Path, monkeypatch: pytest.MonkeyPatch):
    async with resolvers(resolv, monkeypatch, RIGHT, RIGHT) as servers:
        seen, found = await look()
    assert [each.url for each in seen.targets] == [f"https://infra{n}.{DOMAIN}:2380" for n in range(2)]
    assert seen.own == {"infra0": ("10.0.1.10",), "infra1": ("10.0.1.11",)}
    assert seen.reverse["10.0.1.10"] == ("somebody.example.test",)
    assert found == [] and seen.otherwise == () and all(each.asked for each in servers)


async def test_a_resolver_that_lacks_a_record_is_an_error_wherever_it_stands(
    resolv: Path, monkeypatch: pytest.MonkeyPatch
):
    service = (f"_etcd-server-ssl._tcp.{DOMAIN}.", "SRV")
    stale = RIGHT | {service: [*RIGHT[service][:1], f"0 0 2380 infra9.{DOMAIN}."]}
    async with resolvers(resolv, monkeypatch, RIGHT, stale):
        _, found = await look()
    [said] = found
    assert said.startswith("error 127.0.0.2: answers otherwise than the others: it lacks https://infra1.example.test")
    assert "it has https://infra9.example.test:2380 at no address" in said and "infra0 and infra1" in said
    async with resolvers(resolv, monkeypatch, stale, RIGHT):
        _, found = await look()
    assert any("infra1: no SRV record" in each for each in found)
    assert any(each.startswith("error 127.0.0.2: answers otherwise") for each in found)


async def test_another_address_for_a_target_is_told_too(resolv: Path, monkeypatch: pytest.MonkeyPatch):
    moved = RIGHT | {(f"infra1.{DOMAIN}.", "A"): ["10.0.1.99"]}
    async with resolvers(resolv, monkeypatch, RIGHT, moved):
        _, found = await look()
    assert found and "at 10.0.1.99" in found[0] and found[0].startswith("error 127.0.0.2")


async def test_a_resolver_that_is_silent_is_a_warning_while_another_answers(
    resolv: Path, monkeypatch: pytest.MonkeyPatch
):
    for zones, silent in (((None, RIGHT), 1), ((RIGHT, None), 2)):
        async with resolvers(resolv, monkeypatch, *zones):
            seen, found = await look()
        assert [each.split(",")[0] for each in found] == [f"warning 127.0.0.{silent}: does not answer"]
        assert len(seen.targets) == 2
    async with resolvers(resolv, monkeypatch, None, None):
        seen, found = await look()
    assert seen.trouble and len(found) == 1 and found[0].startswith("error 127.0.0.1, 127.0.0.2: no resolver")


async def test_a_resolver_that_knows_nothing_of_the_domain(resolv: Path, monkeypatch: pytest.MonkeyPatch):
    async with resolvers(resolv, monkeypatch, {}):
        _, found = await look()
    assert found == [
        f"error infra{n}: no SRV record below {DOMAIN} leads to https://10.0.1.1{n}:2380" for n in range(2)
    ]


async def test_a_target_that_does_not_resolve(resolv: Path, monkeypatch: pytest.MonkeyPatch):
    lacking = {name: said for name, said in RIGHT.items() if name[0] != f"infra1.{DOMAIN}."}
    async with resolvers(resolv, monkeypatch, lacking):
        _, found = await look()
    assert f"error infra1.{DOMAIN}: the target of an SRV record has no address" in found
