"""What goes over the wire, as real etcd 3.4 to 3.6 sends it and reads it."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.local.commands import Folder
from tests.local.discovery.service import Said, Service, ask, value_of
from tests.local.raw_etcd import free_ports

PLAIN = "?quorum=false&recursive=false&sorted=false"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    found = Service(tmp_path, free_ports(1)[0], "--poll-seconds", "0.5").start()
    yield found
    found.end()


async def new(service: Service, size: int = 3) -> str:
    said = await ask(service.port, "GET", f"/new?size={size}")
    assert said.status == 200 and said.body.decode().startswith(f"{service.url}/")
    return said.body.decode().removeprefix(service.url)


async def put(service: Service, path: str, name: str) -> Said:
    return await ask(service.port, "PUT", f"{path}?prevExist=false", value_of(name, "http://10.0.0.1:2380"))


async def test_the_six_requests_of_a_bootstrap_are_answered_as_an_etcd_answers_them(service: Service):
    token = await new(service)
    assert len(token) == 33 and int(token[1:], 16) >= 0  # 128 bits
    size = await ask(service.port, "GET", f"{token}/_config/size{PLAIN}")
    made = size.document["node"]["createdIndex"]
    assert size.document == {
        "action": "get",
        "node": {
            "key": f"/_etcd/registry{token}/_config/size",
            "value": "3",
            "modifiedIndex": made,
            "createdIndex": made,
        },
    }
    empty = await ask(service.port, "GET", f"{token}{PLAIN}")
    assert empty.document["node"]["dir"] is True and "nodes" not in empty.document["node"]
    created = await put(service, f"{token}/1a", "etcd0")
    assert created.status == 201
    own = created.document["node"]
    assert created.document["action"] == "create"
    assert own["key"].endswith("/1a") and own["value"] == "etcd0=http://10.0.0.1:2380"
    # the wait for one's own registration is answered at once with it
    at = own["createdIndex"]
    echo = await ask(service.port, "GET", f"{token}/1a?recursive=false&wait=true&waitIndex={at}")
    assert echo.document == {"action": "create", "node": own}
    listed = await ask(service.port, "GET", f"{token}{PLAIN}")
    assert listed.document["node"]["nodes"] == [own]  # and no `_config`, which is hidden
    assert listed.index == at
    waiting = asyncio.create_task(
        ask(service.port, "GET", f"{token}?recursive=true&wait=true&waitIndex={listed.index + 1}")
    )
    other = (await put(service, f"{token}/2b", "etcd1")).document["node"]
    assert (await waiting).document == {"action": "create", "node": other}
    third = asyncio.create_task(
        ask(service.port, "GET", f"{token}?recursive=true&wait=true&waitIndex={other['modifiedIndex'] + 1}")
    )
    assert (await put(service, f"{token}/3c", "etcd2")).status == 201
    assert (await third).document["node"]["value"].startswith("etcd2=")
    for said in (size, empty, created, echo, listed):
        assert said.index >= made


async def test_who_is_there_already_is_told_412_and_stays_as_it_was(service: Service):
    token = await new(service)
    first = await put(service, f"{token}/1a", "etcd0")
    again = await put(service, f"{token}/1a", "another")
    assert again.status == 412
    assert again.document == {
        "errorCode": 105,
        "message": "Key already exists",
        "cause": f"/_etcd/registry{token}/1a",
        "index": again.index,
    }
    listed = await ask(service.port, "GET", f"{token}{PLAIN}")
    assert listed.document["node"]["nodes"] == [first.document["node"]]


async def test_an_unknown_token_is_not_found_in_etcds_words(service: Service):
    said = await ask(service.port, "GET", f"/{'0' * 32}/_config/size{PLAIN}")
    assert said.status == 404
    assert said.document["errorCode"] == 100 and said.document["message"] == "Key not found"
    assert "x-etcd-index" in said.headers


async def test_a_poll_without_news_ends_empty_and_nothing_of_it_stays(service: Service):
    token = await new(service)
    said = await ask(service.port, "GET", f"{token}?recursive=true&wait=true&waitIndex=99999")
    assert (said.status, said.body) == (200, b"") and said.index > 0


async def test_answers_come_under_the_paths_that_etcd_with_the_v2_api_has(service: Service):
    token = await new(service)
    for prefix in ("/v2/keys/discovery", "/v2/keys/_etcd/registry", "/_etcd/registry", ""):
        assert (await ask(service.port, "GET", f"{prefix}{token}/_config/size")).document["node"]["value"] == "3"


@pytest.mark.parametrize("size", ["0", "-1", "65", "abc", "", "3.0", "99999999999999999999", "%00", "3;drop"])
async def test_a_size_that_is_none_is_refused_when_the_token_is_made(service: Service, size: str):
    said = await ask(service.port, "GET", f"/new?size={size}")
    assert said.status == 400 and b"from 1 to 64" in said.body


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"value=",
        b"value=etcd0",
        b"value=etcd0%3Dftp%3A%2F%2F10.0.0.1",
        b"value=a%3Dhttp%3A%2F%2Fx%0Ab%3Dhttp%3A%2F%2Fy",
        b"value=a%3Dhttp%3A%2F%2Fx%2C",
        b"\xff\xfe",
        b"value=%FF%FE",
        b"{}",
        b"&" * 5000,
        b"value=a%3Dhttp%3A%2F%2F" + b"x" * 5000,
    ],
)
async def test_a_registration_that_is_none_is_refused_and_changes_nothing(service: Service, body: bytes):
    token = await new(service)
    said = await ask(service.port, "PUT", f"{token}/1a?prevExist=false", body)
    assert said.status == 400, said
    assert "nodes" not in (await ask(service.port, "GET", f"{token}{PLAIN}")).document["node"]


@pytest.mark.parametrize("key", ["_config/size", "_config", "xyz", "a" * 17, "..", "1a/size", "%2e%2e"])
async def test_nothing_but_members_is_registered(service: Service, key: str):
    token = await new(service)
    said = await put(service, f"{token}/{key}", "etcd0")
    assert said.status in (404, 405)
    assert (await ask(service.port, "GET", f"{token}/_config/size")).document["node"]["value"] == "3"


async def test_a_token_takes_only_so_many_members(service: Service):
    token = await new(service, 1)
    statuses = [(await put(service, f"{token}/{place:x}", "etcd")).status for place in range(40)]
    assert statuses == [201] * 33 + [403] * 7


@pytest.mark.parametrize("method", ["DELETE", "POST", "HEAD", "PATCH"])
async def test_tokens_cannot_be_taken_back(service: Service, method: str):
    token = await new(service)
    assert (await put(service, f"{token}/1a", "etcd0")).status == 201
    service_port = service.port
    reader, writer = await asyncio.open_connection("127.0.0.1", service_port)
    writer.write(f"{method} {token}/1a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
    assert b" 405 " in (await reader.read()).splitlines()[0]
    writer.close()
    assert len((await ask(service_port, "GET", f"{token}{PLAIN}")).document["node"]["nodes"]) == 1


async def test_health_and_what_is_not_there(service: Service):
    assert (await ask(service.port, "GET", "/health")).body == b"OK"
    for path in ("/", "/v2/keys", "/new/x", f"/{'A' * 32}", "/etc/passwd", "/../../etc/passwd", "/%2e%2e/"):
        assert (await ask(service.port, "GET", path)).status == 404


async def test_tokens_and_members_outlive_the_service(service: Service):
    token = await new(service)
    node = (await put(service, f"{token}/1a", "etcd0")).document["node"]
    for how in (signal.SIGKILL, signal.SIGTERM):
        service.end(how)
        service.start()
        listed = await ask(service.port, "GET", f"{token}{PLAIN}")
        assert listed.document["node"]["nodes"] == [node]
    assert (await put(service, f"{token}/2b", "etcd1")).document["node"]["createdIndex"] > node["createdIndex"]


async def test_over_tls_the_same_is_said(tmp_path: Path):
    authority = trustme.CA()
    leaf = authority.issue_cert("127.0.0.1")
    leaf.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    (tmp_path / "cert.pem").write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
    files = ("--cert", str(tmp_path / "cert.pem"), "--key", str(tmp_path / "key.pem"))
    service = Service(tmp_path, free_ports(1)[0], *files, scheme="https").start()
    try:
        trusting = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
        said = await ask(service.port, "GET", "/new?size=3", tls=trusting)
        assert said.body.decode().startswith(f"https://127.0.0.1:{service.port}/")
    finally:
        service.end()


# What stops it from starting


def test_what_it_cannot_serve_with_is_said_in_words(tmp_path: Path):
    folder = Folder.at(tmp_path)
    (tmp_path / "bad.pem").write_text("no certificate")
    (tmp_path / "text.db").write_text("no database " * 100)
    port = str(free_ports(1)[0])
    serve = ("discovery", "serve", "--listen", f"127.0.0.1:{port}")
    assert "cannot be used to serve" in folder.run(*serve, "--cert", "bad.pem", "--key", "bad.pem", code=2).err
    assert "belong together" in folder.run(*serve, "--cert", "bad.pem", code=2).err
    assert "cannot be kept" in folder.run(*serve, "--data", "text.db", code=2).err
    assert "--public" in folder.run("discovery", "serve", "--listen", f"0.0.0.0:{port}", code=2).err
    assert "ADDRESS:PORT" in folder.run("discovery", "serve", "--listen", "here", code=2).err
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(port)))
        taken.listen()
        assert "cannot be listened on" in folder.run(*serve, code=2).err


def test_two_services_do_not_share_one_file(service: Service):
    again = Folder.at(service.folder).run(
        "discovery", "serve", "--listen", f"127.0.0.1:{free_ports(1)[0]}", "--data", "tokens.sqlite3", code=2
    )
    assert "Another service has it open" in again.err


def test_the_file_of_tokens_is_its_owners_alone(service: Service):
    assert (service.folder / "tokens.sqlite3").stat().st_mode & 0o777 == 0o600


def test_a_token_made_by_the_verb_is_the_services(service: Service):
    made = Folder.at(service.folder).run("discovery", "new", "--url", service.url, "--size", "5")
    said = asyncio.run(ask(service.port, "GET", made.out.strip().removeprefix(service.url) + "/_config/size"))
    assert json.loads(said.body)["node"]["value"] == "5"
