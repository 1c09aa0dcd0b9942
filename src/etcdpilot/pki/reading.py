"""Certificates from PEM or DER into facts, and what takes their keys to tell: whose key, whose signature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa

from etcdpilot.model.certificates import CertificateFacts, KeyKind
from etcdpilot.model.errors import SpecError
from etcdpilot.pki.keys import PublicKey, load_key, public_key_digest
from etcdpilot.pki.names import distinguished_name, extended_key_usages, key_usages

Extension = TypeVar("Extension", bound=x509.ExtensionType)


def load_certificates(text: bytes) -> list[x509.Certificate]:
    """Every certificate of a PEM text in its order, or the one of a DER; SpecError where there is none."""
    try:
        if b"-----BEGIN" in text:
            return x509.load_pem_x509_certificates(text)
        return [x509.load_der_x509_certificate(text)]
    except ValueError as error:
        raise SpecError("That is not a certificate.", why=str(error)) from error


def read_certificates(text: bytes) -> tuple[CertificateFacts, ...]:
    """The facts of every certificate of a PEM or DER text; SpecError where there is none."""
    return tuple(facts(certificate) for certificate in load_certificates(text))


def read_certificate(text: bytes) -> CertificateFacts:
    """The facts of the first certificate: of the leaf, where the text is a chain."""
    return facts(load_certificates(text)[0])


def facts(certificate: x509.Certificate) -> CertificateFacts:
    """What one certificate says; SpecError where its own extensions cannot be read."""
    try:
        return _facts(certificate)
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension) as error:
        raise SpecError("The certificate is damaged.", why=str(error)) from error


def _facts(certificate: x509.Certificate) -> CertificateFacts:
    names = _extension(certificate, x509.SubjectAlternativeName)
    constraints = _extension(certificate, x509.BasicConstraints)
    usage = _extension(certificate, x509.KeyUsage)
    extended = _extension(certificate, x509.ExtendedKeyUsage)
    own_id = _extension(certificate, x509.SubjectKeyIdentifier)
    issuer_id = _extension(certificate, x509.AuthorityKeyIdentifier)
    key = certificate.public_key()
    algorithm, size = key_type(key)
    return CertificateFacts(
        subject=distinguished_name(certificate.subject),
        issuer=distinguished_name(certificate.issuer),
        serial=certificate.serial_number,
        dns_names=tuple(names.get_values_for_type(x509.DNSName)) if names else (),
        ip_addresses=tuple(map(str, names.get_values_for_type(x509.IPAddress))) if names else (),
        other_names=_other_names(names),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        key_algorithm=algorithm,
        key_size=size,
        usages=key_usages(usage) if usage else frozenset(),
        extended_usages=extended_key_usages(extended) if extended else (),
        is_ca=bool(constraints and constraints.ca),
        path_length=constraints.path_length if constraints else None,
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
        public_key=public_key_digest(key),
        subject_key_id=own_id.digest.hex() if own_id else None,
        authority_key_id=issuer_id.key_identifier.hex() if issuer_id and issuer_id.key_identifier else None,
        signature=_signature(certificate, algorithm),
    )


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What a certificate request asks for."""

    common_name: str
    hosts: tuple[str, ...]
    key: KeyKind | None  # None: no kind that we make


def request_facts(pem: bytes) -> RequestFacts:
    """SpecError where it is no request in PEM."""
    try:
        request = x509.load_pem_x509_csr(pem)
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        hosts = (*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress)))
    except x509.ExtensionNotFound:
        hosts = ()
    except ValueError as error:
        raise SpecError("That is not a certificate request in PEM.", why=str(error)) from error
    algorithm, size = key_type(request.public_key())
    kind = f"ecdsa-p{size}" if algorithm == "ecdsa" else f"{algorithm}-{size}"
    common = next((value for part, value in distinguished_name(request.subject) if part == "CN"), "")
    return RequestFacts(common, hosts, next((each for each in KeyKind if each.value == kind), None))


def key_type(key: PublicKey) -> tuple[str, int]:
    """("ecdsa", 256), ("rsa", 2048), ("ed25519", 256), …"""
    match key:
        case rsa.RSAPublicKey():
            return "rsa", key.key_size
        case ec.EllipticCurvePublicKey():
            return ("ecdsa" if key.curve.name.startswith("secp") else key.curve.name), key.key_size
        case ed25519.Ed25519PublicKey():
            return "ed25519", 256
        case ed448.Ed448PublicKey():
            return "ed448", 456
        case dsa.DSAPublicKey():
            return "dsa", key.key_size
        case _:
            return type(key).__name__.removesuffix("PublicKey").lower(), 0


def key_matches(key_pem: bytes, certificate_text: bytes, passphrase: bytes | None = None) -> bool:
    """Whether the key is that of the (first) certificate; SpecError where either cannot be read."""
    key = load_key(key_pem, passphrase)
    return public_key_digest(key.public_key()) == public_key_digest(load_certificates(certificate_text)[0].public_key())


def signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer's name and key made this certificate's signature; says nothing of dates and usages."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def chain(text: bytes, trusted: bytes) -> tuple[CertificateFacts, ...]:
    """From the leaf of `text` (which may bring its intermediates) up to a certificate of `trusted`.

    Each signed the one before it. Empty where no signature leads to a trusted certificate.
    """
    leaf, *intermediates = load_certificates(text)
    path = climb([leaf], load_certificates(trusted), intermediates)
    return tuple(facts(certificate) for certificate in path)


def climb(
    path: list[x509.Certificate], anchors: Sequence[x509.Certificate], between: Sequence[x509.Certificate]
) -> list[x509.Certificate]:
    """The path, longer by whatever signed its last certificate, up to an anchor; empty where it leads to none."""
    if path[-1] in anchors:
        return path
    for anchor in anchors:
        if signed_by(path[-1], anchor):
            return [*path, anchor]
    for issuer in between:
        if issuer not in path and signed_by(path[-1], issuer) and (found := climb([*path, issuer], anchors, between)):
            return found
    return []


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _extension(certificate: x509.Certificate, kind: type[Extension]) -> Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _other_names(names: x509.SubjectAlternativeName | None) -> tuple[str, ...]:
    if names is None:
        return ()
    mails = names.get_values_for_type(x509.RFC822Name)
    return (*mails, *names.get_values_for_type(x509.UniformResourceIdentifier))


def _signature(certificate: x509.Certificate, own_algorithm: str) -> str:
    name = certificate.signature_algorithm_oid._name
    return {
        "sha256WithRSAEncryption": "rsa-sha256",
        "sha384WithRSAEncryption": "rsa-sha384",
        "sha512WithRSAEncryption": "rsa-sha512",
        "sha1WithRSAEncryption": "rsa-sha1",
    }.get(name, name.replace("-with-", "-").lower())
