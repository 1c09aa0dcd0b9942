"""An authority: made or loaded, and the leaves that it signs. All in memory; who calls says what time it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPublicKeyTypes

from etcdpilot.model.certificates import (
    AUTHORITY_ATTRIBUTE,
    CLIENT_AUTHORITY,
    PEER_AUTHORITY,
    AuthoritySpec,
    CertificateSpec,
    DistinguishedName,
    KeyUsage,
)
from etcdpilot.model.errors import SpecError
from etcdpilot.pki.keys import PrivateKey, key_pem, load_key, make_key, public_key_digest, signing_hash
from etcdpilot.pki.names import alternative_names, extended_key_usage, key_usage, x509_name

# A host whose clock is a little behind ours must accept what was made a moment ago.
CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Issued:
    """A leaf and its key. `clamped`: it ends with its authority, earlier than was asked for."""

    spec: CertificateSpec
    certificate_pem: bytes  # the leaf first, then every intermediate up to, but without, the root
    key_pem: bytes = field(repr=False)
    not_after: datetime
    clamped: bool


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA certificate and its key. `parents` are the certificates above it, for an intermediate."""

    certificate: x509.Certificate
    key: PrivateKey = field(repr=False)
    parents: tuple[x509.Certificate, ...] = ()

    @property
    def certificate_pem(self) -> bytes:
        return _pem(self.certificate)

    @property
    def trust_pem(self) -> bytes:
        """What who checks its leaves must trust: the certificate at the top of its chain."""
        return _pem((self.certificate, *self.parents)[-1])

    @property
    def not_after(self) -> datetime:
        return self.certificate.not_valid_after_utc

    def key_pem(self, passphrase: bytes | None = None) -> bytes:
        return key_pem(self.key, passphrase)


def make_authority(spec: AuthoritySpec, now: datetime) -> Authority:
    """A new key and a certificate signed by itself.

    The subject carries a qualifier drawn from the key: it equals no leaf's subject, and not its successor's either.
    """
    key = make_key(spec.key)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    qualifier = (AUTHORITY_ATTRIBUTE, identifier.digest.hex()[:16])
    subject = x509_name((*spec.organisation, ("CN", spec.common_name), qualifier))
    builder = (
        _builder(subject, subject, key.public_key(), now, now + spec.lifetime)
        .add_extension(x509.BasicConstraints(ca=True, path_length=spec.path_length), critical=True)
        .add_extension(key_usage((KeyUsage.CERT_SIGN, KeyUsage.CRL_SIGN)), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(authority_key_identifier(identifier), critical=False)
    )
    return Authority(builder.sign(key, signing_hash(key)), key)


def make_authorities(
    cluster: str, now: datetime, *, specs: Iterable[AuthoritySpec] | None = None
) -> dict[str, Authority]:
    """The two authorities of a cluster, by name.

    Two, because under one any client certificate opens the peer port: etcd asks there only who signed it.
    """
    if specs is None:
        specs = (
            AuthoritySpec(PEER_AUTHORITY, f"{cluster} peer CA"[-64:]),
            AuthoritySpec(CLIENT_AUTHORITY, f"{cluster} client CA"[-64:]),
        )
    return {spec.name: make_authority(spec, now) for spec in specs}


def load_authority(certificate_pem: bytes, key_text: bytes, passphrase: bytes | None = None) -> Authority:
    """An authority from PEM: its certificate first, those above it after. SpecError where it cannot sign."""
    try:
        certificate, *parents = x509.load_pem_x509_certificates(certificate_pem)
    except ValueError as error:
        raise SpecError("The CA certificate is not a certificate in PEM.", why=str(error)) from error
    key = load_key(key_text, passphrase, source="The CA key")
    if public_key_digest(certificate.public_key()) != public_key_digest(key.public_key()):
        raise SpecError("The CA key does not belong to the CA certificate.", why="Their public keys differ.")
    require_may_sign(certificate)
    return Authority(certificate, key, tuple(parents))


def require_may_sign(certificate: x509.Certificate) -> None:
    """SpecError unless the certificate is a CA's: what it signs would be refused by everybody."""
    try:
        is_ca = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        is_ca = False
    if not is_ca:
        subject = certificate.subject.rfc4514_string()
        raise SpecError(f"The certificate of {subject} is not a CA's.", why="Its basic constraints do not say CA:TRUE.")


def issue(authority: Authority, spec: CertificateSpec, now: datetime) -> Issued:
    """A new key and its certificate, signed by the authority."""
    key = make_key(spec.key)
    certificate, clamped = sign(authority, spec, key.public_key(), now)
    return Issued(spec, _with_chain(authority, certificate), key_pem(key), certificate.not_valid_after_utc, clamped)


def sign_request(authority: Authority, request_pem: bytes, spec: CertificateSpec, now: datetime) -> bytes:
    """A certificate for somebody else's key: the key is the request's, everything it says is the specification's.

    SpecError where the request is no PEM request or its own signature is wrong.
    """
    certificate, _ = sign(authority, spec, load_request(request_pem).public_key(), now)
    return _with_chain(authority, certificate)


def make_request(spec: CertificateSpec, key: PrivateKey | None = None) -> tuple[bytes, bytes]:
    """A request for another authority to sign, and its key: both PEM. Nothing but the request leaves the house."""
    key = key or make_key(spec.key)
    builder = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509_name(leaf_subject(spec)))
        .add_extension(key_usage(spec.usages), critical=True)
        .add_extension(extended_key_usage(spec.extended_usages), critical=False)
    )
    if names := alternative_names(spec.dns_names, spec.ip_addresses):
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    request = builder.sign(key, signing_hash(key))
    return request.public_bytes(serialization.Encoding.PEM), key_pem(key)


def load_request(pem: bytes) -> x509.CertificateSigningRequest:
    """A signing request whose own signature is right; SpecError otherwise."""
    try:
        request = x509.load_pem_x509_csr(pem)
    except ValueError as error:
        raise SpecError("That is not a certificate request in PEM.", why=str(error)) from error
    if not request.is_signature_valid:
        raise SpecError("The certificate request is not signed by its own key.", why="It was changed, or is damaged.")
    return request


def sign(
    authority: Authority, spec: CertificateSpec, public_key: object, now: datetime
) -> tuple[x509.Certificate, bool]:
    """The leaf, and whether it ends with its authority, earlier than was asked for.

    A leaf never outlives its authority: it would look valid for years and be refused by everybody.
    """
    not_after = min(now + spec.lifetime, authority.not_after)
    if not_after <= now:
        raise SpecError(
            "The authority has expired.",
            why=f"It ended on {authority.not_after:%Y-%m-%d %H:%M} UTC, and what it signs now nobody accepts.",
            remedy="Make a new authority, or renew this one.",
        )
    key = _signable(public_key)
    builder = (
        _builder(x509_name(leaf_subject(spec)), authority.certificate.subject, key, now, not_after, authority)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(spec.usages), critical=True)
        .add_extension(extended_key_usage(spec.extended_usages), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(issuer_key_identifier(authority.certificate), critical=False)
    )
    if names := alternative_names(spec.dns_names, spec.ip_addresses):
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(authority.key, signing_hash(authority.key)), not_after < now + spec.lifetime


def leaf_subject(spec: CertificateSpec) -> DistinguishedName:
    return (*spec.organisation, ("CN", spec.common_name))


def issuer_key_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """Points at the issuer's own key identifier, or at the digest of its key where it has none."""
    try:
        identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        identifier = x509.SubjectKeyIdentifier.from_public_key(issuer.public_key())
    return authority_key_identifier(identifier)


def authority_key_identifier(identifier: x509.SubjectKeyIdentifier) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier(identifier.digest, None, None)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: CertificateIssuerPublicKeyTypes,
    now: datetime,
    not_after: datetime,
    authority: Authority | None = None,
) -> x509.CertificateBuilder:
    not_before = now - CLOCK_TOLERANCE
    if authority is not None:  # never earlier than the authority itself, which some checkers refuse
        not_before = max(not_before, authority.certificate.not_valid_before_utc)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
    )


def _signable(public_key: object) -> CertificateIssuerPublicKeyTypes:
    return public_key  # type: ignore[return-value]


def _with_chain(authority: Authority, leaf: x509.Certificate) -> bytes:
    above = (authority.certificate, *authority.parents)
    return b"".join(_pem(certificate) for certificate in (leaf, *(c for c in above if c.subject != c.issuer)))


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
