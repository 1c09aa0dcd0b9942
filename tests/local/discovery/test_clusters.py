"""Real clusters that find each other through a service of ours, an etcd's v2 keys, Debian's service, and the v3 protocol."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import trustme

from etcdpilot.model.identity import as_hex, member_id
from tests.etcd_versions import Etcd, every_line, usual_lines
from tests.local.commands import Folder
from tests.local.discovery.clusters import apply, require_formed, require_it_starts_alone, until, write_cluster
from tests.local.discovery.service import Service
from tests.local.raw_etcd import free_ports

pytestmark = pytest.mark.local
LONG = bool(os.environ.get("ETCDPILOT_LONG"))
V2 = [each for each in every_line() if each.line < (3, 7)]
USUAL = V2 if LONG else list(dict.fromkeys([*V2[:1], *V2[-1:]]))
OLD = [each for each in every_line() if each.line < (3, 6)]
CACHE = Path(os.environ.get("ETCDPILOT_LAB_CACHE") or Path.home() / ".cache" / "etcdpilot-lab")


class Keeper:
    """One etcd by itself, whose keys are what members meet through."""

    def __init__(self, etcd: Etcd, folder: Path, *words: str, keys: Path | None = None) -> None:
        """`keys`: a folder with ca.pem, cert.pem and key.pem, for https; clients must show a certificate of that CA."""
        self.etcd, self.keys, self.port, peer = etcd, keys, *free_ports(2)
        urls = ("client-urls", self.url), ("peer-urls", f"http://127.0.0.1:{peer}")
        if keys:
            files = {"cert-file": "cert.pem", "key-file": "key.pem", "trusted-ca-file": "ca.pem"}
            words = (*words, "--client-cert-auth", *(f"--{name}={keys / file}" for name, file in files.items()))
        flags = [f"--listen-{name}={url}" for name, url in urls]
        flags += [f"--advertise-client-urls={self.url}", f"--initial-advertise-peer-urls={urls[1][1]}"]
        flags += [f"--initial-cluster=keeper={urls[1][1]}", "--name=keeper", f"--data-dir={folder / 'keeper'}"]
        with (folder / "keeper.log").open("ab") as log:
            self.process = subprocess.Popen([etcd.directory / "etcd", *flags, *words], stdout=log, stderr=log)
        until(lambda: self.ctl("endpoint", "health", check=False).returncode == 0, "the keeper is healthy")

    @property
    def url(self) -> str:
        return f"{'https' if self.keys else 'http'}://127.0.0.1:{self.port}"

    def ctl(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        files = {"cacert": "ca.pem", "cert": "cert.pem", "key": "key.pem"} if self.keys else {}
        secure = [f"--{name}={self.keys}/{file}" for name, file in files.items()]
        argv = [self.etcd.directory / "etcdctl", f"--endpoints={self.url}", *secure, *words]
        env = {"PATH": os.environ["PATH"], "ETCDCTL_API": "3"}
        return subprocess.run(argv, capture_output=True, text=True, check=check, env=env)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


def identity(folder: Folder) -> dict:
    return json.loads((folder.path / ".etcdpilot" / "dev" / "identity.json").read_text())


def require_ids_foretold(folder: Folder, token: str) -> None:
    status = folder.run("-o", "json", "status").document
    assert identity(folder)["token"] == token
    assert [row["id"] for row in status["members"]] == [
        as_hex(member_id(row["peer_urls"], token)) for row in status["members"]
    ]


@pytest.mark.parametrize("etcd", V2 if LONG else V2[:1], ids=str)
def test_a_cluster_forms_through_our_service_which_is_asked_for_a_token(folder: Folder, service: Service, etcd: Etcd):
    write_cluster(folder, etcd, f"{{discovery: {{url: {service.url}}}}}")
    apply(folder)
    require_formed(folder)
    token = identity(folder)["token"]
    assert re.fullmatch(re.escape(service.url) + "/[a-f0-9]{32}", token)
    require_ids_foretold(folder, token)
    service.end()  # a third party is needed only while the cluster forms (S2-08)
    require_it_starts_alone(folder)


def test_a_service_that_is_killed_in_the_middle_holds_nobody_up(folder: Folder, service: Service):
    write_cluster(folder, V2[0], f"{{discovery: {{url: {service.url}}}}}")
    folder.run("plan")  # the token is made and written down
    token = json.loads((folder.path / ".etcdpilot/dev/bootstrap.json").read_text())["url"]
    service.end()
    applying = folder.begin("apply", "--yes")
    until(lambda: len(folder.members()) == 3, "all members wait for the service")
    service.start()
    out, err = applying.communicate(timeout=100)
    assert applying.returncode == 0, out + err
    require_formed(folder)
    require_ids_foretold(folder, token)


@pytest.mark.parametrize("etcd", OLD if LONG else OLD[-1:], ids=str)
def test_a_cluster_forms_through_an_etcd_with_the_v2_api(folder: Folder, etcd: Etcd):
    keeper = Keeper(etcd, folder.path, "--enable-v2")
    try:
        token = folder.run("discovery", "new", "--v2", keeper.url, "--size", "3").out.strip()
        assert token.startswith(f"{keeper.url}/v2/keys/discovery/")  # S2-09
        write_cluster(folder, etcd, f"{{discovery: {{url: '{token}'}}}}")
        apply(folder)
        require_formed(folder)
        require_ids_foretold(folder, token)
    finally:
        keeper.end()
    require_it_starts_alone(folder)


@pytest.mark.parametrize("etcd", V2 if LONG else V2[:1], ids=str)
def test_a_cluster_forms_through_debians_discovery_service(folder: Folder, etcd: Etcd):
    program = CACHE / "tools" / "etcd-discovery" / "usr" / "bin" / "discovery.etcd.io"
    if not program.exists() or os.geteuid() != 0:
        pytest.skip(
            "needs Debian's etcd-discovery, unpacked below the lab's cache, and root to give it its file in /etc"
        )
    keeper = Keeper(OLD[0], folder.path, "--enable-v2")
    port = free_ports(1)[0]
    public = f"http://127.0.0.1:{port}"
    configuration = folder.path / "etcd" / "etcd-discovery"
    configuration.mkdir(parents=True)
    (configuration / "etcd-discovery.conf").write_text(
        f"[server]\nprefix_url = {public}\nweb_service_address = 127.0.0.1:{port}\n\n"
        f"[etcd]\nendpoint_location = {keeper.url}\n"
    )
    # It reads its file in /etc alone: it gets an /etc of its own, which ends with it.
    alone = f"mount --bind {configuration.parent} /etc && exec {program}"
    with (folder.path / "debian.log").open("ab") as log:
        debian = subprocess.Popen(["unshare", "--mount", "sh", "-c", alone], stdout=log, stderr=log)
    try:
        until(lambda: reachable(port) or debian.poll() is not None, "Debian's service listens")
        assert debian.poll() is None, (folder.path / "debian.log").read_text()
        write_cluster(folder, etcd, f"{{discovery: {{url: {public}}}}}")
        apply(folder)
        require_formed(folder)
        assert re.fullmatch(re.escape(public) + "/[a-f0-9]{32}", identity(folder)["token"])  # S2-10
    finally:
        debian.kill()
        debian.wait()
        keeper.end()
    require_it_starts_alone(folder)


def reachable(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("etcd", usual_lines(), ids=str)
def test_a_cluster_forms_through_the_v3_protocol_by_itself_or_with_our_help(folder: Folder, etcd: Etcd):
    keeper = Keeper(every_line()[-1], folder.path)
    try:
        write_cluster(folder, etcd, f"{{discovery: {{endpoints: ['{keeper.url}']}}}}")
        said = apply(folder).out
        assert ("does not speak this discovery" in said) == (etcd.line < (3, 6))
        require_formed(folder)
        token = identity(folder)["token"]
        require_ids_foretold(folder, token)
        keys = keeper.ctl("get", f"/_etcd/registry/{token}/", "--prefix", "--keys-only").stdout.split()
        assert len(keys) == 4  # the size and three members, whoever wrote them
    finally:
        keeper.end()
    require_it_starts_alone(folder)


@pytest.mark.parametrize("etcd", every_line() if LONG else every_line()[-1:], ids=str)
def test_over_https_the_certificates_for_the_v3_protocol_stay_on_this_machine(folder: Folder, etcd: Etcd):
    authority = trustme.CA()
    leaf = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(folder.path / "ca.pem"))
    leaf.private_key_pem.write_to_path(str(folder.path / "key.pem"))
    leaf.cert_chain_pems[0].write_to_path(str(folder.path / "cert.pem"))
    keeper = Keeper(every_line()[-1], folder.path, keys=folder.path)
    files = ("cacert", "ca.pem"), ("cert", "cert.pem"), ("key", "key.pem")
    try:
        said = ", ".join(f"{name}: {file}" for name, file in files)
        write_cluster(folder, etcd, f"{{discovery: {{endpoints: ['{keeper.url}'], {said}}}}}")
        assert "stay on this machine" in apply(folder).out
        require_formed(folder)
        token = identity(folder)["token"]
        require_ids_foretold(folder, token)
        words = (*(word for name, file in files for word in (f"--{name}", file)), "--size", "5")
        made = folder.run("discovery", "new", "--endpoints", keeper.url, *words).out.split()[0]
        key = f"/_etcd/registry/{made.removeprefix('--discovery-token=')}/_config/size"
        assert keeper.ctl("get", key, "--print-value-only").stdout.strip() == "5"
        assert not [path for path in (folder.path / "members").rglob("*.pem") if path.name in ("cert.pem", "key.pem")]
    finally:
        keeper.end()
    require_it_starts_alone(folder)


@pytest.mark.parametrize("etcd", [*OLD[:1], *every_line()[-1:]], ids=str)
def test_a_ready_token_of_the_v3_protocol_is_used_and_one_of_another_size_refused(folder: Folder, etcd: Etcd):
    keeper = Keeper(every_line()[-1], folder.path)
    try:
        tokens = []
        for size in ("5", "3"):
            said = folder.run("discovery", "new", "--endpoints", keeper.url, "--size", size).out
            tokens.append(said.split()[0].removeprefix("--discovery-token="))
        ways = [f"{{discovery: {{endpoints: ['{keeper.url}'], token: '{token}'}}}}" for token in (*tokens, "nobodys")]
        write_cluster(folder, etcd, ways[0])
        assert "for 5 members, the file has 3" in apply(folder, code=3).err
        write_cluster(folder, etcd, ways[2])
        assert "its size is not there" in apply(folder, code=3).err
        write_cluster(folder, etcd, ways[1])
        apply(folder)
        require_formed(folder)
        require_ids_foretold(folder, tokens[1])
    finally:
        keeper.end()


# What goes wrong, in our words and before a host is touched


@pytest.mark.parametrize(
    ("size", "members", "words"),
    [(3, 4, "for 3 members, the file has 4"), (5, 3, "for 5 members, the file has 3")],
)
def test_a_member_too_many_is_refused_before_it_can_become_a_proxy(
    folder: Folder, service: Service, size: int, members: int, words: str
):
    token = folder.run("discovery", "new", "--url", service.url, "--size", str(size)).out.strip()
    write_cluster(folder, V2[0], f"{{discovery: {{url: {token}}}}}", members=members)
    said = apply(folder, code=3).err
    assert words in said and not folder.members()
    if members > size:
        assert "etcdpilot member add" in said


def test_a_token_that_another_cluster_used_is_refused(folder: Folder, service: Service, tmp_path: Path):
    token = folder.run("discovery", "new", "--url", service.url, "--size", "3").out.strip()
    write_cluster(folder, V2[0], f"{{discovery: {{url: {token}}}}}")
    apply(folder)
    (tmp_path / "other").mkdir()
    other = Folder.at(tmp_path / "other")
    write_cluster(other, V2[0], f"{{discovery: {{url: {token}}}}}", name="other")
    said = apply(other, code=3).err
    assert (
        "is used up" in said and "etcd-0, etcd-1, etcd-2" in said.replace("etcd-2, etcd-1", "etcd-1, etcd-2")
    ) or said
    assert "is used up" in said
    assert len(folder.members()) == 3 and not other.members()


def test_a_surplus_member_ends_and_becomes_no_proxy_even_behind_our_back(folder: Folder, service: Service):
    """The token fills between our question and its start; etcd 3.4 and 3.5 would make a proxy of it by themselves."""
    token = folder.run("discovery", "new", "--url", service.url, "--size", "1").out.strip()
    write_cluster(folder, OLD[0], f"{{discovery: {{url: {token}}}}}", members=1)
    folder.run("plan")
    text = (folder.path / "cluster.yaml").read_text()
    assert "proxy" not in text
    said = folder.run("-o", "json", "plan").out
    assert token not in said or "exit" in said
    apply(folder)
    [pid] = folder.members().values()
    words = Path(f"/proc/{pid}/cmdline").read_text()
    assert "--discovery-fallback=exit" in words


def test_what_is_no_discovery_service_is_told_in_words(folder: Folder, service: Service):
    for url, words in (
        (f"{service.url}/{'0' * 32}", "the service does not know it"),
        (f"{service.url}/no/such/place", "There is no discovery service"),
    ):
        write_cluster(folder, V2[0], f"{{discovery: {{url: '{url}'}}}}")
        assert words in apply(folder, code=3).err
        assert not folder.members()


def test_etcd_3_7_has_no_v2_discovery_and_the_file_is_told(folder: Folder, service: Service):
    newest = next((each for each in every_line() if each.line >= (3, 7)), None)
    if newest is None:
        pytest.skip("needs etcd 3.7 (lab/binaries)")
    write_cluster(folder, newest, f"{{discovery: {{url: {service.url}}}}}")
    assert "knows discovery by endpoints alone" in apply(folder, code=2).err


def test_after_forming_a_member_is_added_without_the_token(folder: Folder, service: Service):
    write_cluster(folder, V2[-1], f"{{discovery: {{url: {service.url}}}}}")
    apply(folder)
    service.end()
    folder.run("member", "add", "etcd-3", "--yes")
    assert len(folder.members()) == 4
    folder.run("health")
