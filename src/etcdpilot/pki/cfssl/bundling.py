"""`bundle`: a certificate with what lies between it and a trusted root, in cfssl's JSON."""

from __future__ import annotations

import json
from typing import Any

from cryptography import x509

from etcdpilot.model.certificates import DistinguishedName
from etcdpilot.model.errors import SpecError
from etcdpilot.pki.cfssl.errors import KEY_MISMATCH, PARSE_CERTIFICATE, UNKNOWN_AUTHORITY, CfsslError
from etcdpilot.pki.cfssl.issuing import load_private_key
from etcdpilot.pki.cfssl.looking import go_time, signature_name
from etcdpilot.pki.keys import public_key_digest, traditional_key_pem
from etcdpilot.pki.reading import climb, facts, load_certificates, pem

_PART_WORDS = {
    "C": "Country",
    "O": "Organization",
    "OU": "OrganizationalUnit",
    "L": "Locality",
    "ST": "Province",
    "CN": "CommonName",
    "serialNumber": "SerialNumber",
}


def bundle(
    certificate_text: bytes,
    roots: bytes,
    intermediates: bytes = b"",
    *,
    key_pem: bytes = b"",
    passphrase: bytes | None = None,
) -> str:
    """The bundle's JSON; CfsslError 1220 where no signatures lead to a root, 2300 where the key is another's."""
    leaf, *brought = _load(certificate_text)
    between = brought + (_load(intermediates) if intermediates else [])
    path = climb([leaf], _load(roots), between)
    if not path:
        why = "No chain of signatures leads from it to one of the roots."
        raise CfsslError(UNKNOWN_AUTHORITY, "x509: certificate signed by unknown authority", why=why)
    key = _matching_key(leaf, key_pem, passphrase) if key_pem else b""
    return json.dumps(_document(path, key.decode()), separators=(",", ":")) + "\n"


def bundle_pem(document: str) -> bytes:
    """The PEM of a bundle: the leaf and every intermediate, without the root."""
    return str(json.loads(document)["bundle"]).encode() + b"\n"


def _document(path: list[x509.Certificate], key: str) -> dict[str, Any]:
    leaf = facts(path[0])
    served = path if len(path) == 1 else path[:-1]
    ends = min(facts(link).not_after for link in path)
    return {
        "bundle": "\n".join(_text(link) for link in served),
        "crt": _text(path[0]),
        "expires": go_time(ends),
        "hostnames": list(dict.fromkeys(filter(None, (leaf.common_name, *leaf.dns_names, *leaf.ip_addresses)))),
        "issuer": _slashes(leaf.issuer),
        "key": key.strip(),
        "key_size": leaf.key_size,
        "key_type": f"{leaf.key_size}-bit {leaf.key_algorithm.upper()}",
        "root": _text(path[-1]),
        "signature": signature_name(leaf),
        "subject": _slashes(leaf.subject),
    }


def _load(text: bytes) -> list[x509.Certificate]:
    try:
        return load_certificates(text)
    except SpecError as error:
        raise CfsslError(PARSE_CERTIFICATE, "Failed to decode certificate", why=error.why) from None


def _matching_key(leaf: x509.Certificate, key_pem: bytes, passphrase: bytes | None) -> bytes:
    key = load_private_key(key_pem, passphrase, "the key")
    if public_key_digest(key.public_key()) != public_key_digest(leaf.public_key()):
        raise CfsslError(KEY_MISMATCH, "Private key does not match public key")
    return traditional_key_pem(key)


def _text(certificate: x509.Certificate) -> str:
    return pem(certificate).decode().strip()


def _slashes(name: DistinguishedName) -> str:
    return "".join(f"/{_PART_WORDS.get(part, part)}={value}" for part, value in name)
