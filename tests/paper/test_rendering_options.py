"""Every option of a member, each in exactly one place."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcdpilot.model.cluster import Discovery, Dns, HostKind, Profile, ServiceStyle, Subject, TlsMode
from etcdpilot.model.observation import Process
from etcdpilot.model.versions import Version
from etcdpilot.rendering.options import flag, member_options, placed, split, variable
from etcdpilot.rendering.running import options_that_differ, running_options
from tests.paper.clusters import cluster, initial, member


def test_a_member_is_told_its_name_its_urls_its_peers_and_its_certificates():
    spec = cluster()
    options = member_options(spec, spec.members[0], initial(spec))
    assert options == {
        "name": "etcd-0",
        "data-dir": "/var/lib/etcd",
        "listen-peer-urls": "https://10.0.0.11:2380",
        "listen-client-urls": "https://10.0.0.11:2379,https://127.0.0.1:2379",
        "initial-advertise-peer-urls": "https://10.0.0.11:2380",
        "advertise-client-urls": "https://10.0.0.11:2379",
        "initial-cluster": "etcd-0=https://10.0.0.11:2380,etcd-1=https://10.0.0.12:2380,etcd-2=https://10.0.0.13:2380",
        "initial-cluster-token": "t0k3n",
        "initial-cluster-state": "new",
        "cert-file": "/etc/etcd/tls/server.crt",
        "key-file": "/etc/etcd/tls/server.key",
        "trusted-ca-file": "/etc/etcd/tls/client-ca.crt",
        "client-cert-auth": "true",
        "peer-cert-file": "/etc/etcd/tls/peer.crt",
        "peer-key-file": "/etc/etcd/tls/peer.key",
        "peer-trusted-ca-file": "/etc/etcd/tls/peer-ca.crt",
        "peer-client-cert-auth": "true",
    }


def test_without_tls_no_certificate_is_named():
    spec = cluster(tls={"mode": TlsMode.OFF})
    assert not [
        name for name in member_options(spec, spec.members[0], initial(spec)) if "cert" in name or "key" in name
    ]


def test_options_of_the_cluster_file_join_and_override():
    spec = cluster(member(0, options=(("quota-backend-bytes", "8589934592"), ("heartbeat-interval", "50"))))
    spec = replace(spec, timers="loopback")
    options = member_options(spec, spec.members[0], initial(spec))
    assert options["quota-backend-bytes"] == "8589934592"
    assert options["heartbeat-interval"] == "50"
    assert options["election-timeout"] == "200"


def test_3_4_logs_as_every_later_release_does():
    spec = cluster(version=Version(3, 4, 23))
    assert member_options(spec, spec.members[0], initial(spec))["logger"] == "zap"
    assert "logger" not in member_options(cluster(), spec.members[0], initial(spec))


def test_a_member_with_two_peer_urls_stands_twice_in_the_initial_cluster():
    spec = cluster(member(0, advertise_peer_urls=("https://10.0.0.11:2380", "https://10.1.0.11:2380")))
    text = member_options(spec, spec.members[0], initial(spec))["initial-cluster"]
    assert text == "etcd-0=https://10.0.0.11:2380,etcd-0=https://10.1.0.11:2380"


@pytest.mark.parametrize(
    ("bootstrap", "expected"),
    [
        (
            Discovery("https://disc.example/v2/keys/abc", (), ""),
            {"discovery": "https://disc.example/v2/keys/abc", "discovery-fallback": "exit"},
        ),
        (
            Discovery("", ("h1:2379", "h2:2379"), "tok"),
            {"discovery-token": "tok", "discovery-endpoints": "h1:2379,h2:2379"},
        ),
        (Dns("example.com", ""), {"discovery-srv": "example.com"}),
        (Dns("example.com", "prod"), {"discovery-srv": "example.com", "discovery-srv-name": "prod"}),
    ],
)
def test_a_first_start_finds_its_peers_in_one_way_alone(bootstrap, expected):
    spec = cluster(bootstrap=bootstrap)
    options = member_options(spec, spec.members[0], initial(spec))
    assert {name: value for name, value in options.items() if name.startswith("discovery")} == expected
    assert "initial-cluster" not in options


def test_a_cluster_that_has_formed_lists_its_members_whatever_it_began_from():
    spec = cluster(bootstrap=Dns("example.com", ""))
    options = member_options(spec, spec.members[0], initial(spec, "existing"))
    assert options["initial-cluster-state"] == "existing"
    assert options["initial-cluster"].count("=") == 3
    assert not [name for name in options if name.startswith("discovery")]


def test_3_4_is_never_asked_to_find_plain_http_peers_in_dns():
    spec = cluster(bootstrap=Dns("example.com", ""), version=Version(3, 4, 23), tls={"mode": TlsMode.OFF})
    options = member_options(spec, spec.members[0], initial(spec))
    assert "discovery-srv" not in options and "initial-cluster" in options


@pytest.mark.parametrize("style", ServiceStyle)
def test_each_option_stands_in_exactly_one_place(style):
    spec = cluster(member(0, options=(("snapshot-count", "10000"),)))
    options = member_options(spec, spec.members[0], initial(spec))
    environment, flags = split(options, style)
    assert environment | flags == options
    assert not environment.keys() & flags.keys()


def test_the_mixed_style_keeps_certificates_and_cluster_in_flags_and_the_rest_in_the_env_file():
    spec = cluster(member(0, options=(("snapshot-count", "10000"),)))
    environment, flags = split(member_options(spec, spec.members[0], initial(spec)), ServiceStyle.MIXED)
    assert {"name", "data-dir", "listen-client-urls", "snapshot-count"} <= environment.keys()
    assert {"cert-file", "peer-client-cert-auth", "initial-cluster", "initial-cluster-state"} <= flags.keys()


def test_local_members_have_only_flags_so_that_they_are_found_again():
    spec = cluster(kind=HostKind.LOCAL)
    environment, flags = placed(spec, spec.members[0], member_options(spec, spec.members[0], initial(spec)))
    assert not environment and flags["data-dir"] == "/var/lib/etcd"


def test_two_authorities_need_no_check_of_common_names():
    spec = cluster()
    assert "peer-cert-allowed-cn" not in member_options(spec, spec.members[0], initial(spec))


def test_a_single_authority_checks_the_peers_common_name_where_they_share_one():
    for changes in ({"subject": Subject("kubernetes", ())}, {"profile": Profile.SHARED}):
        spec = cluster(tls={"single_authority": True, **changes})
        options = member_options(spec, spec.members[0], initial(spec))
        assert options["peer-cert-allowed-cn"] in ("kubernetes", "prod")


def test_a_single_authority_whose_members_share_no_name_checks_none():
    spec = cluster(tls={"single_authority": True})
    assert "peer-cert-allowed-cn" not in member_options(spec, spec.members[0], initial(spec))


def test_options_are_named_as_etcd_reads_them():
    assert variable("initial-cluster-token") == "ETCD_INITIAL_CLUSTER_TOKEN"
    assert flag("client-cert-auth", "true") == "--client-cert-auth=true"


def test_a_running_member_is_read_from_its_flags_and_its_environment():
    arguments = (
        "--name",
        "a",
        "-data-dir=/d",
        "--client-cert-auth",
        "--initial-cluster=a=http://x:1",
        "--snapshot-count",
        "5",
    )
    environment = (("ETCD_LOGGER", "zap"), ("ETCD_UNSUPPORTED_ARCH", "arm"), ("ETCD_MAX_TXN_OPS", "128"))
    assert running_options(Process(1, "/e", arguments, environment)) == {
        "name": "a",
        "data-dir": "/d",
        "client-cert-auth": "true",
        "initial-cluster": "a=http://x:1",
        "snapshot-count": "5",
        "logger": "zap",
        "max-txn-ops": "128",
    }


@pytest.mark.parametrize("style", ServiceStyle)
def test_what_we_write_reads_back_without_a_difference(style):
    spec = cluster()
    options = member_options(spec, spec.members[0], initial(spec))
    environment, flags = split(options, style)
    process = Process(
        1,
        "/usr/local/bin/etcd",
        tuple(flag(name, value) for name, value in flags.items()),
        tuple((variable(name), value) for name, value in environment.items()),
    )
    assert running_options(process) == options
    assert options_that_differ(options, running_options(process)) == ()


def test_only_what_a_restart_would_change_counts_as_a_difference():
    wanted = {
        "name": "a",
        "initial-cluster-state": "existing",
        "snapshot-count": "9",
        "listen-peer-urls": "http://a:1,http://b:2",
    }
    running = {"name": "a", "initial-cluster-state": "new", "discovery": "u", "quota-backend-bytes": "1"}
    running |= {"listen-peer-urls": "http://b:2,http://a:1"}
    assert options_that_differ(wanted, running) == ("quota-backend-bytes", "snapshot-count")


@pytest.mark.parametrize(
    ("wanted", "running", "differing"),
    [
        ({"client-cert-auth": "true"}, {"client-cert-auth": "1"}, ()),
        ({"quota-backend-bytes": "8589934592"}, {"quota-backend-bytes": "8589934592"}, ()),
        ({}, {"strict-reconfig-check": "true"}, ()),  # what etcd takes anyway
        ({}, {"strict-reconfig-check": "false"}, ("strict-reconfig-check",)),
        ({"listen-client-urls": "http://a:1"}, {"listen-client-urls": "http://b:1"}, ("listen-client-urls",)),
        ({"no-such": "1"}, {"no-such": "2"}, ("no-such",)),
    ],
)
def test_two_spellings_of_one_value_are_no_difference(wanted, running, differing):
    assert options_that_differ(wanted, running, Version(3, 5, 30)) == differing


def test_an_old_name_counts_as_the_new_one():
    old, new = {"experimental-corrupt-check-time": "1h"}, {"corrupt-check-time": "1h"}
    assert options_that_differ(new, old, Version(3, 6, 14)) == ()
