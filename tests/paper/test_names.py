"""What DNS must say for a cluster to form through it: the records as printed, and each way in which they may be wrong."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from typing import cast

import pytest

from etcdpilot.model.bootstrap import with_settled
from etcdpilot.model.cluster import ClusterSpec, Dns
from etcdpilot.model.errors import Refused
from etcdpilot.model.knowledge import Known, Unknown
from etcdpilot.model.membership import Membership
from etcdpilot.model.names import NamesSeen, Otherwise, Target
from etcdpilot.model.observation import EtcdSeen, HostSeen, Seen
from etcdpilot.planning.names import certificate_findings, name_findings, settled_names
from etcdpilot.rendering import dns_records
from etcdpilot.rendering.certificate_files import peer_certificate, server_certificate
from etcdpilot.spec.load import load

FILE = """\
name: prod
etcd: {version: 3.5.30, source: {directory: /opt/etcd}}
bootstrap: {dns: {domain: example.com}}
members:
  - {name: infra0, host: 10.0.1.10}
  - {name: infra1, host: 10.0.1.11}
  - {name: infra2, host: 10.0.1.12}
"""
RIGHT = tuple(Target("https", f"infra{n}.example.com", 2380, (f"10.0.1.1{n}",)) for n in range(3))


def cluster(*changes: tuple[str, str]) -> ClusterSpec:
    text = FILE
    for old, new in changes:
        text = text.replace(old, new)
    return load(text).spec


def seen(*targets: Target, **more) -> NamesSeen:
    own = {f"infra{n}": (f"10.0.1.1{n}",) for n in range(3)}
    return NamesSeen("example.com", ("10.0.0.53",), targets, own, **more)


def test_the_records_are_those_that_etcd_and_etcdctl_ask_for():
    zone = dns_records.bind_zone(dns_records.records(cluster(), "example.com"), "example.com")
    assert "_etcd-server-ssl._tcp.example.com. 300 IN SRV 0 0 2380 infra0.example.com.\n" in zone
    assert "_etcd-client-ssl._tcp.example.com. 300 IN SRV 0 0 2379 infra2.example.com.\n" in zone
    assert "infra1.example.com. 300 IN A 10.0.1.11\n" in zone
    assert zone.count(" SRV ") == 6 and zone.count(" IN A ") == 3


def test_a_suffix_stands_where_etcd_puts_it():
    found = dns_records.records(cluster(), "example.com", "blue")
    assert found[0].name == "_etcd-server-ssl-blue._tcp.example.com"
    plain = cluster(("members:", "tls: {mode: off}\nmembers:"))
    assert dns_records.records(plain, "example.com")[0].name == "_etcd-server._tcp.example.com"


def test_ipv6_gets_aaaa_and_names_stay_as_they_are():
    spec = cluster(("host: 10.0.1.10", "host: '2001:db8::10'"), ("host: 10.0.1.11", "host: etcd.example.net"))
    found = dns_records.records(spec, "example.com")
    addresses = [each for each in found if isinstance(each, dns_records.HostRecord)]
    assert ("infra0.example.com", "AAAA") in [(each.name, each.kind) for each in addresses]
    assert any(isinstance(each, dns_records.Srv) and each.target == "etcd.example.net" for each in found)
    assert all(ipaddress.ip_address(each.address) for each in addresses)


def test_dnsmasq_takes_the_same_records():
    lines = dns_records.dnsmasq_lines(dns_records.records(cluster(), "example.com"), "example.com").splitlines()
    assert "srv-host=_etcd-server-ssl._tcp.example.com,infra0.example.com,2380,0,0" in lines
    assert "host-record=infra0.example.com,10.0.1.10" in lines


def test_right_records_settle_the_names_that_the_members_are_known_by():
    spec = cluster()
    settled = with_settled(spec, settled_names(spec, seen(*RIGHT)))
    assert [each.advertise_peer_urls for each in settled.members] == [
        (f"https://infra{n}.example.com:2380",) for n in range(3)
    ]
    assert settled.members[0].listen_peer_urls == spec.members[0].listen_peer_urls
    assert with_settled(settled, settled_names(spec, seen(*RIGHT))) == settled
    names = server_certificate(settled, settled.members[0])
    assert (
        "example.com" in names.dns_names
        and "infra0.example.com" in peer_certificate(settled, settled.members[0]).dns_names
    )
    assert "10.0.1.10" in peer_certificate(settled, settled.members[0]).ip_addresses


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        (RIGHT[:2], "no SRV record below example.com leads to https://10.0.1.12:2380"),
        ((), "no SRV record"),
        ((*RIGHT, Target("https", "infra9.example.com", 2380, ("10.0.1.19",))), "belongs to no member"),
        ((*RIGHT[:2], Target("https", "infra2.example.com", 2381, ("10.0.1.12",))), "its port differs"),
        ((*RIGHT[:2], Target("http", "infra2.example.com", 2380, ("10.0.1.12",))), "its scheme differs"),
        ((*RIGHT[:2], Target("https", "infra2.example.com", 2380, ())), "has no address"),
    ],
)
def test_wrong_records_are_refused_and_each_is_named(targets: tuple[Target, ...], words: str):
    with pytest.raises(Refused) as refused:
        settled_names(cluster(), seen(*targets))
    assert words in (refused.value.why or "")


def test_a_hosts_file_that_points_home_is_an_error_and_any_other_a_warning():
    pinned = {"infra0": ("127.0.1.1 infra0.example.com",), "infra1": ("10.0.1.12 somebody",)}
    severities = {each.where: each.severity.value for each in name_findings(cluster(), seen(*RIGHT, pinned=pinned))}
    assert severities == {"infra0": "error", "infra1": "warning"}


def test_a_name_of_a_peer_url_that_does_not_resolve_is_said_of_its_member():
    own = {f"infra{n}": (f"10.0.1.1{n}",) for n in range(2)}
    found = name_findings(
        cluster(("host: 10.0.1.12", "host: infra2.example.com")),
        NamesSeen("example.com", ("10.0.0.53",), (*RIGHT[:2], replace(RIGHT[2], addresses=())), own),
    )
    assert [f"{each.severity.value} {each.where} {each.what}" for each in found] == [
        "error infra2 infra2.example.com does not resolve",
        "error infra2.example.com the target of an SRV record has no address",
    ]


BY_NAME = tuple((f"host: 10.0.1.1{n}", f"host: infra{n}.example.com") for n in range(3))


def test_a_reverse_record_that_a_certificate_of_names_does_not_have_is_a_warning():
    reverse = {"10.0.1.10": ("infra0.example.com",), "10.0.1.11": ("rack7.example.net",), "10.0.1.12": ()}
    [found] = name_findings(cluster(*BY_NAME), seen(*RIGHT, reverse=reverse))
    assert (found.severity.value, found.where) == ("warning", "infra1")
    assert found.what == "10.0.1.11 is rack7.example.net in reverse, which its certificate does not name"
    # A certificate that has the address itself is not asked about in reverse; and without TLS there is none.
    assert name_findings(cluster(), seen(*RIGHT, reverse=reverse)) == ()
    plain = tuple(replace(each, scheme="http") for each in RIGHT)
    assert (
        name_findings(cluster(*BY_NAME, ("members:", "tls: {mode: off}\nmembers:")), seen(*plain, reverse=reverse))
        == ()
    )


def test_certificates_that_lack_the_domain_or_the_target_are_told():
    spec = with_settled(cluster(), settled_names(cluster(), seen(*RIGHT)))
    enough, old = ("example.com", "infra0.example.com", "infra1.example.com", "localhost"), ("localhost",)
    hosts = {name: Known(cast(HostSeen, Installed(names))) for name, names in (("infra0", enough), ("infra1", old))}
    there = Seen((*hosts.items(), ("infra2", Unknown("away"))), EtcdSeen(Unknown("nobody"), ()), Membership(()))
    said = [f"{each.where} {each.what}" for each in certificate_findings(spec, there)]
    assert said == [
        f"infra1 /etc/etcd/tls/{role}.crt does not name infra1.example.com, example.com" for role in ("server", "peer")
    ]


class Installed:
    """A host on which every certificate has these DNS names."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names

    def certificate(self, path: str) -> Installed:
        return self

    @property
    def dns_names(self) -> tuple[str, ...]:
        return self.names


def test_a_resolver_that_says_otherwise_is_an_error_and_names_whose_it_is():
    stale = Otherwise("10.0.0.54", ("infra1", "infra2"), lacks=("https://infra2.example.com:2380 at 10.0.1.12",))
    silent = Otherwise("10.0.0.55", ("infra0",))
    only = replace(silent, alone=("infra0",))
    [alone] = name_findings(cluster(), seen(*RIGHT, otherwise=(only,)))
    assert alone.severity.value == "error" and "the hosts of infra0 have no other" in alone.what
    found = name_findings(cluster(), seen(*RIGHT, otherwise=(silent, stale), unasked=("infra2",)))
    assert [(each.severity.value, each.where) for each in found] == [
        ("error", "10.0.0.54"),
        ("warning", "10.0.0.55"),
        ("warning", "infra2"),
    ]
    assert "the hosts of infra1 and infra2 ask it" in found[0].what and "does not answer" in found[1].what
    with pytest.raises(Refused, match="cannot find each other"):
        settled_names(cluster(), seen(*RIGHT, otherwise=(stale,)))
    assert settled_names(cluster(), seen(*RIGHT, otherwise=(silent,)))


def test_a_resolver_that_is_silent_is_no_missing_record():
    found = name_findings(cluster(), seen(trouble="no resolver answered"))
    assert [each.what for each in found] == ["no resolver answered"]


def test_dns_of_the_old_etcd_over_http_is_listed():
    from etcdpilot.planning.names import warnings_of_names

    old = cluster(("3.5.30", "3.4.23"), ("members:", "tls: {mode: off}\nmembers:"))
    assert isinstance(old.bootstrap, Dns)
    assert any("cannot read SRV" in each for each in warnings_of_names(old, seen()))
