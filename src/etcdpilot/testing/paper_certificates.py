"""Certificates on paper: what a look would say of one, without a key being made."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from etcdpilot.model.certificates import CertificateFacts, CertificateSpec
from etcdpilot.model.memory import AuthorityKept

FOREVER = timedelta(days=3650)


def paper_authority(name: str, now: datetime) -> AuthorityKept:
    facts = paper_facts((("CN", name),), name, now - timedelta(days=1), now + FOREVER, is_ca=True)
    return AuthorityKept(name, f"the certificate of {name}\n", facts)


def paper_leaf(spec: CertificateSpec, not_before: datetime, not_after: datetime) -> CertificateFacts:
    """As the authority of that name would have signed it."""
    return paper_facts(
        (("CN", spec.common_name), *spec.organisation),
        spec.authority,
        not_before,
        not_after,
        dns_names=spec.dns_names,
        ip_addresses=spec.ip_addresses,
        extended_usages=spec.extended_usages,
    )


def paper_facts(
    subject: tuple[tuple[str, str], ...],
    authority: str,
    not_before: datetime,
    not_after: datetime,
    *,
    dns_names: tuple[str, ...] = (),
    ip_addresses: tuple[str, ...] = (),
    extended_usages: tuple[str, ...] = (),
    is_ca: bool = False,
) -> CertificateFacts:
    seal = hashlib.sha256(f"{subject} {authority} {not_before} {not_after}".encode()).hexdigest()
    return CertificateFacts(
        subject=subject,
        issuer=(("CN", authority),),
        serial=int(seal[:8], 16),
        dns_names=dns_names,
        ip_addresses=ip_addresses,
        other_names=(),
        not_before=not_before,
        not_after=not_after,
        key_algorithm="ecdsa",
        key_size=256,
        usages=frozenset(),
        extended_usages=extended_usages,
        is_ca=is_ca,
        path_length=None,
        fingerprint=seal,
        public_key=seal,
        subject_key_id=authority if is_ca else None,
        authority_key_id=authority,
        signature="ecdsa-sha256",
    )
