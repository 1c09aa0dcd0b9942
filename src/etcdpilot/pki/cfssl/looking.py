"""`info`: what a certificate or a request says, in the JSON of `cfssl certinfo`, and what a signer would sign with."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from etcdpilot.model.certificates import CertificateFacts, DistinguishedName
from etcdpilot.model.errors import SpecError
from etcdpilot.pki.cfssl.errors import PARSE_CERTIFICATE, CfsslError
from etcdpilot.pki.cfssl.policies import read_policy
from etcdpilot.pki.reading import load_certificates, pem, read_certificate

_SUBJECT_WORDS = {
    "CN": "common_name",
    "serialNumber": "serial_number",
    "C": "country",
    "O": "organization",
    "OU": "organizational_unit",
    "L": "locality",
    "ST": "province",
}


def certificate_info(text: bytes) -> str:
    """The first certificate of a PEM or DER text, as `cfssl certinfo -cert` prints it."""
    try:
        facts = read_certificate(text)
    except SpecError as error:
        raise CfsslError(PARSE_CERTIFICATE, "Failed to decode certificate", why=error.why) from None
    return json.dumps(certificate_document(facts, pem(load_certificates(text)[0]).decode()), indent=2) + "\n"


def certificate_document(facts: CertificateFacts, text: str) -> dict[str, Any]:
    """The JSON object of one certificate; key identifiers are written with both digits of every byte."""
    document = {
        "subject": _name(facts.subject),
        "issuer": _name(facts.issuer),
        "serial_number": str(facts.serial),
        "sans": [*facts.dns_names, *facts.ip_addresses, *facts.other_names],
        "not_before": go_time(facts.not_before),
        "not_after": go_time(facts.not_after),
        "sigalg": signature_name(facts),
        "authority_key_id": _colons(facts.authority_key_id),
        "subject_key_id": _colons(facts.subject_key_id),
        "pem": text,
    }
    return {key: value for key, value in document.items() if value or key != "sans"}


def signer_info(certificate_pem: bytes, configuration: bytes | str | None, profile: str) -> str:
    """What `cfssl info` prints of a signer: its certificate, and the usages and expiry of a profile."""
    chosen = read_policy(configuration).choose(profile)
    certificate = pem(load_certificates(certificate_pem)[0]).decode()
    hours = chosen.expiry / timedelta(hours=1)
    document = {"certificate": certificate, "usages": list(chosen.usages), "expiry": f"{hours:g}h"}
    return json.dumps(document, separators=(",", ":")) + "\n"


def go_time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def signature_name(facts: CertificateFacts) -> str:
    """Go's name of a signature algorithm: SHA256WithRSA, ECDSAWithSHA384, …"""
    algorithm, _, digest = facts.signature.partition("-")
    match algorithm:
        case "rsa":
            return f"{digest.upper()}WithRSA"
        case "ecdsa":
            return f"ECDSAWith{digest.upper()}"
        case _:
            return facts.signature


def _name(name: DistinguishedName) -> dict[str, Any]:
    """Each part by its long name (the first value, where there are several), and all values in order."""
    document: dict[str, Any] = {}
    for part, word in sorted(_SUBJECT_WORDS.items(), key=lambda item: list(_SUBJECT_WORDS).index(item[0])):
        if values := [value for key, value in name if key == part]:
            document[word] = values[0]
    if name:
        document["names"] = [value for _, value in name]
    return document


def _colons(identifier: str | None) -> str:
    text = (identifier or "").upper()
    return ":".join(text[place : place + 2] for place in range(0, len(text), 2))
