"""A first start through discovery that is cut off: after a registration, in the middle of one, under another token.

etcd writes its log only once all members have come. One that dies before that is under the token and has nothing to
show for it: started again, it ends with `duplicate id` for ever. Running `apply` again must finish all the same.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from etcdpilot.model.identity import as_hex, member_id
from tests.etcd_versions import Etcd, every_line, usual_lines
from tests.local.blank_logs import blank_log
from tests.local.commands import Folder
from tests.local.discovery.clusters import apply, require_formed, require_it_starts_alone, until, write_cluster
from tests.local.discovery.service import Service, ask, value_of
from tests.local.discovery.test_clusters import V2, Keeper, require_ids_foretold
from tests.local.raw_etcd import free_ports

pytestmark = pytest.mark.local
LONG = bool(os.environ.get("ETCDPILOT_LONG"))


def peer_urls(folder: Folder) -> dict[str, str]:
    rows = folder.run("-o", "json", "status", code=None).document["members"]
    return {row["name"]: row["peer_urls"][0] for row in rows}


def noted_token(folder: Folder) -> str:
    return str(json.loads((folder.path / ".etcdpilot/dev/bootstrap.json").read_text())["url"])


def register(service: Service, token: str, name: str, url: str) -> None:
    """What a member does last before it is cut off: its PUT is carried out, and nobody hears the answer."""
    target = f"{token.removeprefix(service.url)}/{as_hex(member_id((url,), token))}?prevExist=false"
    assert asyncio.run(ask(service.port, "PUT", target, value_of(name, url))).status == 201


@pytest.mark.parametrize("etcd", V2 if LONG else V2[:1], ids=str)
@pytest.mark.parametrize("whose", ["made by apply", "of the file"] if LONG else ["of the file"])
def test_a_member_that_was_cut_off_after_its_registration_is_in_the_cluster_after_the_next_apply(
    folder: Folder, service: Service, etcd: Etcd, whose: str
):
    url = service.url
    if whose == "of the file":
        url = folder.run("discovery", "new", "--url", service.url).out.strip()
    write_cluster(folder, etcd, f"{{discovery: {{url: {url}}}}}")
    folder.run("plan")
    token = noted_token(folder)
    register(service, token, "etcd-1", peer_urls(folder)["etcd-1"])
    said = apply(folder).out
    assert "etcd-1 had registered before" in said
    require_formed(folder)
    require_ids_foretold(folder, token)
    service.end()
    require_it_starts_alone(folder)


@pytest.mark.parametrize("etcd", V2 if LONG else V2[:1], ids=str)
@pytest.mark.parametrize("left", ["nothing", "a data directory", "a log without an entry"] if LONG else ["nothing"])
def test_members_that_die_while_they_wait_for_the_last_one_form_their_cluster_with_the_next_apply(
    folder: Folder, service: Service, etcd: Etcd, left: str
):
    """Controller and members die; the third never came. What is left of the data directories holds no log."""
    write_cluster(folder, etcd, f"{{discovery: {{url: {service.url}}}}}")
    folder.run("plan")
    token = noted_token(folder)
    applying = folder.begin("apply", "--yes")
    until(lambda: len(registered(service, token)) >= 2, "two members have registered")
    applying.kill()
    applying.wait()
    for pid in folder.members().values():
        os.kill(pid, signal.SIGKILL)
    until(lambda: not folder.members(), "the members end")
    for path in (folder.path / "members").glob("*/data"):  # all three may have come just before the kill
        match left:
            case "nothing":
                shutil.rmtree(path)
            case "a data directory":
                shutil.rmtree(path / "member" / "wal", ignore_errors=True)
            case _:
                blank_log(path)
    apply(folder)
    require_formed(folder)
    require_ids_foretold(folder, token)


def registered(service: Service, token: str) -> list[str]:
    said = asyncio.run(ask(service.port, "GET", token.removeprefix(service.url)))
    return [node["value"] for node in said.document["node"].get("nodes", [])]


@pytest.fixture
def lost(folder: Folder, service: Service) -> str:
    """Three members that wait for a service that is gone, under the token of the file."""
    first = folder.run("discovery", "new", "--url", service.url).out.strip()
    write_cluster(folder, V2[0], f"{{discovery: {{url: {first}}}}}")
    folder.run("plan")
    service.end()
    applying = folder.begin("apply", "--yes")
    until(lambda: len(folder.members()) == 3, "all members wait for the service")
    applying.kill()
    applying.wait()
    return first


def test_members_that_wait_under_a_token_are_stopped_when_the_file_names_another(
    folder: Folder, lost: str, tmp_path: Path
):
    (tmp_path / "another").mkdir()
    another = Service(tmp_path / "another", free_ports(1)[0]).start()
    try:
        second = folder.run("discovery", "new", "--url", another.url).out.strip()
        name_token(folder, lost, second)
        assert "wait for a discovery that this start does without" in apply(folder).out
        require_formed(folder)
        require_ids_foretold(folder, second)
    finally:
        another.end()


def test_a_cluster_that_formed_under_the_earlier_token_is_not_taken_for_that_of_another(
    folder: Folder, lost: str, service: Service
):
    service.start()
    until(lambda: len(registered(service, lost)) == 3, "all of them register after all")
    until(lambda: folder.run("status", code=None).code == 0, "they form the cluster that nobody waits for")
    second = folder.run("discovery", "new", "--url", service.url).out.strip()
    name_token(folder, lost, second)
    said = apply(folder, code=3).err
    assert "answers for another cluster" in said and "put that one back" in said
    name_token(folder, second, lost)
    apply(folder)
    require_formed(folder)
    require_ids_foretold(folder, lost)


def name_token(folder: Folder, old: str, new: str) -> None:
    path = folder.path / "cluster.yaml"
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize("etcd", usual_lines() if LONG else every_line()[-1:], ids=str)
def test_a_registration_of_the_v3_protocol_that_was_cut_off_is_taken_up_again(folder: Folder, etcd: Etcd):
    keeper = Keeper(every_line()[-1], folder.path)
    try:
        write_cluster(folder, etcd, f"{{discovery: {{endpoints: ['{keeper.url}']}}}}")
        folder.run("plan")
        token = json.loads((folder.path / ".etcdpilot/dev/bootstrap.json").read_text())["token"]
        url = peer_urls(folder)["etcd-2"]
        key = f"/_etcd/registry/{token}/members/{as_hex(member_id((url,), token))}"
        keeper.ctl("put", key, f"etcd-2={url}")
        apply(folder)
        require_formed(folder)
        require_ids_foretold(folder, token)
    finally:
        keeper.end()
