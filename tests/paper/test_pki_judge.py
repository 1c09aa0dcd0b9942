"""What the judge says of a certificate, for what it is used for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from etcdpilot.model.certificates import CertificateFacts, KeyUsage, Purpose
from etcdpilot.model.findings import Severity
from etcdpilot.pki.judge import Use, covers, judge, judge_authority

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

AUTHORITY = CertificateFacts(
    subject=(("CN", "prod client CA"),),
    issuer=(("CN", "prod client CA"),),
    serial=1,
    dns_names=(),
    ip_addresses=(),
    other_names=(),
    not_before=NOW - timedelta(days=30),
    not_after=NOW + timedelta(days=3650),
    key_algorithm="ecdsa",
    key_size=256,
    usages=frozenset({KeyUsage.CERT_SIGN, KeyUsage.CRL_SIGN}),
    extended_usages=(),
    is_ca=True,
    path_length=0,
    fingerprint="ca",
    public_key="ca-key",
    subject_key_id="01",
    authority_key_id=None,
    signature="ecdsa-sha256",
)
LEAF = replace(
    AUTHORITY,
    subject=(("CN", "etcd-0"),),
    serial=2,
    dns_names=("etcd-0.example.com", "localhost", "*.wild.example.com"),
    ip_addresses=("10.0.1.10", "::1"),
    not_after=NOW + timedelta(days=365),
    usages=frozenset({KeyUsage.DIGITAL_SIGNATURE}),
    extended_usages=("server auth", "client auth"),
    is_ca=False,
    path_length=None,
    fingerprint="leaf",
    public_key="leaf-key",
    subject_key_id="02",
    authority_key_id="01",
)
SERVER = Use(
    "etcd-0 server.crt",
    Purpose.SERVER,
    addresses=("10.0.1.10", "localhost"),
    chain=(LEAF, AUTHORITY),
    key="leaf-key",
    key_mode=0o100600,
    key_readable=True,
)
PEER = replace(SERVER, where="etcd-0 peer.crt", purpose=Purpose.PEER, sources=("10.0.1.10",))


def rules(leaf: CertificateFacts, use: Use, now: datetime = NOW) -> list[tuple[str, Severity]]:
    return [(finding.rule, finding.severity) for finding in judge(leaf, use, now)]


@pytest.mark.parametrize("use", [SERVER, PEER, replace(SERVER, purpose=Purpose.CLIENT, addresses=())])
def test_a_good_certificate_is_not_complained_about(use: Use):
    assert judge(LEAF, use, NOW) == ()


def test_what_was_not_looked_at_is_not_judged():
    assert judge(LEAF, Use("somewhere"), NOW) == ()


@pytest.mark.parametrize(
    ("days", "severity"),
    [(31, None), (29, Severity.WARNING), (13, Severity.ERROR), (2, Severity.CRITICAL), (-1, Severity.CRITICAL)],
)
def test_the_nearer_its_end_the_graver(days: int, severity: Severity | None):
    now = LEAF.not_after - timedelta(days=days)
    authority = replace(AUTHORITY, not_after=LEAF.not_after + timedelta(days=999))
    expected = [("TLS-001", severity)] if severity else []
    assert rules(LEAF, replace(SERVER, chain=(LEAF, authority)), now) == expected


def test_a_clock_before_its_beginning_is_named():
    (finding,) = judge(LEAF, SERVER, LEAF.not_before - timedelta(minutes=1))
    assert finding.rule == "TLS-001" and "not valid before" in finding.what and "clock" in finding.remedy


def test_an_address_that_it_does_not_name_is_an_error_that_says_which():
    (finding,) = judge(LEAF, replace(SERVER, addresses=("127.0.0.1", "localhost", "10.0.1.10")), NOW)
    assert finding.rule == "TLS-003" and "127.0.0.1" in finding.what and "localhost" not in finding.what


def test_a_common_name_alone_covers_nothing():
    bare = replace(LEAF, dns_names=(), ip_addresses=())
    (finding,) = judge(bare, replace(SERVER, chain=None, addresses=("etcd-0",)), NOW)
    assert finding.rule == "TLS-003" and "common name" in finding.why


@pytest.mark.parametrize(
    ("host", "covered"),
    [
        ("10.0.1.10", True),
        ("10.0.1.1", False),
        ("[::1]", True),
        ("0:0:0:0:0:0:0:1", True),
        ("LOCALHOST", True),
        ("localhost.", True),
        ("a.wild.example.com", True),
        ("a.b.wild.example.com", False),
        ("wild.example.com", False),
        ("etcd-0", False),
    ],
)
def test_names_and_addresses_are_matched_as_go_matches_them(host: str, covered: bool):
    assert covers(LEAF, host) is covered


def test_a_name_that_looks_like_an_address_does_not_cover_the_address():
    assert not covers(replace(LEAF, dns_names=("10.9.9.9",)), "10.9.9.9")


def test_a_peer_from_an_address_outside_its_certificate_is_refused_by_its_peers():
    only_addresses = replace(LEAF, dns_names=())
    use = replace(PEER, addresses=("10.0.1.10",), sources=("10.0.9.9",), chain=None)
    assert rules(only_addresses, use) == [("TLS-006", Severity.ERROR)]


def test_a_peer_known_by_name_depends_on_reverse_dns():
    assert rules(LEAF, replace(PEER, sources=("10.0.9.9",))) == [("TLS-006", Severity.WARNING)]


def test_a_peer_certificate_without_any_name_is_not_compared():
    bare = replace(LEAF, dns_names=(), ip_addresses=())
    assert rules(bare, replace(PEER, addresses=(), sources=("10.0.9.9",), chain=None)) == []


@pytest.mark.parametrize(
    ("purpose", "has", "rule", "word"),
    [
        (Purpose.SERVER, "server auth", "TLS-004", "gateway"),
        (Purpose.SERVER, "client auth", "TLS-004", "Every client refuses"),
        (Purpose.PEER, "server auth", "TLS-005", "half of the streams"),
        (Purpose.PEER, "client auth", "TLS-005", "refuse to connect"),
        (Purpose.CLIENT, "server auth", "TLS-016", "incompatible"),
    ],
)
def test_a_missing_usage_says_what_breaks_without_it(purpose: Purpose, has: str, rule: str, word: str):
    (finding,) = judge(replace(LEAF, extended_usages=(has,)), replace(SERVER, purpose=purpose, chain=None), NOW)
    assert finding.rule == rule and word in finding.why


@pytest.mark.parametrize("extended", [(), ("any",)])
def test_a_certificate_without_a_list_of_usages_may_do_everything(extended: tuple[str, ...]):
    assert judge(replace(LEAF, extended_usages=extended), SERVER, NOW) == ()


def test_a_key_that_may_not_sign_cannot_shake_hands():
    leaf = replace(LEAF, usages=frozenset({KeyUsage.KEY_ENCIPHERMENT}))
    assert rules(leaf, SERVER) == [("TLS-004", Severity.ERROR)]


def test_a_certificate_of_nobody_that_is_trusted_names_its_issuer():
    (finding,) = judge(LEAF, replace(SERVER, chain=()), NOW)
    assert finding.rule == "TLS-010" and "CN=prod client CA" in finding.why


def test_a_leaf_that_signed_another_is_no_authority():
    assert ("TLS-010", Severity.ERROR) in rules(LEAF, replace(SERVER, chain=(LEAF, replace(AUTHORITY, is_ca=False))))


def test_a_leaf_that_outlives_its_authority_is_told_the_day():
    short = replace(AUTHORITY, not_after=NOW + timedelta(days=100))
    (finding,) = judge(LEAF, replace(SERVER, chain=(LEAF, short)), NOW)
    assert finding.rule == "TLS-015" and finding.severity is Severity.WARNING and "2026-06-09" in finding.what


def test_an_expired_authority_is_critical_for_its_leaves():
    ended = replace(AUTHORITY, not_after=NOW - timedelta(days=1))
    assert rules(LEAF, replace(SERVER, chain=(LEAF, ended))) == [("TLS-001", Severity.CRITICAL)]


def test_a_leaf_with_the_subject_of_its_authority_names_who_refuses_it():
    twin = replace(LEAF, subject=AUTHORITY.subject, authority_key_id=None)
    (finding,) = judge(twin, replace(SERVER, chain=None), NOW)
    assert finding.rule == "TLS-014" and "OpenSSL" in finding.why and "Python" in finding.why
    assert finding.severity is Severity.WARNING


def test_key_identifiers_tell_a_leaf_from_its_authority_of_the_same_subject():
    assert rules(replace(LEAF, subject=AUTHORITY.subject), SERVER) == [("TLS-014", Severity.INFO)]


@pytest.mark.parametrize(
    "change", [{"key": "other"}, {"key_mode": 0o644}, {"key_mode": 0o640}, {"key_readable": False}]
)
def test_a_key_that_is_anothers_or_open_or_unreadable_is_an_error(change: dict[str, object]):
    assert rules(LEAF, replace(SERVER, **change)) == [("TLS-009", Severity.ERROR)]  # type: ignore[arg-type]


def test_weak_keys_and_signatures_are_warned_about():
    assert rules(replace(LEAF, key_algorithm="rsa", key_size=1024), SERVER) == [("TLS-012", Severity.WARNING)]
    # Go has refused them since 1.18, so the member would be alone.
    assert rules(replace(LEAF, signature="rsa-sha1"), SERVER) == [("TLS-012", Severity.ERROR)]


def test_the_gravest_comes_first():
    bad = replace(LEAF, key_algorithm="rsa", key_size=1024, extended_usages=("server auth",))
    severities = [severity.rank for _, severity in rules(bad, replace(SERVER, chain=None), LEAF.not_after)]
    assert len(severities) == 3 and severities == sorted(severities)


@pytest.mark.parametrize(
    ("days", "severity"),
    [(366, None), (300, Severity.WARNING), (80, Severity.ERROR), (-1, Severity.CRITICAL)],
)
def test_an_authority_is_warned_about_a_year_ahead(days: int, severity: Severity | None):
    found = judge_authority(AUTHORITY, "peer-ca.crt", AUTHORITY.not_after - timedelta(days=days))
    assert [(f.rule, f.severity) for f in found] == ([("TLS-002", severity)] if severity else [])


def test_a_leaf_is_not_to_be_trusted_as_an_authority():
    (finding,) = judge_authority(replace(LEAF, not_after=AUTHORITY.not_after), "peer-ca.crt", NOW)
    assert finding.rule == "TLS-010"
