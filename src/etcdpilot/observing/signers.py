"""Looks at an authority of somebody else's that shall sign for a cluster."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from etcdpilot.model.certificates import CertificateFacts
from etcdpilot.model.errors import SpecError
from etcdpilot.model.findings import Finding, Severity
from etcdpilot.model.given import Signer, SignerSeen
from etcdpilot.observing.given_certificates import MISSING, read, unreadable
from etcdpilot.stores.passphrases import SEALED


def look_at_signer(signer: Signer, now: datetime) -> SignerSeen:
    """Its certificate, and everything that is wrong with it or its key. A sealed key is looked into when it signs."""
    from pathlib import Path

    from etcdpilot.pki.judge import judge_authority
    from etcdpilot.pki.reading import read_certificates

    text = read(Path(signer.certificate))
    if text is None:
        return SignerSeen(None, (unreadable(signer.certificate, MISSING),))
    try:
        certificates = read_certificates(text)
    except SpecError as error:
        return SignerSeen(None, (unreadable(signer.certificate, error.why or error.what),))
    own = certificates[0]
    found = [finding for each in certificates for finding in judge_authority(each, signer.certificate, now)]
    return SignerSeen(own, (*key_findings(signer, own, read(Path(signer.key))), *found))


def key_findings(signer: Signer, own: CertificateFacts, text: bytes | None) -> tuple[Finding, ...]:
    from etcdpilot.pki.keys import load_key, public_key_digest

    if text is None:
        return (unreadable(signer.key, MISSING),)
    if SEALED.encode() in text:
        return ()
    try:
        key = load_key(text, source=signer.key)
    except SpecError as error:
        return (unreadable(signer.key, " ".join(filter(None, (error.what, error.why)))),)
    if public_key_digest(key.public_key()) == own.public_key:
        return ()
    what = f"does not belong to the key {signer.key}"
    finding = Finding("TLS-009", Severity.ERROR, signer.certificate, what, "It could sign nothing that holds.")
    return (replace(finding, stops=True),)
