"""cfssl's JSON in, certificates out: what is accepted, what is refused and with which code, what is warned about."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from etcdpilot.model.certificates import KeyUsage
from etcdpilot.model.errors import SpecError
from etcdpilot.pki.cfssl.bundling import bundle, bundle_pem
from etcdpilot.pki.cfssl.defaults import print_defaults
from etcdpilot.pki.cfssl.documents import go_duration
from etcdpilot.pki.cfssl.errors import CfsslError
from etcdpilot.pki.cfssl.issuing import generate, init_authority, load_signer, renew_authority, sign
from etcdpilot.pki.cfssl.looking import certificate_info, signer_info
from etcdpilot.pki.cfssl.output import Output
from etcdpilot.pki.keys import key_pem, load_key
from etcdpilot.pki.reading import chain, key_matches, load_certificates, read_certificate, read_certificates

DATA = Path(__file__).parent.parent / "data" / "cfssl"
NOW = datetime(2026, 3, 1, 12, 0, 20, tzinfo=UTC)
USAGES = ["signing", "key encipherment", "server auth", "client auth"]
CONFIG = json.dumps(
    {"signing": {"default": {"expiry": "8760h"}, "profiles": {"server": {"expiry": "87600h", "usages": USAGES}}}}
)
SMALL_CA = {"CN": "etcd", "key": {"algo": "ecdsa", "size": 256}, "ca": {"expiry": "99999h"}}


def request(**fields: Any) -> str:
    return json.dumps({"CN": "etcd-0", "hosts": ["10.0.1.10"], **fields})


@pytest.fixture(scope="module")
def ca() -> Output:
    return init_authority(json.dumps(SMALL_CA), NOW)


def gencert(ca: Output, text: str, config: str | None = CONFIG, profile: str = "server", hostname: str = "") -> Output:
    return generate(text, load_signer(ca.certificate, ca.key, config, profile), NOW, hostname=hostname)


def extensions(output: Output) -> x509.Extensions:
    return load_certificates(output.certificate)[0].extensions


def test_a_ca_without_an_expiry_lives_five_years_as_cfssl_makes_it():
    made = init_authority((DATA / "three-profiles" / "ca-csr.json").read_text(), NOW)
    read = read_certificate(made.certificate)
    assert read.not_after - read.not_before == timedelta(hours=43800)
    assert read.subject == read.issuer == (("CN", "etcd"),)
    assert (read.key_algorithm, read.key_size) == ("rsa", 2048)
    assert read.is_ca and read.path_length is None and read.usages == {KeyUsage.CERT_SIGN, KeyUsage.CRL_SIGN}
    assert read.subject_key_id is not None and read.authority_key_id == read.subject_key_id
    assert made.key.startswith(b"-----BEGIN RSA PRIVATE KEY-----")


def test_a_leaf_says_what_its_request_and_its_profile_say(ca: Output):
    made = gencert(ca, (DATA / "three-profiles" / "config.json").read_text())
    read = read_certificate(made.certificate)
    assert read.subject == (("C", "US"), ("ST", "San Francisco"), ("L", "CA"), ("CN", "etcd-0"))
    assert read.hosts == ("localhost", "10.78.0.11", "10.78.0.12", "10.78.0.13")
    assert read.usages == {KeyUsage.DIGITAL_SIGNATURE, KeyUsage.KEY_ENCIPHERMENT}
    assert read.extended_usages == ("server auth", "client auth") and not read.is_ca
    assert read.not_before == datetime(2026, 3, 1, 11, 55, tzinfo=UTC)
    assert read.not_after - read.not_before == timedelta(hours=87600)
    assert key_matches(made.key, made.certificate) and made.key.startswith(b"-----BEGIN EC PRIVATE KEY-----")
    assert chain(made.certificate, ca.certificate)
    assert made.warnings == ()


@pytest.mark.parametrize(
    ("algorithm", "size"), [("ecdsa", 256), ("ecdsa", 384), ("ecdsa", 521), ("rsa", 2048), ("rsa", 3072)]
)
def test_every_key_of_the_tutorials_is_made(ca: Output, algorithm: str, size: int):
    read = read_certificate(gencert(ca, request(key={"algo": algorithm, "size": size})).certificate)
    assert (read.key_algorithm, read.key_size) == (algorithm, size)


def test_the_hosts_are_sorted_by_what_they_are(ca: Output):
    hosts = [
        "a.example",
        "*.b.example",
        "10.0.0.1",
        "::1",
        "ops@example.com",
        "https://x.example/etcd",
        "",
        "a.example",
    ]
    made = gencert(ca, request(hosts=hosts))
    read = read_certificate(made.certificate)
    assert read.dns_names == ("a.example", "*.b.example") and read.ip_addresses == ("10.0.0.1", "::1")
    assert read.other_names == ("ops@example.com", "https://x.example/etcd")
    asked = x509.load_pem_x509_csr(made.request).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert list(asked.value) == list(extensions(made).get_extension_for_class(x509.SubjectAlternativeName).value)


def test_hosts_on_the_command_line_take_the_place_of_those_in_the_file(ca: Output):
    assert read_certificate(gencert(ca, request(), hostname="b.example,10.9.9.9").certificate).hosts == (
        "b.example",
        "10.9.9.9",
    )


def test_several_names_become_several_values_of_one_part(ca: Output):
    names = [{"C": "CN", "O": "k8s"}, {"C": "US", "O": "o2"}]
    read = read_certificate(gencert(ca, request(names=names)).certificate)
    assert sorted(read.subject) == [("C", "CN"), ("C", "US"), ("CN", "etcd-0"), ("O", "k8s"), ("O", "o2")]


def test_field_names_count_in_any_case_as_in_go(ca: Output):
    read = read_certificate(gencert(ca, '{"cn": "x", "Hosts": ["a"], "Names": [{"c": "US"}]}').certificate)
    assert read.subject == (("C", "US"), ("CN", "x")) and read.dns_names == ("a",)


def test_without_a_configuration_a_leaf_lives_one_year_and_serves_both_sides(ca: Output):
    read = read_certificate(gencert(ca, request(), config=None, profile="").certificate)
    assert read.not_after - read.not_before == timedelta(hours=8760)
    assert read.extended_usages == ("server auth", "client auth")


@pytest.mark.parametrize(("pathlen", "zero", "length"), [(0, False, None), (0, True, 0), (2, False, 2)])
def test_a_path_length_of_nought_counts_only_when_it_is_meant(pathlen: int, zero: bool, length: int | None):
    text = json.dumps({**SMALL_CA, "ca": {"pathlen": pathlen, "pathlenzero": zero}})
    assert read_certificate(init_authority(text, NOW).certificate).path_length == length


def test_a_profile_can_make_an_intermediate_and_carry_addresses(ca: Output):
    config = {
        "signing": {
            "profiles": {
                "int": {
                    "expiry": "1000h",
                    "usages": ["cert sign", "crl sign"],
                    "ca_constraint": {"is_ca": True, "max_path_len": 0, "max_path_len_zero": True},
                },
                "leaf": {
                    "expiry": "100h",
                    "backdate": "1h",
                    "usages": ["signing", "s/mime", "any"],
                    "ocsp_url": "http://o.example/",
                    "crl_url": "http://c.example/",
                    "issuer_urls": ["http://i.example/"],
                },
            }
        }
    }
    middle = gencert(ca, request(CN="middle"), json.dumps(config), "int")
    leaf = gencert(middle, request(), json.dumps(config), "leaf")
    read = read_certificate(middle.certificate)
    assert read.is_ca and read.path_length == 0 and read.hosts == ()
    assert read_certificate(leaf.certificate).extended_usages == ("email protection", "any")
    assert read_certificate(leaf.certificate).not_before == datetime(2026, 3, 1, 11, 0, tzinfo=UTC)
    assert extensions(leaf).get_extension_for_class(x509.AuthorityInformationAccess)
    assert extensions(leaf).get_extension_for_class(x509.CRLDistributionPoints)
    document = json.loads(bundle(leaf.certificate, ca.certificate, middle.certificate, key_pem=leaf.key))
    assert [c.common_name for c in read_certificates(document["bundle"].encode())] == ["etcd-0", "middle"]
    assert document["root"].strip() == ca.certificate.decode().strip() and document["key"].startswith("-----BEGIN EC")
    assert len(read_certificates(bundle_pem(json.dumps(document)))) == 2


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("{bad", 5300, "not JSON"),
        ("[]", 5300, "must be an object"),
        ('{"CN": 5}', 5300, "the request.CN must be a text, not 5"),
        ('{"hosts": "a"}', 5300, "the request.hosts must be a list"),
        ('{"hosts": ["a", 5]}', 5300, "list of texts"),
        ('{"names": [{"C": 5}]}', 5300, r"names\[0\].C must be a text"),
        ('{"names": [{"C": "USA"}]}', 5300, "subject"),
        (request(key={"algo": "dsa", "size": 2048}), 2400, "invalid algorithm"),
        (request(key={"algo": "rsa", "size": 1024}), 2400, "RSA key is too weak"),
        (request(key={"algo": "rsa", "size": 9000}), 2400, "RSA key size too large"),
        (request(key={"algo": "ecdsa", "size": 224}), 2400, "invalid curve"),
        (request(key={"algo": "rsa", "size": True}), 5300, "whole number"),
        (request(hosts=["10.0.0.300", "10.0.0.1:2379", "a b", "例え.jp", "ok"]), 9300, "10.0.0.300"),
        (request(hosts=["-a", "a..b", "x" * 64, "https://"]), 9300, "a..b"),
        (request(ca={"expiry": "ten years"}), 5300, "no duration"),
        ("[" * 100_000, 5300, "not JSON"),
    ],
)
def test_a_request_that_cannot_be_meant_is_refused_with_its_code(ca: Output, text: str, code: int, words: str):
    with pytest.raises(CfsslError, match=words) as refused:
        gencert(ca, text)
    assert refused.value.code == code and refused.value.exit_code == 1
    assert json.loads(refused.value.as_json()) == {"code": code, "message": refused.value.message}


def test_every_wrong_host_is_listed_at_once(ca: Output):
    with pytest.raises(CfsslError) as refused:
        gencert(ca, request(hosts=["10.0.0.300", "ok.example", "10.0.0.1:2379"]))
    assert "10.0.0.300" in refused.value.message and "10.0.0.1:2379" in refused.value.message
    assert "ok.example" not in refused.value.message


@pytest.mark.parametrize(
    ("config", "profile", "code", "words"),
    [
        (CONFIG, "nope", 5100, "no key usage available"),
        (CONFIG, "", 5100, "no key usage available"),
        ("{bad", "server", 5200, "not JSON"),
        ("{}", "server", 5200, 'No "signing" field present'),
        ('{"signing": {"default": {"expiry": "ten years"}}}', "", 5200, "no duration"),
        ('{"signing": {"default": {"expiry": "-1h", "usages": ["signing"]}}}', "", 5200, "no duration"),
        ('{"signing": {"default": {"usages": ["signing"]}}}', "", 5200, "expiry is missing"),
        ('{"signing": {"default": {"expiry": "1h", "usages": ["bogus"]}}}', "", 5100, "no key usage available"),
    ],
)
def test_a_configuration_that_cannot_be_meant_is_refused(ca: Output, config: str, profile: str, code: int, words: str):
    with pytest.raises(CfsslError, match=words) as refused:
        gencert(ca, request(), config, profile)
    assert refused.value.code == code


def test_an_unknown_profile_is_told_the_known_ones_and_never_gets_the_default(ca: Output):
    usable = json.dumps(
        {"signing": {"default": {"expiry": "1h", "usages": USAGES}, "profiles": {"peer": {"expiry": "1h"}}}}
    )
    with pytest.raises(CfsslError) as refused:
        gencert(ca, request(), usable, "server")
    assert "'server'" in refused.value.why and "peer" in refused.value.why


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda ca: (b"nonsense", ca.key, None), 1002),
        (lambda ca: (ca.certificate, b"nonsense", None), 2003),
        (lambda ca: (ca.certificate, key_pem(load_key(ca.key), b"secret"), None), 2100),
        (lambda ca: (ca.certificate, key_pem(load_key(ca.key), b"secret"), b"wrong"), 2100),
        (lambda ca: (ca.certificate, init_authority(json.dumps(SMALL_CA), NOW).key, None), 1000),
    ],
)
def test_a_ca_that_cannot_sign_is_refused_with_its_code(ca: Output, spoil: Any, code: int):
    certificate, key, passphrase = spoil(ca)
    with pytest.raises(CfsslError) as refused:
        load_signer(certificate, key, CONFIG, "server", passphrase)
    assert refused.value.code == code


def test_an_encrypted_ca_key_signs_when_its_passphrase_is_given(ca: Output):
    encrypted = key_pem(load_key(ca.key), b"secret")
    signer = load_signer(ca.certificate, encrypted, CONFIG, "server", b"secret")
    assert chain(generate(request(), signer, NOW).certificate, ca.certificate)


def test_a_ca_without_a_subject_is_refused():
    with pytest.raises(CfsslError, match="missing subject information") as refused:
        init_authority("{}", NOW)
    assert refused.value.code == 5300


def test_a_leaf_that_outlives_its_ca_is_made_as_asked_and_warned_about():
    short = init_authority(json.dumps({**SMALL_CA, "ca": {"expiry": "43800h"}}), NOW)
    made = gencert(short, request())
    assert read_certificate(made.certificate).not_after > read_certificate(short.certificate).not_after
    assert "outlives its CA" in made.warnings[0] and "2031" in made.warnings[0]


def test_a_ca_shorter_lived_than_the_profiles_beside_it_is_warned_about():
    (warning,) = init_authority(json.dumps({"CN": "etcd"}), NOW, configuration=CONFIG).warnings
    assert "server" in warning and "2031" in warning


def test_a_leaf_with_the_subject_of_its_ca_is_made_and_the_warning_names_who_refuses_it(ca: Output):
    made = gencert(ca, request(CN="etcd"))
    assert read_certificate(made.certificate).is_self_issued
    assert read_certificate(made.certificate).authority_key_id is not None
    assert "OpenSSL" in made.warnings[0] and "Python" in made.warnings[0]


def test_a_server_without_hosts_is_warned_about_and_a_client_without_hosts_is_not(ca: Output):
    client = json.dumps({"signing": {"profiles": {"client": {"expiry": "1h", "usages": ["signing", "client auth"]}}}})
    assert "no hosts" in gencert(ca, '{"CN": "x"}').warnings[0]
    assert gencert(ca, '{"CN": "x"}', client, "client").warnings == ()


def test_a_usage_that_nobody_knows_is_passed_over_with_a_warning(ca: Output):
    odd = json.dumps({"signing": {"default": {"expiry": "1h", "usages": ["signing", "bogus"], "auth_key": "k"}}})
    assert [word in " ".join(gencert(ca, request(), odd, "").warnings) for word in ("bogus", "auth_key")] == [True] * 2


def test_a_leaf_that_signs_is_warned_about(ca: Output):
    leaf = gencert(ca, request())
    assert any("not a CA" in warning for warning in gencert(leaf, request(CN="other")).warnings)


def test_a_request_is_signed_with_its_own_names_or_with_those_given(ca: Output):
    made = gencert(ca, request(hosts=["a.example", "10.0.0.1"], names=[{"O": "ops"}]))
    signer = load_signer(ca.certificate, ca.key, CONFIG, "server")
    plain = read_certificate(sign(made.request, signer, NOW).certificate)
    named = read_certificate(sign(made.request, signer, NOW, hostname="b.example").certificate)
    other = read_certificate(sign(made.request, signer, NOW, subject_text='{"CN": "other"}').certificate)
    assert plain.hosts == ("a.example", "10.0.0.1") and plain.subject == (("O", "ops"), ("CN", "etcd-0"))
    assert named.hosts == ("b.example",) and other.subject == (("CN", "other"),)
    assert plain.public_key == read_certificate(made.certificate).public_key


@pytest.mark.parametrize("spoil", [lambda text: b"nonsense", lambda text: resigned(text, b"etcd-0", b"etcd-9")])
def test_a_damaged_request_is_refused(ca: Output, spoil: Any):
    with pytest.raises(CfsslError, match="CSR Decode failed") as refused:
        sign(spoil(gencert(ca, request()).request), load_signer(ca.certificate, ca.key), NOW)
    assert refused.value.code == 9002


def resigned(text: bytes, old: bytes, new: bytes) -> bytes:
    """The request with other words and the signature that it had."""
    der = x509.load_pem_x509_csr(text).public_bytes(serialization.Encoding.DER)
    body = base64.encodebytes(der.replace(old, new)).decode()
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n".encode()


def test_a_ca_is_renewed_with_the_same_key_so_that_its_leaves_stay_good(ca: Output):
    leaf = gencert(ca, request())
    renewed = renew_authority(ca.certificate, ca.key, NOW + timedelta(days=365))
    regenerated = init_authority(json.dumps(SMALL_CA), NOW + timedelta(days=365), key_pem=ca.key)
    for new in (renewed, regenerated):
        read = read_certificate(new.certificate)
        assert chain(leaf.certificate, new.certificate)
        assert read.not_after - read.not_before == timedelta(hours=99999) and read.not_before.year == 2027
        assert new.key == b""


def test_a_leaf_cannot_be_renewed_as_a_ca(ca: Output):
    leaf = gencert(ca, request())
    with pytest.raises(CfsslError, match="not a CA"):
        renew_authority(leaf.certificate, leaf.key, NOW)


def test_the_json_holds_certificate_request_and_key(ca: Output):
    made = gencert(ca, request())
    assert json.loads(made.as_json()) == {
        "cert": made.certificate.decode(),
        "csr": made.request.decode(),
        "key": made.key.decode(),
    }


def test_the_files_have_the_names_and_modes_of_cfssljson(ca: Output):
    files = {file.name: file for file in ca.files("ca")}
    assert {name: oct(file.mode) for name, file in files.items()} == {
        "ca-key.pem": "0o600",
        "ca.csr": "0o644",
        "ca.pem": "0o644",
    }
    assert files["ca-key.pem"].content == ca.key
    assert b"PRIVATE" not in repr(files["ca-key.pem"]).encode() and "PRIVATE" not in repr(ca)


def test_info_prints_the_certificate_as_certinfo_does(ca: Output):
    made = gencert(ca, request(names=[{"C": "US", "ST": "CA", "L": "San Francisco"}], hosts=["a", "10.0.0.1"]))
    document = json.loads(certificate_info(made.certificate))
    assert document["subject"] == {
        "common_name": "etcd-0",
        "country": "US",
        "locality": "San Francisco",
        "province": "CA",
        "names": ["US", "CA", "San Francisco", "etcd-0"],
    }
    assert document["sans"] == ["a", "10.0.0.1"] and document["sigalg"] == "ECDSAWithSHA256"
    assert document["not_before"] == "2026-03-01T11:55:00Z" and document["pem"] == made.certificate.decode()
    assert len(document["subject_key_id"]) == 59


def test_info_prints_what_a_signer_signs_with(ca: Output):
    document = json.loads(signer_info(ca.certificate, CONFIG, "server"))
    assert document == {"certificate": ca.certificate.decode(), "usages": USAGES, "expiry": "87600h"}


def test_a_bundle_wants_a_root_that_signed_and_the_right_key(ca: Output):
    leaf, other = gencert(ca, request()), init_authority(json.dumps(SMALL_CA), NOW)
    with pytest.raises(CfsslError) as unknown:
        bundle(leaf.certificate, other.certificate)
    with pytest.raises(CfsslError) as mismatch:
        bundle(leaf.certificate, ca.certificate, key_pem=ca.key)
    assert (unknown.value.code, mismatch.value.code) == (1220, 2300)


def test_the_defaults_can_be_edited_line_by_line():
    lines = print_defaults("csr").splitlines()
    assert next(line for line in lines if "CN" in line) == '    "CN": "example.net",'
    assert json.loads(print_defaults("config"))["signing"]["profiles"].keys() == {"www", "client"}
    with pytest.raises(SpecError, match="nope"):
        print_defaults("nope")


@pytest.mark.parametrize(
    ("text", "hours"), [("87600h", 87600), ("1h30m", 1.5), ("1.5h", 1.5), ("43800h0m0s", 43800), ("0", 0), (".5h", 0.5)]
)
def test_a_duration_is_read_as_go_reads_it(text: str, hours: float):
    assert go_duration(text) == timedelta(hours=hours)


@pytest.mark.parametrize("text", ["10y", "1d", "h", "1", "1h 30m", "-1h", "9999999999h", "1h30"])
def test_what_go_does_not_take_for_a_duration_is_refused(text: str):
    with pytest.raises(ValueError, match=r"duration|too long"):
        go_duration(text)
