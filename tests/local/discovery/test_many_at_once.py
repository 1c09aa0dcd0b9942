"""Many clusters at once, a service that is killed meanwhile, and clients that mean harm or are slow."""

from __future__ import annotations

import asyncio
import random
import resource
import signal

import pytest

from tests.local.discovery.service import Cut, Said, Service, ask, value_of

TOKENS = 200
KILLS = 6
PLAIN = "?quorum=false&recursive=false&sorted=false"


class Member:
    """One member as etcd's client is one, on a bad line: requests are cut, repeated and late by chance."""

    def __init__(self, port: int, token: str, place: int, chance: random.Random) -> None:
        self.port, self.token, self.chance = port, token, chance
        self.name = f"{token[1:7]}-{place}"
        self.id = f"{int(token[1:12], 16) * 4 + place:x}"
        self.value = f"{self.name}=http://10.0.0.{place}:2380"
        self.slots = asyncio.Semaphore(1)

    async def join(self, size: int) -> list[str]:
        """The values of the cluster it ends up in, in the order that all its members must see."""
        await asyncio.sleep(self.chance.random() * 0.5)
        assert (await self.insist("GET", f"{self.token}/_config/size{PLAIN}")).document["node"]["value"] == str(size)
        body = value_of(self.name, self.value.partition("=")[2])
        created = await self.insist("PUT", f"{self.token}/{self.id}?prevExist=false", body)
        assert created.status in (201, 412)  # 412: an answer that was cut off had been carried out
        while True:
            listed = await self.insist("GET", f"{self.token}{PLAIN}")
            nodes = sorted(listed.document["node"].get("nodes", []), key=lambda node: node["createdIndex"])
            assert self.value in [node["value"] for node in nodes], "a registration was lost"
            since = listed.index + 1
            while len(nodes) < size:
                said = await self.insist("GET", f"{self.token}?recursive=true&wait=true&waitIndex={since}")
                if said.status != 200 or not said.body:
                    break
                nodes.append(said.document["node"])
                since = said.document["node"]["modifiedIndex"] + 1
            if len(nodes) >= size:
                return [node["value"] for node in nodes[:size]]

    async def insist(self, method: str, target: str, body: bytes = b"") -> Said:
        while True:
            await asyncio.sleep(self.chance.random() * 0.05)
            try:
                return await ask(self.port, method, target, body, cut=self.chance.random() < 0.1)
            except Cut:
                await asyncio.sleep(self.chance.random() * 0.2)


async def test_two_hundred_clusters_form_at_once_while_the_service_is_killed_over_and_over(service: Service):
    chance = random.Random(7)
    tokens = []
    for _ in range(TOKENS):
        tokens.append((await ask(service.port, "GET", "/new?size=3")).body.decode().removeprefix(service.url))
    assert len(set(tokens)) == TOKENS
    members = [[Member(service.port, token, place, chance) for place in range(3)] for token in tokens]
    joining = asyncio.gather(*(member.join(3) for cluster in members for member in cluster))
    kills = 0
    while not joining.done() and kills < KILLS:
        await asyncio.sleep(0.1 + chance.random() * 0.8)
        service.end(signal.SIGKILL)
        await asyncio.to_thread(service.start)
        kills += 1
    found = await asyncio.wait_for(joining, 90)
    assert kills >= 2
    for place, cluster in enumerate(members):
        seen = found[3 * place : 3 * place + 3]
        assert seen[0] == seen[1] == seen[2], "members of one token see different clusters"
        assert sorted(seen[0]) == sorted(member.value for member in cluster), "foreign, doubled or missing"


async def test_a_thousand_who_wait_hurt_nobody_and_leave_nothing(service: Service):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 4096:
        pytest.skip("needs a limit of 4096 open files (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4096), hard))
    before = service.open_files
    tokens = [
        (await ask(service.port, "GET", "/new?size=3")).body.decode().removeprefix(service.url) for _ in range(50)
    ]
    idle = []
    for place in range(1000):
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        target = f"{tokens[place % 50]}?recursive=true&wait=true&waitIndex=999999"
        writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        idle.append((reader, writer))
    while service.open_files < before + 1000:
        await asyncio.sleep(0.05)
    chance = random.Random(8)
    token = (await ask(service.port, "GET", "/new?size=3")).body.decode().removeprefix(service.url)
    cluster = [Member(service.port, token, place, chance) for place in range(3)]
    found = await asyncio.wait_for(asyncio.gather(*(member.join(3) for member in cluster)), 30)
    assert found[0] == found[1] == found[2]
    for _, writer in idle:
        writer.transport.abort()
    async with asyncio.timeout(30):
        while service.open_files > before + 5:
            await asyncio.sleep(0.1)


async def test_huge_bodies_and_heads_are_refused_and_the_service_goes_on(service: Service):
    token = (await ask(service.port, "GET", "/new")).body.decode().removeprefix(service.url)
    for size, chunked in ((17_000, False), (50_000_000, False), (5_000_000, True)):
        try:
            said = await send_much(service.port, f"{token}/1a?prevExist=false", size, chunked=chunked)
            assert said.startswith(b"HTTP/1.1 413 "), said[:80]
        except ConnectionError:
            pass  # it hung up in the middle, which is as good
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(b"GET /" + b"a" * 60_000 + b" HTTP/1.1\r\n\r\n")
    assert b" 400 " in (await reader.read())[:20]
    writer.close()
    assert (await ask(service.port, "GET", f"{token}{PLAIN}")).status == 200


async def send_much(port: int, target: str, size: int, *, chunked: bool) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
    writer.write(f"PUT {target} HTTP/1.1\r\nHost: x\r\n{length}\r\n\r\n".encode())
    answered = asyncio.create_task(reader.read(200))
    piece = b"value=" + b"x" * 9994
    try:
        for _ in range(size // len(piece) + 1):
            if answered.done():
                break
            writer.write(b"2710\r\n" + piece + b"\r\n" if chunked else piece)
            await writer.drain()
        return await asyncio.wait_for(answered, 20)
    finally:
        answered.cancel()
        writer.close()


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200,
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /new HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"PUT /new HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
        b"\x00" * 1000,
        b"\n" * 1000,
    ],
)
async def test_what_is_no_http_is_hung_up_on(service: Service, garbage: bytes):
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(garbage)
    writer.write_eof()
    try:
        said = await asyncio.wait_for(reader.read(), 20)
        assert said == b"" or b" 40" in said[:20], said  # HTTP of an unknown version is plain HTTP to h11
    except ConnectionError:
        pass
    writer.close()
    assert (await ask(service.port, "GET", "/health")).body == b"OK"


async def test_clients_that_trickle_are_hung_up_on_while_others_are_served(service: Service):
    slow = [await asyncio.open_connection("127.0.0.1", service.port) for _ in range(100)]
    for _, writer in slow[:50]:
        writer.write(b"GET /new HTTP/1.1\r\nHo")
    for _, writer in slow[50:99]:
        writer.write(f"PUT /{'0' * 32}/1a HTTP/1.1\r\nHost: x\r\nContent-Length: 90\r\n\r\nva".encode())
    assert (await ask(service.port, "GET", "/health")).body == b"OK"
    ends = await asyncio.wait_for(asyncio.gather(*(reader.read() for reader, _ in slow)), 40)
    assert all(end == b"" for end in ends[:50])
    assert all(b" 408 " in end[:20] for end in ends[50:99])
    for _, writer in slow:
        writer.close()
