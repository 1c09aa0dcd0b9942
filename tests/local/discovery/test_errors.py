"""Everything that discovery may end in for a real etcd: its own words and exit, and what we make of them."""

from __future__ import annotations

import http.server
import shutil
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from etcdpilot.observing.causes import cause_in
from tests.etcd_versions import Etcd, every_line
from tests.local.commands import Folder
from tests.local.discovery.clusters import until
from tests.local.discovery.service import Service
from tests.local.discovery.test_clusters import LONG, OLD, USUAL, V2, Keeper
from tests.local.raw_etcd import free_ports

pytestmark = pytest.mark.local
SECONDS = 20.0


class Lone:
    """One real etcd by itself that wants to join what is behind a discovery URL."""

    def __init__(self, etcd: Etcd, folder: Path, name: str, url: str, *words: str, peer: int = 0) -> None:
        self.folder, self.name = folder, name
        client, own = free_ports(2)
        self.peer, self.client = peer or own, client
        flags = [f"--name={name}", f"--data-dir={folder / name}", *([f"-discovery={url}"] if url else [])]
        flags += [
            f"--{each}=http://127.0.0.1:{self.peer}" for each in ("listen-peer-urls", "initial-advertise-peer-urls")
        ]
        flags += [f"--{each}=http://127.0.0.1:{client}" for each in ("listen-client-urls", "advertise-client-urls")]
        self.path = folder / f"{name}-{self.peer}.log"
        with self.path.open("ab") as log:
            self.process = subprocess.Popen(
                [etcd.directory / "etcd", *flags, *words], stdout=log, stderr=log, cwd=folder
            )

    @property
    def log(self) -> str:
        return self.path.read_text(errors="replace")

    def ended(self) -> int:
        return self.process.wait(SECONDS)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


def new(service: Service, size: int) -> str:
    return Folder.at(service.folder).run("discovery", "new", "--url", service.url, "--size", str(size)).out.strip()


@pytest.mark.parametrize("etcd", USUAL, ids=str)
def test_a_token_that_is_not_there(service: Service, tmp_path: Path, etcd: Etcd):
    lone = Lone(etcd, tmp_path, "a", f"{service.url}/{'0' * 32}", "--discovery-fallback=exit")
    assert lone.ended() == 1
    assert "Key not found" in lone.log
    assert "make a new" in cause_in(lone.log.splitlines()), lone.log


@pytest.mark.parametrize("etcd", USUAL, ids=str)
def test_a_size_that_is_no_number(tmp_path: Path, etcd: Etcd):
    keeper = Keeper(OLD[0], tmp_path, "--enable-v2")
    try:
        url = f"{keeper.url}/v2/keys/discovery/bad"
        put = urllib.request.Request(f"{url}/_config/size", data=b"value=abc", method="PUT")
        urllib.request.urlopen(put, timeout=5).close()
        lone = Lone(etcd, tmp_path, "a", url, "--discovery-fallback=exit")
        assert lone.ended() == 1
        assert "size key is bad" in lone.log
        assert "no proper size" in cause_in(lone.log.splitlines()), lone.log
    finally:
        keeper.end()


@pytest.mark.parametrize("etcd", USUAL, ids=str)
def test_two_members_of_one_name(service: Service, tmp_path: Path, etcd: Etcd):
    token = new(service, 2)
    both = [
        Lone(etcd, tmp_path / str(n), "twin", token, "--discovery-fallback=exit")
        for n in range(2)
        if made(tmp_path / str(n))
    ]
    try:
        until(lambda: any(each.process.poll() is not None for each in both), "one of them ends")
        ended = next(each for each in both if each.process.poll() is not None)
        assert ended.process.returncode == 1
        assert "two members of one name" in cause_in(ended.log.splitlines()), ended.log
    finally:
        for each in both:
            each.end()


def made(folder: Path) -> bool:
    folder.mkdir()
    return True


@pytest.mark.parametrize("etcd", USUAL, ids=str)
def test_a_member_that_lost_its_data_is_told_that_its_place_is_taken(service: Service, tmp_path: Path, etcd: Etcd):
    token = new(service, 2)
    first = Lone(etcd, tmp_path, "a", token, "--discovery-fallback=exit")
    until(lambda: "waiting for 1 more" in first.log or "needed-peers" in first.log, "it waits for the other")
    first.end()
    shutil.rmtree(tmp_path / "a", ignore_errors=True)
    again = Lone(etcd, tmp_path, "a", token, "--discovery-fallback=exit", peer=first.peer)
    assert again.ended() != 0
    assert "under its discovery token already" in cause_in(again.log.splitlines()), again.log


@pytest.mark.parametrize("etcd", USUAL, ids=str)
@pytest.mark.parametrize("form", ["bare", "with the token"])
def test_a_member_with_its_data_needs_no_service_whatever_its_flags_say(
    service: Service, tmp_path: Path, etcd: Etcd, form: str
):
    """S2-14: both forms of recovery. The first is what every member of ours has."""
    token = new(service, 1)
    first = Lone(etcd, tmp_path, "a", token)
    until(lambda: serves(first), "the first life serves")
    first.end()
    service.end()
    ways = {"bare": "", "with the token": token}
    again = Lone(etcd, tmp_path, "a", ways[form], "--initial-cluster-state=existing", peer=first.peer)
    try:
        until(lambda: serves(again), "the second life serves")
    finally:
        again.end()


def serves(lone: Lone) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{lone.client}/health", timeout=1) as answer:
            return b"true" in answer.read()
    except OSError:
        return False


@pytest.mark.parametrize("etcd", USUAL, ids=str)
def test_a_surplus_member_ends_where_we_start_it_and_stays_a_proxy_where_etcd_decides(
    service: Service, tmp_path: Path, etcd: Etcd
):
    token = new(service, 1)
    first = Lone(etcd, tmp_path, "first", token)
    try:
        until(lambda: "ready to serve" in first.log or "serving" in first.log, "the first member is up")
        surplus = Lone(etcd, tmp_path, "surplus", token, "--discovery-fallback=exit")
        assert surplus.ended() == 1
        assert "is full" in cause_in(surplus.log.splitlines()), surplus.log
        if etcd.line < (3, 6):  # S2-12: by its own default it is a proxy, and its unit active
            proxy = Lone(etcd, tmp_path, "proxy", token)
            until(lambda: (tmp_path / "proxy" / "proxy" / "cluster").exists(), "it becomes a proxy")
            assert proxy.process.poll() is None
            proxy.end()
    finally:
        first.end()


@pytest.mark.parametrize("etcd", USUAL, ids=str)
def test_a_service_that_does_not_answer_is_asked_again_and_again(tmp_path: Path, etcd: Etcd):
    lone = Lone(etcd, tmp_path, "a", f"http://127.0.0.1:{free_ports(1)[0]}/{'0' * 32}", "--discovery-fallback=exit")
    try:
        until(lambda: "retry" in lone.log, "it says that it tries again")
        assert lone.process.poll() is None
        assert "does not answer" in cause_in(lone.log.splitlines()), lone.log
    finally:
        lone.end()


@pytest.mark.parametrize("etcd", USUAL, ids=str)
def test_a_service_whose_authority_the_system_does_not_know(tmp_path: Path, etcd: Etcd):
    leaf = trustme.CA().issue_cert("127.0.0.1")
    leaf.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    leaf.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    files = ("--cert", str(tmp_path / "cert.pem"), "--key", str(tmp_path / "key.pem"))
    service = Service(tmp_path, free_ports(1)[0], *files, scheme="https").start()
    lone = Lone(etcd, tmp_path, "a", f"{service.url}/{'0' * 32}", "--logger=zap")
    try:
        until(lambda: "retry connecting" in lone.log, "it tries again")
        assert "does not trust the discovery service" in cause_in(lone.log.splitlines()), lone.log
    finally:
        lone.end()
        service.end()


# The same of the v3 protocol, which etcd speaks from 3.6 on

NEW = [each for each in every_line() if each.line >= (3, 6)]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keeper]:
    if not NEW:
        pytest.skip("needs etcd 3.6 or newer (lab/binaries)")
    found = Keeper(NEW[-1], tmp_path_factory.mktemp("keys"))
    yield found
    found.end()


@pytest.mark.parametrize("etcd", NEW if LONG else NEW[-1:], ids=str)
@pytest.mark.parametrize(
    ("keys_there", "etcds", "ours"),
    [
        ({}, "size key not found", "no proper size"),
        ({"_config/size": "abc"}, "size key is bad", "no proper size"),
        ({"_config/size": "0"}, "size key is bad", "no proper size"),
        ({"_config/size": "1", "members/1a": "other=http://127.0.0.1:1"}, "cluster is full", "is full"),
    ],
    ids=["none", "no number", "zero", "full"],
)
def test_a_token_of_the_v3_protocol_that_cannot_be_used(
    keys: Keeper, tmp_path: Path, etcd: Etcd, keys_there: dict[str, str], etcds: str, ours: str
):
    token = tmp_path.name
    for key, value in keys_there.items():
        keys.ctl("put", f"/_etcd/registry/{token}/{key}", value)
    lone = Lone(etcd, tmp_path, "a", "", f"--discovery-token={token}", f"--discovery-endpoints={keys.url}")
    assert lone.ended() != 0
    assert etcds in lone.log
    assert ours in cause_in(lone.log.splitlines()), lone.log


@pytest.mark.parametrize("etcd", NEW if LONG else NEW[-1:], ids=str)
def test_endpoints_that_do_not_answer_are_asked_again_and_again(tmp_path: Path, etcd: Etcd):
    words = "--discovery-token=t", f"--discovery-endpoints=http://127.0.0.1:{free_ports(1)[0]}"
    lone = Lone(etcd, tmp_path, "a", "", *words, "--discovery-request-timeout=1s", "--discovery-dial-timeout=1s")
    try:
        until(lambda: "retry" in lone.log, "it says that it tries again")
        assert lone.process.poll() is None
        assert "does not answer" in cause_in(lone.log.splitlines()), lone.log
    finally:
        lone.end()


class Garbage(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>hello</html>")

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("etcd", USUAL, ids=str)
def test_something_else_at_the_url(tmp_path: Path, etcd: Etcd):
    server = http.server.HTTPServer(("127.0.0.1", 0), Garbage)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    lone = Lone(etcd, tmp_path, "a", f"http://127.0.0.1:{server.server_port}/x/{'0' * 32}", "--discovery-fallback=exit")
    try:
        deadline = time.monotonic() + SECONDS
        while not (said := cause_in(lone.log.splitlines())) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert "no discovery service" in said, lone.log
    finally:
        lone.end()
        server.shutdown()


def test_there_is_an_etcd_to_try_this_with():
    assert every_line() and V2, "none of these tests ran"
