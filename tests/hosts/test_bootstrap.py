"""Clusters on hosts that find each other through DNS or a discovery service: names, wrong records, cut-offs, joiners.

test_bootstrap_matrix.py has every way with every line of etcd.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import urllib.request
from pathlib import Path

import pytest
from dns.message import make_query
from dns.query import udp

from lab import Lab
from lab.names import Address, Service
from lab.network import DNS_ADDRESS
from lab.probes import until
from tests.hosts.bootstrapping import DOMAIN, HERE, had, init, our_service, records, require_it_starts_alone, running
from tests.hosts.site import ETCDPILOT, Site

thorough = pytest.mark.skipif(not os.environ.get("ETCDPILOT_LONG"), reason="the long form: set ETCDPILOT_LONG=1")
ETCDPILOT_APPLY = (ETCDPILOT, "apply", "--yes")


@pytest.fixture
def site(three_hosts: Lab, tmp_path: Path) -> Site:
    return Site(three_hosts, tmp_path / "site")


# DNS (S2-15 to S2-17)


def test_names_may_stand_in_the_file_and_etcdctl_finds_the_cluster_by_its_domain(site: Site) -> None:
    clients = [Service(f"_etcd-client-ssl._tcp.{DOMAIN}", f"infra{n}.{DOMAIN}", 2379) for n in range(3)]
    site.lab.dns([*records(site, "https"), *clients])
    init(site, "3.5.30", f"{{dns: {{domain: {DOMAIN}}}}}", hosts=tuple(f"infra{n}.{DOMAIN}" for n in range(3)))
    site.apply()
    assert site.healthy() and site.settled()
    for host in site.lab.hosts:  # names are advertised, addresses are listened on: etcd takes no name for that (S2-16)
        words = host.read("/etc/etcd/etcd.env")
        assert 'ETCD_INITIAL_ADVERTISE_PEER_URLS="https://infra' in words
        assert re.search(r'ETCD_LISTEN_PEER_URLS="https://[0-9.]+:2380"', words), words
    keys = [
        f"--{name}={site.state}/{file}"
        for name, file in (("cacert", "ca.crt"), ("cert", "client.crt"), ("key", "client.key"))
    ]
    etcdctl = had("3.5.30").directory / "etcdctl"
    found = site.lab.controller([str(etcdctl), "--discovery-srv", DOMAIN, *keys, "member", "list"], check=False)
    assert found.stdout.count("started") == 3, found.stderr


def test_wrong_records_are_told_before_any_host_is_touched(site: Site) -> None:
    site.lab.dns(records(site, "https")[:-1])
    init(site, "3.5.30", f"{{dns: {{domain: {DOMAIN}}}}}")
    said = site.apply(code=3)
    assert "etcd-2: no SRV record below example.test leads to" in said, said
    assert site.lab.hosts[0].run("test -e /etc/etcd/etcd.env", check=False).returncode != 0
    checked = site.run("dns", "check", code=1).stdout
    assert "etcd-2" in checked and "error" in checked
    assert f"_etcd-server-ssl._tcp.{DOMAIN}" in site.run("dns", "records").stdout


def test_the_records_that_we_print_are_what_dig_shows(site: Site) -> None:
    """S2-15: our dnsmasq lines in a real dnsmasq, asked as `dig +noall +answer SRV` asks."""
    init(site, "3.5.30", f"{{dns: {{domain: {DOMAIN}}}}}", "http", tuple(f"infra{n}.{DOMAIN}" for n in range(3)))
    site.lab.dns([])
    lines = site.run("dns", "records", "--format", "dnsmasq").stdout.splitlines()
    hosts = [f"host-record=infra{n}.{DOMAIN},{host.address}" for n, host in enumerate(site.lab.hosts)]
    options = [f"--{line}" for line in (*lines, *hosts)]
    argv = ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root"]
    with running(site, [*argv, f"--listen-address={HERE}", "--bind-interfaces", *options], 53):
        assert answers(site, f"_etcd-server._tcp.{DOMAIN}", "SRV") == {
            f"_etcd-server._tcp.{DOMAIN}. 300 IN SRV 0 0 2380 infra{n}.{DOMAIN}." for n in range(3)
        }
        assert answers(site, f"_etcd-client._tcp.{DOMAIN}", "SRV") == {
            f"_etcd-client._tcp.{DOMAIN}. 300 IN SRV 0 0 2379 infra{n}.{DOMAIN}." for n in range(3)
        }
        for n, host in enumerate(site.lab.hosts):
            assert answers(site, f"infra{n}.{DOMAIN}", "A") == {f"infra{n}.{DOMAIN}. 300 IN A {host.address}"}


def answers(site: Site, name: str, kind: str) -> set[str]:
    with site.lab.inside_controller():
        found = udp(make_query(name, kind), HERE, timeout=5)
    return {line for each in found.answer for line in each.to_text().splitlines()}


@pytest.mark.parametrize(
    ("version", "listen", "words"),
    [
        ("3.4.23", "infra0.example.test", "expected IP in URL for binding"),
        ("3.5.30", "infra0.example.test", "expected IP in URL for binding"),
        ("3.4.23", "", "error querying DNS SRV records for _etcd-server-ssl"),
    ],
)
def test_what_a_guide_types_for_dns_does_not_start(site: Site, version: str, listen: str, words: str) -> None:
    """S2-16 as it stands, and with addresses to listen on, on 3.4 over http (S2-17): why we word these lines ourselves.
    3.5 waits for the others instead, which the matrix lets it do."""
    site.lab.dns(records(site, "http"))
    host = site.lab.hosts[0]
    host.put(had(version).directory / "etcd", "/tmp/etcd", 0o755)
    where, name = listen or host.address, f"infra0.{DOMAIN}"
    line = (
        f"/tmp/etcd -name infra0 -discovery-srv {DOMAIN} -initial-advertise-peer-urls http://{name}:2380 "
        f"-initial-cluster-token etcd-cluster-1 -initial-cluster-state new -advertise-client-urls http://{name}:2379 "
        f"-listen-client-urls http://{where}:2379 -listen-peer-urls http://{where}:2380 -data-dir /tmp/infra0"
    )
    done = host.run(f"timeout 20 {line} 2>&1", check=False)
    assert done.returncode == 1 and words in done.stdout, done.stdout


@thorough
def test_a_resolver_that_says_something_else_is_found_before_a_member_believes_it(site: Site) -> None:
    """Two hosts ask one resolver, the third another, which knows of two members alone."""
    site.lab.dns(records(site, "https"))
    site.lab.hosts[2].run(f"printf 'nameserver {HERE}\\n' > /etc/resolv.conf")
    init(site, "3.5.30", f"{{dns: {{domain: {DOMAIN}}}}}")
    lines = [f"--host-record=infra{n}.{DOMAIN},{host.address}" for n, host in enumerate(site.lab.hosts)]
    service = f"--srv-host=_etcd-server-ssl._tcp.{DOMAIN},infra"
    argv = ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root"]
    argv += [f"--listen-address={HERE}", "--bind-interfaces", *lines]
    with running(site, [*argv, *(f"{service}{n}.{DOMAIN},2380" for n in range(2))], 53):
        said = site.apply(code=3)
        assert f"{HERE}: answers otherwise than the others: it lacks https://infra2.{DOMAIN}:2380" in said, said
        assert "the hosts of etcd-2 ask it" in said
        assert site.lab.hosts[0].run("test -e /etc/etcd/etcd.env", check=False).returncode != 0
        checked = json.loads(site.run("-o", "json", "dns", "check", code=1).stdout)
        assert checked["resolvers"] == [DNS_ADDRESS, HERE]
        [other] = checked["otherwise"]
        assert other["resolver"] == HERE and other["members"] == ["etcd-2"] and not other["adds"]
    with running(site, [*argv, *(f"{service}{n}.{DOMAIN},2380" for n in range(3))], 53):
        site.apply()
        assert site.healthy() and site.run("dns", "check").returncode == 0


# Discovery (S2-08 to S2-14)


@thorough
def test_a_host_that_loses_its_power_while_it_waits_is_in_the_cluster_after_the_next_apply(site: Site) -> None:
    """It is under the token with nothing to show for it, and systemd starts it in vain, over and over."""
    with our_service(site) as url:
        init(site, "3.4.23", f"{{discovery: {{url: '{url}'}}}}")
        site.run("plan")
        token = json.loads((site.state / "bootstrap.json").read_text())["url"]
    # Nobody can register yet: all wait, and the controller that started them dies.
    applying = site.lab.start([*ETCDPILOT_APPLY], cwd=site.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert until(lambda: all(host.pids("etcd") for host in site.lab.hosts), 60)
    applying.kill()
    applying.wait()
    site.lab.hosts[2].run("systemctl stop etcd")
    with our_service(site) as url:
        assert until(lambda: len(registered(site, token)) == 2, 60), "two register"
        site.lab.hosts[0].power_cut()
        site.lab.hosts[0].power_on()
        journal = "previously registered|duplicate id"
        assert until(lambda: re.search(journal, site.lab.hosts[0].journal("etcd")) is not None, 30)
        assert until(lambda: "holds the lock" not in site.run("plan", code=None).stderr, 60)
        said = site.apply()
        assert "etcd-0, etcd-1 had registered before" in said, said
        assert site.healthy() and site.settled()
        assert json.loads((site.state / "identity.json").read_text())["token"] == token
    require_it_starts_alone(site)


def registered(site: Site, token: str) -> list[str]:
    with site.lab.inside_controller(), urllib.request.urlopen(token, timeout=5) as answer:
        return [each["value"] for each in json.loads(answer.read())["node"].get("nodes", [])]


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
    init(site, "3.5.30", f"{{dns: {{domain: {DOMAIN}}}}}", hosts=names)
    site.apply()
    before = site.file.read_text()
    add = ("member", "add", "etcd-3", f"infra3.{DOMAIN}", "--yes", "--wait")
    refused = site.run(*add, "2", code=3)
    assert "did not come" in refused.stderr and f"SRV 0 0 2380 infra3.{DOMAIN}." in refused.stderr
    assert site.file.read_text() == before
    lab.dns([*three, *new])
    site.run(*add, "20")
    rows = site.says("status")["members"]
    assert [row["state"] for row in rows] == ["voting"] * 4
    assert site.healthy() and site.settled()
