"""What guides do by hand with a discovery service, each command as they print it, and what our verbs make of the same."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import urllib.error
import urllib.request
import uuid
from pathlib import Path

import pytest

from tests.etcd_versions import Etcd, all_versions
from tests.local.commands import Folder
from tests.local.discovery.clusters import apply, until, write_cluster
from tests.local.discovery.service import Service, ask
from tests.local.discovery.test_clusters import LONG, OLD, USUAL, V2, Keeper
from tests.local.discovery.test_errors import Lone, new, serves
from tests.local.raw_etcd import free_ports

pytestmark = pytest.mark.local


def send(url: str, method: str = "GET", body: bytes | None = None) -> tuple[int, bytes]:
    """Status and body, as curl would print it."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, method=method), timeout=5) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def said_by(log: str) -> str:
    """etcd writes text in 3.4 and JSON later; what it says is the same to a reader."""
    return log.replace('\\"', '"')


@pytest.mark.parametrize("etcd", USUAL, ids=str)
def test_the_token_is_ignored_once_there_is_a_cluster_and_the_service_may_be_gone(
    service: Service, tmp_path: Path, etcd: Etcd
):
    """S2-08, and both forms of S2-14."""
    token = new(service, 1)
    first = Lone(etcd, tmp_path, "etcd2", token, "--initial-cluster-state=new")
    until(lambda: serves(first), "the first life serves")
    first.end()
    service.end()
    for url in (token, ""):
        began = first.path.stat().st_size
        again = Lone(etcd, tmp_path, "etcd2", url, "--initial-cluster-state=existing", peer=first.peer)
        try:
            until(lambda life=again: serves(life), "it serves without the service")
            said = again.log[began:]
            assert ("ignored since" in said) == bool(url), said
            if url:
                assert re.search(r"discovery token (is )?ignored since (a )?cluster (has )?already", said)
                assert "etcd2/member/wal" in said
        finally:
            again.end()


@pytest.mark.parametrize("etcd", OLD if LONG else OLD[:1], ids=str)
def test_a_private_token_is_a_size_put_into_an_etcd_with_the_v2_api(folder: Folder, etcd: Etcd):
    """S2-09. Without `--enable-v2` there is nothing at that path, and our verb says what is missing."""
    keeper = Keeper(etcd, folder.path, "--enable-v2")
    try:
        token = str(uuid.uuid4())
        status, body = send(f"{keeper.url}/v2/keys/discovery/{token}/_config/size", "PUT", b"value=3")
        said = json.loads(body)
        assert status == 201 and said["action"] == "set"
        assert (said["node"]["key"], said["node"]["value"]) == (f"/discovery/{token}/_config/size", "3")
        made = folder.run("discovery", "new", "--v2", keeper.url, "--size", "3").out.strip()
        assert json.loads(send(f"{made}/_config/size")[1])["node"]["value"] == "3"
    finally:
        keeper.end()
    (folder.path / "plain").mkdir()
    plain = Keeper(etcd, folder.path / "plain")
    try:
        path = f"{plain.url}/v2/keys/discovery/{token}/_config/size"
        assert send(path, "PUT", b"value=3") == (404, b"404 page not found\n")
        refused = folder.run("discovery", "new", "--v2", plain.url, code=6).err
        assert "404" in refused and "--enable-v2" in refused
        write_cluster(folder, etcd, f"{{discovery: {{url: '{plain.url}/v2/keys/discovery'}}}}")
        assert "--enable-v2" in apply(folder, code=6).err
    finally:
        plain.end()


def test_a_public_token_is_what_new_answers(service: Service):
    """S2-10: `curl …/new?size=3`, by GET and by PUT, three where nothing is said; the URL stands alone, unended."""
    for url, method in ((f"{service.url}/new?size=3", "GET"), (f"{service.url}/new", "PUT")):
        status, body = send(url, method)
        assert status == 200 and re.fullmatch(re.escape(service.url) + r"/[0-9a-f]{32}", body.decode())
        assert json.loads(send(f"{body.decode()}/_config/size")[1])["node"]["value"] == "3"


@pytest.mark.parametrize("etcd", USUAL, ids=str)
def test_nodes_that_know_their_own_address_alone_wait_for_the_others_and_form(
    service: Service, tmp_path: Path, etcd: Etcd
):
    """S2-11: single dashes, `-discovery URL --initial-cluster-state new`; and S2-13: what the list of members gives."""
    token = new(service, 3)
    members = [Lone(etcd, tmp_path, "etcd0", token, "--initial-cluster-state", "new")]
    try:
        waits = r"found 1 peer\(s\), waiting for 2 more|waiting for more.*\"found-peers\":1,\"needed-peers\":2"
        until(lambda: re.search(waits, members[0].log), "the first waits for two more")
        members += [Lone(etcd, tmp_path, f"etcd{n}", token, "--initial-cluster-state", "new") for n in (1, 2)]
        until(lambda: all(serves(each) for each in members), "all three serve")
        etcdctl = [etcd.directory / "etcdctl", f"--endpoints=http://127.0.0.1:{members[0].client}", "member", "list"]
        listed = subprocess.run(etcdctl, capture_output=True, text=True, check=True, env={"ETCDCTL_API": "3"}).stdout
        urls = sorted(line.split(", ")[4] for line in listed.splitlines())
        assert urls == sorted(f"http://127.0.0.1:{each.client}" for each in members)
    finally:
        for each in members:
            each.end()


def test_the_servers_for_kubernetes_are_those_of_the_list_of_members_also_after_it_grew(
    folder: Folder, service: Service
):
    """S2-13: `--etcd-servers=` with every client URL that `etcdctl member list` prints, and nothing else."""
    write_cluster(folder, V2[-1], f"{{discovery: {{url: {service.url}}}}}")
    apply(folder)
    require_servers(folder, 3)
    said = folder.run("member", "add", "etcd-3", "--yes").err
    assert "etcd-3 finds the others by their list of members; the discovery token has no part in it." in said
    require_servers(folder, 4)
    folder.run("member", "remove", "etcd-0", "--yes")
    require_servers(folder, 3)


def require_servers(folder: Folder, members: int) -> None:
    listed = folder.run("ctl", "--", "member", "list").out.splitlines()
    urls = {line.split(", ")[4] for line in listed}
    first = folder.run("env", "--for", "kube-apiserver").out.splitlines()[0]
    assert len(urls) == members and first.startswith("--etcd-servers=https://")
    assert set(first.removeprefix("--etcd-servers=").split(",")) == urls


@pytest.mark.parametrize("etcd", USUAL, ids=str)
def test_who_lost_its_data_is_told_so_in_etcds_words(service: Service, tmp_path: Path, etcd: Etcd):
    """S2-14: the same name and URL with an empty disk: exit 1, and it must be removed and added as a new one."""
    token = new(service, 1)
    first = Lone(etcd, tmp_path, "etcd2", token)
    until(lambda: serves(first), "the first life serves")
    first.end()
    (tmp_path / "etcd2").rename(tmp_path / "lost")
    again = Lone(etcd, tmp_path, "etcd2", token, peer=first.peer)
    assert again.ended() == 1
    said = said_by(again.log)
    assert re.search(r'member "etcd2" has previously registered with discovery service|found duplicate id', said), said


def test_the_v3_protocol_is_unknown_to_etcd_before_3_6():
    """P19."""
    old = [each for each in all_versions() if each.line < (3, 6)]
    assert old
    for etcd in old:
        done = subprocess.run([etcd.directory / "etcd", "--discovery-token", "x"], capture_output=True, text=True)
        assert done.returncode != 0
        assert "flag provided but not defined: -discovery-token" in done.stdout + done.stderr, etcd


async def test_old_tokens_are_forgotten_and_those_in_use_are_not(tmp_path: Path):
    """Expiry, by a service that forgets what nobody touched for a second."""
    port = free_ports(1)[0]
    service = Service(tmp_path, port).start()
    kept = [(await ask(port, "GET", "/new?size=1")).body.decode().removeprefix(service.url) for _ in range(3)]
    service.end()
    await asyncio.sleep(1.1)
    later = Service(tmp_path, port, "--forget-days", str(1 / 86400)).start()  # it looks when it starts
    try:
        async with asyncio.timeout(10):
            while (await ask(port, "GET", kept[0])).status != 404:
                await asyncio.sleep(0.05)
        assert [(await ask(port, "GET", token)).status for token in kept] == [404] * 3
        fresh = (await ask(port, "GET", "/new?size=1")).body.decode().removeprefix(later.url)
        assert (await ask(port, "GET", fresh)).status == 200
    finally:
        later.end()
