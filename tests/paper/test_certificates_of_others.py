"""Certificates of others on paper: the words of the cluster file, the files of a member, and what a plan says of hosts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from etcdpilot.model.certificates import AuthoritySpec
from etcdpilot.model.cluster import ClusterSpec, Tls
from etcdpilot.model.errors import SpecError
from etcdpilot.model.files import Given, LeafCertificate
from etcdpilot.model.given import GivenFiles, GivenSeen
from etcdpilot.model.knowledge import Absent, Known, Unknown
from etcdpilot.model.membership import Membership
from etcdpilot.model.memory import AuthorityKept, Memory
from etcdpilot.model.observation import DataSeen, EtcdSeen, HostSeen, Machine, Seen, ServiceSeen
from etcdpilot.model.steps import MakeAuthorities, StartMembers, WriteFiles
from etcdpilot.planning import plan
from etcdpilot.rendering.certificate_files import certificate_files
from etcdpilot.rendering.options import member_options
from etcdpilot.rendering.requests import wanted_requests
from etcdpilot.spec.load import load
from tests.paper.clusters import cluster, initial, member

NOW = datetime(2030, 1, 1, tzinfo=UTC)
MACHINE = Machine("amd64", "Linux", 252, 4, 16 * 2**30, NOW.timestamp(), False, (), 2**40)
EMPTY = Memory("token", "c1", (("etcd-0", "1"), ("etcd-1", "2"), ("etcd-2", "3")))
HEAD = "name: prod\netcd: {version: 3.5.30, source: wheel}\n"
MEMBERS = "members: [{name: a, host: 10.0.0.1}, {name: b, host: 10.0.0.2}, {name: c, host: 10.0.0.3}]\n"
GIVEN = (
    "given: {server-cert: 'pki/{name}.crt', server-key: 'pki/{name}.key', client-ca: pki/ca.crt, "
    "operator-cert: pki/root.crt, operator-key: pki/root.key}"
)


def tls_of(text: str) -> Tls:
    return load(f"{HEAD}tls: {{{text}}}\n{MEMBERS}", folder="/srv").spec.tls


def told(text: str) -> str:
    """Every problem, or every warning where there is none."""
    try:
        loaded = load(f"{HEAD}tls: {{{text}}}\n{MEMBERS}", folder="/srv")
    except SpecError as error:
        return "\n".join(map(str, error.problems))
    return "\n".join(f"{each.path} {each.what}" for each in loaded.warnings)


# ---- the words of the file ----


def test_given_files_are_beside_the_file_and_peers_show_the_servers_where_nothing_else_is_said():
    given = tls_of(GIVEN).given
    assert given is not None and not given.imported
    assert given.of("peer_cert", "b") == given.of("server_cert", "b") == "/srv/pki/b.crt"
    assert given.peer_ca == "/srv/pki/ca.crt" and given.of("operator_key", "b") == "/srv/pki/root.key"


def test_requested_certificates_come_from_the_state_folder():
    given = tls_of("certificates: requested").given
    assert given is not None and given.imported and given.of("peer_key", "a") == "imported/a-peer.key"


def test_a_signer_signs_for_peers_and_clients_alike():
    tls = tls_of("signer: {cert: ca.crt, key: ca.key}, authority-passphrase: true")
    assert tls.signer is not None and (tls.signer.certificate, tls.signer.key) == ("/srv/ca.crt", "/srv/ca.key")
    assert tls.single_authority and tls.sealed


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("certificates: given", "tls.given — is missing"),
        (f"certificates: requested, {GIVEN}", "goes with certificates: given"),
        (f"signer: {{cert: a, key: b}}, {GIVEN}", "tls.signer — signs certificates that are made here"),
        ("signer: {cert: a, key: b}, authorities: separate", "one signer signs for peers and clients alike"),
        ("certificates: requested, profile: shared", "each member asks for certificates of its own"),
        (GIVEN.replace("client-ca", "peer-cert: pki/p.crt, client-ca"), "give both, or neither"),
        (
            GIVEN.replace("client-ca", "peer-ca: pki/other.crt, client-ca") + ", files: {client-ca: x, peer-ca: x}",
            "would be installed as x, and so would client-ca",
        ),
        ("given: {server-cert: a}", "server-key"),
        (GIVEN.replace("pki/{name}.key", "pki/$(id).key"), "is not a path"),
        (GIVEN.replace("pki/{name}.key", "pki/{host}.key"), "is not a path"),
        (GIVEN.replace("pki/ca.crt", "'pki/{name}-ca.crt'"), "is not a path"),
        (GIVEN.replace("'pki/{name}.key'", "pki/one.key"), "can be every member"),
        (GIVEN, "opens the peer port"),
        (f"{GIVEN}, key: rsa-2048", "whoever makes the certificates decides it"),
        ("certificates: requested, lifetime: {leaf: 2y}", "whoever makes the certificates decides it"),
    ],
)
def test_what_does_not_go_together_is_told_with_its_place(text: str, words: str):
    assert words in told(text)


# ---- a member's files ----


def of_others(**changes: str) -> ClusterSpec:
    paths = {role: f"/srv/{{name}}/{role}" for role in GivenFiles.__dataclass_fields__}
    paths |= {role: f"/srv/{role}" for role in ("client_ca", "peer_ca", "operator_cert", "operator_key")}
    return cluster(tls={"given": GivenFiles(**(paths | changes))})


def test_a_members_files_say_where_each_comes_from_and_who_may_read_it():
    spec = of_others()
    files = {file.path.rpartition("/")[2]: file for file in certificate_files(spec, spec.members[1])}
    assert list(files) == ["peer-ca.crt", "client-ca.crt", "server.crt", "server.key", "peer.crt", "peer.key"]
    assert files["peer.key"].content == Given("/srv/etcd-1/peer_key", "peer_key")
    assert {name: (file.mode, file.owner) for name, file in files.items() if name.startswith("server")} == {
        "server.crt": (0o644, "root"),
        "server.key": (0o600, "etcd"),
    }


def test_a_clients_pair_beside_the_servers_is_the_operators_and_for_root_alone():
    spec = of_others()
    spec = replace(spec, tls=replace(spec.tls, client_file="client"))
    files = {file.path.rpartition("/")[2]: file for file in certificate_files(spec, spec.members[0])}
    assert files["client.key"].content == Given("/srv/operator_key", "operator_key")
    assert (files["client.key"].mode, files["client.key"].owner) == (0o600, "root")


def test_peers_are_told_one_common_name_only_where_the_file_says_it():
    spec = of_others()
    one = cluster(member(0), tls={"given": spec.tls.given})
    assert "peer-cert-allowed-cn" not in member_options(one, one.members[0], initial(one))
    named = replace(spec, tls=replace(spec.tls, subject=replace(spec.tls.subject, common_name="etcd")))
    assert member_options(named, named.members[0], initial(named))["peer-cert-allowed-cn"] == "etcd"


def test_a_request_asks_for_exactly_what_our_own_certificate_would_say():
    spec = of_others()
    own = {file.path: file.content for file in certificate_files(cluster(), cluster().members[0])}
    asked = {name: wanted for _, name, wanted in wanted_requests(spec)}
    assert list(asked) == [f"etcd-{n}-{role}" for n in range(3) for role in ("server", "peer")] + ["operator"]
    assert own["/etc/etcd/tls/server.crt"] == LeafCertificate(asked["etcd-0-server"])
    assert (asked["operator"].common_name, asked["operator"].extended_usages) == ("root", ("client auth",))


# ---- what a plan says of the hosts ----


def host(clock: datetime = NOW, *sources: str) -> HostSeen:
    service = ServiceSeen("", False, "inactive", "", 0, ())
    data = DataSeen(False, False, False, 0)
    machine = replace(MACHINE, clock=clock.timestamp())
    return HostSeen(machine, (), (), Absent(), service, None, data, Absent(), (), sources=sources)


def seen(*hosts: HostSeen) -> Seen:
    named = tuple((f"etcd-{number}", Known(each)) for number, each in enumerate(hosts))
    return Seen(named, EtcdSeen(Unknown("nobody"), ()), Membership())


def test_hosts_that_dial_from_where_they_are_get_their_first_start():
    hosts = [host(NOW, f"10.0.0.{11 + number}") for number in range(3)]
    found = plan(cluster(), seen(*hosts), EMPTY, NOW)
    assert found.refusals == () and not any("come from" in each for each in found.warnings)
    assert isinstance(found.steps[0].step, MakeAuthorities)
    assert any(isinstance(each.step, StartMembers) for each in found.steps)


def test_a_host_that_dials_from_another_address_is_refused_and_told_what_to_write():
    hosts = (host(NOW, "10.0.0.11"), host(NOW, "10.0.0.12"), host(NOW, "10.0.0.13", "192.168.7.7"))
    (refused,) = plan(cluster(), seen(*hosts), EMPTY, NOW).refusals
    assert "etcd-2 to its peers come from 192.168.7.7" in refused.what
    assert "extra-names: [192.168.7.7]" in refused.remedy
    third = member(2, extra_names=("192.168.7.7",))
    assert plan(cluster(member(0), member(1), third), seen(*hosts), EMPTY, NOW).refusals == ()


def test_a_host_that_is_known_by_name_may_dial_from_anywhere():
    named = [
        member(n, advertise_peer_urls=(f"https://etcd-{n}.example:2380",), listen_peer_urls=("https://0.0.0.0:2380",))
        for n in range(3)
    ]
    named = [replace(each, advertise_client_urls=(f"https://{each.name}.example:2379",)) for each in named]
    hosts = [host(NOW, f"192.168.7.{number}") for number in range(3)]
    assert plan(cluster(*named), seen(*hosts), EMPTY, NOW).refusals == ()


@pytest.mark.parametrize(
    ("behind", "words"), [(3, ""), (7, "7 minutes behind"), (60 * 30, "30 hours"), (99999, "69 days")]
)
def test_a_host_whose_clock_is_behind_gets_no_certificate_of_the_future(behind: int, words: str):
    hosts = (host(), host(NOW - timedelta(minutes=behind)), host(NOW + timedelta(minutes=30)))
    refusals = plan(cluster(), seen(*hosts), EMPTY, NOW).refusals
    assert bool(refusals) is bool(words)
    assert all(
        f"The clock of etcd-1's host is {words}" in each.what and "10.0.0.12" in each.remedy for each in refusals
    )


def test_without_certificates_a_clock_harms_none():
    plain = tuple(
        member(
            n,
            **{
                f"{kind}_{who}_urls": (f"http://10.0.0.{11 + n}:23{port}",)
                for kind in ("listen", "advertise")
                for who, port in (("peer", 80), ("client", 79))
            },
        )
        for n in range(3)
    )
    from etcdpilot.model.cluster import TlsMode

    off = cluster(*plain, tls={"mode": TlsMode.OFF})
    hosts = [host(NOW - timedelta(days=3), "192.168.7.7") for _ in range(3)]
    assert plan(off, seen(*hosts), EMPTY, NOW).refusals == ()


@pytest.mark.parametrize(("days", "warned"), [(300, True), (3000, False)])
def test_an_authority_that_ends_is_told_a_year_ahead(days: int, warned: bool):
    from etcdpilot.pki.authority import make_authority
    from etcdpilot.pki.reading import read_certificate

    made = make_authority(AuthoritySpec("peer-ca", "peer ca", lifetime=timedelta(days=days)), NOW)
    kept = AuthorityKept("peer-ca", made.certificate_pem.decode(), read_certificate(made.certificate_pem))
    found = plan(cluster(), seen(host(), host(), host()), replace(EMPTY, authorities=(kept,)), NOW)
    assert any("The authority peer-ca ends in" in each for each in found.warnings) is warned


def test_what_a_plan_installs_is_what_was_judged_by_its_digest():
    seen_files = GivenSeen(hashes=(("/srv/etcd-1/server_cert", "d1"), ("/srv/client_ca", "d2")))
    memory = replace(EMPTY, has_operator=True, given=seen_files)
    found = plan(of_others(), seen(host(), host(), host()), memory, NOW)
    steps = [each.step for each in found.steps if isinstance(each.step, WriteFiles)]
    contents = {file.path: file.content for name, files in steps[0].files if name == "etcd-1" for file in files}
    assert contents["/etc/etcd/tls/server.crt"] == Given("/srv/etcd-1/server_cert", "server_cert", "d1")
    assert contents["/etc/etcd/tls/client-ca.crt"] == Given("/srv/client_ca", "client_ca", "d2")
    assert not any(isinstance(each.step, MakeAuthorities) for each in found.steps)
