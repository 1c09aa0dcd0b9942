"""Authorities and the leaves that they sign."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from etcdpilot.model.certificates import (
    CLIENT_AUTHORITY,
    PEER_AUTHORITY,
    AuthoritySpec,
    CertificateSpec,
    KeyKind,
    KeyUsage,
    Purpose,
)
from etcdpilot.model.errors import SpecError
from etcdpilot.pki.authority import (
    Authority,
    issue,
    load_authority,
    make_authorities,
    make_authority,
    make_request,
    sign_request,
)
from etcdpilot.pki.reading import chain, facts, key_matches, read_certificate, read_certificates

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SERVER = CertificateSpec.of_server("etcd-0", ["10.0.1.10", "etcd-0.example.com"])


@pytest.fixture(scope="module")
def authority() -> Authority:
    return make_authority(AuthoritySpec(CLIENT_AUTHORITY, "prod client CA"), NOW)


def test_a_cluster_has_one_authority_for_peers_and_one_for_clients():
    authorities = make_authorities("prod", NOW)
    peer = issue(authorities[PEER_AUTHORITY], CertificateSpec.of_peer("etcd-0", ["10.0.1.10"]), NOW)
    assert set(authorities) == {PEER_AUTHORITY, CLIENT_AUTHORITY}
    assert chain(peer.certificate_pem, authorities[PEER_AUTHORITY].trust_pem)
    assert not chain(peer.certificate_pem, authorities[CLIENT_AUTHORITY].trust_pem)


def test_an_authority_may_sign_leaves_and_nothing_else(authority: Authority):
    read = facts(authority.certificate)
    assert read.is_ca and read.path_length == 0
    assert read.usages == {KeyUsage.CERT_SIGN, KeyUsage.CRL_SIGN} and read.extended_usages == ()
    assert read.subject_key_id is not None
    assert read.not_before == NOW - timedelta(minutes=5) and read.not_after == NOW + timedelta(days=3650)


def test_no_leaf_can_have_the_subject_of_its_authority():
    spec = AuthoritySpec(CLIENT_AUTHORITY, "etcd", organisation=(("O", "k8s"),))
    authority = make_authority(spec, NOW)
    leaf = CertificateSpec(CLIENT_AUTHORITY, Purpose.CLIENT, "etcd", organisation=(("O", "k8s"),))
    assert read_certificate(issue(authority, leaf, NOW).certificate_pem).subject != facts(authority.certificate).subject
    with pytest.raises(ValueError, match="dnQualifier"):
        dataclasses.replace(leaf, organisation=(("dnQualifier", "00"),))


def test_two_authorities_of_one_name_have_different_subjects():
    spec = AuthoritySpec(CLIENT_AUTHORITY, "prod client CA")
    first, second = make_authority(spec, NOW), make_authority(spec, NOW)
    assert facts(first.certificate).subject != facts(second.certificate).subject


@pytest.mark.parametrize(
    ("spec", "extended"),
    [
        (SERVER, ("server auth", "client auth")),
        (CertificateSpec.of_peer("etcd-0", ["10.0.1.10"]), ("server auth", "client auth")),
        (CertificateSpec.of_client("root"), ("client auth",)),
    ],
)
def test_a_leaf_says_what_its_purpose_needs(authority: Authority, spec: CertificateSpec, extended: tuple[str, ...]):
    read = read_certificate(issue(authority, spec, NOW).certificate_pem)
    assert read.extended_usages == extended
    assert read.hosts == spec.hosts
    assert read.subject == (("CN", spec.common_name),) and read.issuer == facts(authority.certificate).subject
    assert not read.is_ca
    assert read.authority_key_id == facts(authority.certificate).subject_key_id
    assert read.subject_key_id not in (None, read.authority_key_id)


def test_a_server_certificate_also_covers_the_loopback_names():
    assert SERVER.dns_names == ("etcd-0.example.com", "localhost")
    assert SERVER.ip_addresses == ("10.0.1.10", "127.0.0.1", "::1")


@pytest.mark.parametrize("kind", [KeyKind.ECDSA_P256, KeyKind.ECDSA_P384, KeyKind.ECDSA_P521, KeyKind.RSA_2048])
def test_every_kind_of_key_is_made_and_recognised(authority: Authority, kind: KeyKind):
    made = issue(authority, dataclasses.replace(SERVER, key=kind, usages=()), NOW)
    read = read_certificate(made.certificate_pem)
    assert read.key is kind
    assert (KeyUsage.KEY_ENCIPHERMENT in read.usages) == (kind is KeyKind.RSA_2048)
    assert key_matches(made.key_pem, made.certificate_pem)


def test_a_leaf_never_outlives_its_authority(authority: Authority):
    made = issue(authority, dataclasses.replace(SERVER, lifetime=timedelta(days=20 * 365)), NOW)
    assert made.clamped and made.not_after == authority.not_after
    assert not issue(authority, SERVER, NOW).clamped


def test_a_leaf_does_not_begin_before_its_authority(authority: Authority):
    read = read_certificate(issue(authority, SERVER, NOW - timedelta(hours=1)).certificate_pem)
    assert read.not_before == facts(authority.certificate).not_before


def test_an_expired_authority_signs_nothing(authority: Authority):
    with pytest.raises(SpecError, match="expired"):
        issue(authority, SERVER, NOW + timedelta(days=3651))


def test_an_authority_comes_back_from_its_pem(authority: Authority):
    again = load_authority(authority.certificate_pem, authority.key_pem(b"open sesame"), b"open sesame")
    assert chain(issue(again, SERVER, NOW).certificate_pem, authority.trust_pem)


@pytest.mark.parametrize(("passphrase", "words"), [(None, "no passphrase was given"), (b"wrong", "another one")])
def test_an_encrypted_key_wants_its_passphrase(authority: Authority, passphrase: bytes | None, words: str):
    with pytest.raises(SpecError, match=words):
        load_authority(authority.certificate_pem, authority.key_pem(b"right"), passphrase)


def test_a_passphrase_that_is_not_needed_is_no_mistake(authority: Authority):
    assert load_authority(authority.certificate_pem, authority.key_pem(), b"any")


def test_the_key_of_another_authority_is_refused(authority: Authority):
    other = make_authority(AuthoritySpec(CLIENT_AUTHORITY, "other"), NOW)
    with pytest.raises(SpecError, match="does not belong"):
        load_authority(authority.certificate_pem, other.key_pem())


def test_a_leaf_cannot_act_as_an_authority(authority: Authority):
    leaf = issue(authority, SERVER, NOW)
    with pytest.raises(SpecError, match="not a CA"):
        load_authority(leaf.certificate_pem, leaf.key_pem)


@pytest.mark.parametrize("text", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_text_that_is_no_certificate_is_a_mistake_of_the_caller(authority: Authority, text: bytes):
    with pytest.raises(SpecError):
        load_authority(text, authority.key_pem())
    with pytest.raises(SpecError):
        read_certificates(text)
    with pytest.raises(SpecError):
        load_authority(authority.certificate_pem, text)


def test_a_request_is_signed_with_what_the_specification_says(authority: Authority):
    request, key = make_request(SERVER)
    signed = sign_request(authority, request, SERVER, NOW)
    assert key_matches(key, signed) and read_certificate(signed).hosts == SERVER.hosts


def test_a_request_that_was_changed_is_refused(authority: Authority):
    request, _ = make_request(SERVER)
    with pytest.raises(SpecError):
        sign_request(authority, request.replace(b"\nMI", b"\nMA", 1), SERVER, NOW)


def test_an_intermediate_hands_out_its_chain():
    root = make_authority(AuthoritySpec("root", "root", path_length=1), NOW)
    middle = make_authority(AuthoritySpec("middle", "middle"), NOW)
    cross = _signed_as_intermediate(root, middle)
    authority = load_authority(cross + root.certificate_pem, middle.key_pem())
    made = issue(authority, SERVER, NOW)
    assert len(read_certificates(made.certificate_pem)) == 2
    assert authority.trust_pem == root.certificate_pem
    assert [link.common_name for link in chain(made.certificate_pem, root.certificate_pem)] == [
        "etcd-0",
        "middle",
        "root",
    ]


def _signed_as_intermediate(root: Authority, middle: Authority) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    builder = (
        x509.CertificateBuilder(extensions=list(middle.certificate.extensions)[:3])
        .subject_name(middle.certificate.subject)
        .issuer_name(root.certificate.subject)
        .public_key(middle.key.public_key())
        .serial_number(7)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1000))
    )
    return builder.sign(root.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"common_name": ""}, "common name"),
        ({"common_name": "x" * 65}, "common name"),
        ({"ip_addresses": ("10.0.0.300",)}, "10.0.0.300"),
        ({"ip_addresses": ("0:0:0:0:0:0:0:1",)}, "::1"),
        ({"dns_names": (), "ip_addresses": ()}, "no host"),
        ({"organisation": (("C", "USA"),)}, "two letters"),
        ({"organisation": (("X", "y"),)}, "'X'"),
        ({"lifetime": timedelta(0)}, "lifetime"),
    ],
)
def test_a_specification_that_cannot_be_made_is_refused_at_the_door(change: dict[str, object], words: str):
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(SERVER, **change)  # type: ignore[arg-type]


def test_cryptography_is_loaded_only_by_the_pki_room():
    script = "import sys, etcdpilot.model.certificates; sys.exit('cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
