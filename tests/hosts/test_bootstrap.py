"""Clusters on hosts that find each other through DNS or a discovery service, and start again without either."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from lab import Lab
from lab.names import Address, Service
from lab.network import CONTROLLER
from lab.probes import until
from tests.etcd_versions import every_line
from tests.hosts.site import ETCDPILOT, Site

LONG = bool(os.environ.get("ETCDPILOT_LONG"))
VERSIONS = {".".join(map(str, each.line)): each.version for each in every_line()}
DOMAIN = "example.test"


@pytest.fixture
def site(three_hosts: Lab, tmp_path: Path) -> Site:
    return Site(three_hosts, tmp_path / "site")


def combination(line: str, what: str, *, always: bool = False):
    skips = []
    if line not in VERSIONS:
        skips.append(pytest.mark.skip(reason=f"needs etcd {line} (lab/binaries)"))
    elif not (always or LONG):
        skips.append(pytest.mark.skip(reason="one of many: set ETCDPILOT_LONG=1"))
    return pytest.param(line, what, id=f"{line}-{what}", marks=skips)


def records(site: Site, scheme: str, *, reverse: bool = True) -> list[Address | Service]:
    kind = "_etcd-server-ssl" if scheme == "https" else "_etcd-server"
    found: list[Address | Service] = []
    for place, host in enumerate(site.lab.hosts):
        found.append(Address(f"infra{place}.{DOMAIN}", host.address, reverse=reverse))
        found.append(Service(f"{kind}._tcp.{DOMAIN}", f"infra{place}.{DOMAIN}", 2380))
    return found


def init(site: Site, line: str, bootstrap: str, scheme: str = "https", hosts: tuple[str, ...] = ()) -> None:
    site.init(*hosts, etcd=VERSIONS[line])
    text = site.file.read_text()
    lines = [each for each in text.splitlines() if not each.startswith("bootstrap:")]
    if scheme == "http":
        lines = [*without(lines, "tls:"), "tls: {mode: off}"]
    site.write("\n".join([*lines, f"bootstrap: {bootstrap}", ""]))


def without(lines: list[str], section: str) -> list[str]:
    kept, inside = [], False
    for line in lines:
        inside = line.startswith(section) or (inside and line.startswith((" ", "#")) and bool(line.strip()))
        if not inside:
            kept.append(line)
    return kept


def require_it_starts_alone(site: Site) -> None:
    """Every host loses its power at once, and comes back to a cluster that asks nobody who its members are."""
    for host in site.lab.hosts:
        words = host.read("/etc/etcd/etcd.env") + host.read("/etc/systemd/system/etcd.service")
        assert 'ETCD_INITIAL_CLUSTER_STATE="existing"' in words and "DISCOVERY" not in words, words
        assert words.count("=http") >= 3
    for host in site.lab.hosts:
        host.run("systemctl kill -s KILL etcd; systemctl stop etcd")
    site.apply()
    assert until(site.healthy, 60)


# DNS (S2-15 to S2-17)


@pytest.mark.parametrize(
    ("line", "scheme"),
    [
        combination("3.4", "http", always=True),
        combination("3.5", "https", always=True),
        combination("3.4", "https"),
        combination("3.5", "http"),
        combination("3.6", "http"),
        combination("3.6", "https"),
        combination("3.7", "https"),
    ],
)
def test_a_cluster_forms_through_srv_records_and_needs_them_once(site: Site, line: str, scheme: str) -> None:
    site.lab.dns(records(site, scheme))
    init(site, line, f"{{dns: {{domain: {DOMAIN}}}}}", scheme)  # members by address, as S2-17 has it
    said = site.apply()
    assert ("cannot read SRV records" in said) == (line == "3.4" and scheme == "http"), said
    assert site.healthy()
    rows = site.says("status")["members"]
    assert sorted(row["peer_urls"][0] for row in rows) == [f"{scheme}://infra{n}.{DOMAIN}:2380" for n in range(3)]
    assert site.settled()
    assert site.run("dns", "check").returncode == 0
    site.lab.dns([each for each in records(site, scheme) if isinstance(each, Address)])  # SRV records gone
    require_it_starts_alone(site)


def test_names_may_stand_in_the_file_and_etcdctl_finds_the_cluster_by_its_domain(site: Site) -> None:
    clients = [Service(f"_etcd-client-ssl._tcp.{DOMAIN}", f"infra{n}.{DOMAIN}", 2379) for n in range(3)]
    site.lab.dns([*records(site, "https"), *clients])
    init(site, "3.5", f"{{dns: {{domain: {DOMAIN}}}}}", hosts=tuple(f"infra{n}.{DOMAIN}" for n in range(3)))
    site.apply()
    assert site.healthy() and site.settled()
    keys = [
        f"--{name}={site.state}/{file}"
        for name, file in (("cacert", "ca.crt"), ("cert", "client.crt"), ("key", "client.key"))
    ]
    etcdctl = next(each for each in every_line() if each.line == (3, 5)).directory / "etcdctl"
    found = site.lab.controller([str(etcdctl), "--discovery-srv", DOMAIN, *keys, "member", "list"], check=False)
    assert found.stdout.count("started") == 3, found.stderr


def test_wrong_records_are_told_before_any_host_is_touched(site: Site) -> None:
    site.lab.dns(records(site, "https")[:-1])
    init(site, "3.5", f"{{dns: {{domain: {DOMAIN}}}}}")
    said = site.apply(code=3)
    assert "etcd-2: no SRV record below example.test leads to" in said, said
    assert site.lab.hosts[0].run("test -e /etc/etcd/etcd.env", check=False).returncode != 0
    checked = site.run("dns", "check", code=1).stdout
    assert "etcd-2" in checked and "error" in checked
    assert f"_etcd-server-ssl._tcp.{DOMAIN}" in site.run("dns", "records").stdout


# Discovery (S2-08 to S2-14)


@contextmanager
def service(site: Site, *words: str, scheme: str = "http") -> Iterator[str]:
    """Ours, on the controller's side; ended at the end of the block."""
    argv = [ETCDPILOT, "discovery", "serve", "--listen", f"{CONTROLLER.address}:2381", *words]
    public = f"{scheme}://{CONTROLLER.address}:2381"
    process = site.lab.start(argv, cwd=site.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert until(lambda: listens(site), 20), "the service does not listen"
        yield public
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.parametrize(
    ("line", "scheme"),
    [
        combination("3.4", "http"),
        combination("3.5", "https", always=True),
        combination("3.6", "http"),
        combination("3.4", "https"),
        combination("3.6", "https"),
    ],
)
def test_a_cluster_forms_through_our_own_service(site: Site, line: str, scheme: str, tmp_path: Path) -> None:
    words: tuple[str, ...] = ()
    environment = {}
    if scheme == "https":
        words = trusted(site, tmp_path)
        environment = {"SSL_CERT_FILE": str(tmp_path / "bundle.pem")}
    with service(site, *words, scheme=scheme) as url:
        init(site, line, f"{{discovery: {{url: {url}}}}}")
        site.apply(env=environment)
        assert site.healthy() and site.settled()
    require_it_starts_alone(site)


def listens(site: Site) -> bool:
    try:
        site.lab.connect(CONTROLLER.address, 2381).close()
    except OSError:
        return False
    return True


def trusted(site: Site, folder: Path) -> tuple[str, ...]:
    """etcd believes the system's authorities alone: ours becomes one of them on every host."""
    authority = trustme.CA()
    leaf = authority.issue_cert(CONTROLLER.address)
    leaf.private_key_pem.write_to_path(str(folder / "key.pem"))
    (folder / "cert.pem").write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
    (folder / "bundle.pem").write_bytes(authority.cert_pem.bytes())
    for host in site.lab.hosts:
        host.put(folder / "bundle.pem", "/etc/ssl/certs/ca-certificates.crt")
    return ("--cert", str(folder / "cert.pem"), "--key", str(folder / "key.pem"))


def test_a_member_that_joins_a_cluster_of_dns_is_told_its_records_and_waits_for_them(lab: Lab, tmp_path: Path) -> None:
    lab.clean(4)
    site = Site(lab, tmp_path / "site")
    new = [
        Address(f"infra3.{DOMAIN}", lab.hosts[3].address, reverse=True),
        Service(f"_etcd-server-ssl._tcp.{DOMAIN}", f"infra3.{DOMAIN}", 2380),
    ]
    every = records(site, "https")
    three = [each for each in every if "infra3" not in f"{each}"]
    lab.dns(three)
    names = tuple(f"infra{n}.{DOMAIN}" for n in range(3))
    init(site, "3.5", f"{{dns: {{domain: {DOMAIN}}}}}", hosts=names)
    site.apply()
    before = site.file.read_text()
    add = ("member", "add", "etcd-3", f"infra3.{DOMAIN}", "--yes", "--wait-for-dns")
    refused = site.run(*add, "2", code=3)
    assert "did not come" in refused.stderr and f"SRV 0 0 2380 infra3.{DOMAIN}." in refused.stderr
    assert site.file.read_text() == before
    lab.dns([*three, *new])
    site.run(*add, "20")
    rows = site.says("status")["members"]
    assert [row["state"] for row in rows] == ["voting"] * 4
    assert site.healthy() and site.settled()
