"""What is found wrong with certificates of somebody else's before anything is planned: every mistake, in its words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from etcdpilot.model.certificates import AuthoritySpec, KeyKind, KeyUsage
from etcdpilot.model.cluster import ClusterSpec
from etcdpilot.model.files import FileSeen
from etcdpilot.model.knowledge import Known, Unknown
from etcdpilot.model.membership import Membership
from etcdpilot.model.memory import Memory
from etcdpilot.model.observation import EtcdSeen, HostSeen, Process, Seen
from etcdpilot.observing.given_certificates import with_given
from etcdpilot.observing.trust import with_trust
from etcdpilot.pki.authority import make_authority
from etcdpilot.planning.given import given_refusals, given_warnings
from etcdpilot.spec.load import load
from etcdpilot.testing.paper_site import MACHINE, PaperHost, PaperSite
from tests.outside_ca import OutsideCa

FILE = """
name: prod
etcd: {version: 3.5.30, source: wheel}
tls:
  given:
    server-cert: pki/{name}.crt
    server-key: pki/{name}.key
    client-ca: pki/root.crt
    operator-cert: pki/user.crt
    operator-key: pki/user.key
  EXTRA
members:
  - {name: a, host: 10.0.0.11}
  - {name: b, host: 10.0.0.12}
"""
A, B = ("10.0.0.11", "127.0.0.1"), ("10.0.0.12", "127.0.0.1")
NOWHERE = Memory(token="t", cluster_id="", member_ids=())
DAY = timedelta(days=1)


@pytest.fixture
def outside(tmp_path: Path) -> OutsideCa:
    made = OutsideCa.make(tmp_path / "pki", datetime.now(UTC) - 60 * DAY)
    made.pair("a", A)
    made.pair("b", B)
    made.pair("user")
    return made


def seen_now(clock: float = 0.0) -> Seen:
    host = PaperSite(load(FILE.replace("  EXTRA\n", "")).spec, {}, []).look(PaperHost())
    assert isinstance(host, Known)
    here: HostSeen = replace(host.value, machine=replace(MACHINE, clock=clock))
    return Seen((("a", Known(here)), ("b", Known(here))), EtcdSeen(Unknown("nobody"), ()), Membership.from_states({}))


def judged(folder: Path, extra: str = "", clock: float = 0.0) -> tuple[list[str], list[str]]:
    """Refusals and warnings, each as one text."""
    text = FILE.replace("  EXTRA\n", f"  {extra}\n" if extra else "")
    wanted: ClusterSpec = load(text, folder=str(folder)).spec
    memory = with_given(NOWHERE, wanted, folder / "state", datetime.now(UTC))
    refused = [f"{each.what} {each.why} {each.remedy}" for each in given_refusals(wanted, seen_now(clock), memory)]
    return refused, list(given_warnings(wanted, memory))


def test_right_certificates_are_let_through_without_a_word(outside: OutsideCa, tmp_path: Path):
    assert judged(tmp_path) == ([], [])


Mistake = Callable[[OutsideCa], object]


def without_key(outside: OutsideCa) -> None:
    (outside.folder / "b.key").unlink()


def of_another_key(outside: OutsideCa) -> None:
    (outside.folder / "b.key").write_bytes((outside.folder / "a.key").read_bytes())


def with_a_damaged_key(outside: OutsideCa) -> None:
    (outside.folder / "b.key").write_text("-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----\n")


def without_its_chain(outside: OutsideCa) -> None:
    text, end = (outside.folder / "b.crt").read_text(), "-----END CERTIFICATE-----\n"
    (outside.folder / "b.crt").write_text(text.partition(end)[0] + end)


def of_another_authority(outside: OutsideCa) -> None:
    other = OutsideCa.make(outside.folder / "other").pair("b", B)
    for suffix in (".crt", ".key"):
        (outside.folder / f"b{suffix}").write_bytes(other.with_suffix(suffix).read_bytes())


def signed_by_an_authority_that_ended(outside: OutsideCa) -> None:
    """The root that the cluster trusts ended yesterday."""
    OutsideCa.make(outside.folder, datetime.now(UTC) - 3651 * DAY)


def with_its_authoritys_subject(outside: OutsideCa) -> None:
    """As cfssl makes it where a CA and a leaf have one name: no identifier tells them apart."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    from etcdpilot.pki.keys import key_pem, make_key
    from etcdpilot.pki.names import alternative_names
    from etcdpilot.pki.reading import pem

    key, root = make_key(KeyKind.ECDSA_P256), outside.root
    leaf = (
        x509.CertificateBuilder()
        .subject_name(root.certificate.subject)
        .issuer_name(root.certificate.subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(datetime.now(UTC) - DAY)
        .not_valid_after(datetime.now(UTC) + 100 * DAY)
        .add_extension(x509.SubjectAlternativeName(alternative_names((), B)), critical=False)
        .sign(root.key, hashes.SHA256())
    )
    (outside.folder / "b.crt").write_bytes(pem(leaf))
    (outside.folder / "b.key").write_bytes(key_pem(key))


FATAL: dict[str, tuple[Mistake, str]] = {
    "missing address": (lambda ca: ca.pair("b", A), "does not cover 10.0.0.12. It is valid for 10.0.0.11, 127.0.0.1"),
    "expired": (lambda ca: ca.pair("b", B, ago=40 * DAY, lifetime=30 * DAY), "ended on"),
    "not yet valid": (lambda ca: ca.pair("b", B, ago=-2 * DAY), "is not valid before"),
    "no server usage": (lambda ca: ca.pair("b", B, extended_usages=("client auth",)), "lacks the usage “server auth”"),
    "no client usage among peers": (
        lambda ca: ca.pair("b", B, extended_usages=("server auth",)),
        "lacks the usage “client auth”. Peers refuse this member's connections",
    ),
    "no signature": (
        lambda ca: ca.pair("b", B, usages=(KeyUsage.KEY_ENCIPHERMENT,)),
        "lacks the usage “digital signature”",
    ),
    "no key": (without_key, "b.key, is not there"),
    "another key": (of_another_key, "does not belong to the key beside it"),
    "a damaged key": (with_a_damaged_key, "is not a private key in PEM"),
    "another authority": (of_another_authority, "was not signed by any authority that is trusted here"),
    "without its chain": (without_its_chain, "Its issuer is O=Example Corp, CN=Example Servers"),
    "an authority that ended": (signed_by_an_authority_that_ended, "The authority in"),
    "its authority's subject": (with_its_authoritys_subject, "has the subject of its authority"),
    "no certificate": (lambda ca: (ca.folder / "b.crt").unlink(), "b.crt, is not there"),
    "no PEM": (lambda ca: (ca.folder / "b.crt").write_text("to be done"), "b.crt, cannot be used"),
    "the operator's is a server's": (
        lambda ca: ca.pair("user", extended_usages=("server auth",)),
        "The certificate of the operator, ",
    ),
    "no authority": (lambda ca: (ca.folder / "root.crt").unlink(), "The authority in"),
    "a leaf as authority": (
        lambda ca: (ca.folder / "root.crt").write_bytes((ca.folder / "a.crt").read_bytes()),
        "is not an authority's certificate",
    ),
}


@pytest.mark.parametrize("mistake", FATAL)
def test_what_nothing_can_be_built_with_is_refused_with_its_cause(outside: OutsideCa, tmp_path: Path, mistake: str):
    make, words = FATAL[mistake]
    make(outside)
    refused, _ = judged(tmp_path)
    assert any(words in each for each in refused), refused
    assert all("run this again" in each for each in refused)


UNWISE: dict[str, tuple[Mistake, str]] = {
    "soon": (lambda ca: ca.pair("b", B, lifetime=20 * DAY), "ends in 19 days"),
    "open key": (lambda ca: (ca.folder / "b.key").chmod(0o644), "has a key file of mode 0644"),
    "no loopback": (lambda ca: ca.pair("b", ("10.0.0.12",)), "does not cover 127.0.0.1"),
}


@pytest.mark.parametrize("mistake", UNWISE)
def test_what_works_today_is_warned_about_and_let_through(outside: OutsideCa, tmp_path: Path, mistake: str):
    make, words = UNWISE[mistake]
    make(outside)
    refused, warned = judged(tmp_path)
    assert refused == []
    assert any(words in each for each in warned), warned


def test_a_server_certificate_without_the_clients_usage_costs_only_the_gateway(outside: OutsideCa, tmp_path: Path):
    """Among peers it would cost half of the streams, so those have certificates of their own here."""
    for name, hosts in (("a", A), ("b", B)):
        outside.pair(f"{name}-peer", hosts)
        outside.pair(name, hosts, extended_usages=("server auth",))
    extra = "EXTRA"
    peers = "    peer-cert: pki/{name}-peer.crt\n    peer-key: pki/{name}-peer.key\n"
    text = FILE.replace("  EXTRA\n", "").replace("    client-ca:", f"{peers}    client-ca:")
    wanted = load(text, folder=str(tmp_path)).spec
    memory = with_given(NOWHERE, wanted, tmp_path / extra, datetime.now(UTC))
    assert list(given_refusals(wanted, seen_now(), memory)) == []
    assert all("gateway" in each for each in given_warnings(wanted, memory))


def test_peers_that_are_told_one_name_want_it_in_every_peers_certificate(outside: OutsideCa, tmp_path: Path):
    refused, _ = judged(tmp_path, "subject: {CN: etcd}")
    assert any("is made out to b, and peers let in etcd alone" in each for each in refused), refused


def test_further_names_of_the_file_must_be_in_the_certificates(outside: OutsideCa, tmp_path: Path):
    refused, _ = judged(tmp_path, "extra-names: [etcd.example.com]")
    assert any("does not cover etcd.example.com" in each for each in refused), refused


@pytest.mark.parametrize(("days", "fits"), [(-3, False), (0, True), (3650, False)])
def test_a_host_whose_clock_is_outside_of_its_certificates_days_is_named(
    outside: OutsideCa, tmp_path: Path, days: int, fits: bool
):
    refused, _ = judged(tmp_path, clock=(datetime.now(UTC) + days * DAY).timestamp())
    assert (refused == []) is fits
    assert fits or any("By the clock of b's host" in each and "Set the clock of 10.0.0.12" in each for each in refused)


def test_another_authority_in_the_bundle_harms_nobody(outside: OutsideCa, tmp_path: Path):
    other = make_authority(AuthoritySpec("other", "Example Root"), datetime.now(UTC))
    bundle = outside.folder / "root.crt"
    bundle.write_bytes(other.certificate_pem + bundle.read_bytes())
    assert judged(tmp_path) == ([], [])


# ---- on the way from one authority to another ----

OLD, NEW = ("old", "old"), ("new", "new")  # whose leaves, whose authorities
BOTH_OLD, BOTH_NEW = ("old", "both"), ("new", "both")


@pytest.mark.parametrize(
    ("there", "given", "holds"),
    [
        (OLD, BOTH_OLD, True),
        (BOTH_OLD, BOTH_NEW, True),
        (BOTH_NEW, NEW, True),
        (OLD, OLD, True),
        (OLD, BOTH_NEW, False),  # who was not restarted yet refuses the new leaves
        (OLD, NEW, False),
        (BOTH_OLD, NEW, False),  # who was restarted refuses the old leaves
        (NEW, OLD, False),
    ],
)
def test_an_exchange_goes_only_on_where_everybody_trusts_everybody(
    tmp_path: Path, there: tuple[str, str], given: tuple[str, str], holds: bool
):
    sides = {name: OutsideCa.make(tmp_path / name) for name in ("old", "new")}
    for side in sides.values():
        for name, hosts in (("a", A), ("b", B), ("user", ())):
            side.pair(name, hosts)
    lay_out(tmp_path / "pki", sides, given)
    lay_out(tmp_path / "installed", sides, there)
    wanted = load(FILE.replace("  EXTRA\n", ""), folder=str(tmp_path)).spec
    (tmp_path / "client.crt").write_bytes((tmp_path / "installed" / "user.crt").read_bytes())
    seen = Seen(
        tuple((name, Known(running(tmp_path / "installed", name))) for name in ("a", "b")),
        EtcdSeen(Known(()), ()),
        Membership.from_states({}),
    )
    memory = with_trust(replace(NOWHERE, formed=True), wanted, tmp_path, seen)
    assert (memory.given.breaks == ()) is holds, memory.given.breaks
    refused = list(given_refusals(wanted, seen, memory))
    assert holds or ("three rounds" in refused[0].remedy and refused[0].invariant == "I13")


def lay_out(folder: Path, sides: dict[str, OutsideCa], which: tuple[str, str]) -> None:
    """The leaves of one side, and the authorities of one or both."""
    folder.mkdir()
    for path in sides[which[0]].folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    roots = sides.values() if which[1] == "both" else (sides[which[1]],)
    (folder / "root.crt").write_bytes(b"".join((side.folder / "root.crt").read_bytes() for side in roots))


def running(folder: Path, name: str) -> HostSeen:
    """A member that runs with these files."""
    leaf, root = (folder / f"{name}.crt").read_text(), (folder / "root.crt").read_text()
    texts = {"server.crt": leaf, "peer.crt": leaf, "client-ca.crt": root, "peer-ca.crt": root}
    files = tuple(FileSeen(f"/etc/etcd/tls/{path}", 0o644, "root", 1, "", text) for path, text in texts.items())
    host = seen_now().reachable["a"]
    return replace(host, files=files, process=Process(1, "etcd", (), ()))
