"""Certificates and requests as cfssl lays them out, with the key identifiers that it leaves out."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import AuthorityInformationAccessOID

from etcdpilot.model.certificates import KeyUsage
from etcdpilot.pki.authority import authority_key_identifier, issuer_key_identifier
from etcdpilot.pki.cfssl.errors import REQUEST, CfsslError
from etcdpilot.pki.cfssl.policies import BACKDATE, SigningProfile
from etcdpilot.pki.cfssl.requests import Request
from etcdpilot.pki.keys import PrivateKey, signing_hash
from etcdpilot.pki.names import extended_key_usage, key_usage


@dataclass(frozen=True, slots=True)
class Signer:
    """What signs: a CA's certificate and its key, and by which profile."""

    certificate: x509.Certificate
    key: PrivateKey
    profile: SigningProfile


def self_signed(
    subject: x509.Name, key: PrivateKey, now: datetime, lifetime: timedelta, path_length: int | None
) -> x509.Certificate:
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    begin, end = SigningProfile("ca", lifetime, (), BACKDATE).window(now)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(key_usage((KeyUsage.CERT_SIGN, KeyUsage.CRL_SIGN)), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(authority_key_identifier(identifier), critical=False)
    )
    return builder.sign(key, signing_hash(key))


def signed_leaf(
    signer: Signer, subject: x509.Name, names: list[x509.GeneralName], public_key: object, now: datetime
) -> x509.Certificate:
    profile = signer.profile
    begin, end = profile.window(now)
    if end <= begin:
        raise CfsslError(REQUEST, f"the certificate would end on {end:%Y-%m-%d}, before it begins")
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer.certificate.subject)
        .public_key(public_key)  # type: ignore[arg-type]
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )
    for extension, critical in _extensions(signer, names, public_key):
        builder = builder.add_extension(extension, critical)
    return builder.sign(signer.key, signing_hash(signer.key))


Extensions = list[tuple[x509.ExtensionType, bool]]


def _extensions(signer: Signer, names: list[x509.GeneralName], public_key: object) -> Extensions:
    """With whether each is critical: what every leaf of the signer carries, then the leaf's own."""
    own: Extensions = [(x509.SubjectKeyIdentifier.from_public_key(public_key), False)]  # type: ignore[arg-type]
    if names and not signer.profile.is_ca:
        own.append((x509.SubjectAlternativeName(names), False))
    return _shared_extensions(signer.certificate, signer.profile) + own


@functools.lru_cache(maxsize=8)
def _shared_extensions(issuer: x509.Certificate, profile: SigningProfile) -> Extensions:
    length = profile.path_length if profile.is_ca else None
    found: list[tuple[x509.ExtensionType | None, bool]] = [
        (key_usage(profile.key_usages) if profile.key_usages else None, True),
        (extended_key_usage(profile.extended_usages) if profile.extended_usages else None, False),
        (x509.BasicConstraints(ca=profile.is_ca, path_length=length), True),
        (issuer_key_identifier(issuer), False),
        (_information_access(profile), False),
        (_revocation_list(profile), False),
    ]
    return [(extension, critical) for extension, critical in found if extension is not None]


def _information_access(profile: SigningProfile) -> x509.AuthorityInformationAccess | None:
    ocsp = [(AuthorityInformationAccessOID.OCSP, profile.ocsp_url)] if profile.ocsp_url else []
    places = ocsp + [(AuthorityInformationAccessOID.CA_ISSUERS, url) for url in profile.issuer_urls]
    if not places:
        return None
    return x509.AuthorityInformationAccess(
        [x509.AccessDescription(kind, x509.UniformResourceIdentifier(url)) for kind, url in places]
    )


def _revocation_list(profile: SigningProfile) -> x509.CRLDistributionPoints | None:
    if not profile.crl_url:
        return None
    url = x509.UniformResourceIdentifier(profile.crl_url)
    return x509.CRLDistributionPoints([x509.DistributionPoint([url], None, None, None)])


def request_pem(request: Request, names: list[x509.GeneralName], key: PrivateKey) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(request.subject)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(key, signing_hash(key)).public_bytes(serialization.Encoding.PEM)
