"""`gencert`, `gencert -initca`, `gencert -renewca` and `sign`: JSON and PEM in, an `Output` out.

Made as asked, with a warning where what was asked for will not work for everybody.
"""

from __future__ import annotations

from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from etcdpilot.model.errors import SpecError
from etcdpilot.pki.cfssl.advice import advise_on_authority, advise_on_leaf
from etcdpilot.pki.cfssl.building import Signer, request_pem, self_signed, signed_leaf
from etcdpilot.pki.cfssl.documents import Section
from etcdpilot.pki.cfssl.errors import (
    CA_MISMATCH,
    PARSE_CERTIFICATE,
    PRIVATE_KEY_ENCRYPTED,
    PRIVATE_KEY_UNREADABLE,
    REQUEST,
    REQUEST_UNREADABLE,
    CfsslError,
)
from etcdpilot.pki.cfssl.output import Output
from etcdpilot.pki.cfssl.policies import read_policy
from etcdpilot.pki.cfssl.requests import DEFAULT_AUTHORITY_EXPIRY, read_hosts, read_request, read_subject
from etcdpilot.pki.keys import PrivateKey, load_key, public_key_digest, traditional_key_pem


def load_signer(
    certificate_pem: bytes,
    key_pem: bytes,
    configuration: bytes | str | None = None,
    profile: str = "",
    passphrase: bytes | None = None,
) -> Signer:
    """The CA and the profile to sign with; CfsslError with cfssl's code for each thing that can be wrong."""
    chosen = read_policy(configuration).choose(profile)
    certificate = _load_certificate(certificate_pem)
    key = load_private_key(key_pem, passphrase, "the CA key")
    if public_key_digest(key.public_key()) != public_key_digest(certificate.public_key()):
        words = "x509: provided PrivateKey doesn't match parent's PublicKey"
        raise CfsslError(CA_MISMATCH, words, why="The CA key does not belong to the CA certificate.")
    return Signer(certificate, key, chosen)


def init_authority(
    request_text: bytes | str,
    now: datetime,
    *,
    key_pem: bytes | None = None,
    passphrase: bytes | None = None,
    configuration: bytes | str | None = None,
) -> Output:
    """`gencert -initca`: a CA certificate, its request and its key. With `key_pem` the old key signs anew."""
    request = read_request(request_text)
    if not request.has_subject:
        raise CfsslError(REQUEST, "missing subject information", why="A CA needs a CN, or one of names.")
    key = load_private_key(key_pem, passphrase, "the CA key") if key_pem else request.key.make()
    expiry = request.expiry or DEFAULT_AUTHORITY_EXPIRY
    certificate = self_signed(request.subject, key, now, expiry, request.path_length)
    warnings = advise_on_authority(certificate, read_policy(configuration), now) if configuration else ()
    asked = request_pem(request, request.hosts.general_names(), key)
    return Output(_pem(certificate), asked, b"" if key_pem else traditional_key_pem(key), warnings)


def renew_authority(certificate_pem: bytes, key_pem: bytes, now: datetime, passphrase: bytes | None = None) -> Output:
    """`gencert -renewca`: the same name and key for as long again."""
    signer = load_signer(certificate_pem, key_pem, passphrase=passphrase)
    old = signer.certificate
    lifetime = old.not_valid_after_utc - old.not_valid_before_utc
    return Output(_pem(self_signed(old.subject, signer.key, now, lifetime, _path_length(old))))


def generate(request_text: bytes | str, signer: Signer, now: datetime, *, hostname: str = "") -> Output:
    """`gencert`: a key, its request, and the certificate that the CA makes of it."""
    request = read_request(request_text, hostname)
    key, names = request.key.make(), request.hosts.general_names()
    certificate = signed_leaf(signer, request.subject, names, key.public_key(), now)
    warnings = advise_on_leaf(certificate, signer, has_names=bool(names))
    return Output(_pem(certificate), request_pem(request, names, key), traditional_key_pem(key), warnings)


def sign(
    request_text: bytes, signer: Signer, now: datetime, *, hostname: str = "", subject_text: bytes | str | None = None
) -> Output:
    """`sign`: a certificate for the key of a request; `hostname` and `subject_text` take the place of its own."""
    request = load_request(request_text)
    subject = request.subject
    if subject_text is not None:
        subject = read_subject(Section.read(subject_text, "the subject", REQUEST))
    names = read_hosts(hostname.split(",")).general_names() if hostname else _alternative_names(request)
    certificate = signed_leaf(signer, subject, names, request.public_key(), now)
    return Output(_pem(certificate), request_text, warnings=advise_on_leaf(certificate, signer, has_names=bool(names)))


def load_private_key(pem: bytes, passphrase: bytes | None, source: str) -> PrivateKey:
    """A private key, or cfssl's two errors for those that cannot be read."""
    try:
        return load_key(pem, passphrase, source=source)
    except SpecError as error:
        if b"ENCRYPTED" in pem:
            raise CfsslError(PRIVATE_KEY_ENCRYPTED, "Private key is encrypted.", why=error.what + error.why) from None
        raise CfsslError(PRIVATE_KEY_UNREADABLE, "Failed to parse private key", why=str(error)) from None


def _path_length(authority: x509.Certificate) -> int | None:
    """The limit that a CA was given; CfsslError for a certificate that is no CA's."""
    try:
        constraints = authority.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        constraints = x509.BasicConstraints(ca=False, path_length=None)
    if not constraints.ca:
        raise CfsslError(CA_MISMATCH, "the certificate to renew is not a CA's")
    return constraints.path_length


def _load_certificate(pem: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(pem)[0]
    except ValueError:
        raise CfsslError(PARSE_CERTIFICATE, "Failed to decode certificate", why="It is no PEM certificate.") from None


def load_request(pem: bytes) -> x509.CertificateSigningRequest:
    try:
        request = x509.load_pem_x509_csr(pem)
    except ValueError:
        why = "It is no PEM certificate request."
        raise CfsslError(REQUEST_UNREADABLE, "CSR Decode failed", why=why) from None
    if not request.is_signature_valid:
        raise CfsslError(REQUEST_UNREADABLE, "CSR Decode failed", why="It is not signed by its own key.")
    return request


def _alternative_names(request: x509.CertificateSigningRequest) -> list[x509.GeneralName]:
    try:
        return list(request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return []


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
