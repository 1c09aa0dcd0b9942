"""Certificates that somebody else makes, on real hosts: judged before anything is touched, and when they keep one out."""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab import Lab
from lab.host import Host
from lab.probes import until
from tests.hosts.site import Site, pid
from tests.outside_ca import OutsideCa

pytestmark = pytest.mark.timeout(300)
LONG = bool(os.environ.get("ETCDPILOT_LONG"))
GIVEN = """tls:
  given:
    server-cert: pki/{name}.crt
    server-key: pki/{name}.key
    client-ca: pki/root.crt
    operator-cert: pki/root.user.crt
    operator-key: pki/root.user.key
"""


@pytest.fixture
def site(lab: Lab, tmp_path: Path) -> Iterator[Site]:
    """A cluster file that names somebody else's certificates, right ones for all three members."""
    lab.clean(3)
    site = Site(lab, tmp_path / "site").init()
    head, _, rest = site.file.read_text().partition("tls:\n")
    site.write(head + GIVEN + rest[rest.index("# `host`") :])
    outside = outside_ca(site)
    outside.pair("root.user")
    for number in range(3):
        outside.pair(f"etcd-{number}", hosts_of(site, number))
    yield site


def outside_ca(site: Site) -> OutsideCa:
    """The same one for as long as its folder is there."""
    folder = site.folder / "pki"
    return OutsideCa.load(folder) if folder.exists() else OutsideCa.make(folder)


def hosts_of(site: Site, number: int) -> tuple[str, ...]:
    return (site.lab.hosts[number].address, "127.0.0.1")


def is_untouched(host: Host) -> bool:
    return host.show("etcd", "LoadState") == "not-found" and host.says("ls /etc/etcd 2>/dev/null || true") == ""


def test_a_cluster_runs_on_certificates_of_others_and_takes_new_ones_without_a_restart(site: Site) -> None:
    site.apply()
    assert site.healthy() and site.settled()
    for host in site.lab.hosts:
        assert host.read("/etc/etcd/tls/server.crt").count("BEGIN CERTIFICATE") == 2  # the intermediate goes along
        assert host.read("/etc/etcd/tls/client-ca.crt").count("BEGIN CERTIFICATE") == 1
        assert host.says("stat -c '%a %U' /etc/etcd/tls/*.key") == "600 etcd\n600 etcd"
    before = [pid(host) for host in site.lab.hosts]
    outside_ca(site).pair("etcd-1", hosts_of(site, 1))
    assert "server.crt" in site.apply() and site.healthy() and site.settled()
    assert [pid(host) for host in site.lab.hosts] == before
    assert served(site, 1) == (site.folder / "pki" / "etcd-1.crt").read_text().partition("-----END")[0]


def served(site: Site, number: int) -> str:
    """What a member shows now, up to the end of its first certificate."""
    with site.lab.inside_controller():
        shown = ssl.get_server_certificate((site.lab.hosts[number].address, 2379))
    return shown.partition("-----END")[0]


def test_a_certificate_that_misses_its_hosts_address_is_refused_before_anything_is_touched(site: Site) -> None:
    third = site.lab.hosts[2].address
    outside_ca(site).pair("etcd-2", (*hosts_of(site, 0), *hosts_of(site, 1)))
    said = site.apply(code=3)
    assert f"The server certificate of etcd-2, {site.folder}/pki/etcd-2.crt, does not cover {third}." in said, said
    assert f"It is valid for {site.lab.hosts[0].address}" in said and "Nothing was touched" in said, said
    assert f"Have it issued again for {third}" in said, said
    assert all(is_untouched(host) for host in site.lab.hosts)
    outside_ca(site).pair("etcd-2", hosts_of(site, 2))
    assert site.run("plan").returncode == 0


def test_a_host_whose_connections_come_from_an_address_that_no_certificate_names_is_told_so(site: Site) -> None:
    """Everything is right on paper; the peers see another address than the one that is advertised."""
    third = site.lab.hosts[2]
    with dialling_from(other := "10.77.0.213", third):
        said = site.apply(code=3)
        outside_ca(site).pair("etcd-2", (*hosts_of(site, 2), other))
        after = site.run("plan").stdout
    assert f"The connections of etcd-2 to its peers come from {other}, which its certificate does not name." in said, (
        said
    )
    assert f"issued again with {other} in it" in said and all(is_untouched(host) for host in site.lab.hosts), said
    assert other not in after


@contextmanager
def dialling_from(other: str, host: Host) -> Iterator[None]:
    """The host has a second address, and its connections come from that one."""
    wire = host.says("ip -o route show 10.77.0.0/24 | sed 's/.* dev \\([^ ]*\\).*/\\1/'")
    host.run(f"ip addr add {other}/24 dev {wire} && ip route change 10.77.0.0/24 dev {wire} src {other}")
    try:
        yield
    finally:
        host.run(f"ip route change 10.77.0.0/24 dev {wire} src {host.address}; ip addr del {other}/24 dev {wire}")


@pytest.mark.skipif(not LONG, reason="the long run, ETCDPILOT_LONG=1")
def test_a_certificate_that_was_exchanged_on_the_host_is_named_when_it_keeps_its_member_out(site: Site) -> None:
    third = site.lab.hosts[2]
    wrong = outside_ca(site).pair("wrong", hosts_of(site, 0))
    third.put(wrong, "/root/wrong.crt", 0o644)
    third.put(wrong.with_suffix(".key"), "/root/wrong.key", 0o644)
    swap = (
        "for x in crt key; do [ -e $t/peer.$x ] && ! cmp -s /root/wrong.$x $t/peer.$x && "
        "cp /root/wrong.$x $t/x && chown etcd: $t/x && mv $t/x $t/peer.$x; done"
    )
    third.run(f"( t=/etc/etcd/tls; while [ ! -e /run/enough ]; do {swap}; sleep 0.02; done ) >/dev/null 2>&1 &")
    said, seconds = failed_apply(site)
    assert f"etcd-2: its peer certificate does not cover {third.address}" in said, said
    assert seconds < 60, said
    third.run("touch /run/enough")
    assert until(lambda: third.says("pgrep -f 'root/wrong' | grep -v $$ || true") == "", 10)
    site.apply()
    assert site.healthy()


def failed_apply(site: Site) -> tuple[str, float]:
    began = time.monotonic()
    return site.apply(code=6), time.monotonic() - began
