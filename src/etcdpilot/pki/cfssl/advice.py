"""What will not work for everybody, though it is made as asked: sentences for standard error."""

from __future__ import annotations

from datetime import datetime

from cryptography import x509

from etcdpilot.model.certificates import name_text
from etcdpilot.pki.cfssl.building import Signer
from etcdpilot.pki.cfssl.policies import Policy
from etcdpilot.pki.names import distinguished_name


def advise_on_leaf(leaf: x509.Certificate, signer: Signer, *, has_names: bool) -> tuple[str, ...]:
    warnings, issuer = list(signer.profile.notes), signer.certificate
    end = issuer.not_valid_after_utc
    if leaf.not_valid_after_utc > end:
        warnings.append(
            f"the certificate outlives its CA: it says {leaf.not_valid_after_utc:%Y-%m-%d}, and is refused from "
            f'{end:%Y-%m-%d} on, when the CA ends. Give the CA a longer life: "ca": {{"expiry": "87600h"}}'
        )
    if leaf.subject == issuer.subject:
        subject = name_text(distinguished_name(leaf.subject))
        warnings.append(
            f"the certificate has the subject of its CA ({subject}). Go accepts it, and OpenSSL, curl and Python do "
            "because of its key identifiers; made by cfssl itself, which leaves one out, those three refuse it as "
            "self-signed. Give one of the two another CN"
        )
    if not has_names and "server auth" in signer.profile.usages:
        warnings.append("the certificate names no hosts: as a server's it is refused by every client")
    return (*warnings, *_warn_of_issuer(issuer))


def _warn_of_issuer(issuer: x509.Certificate) -> tuple[str, ...]:
    try:
        is_ca = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        is_ca = False
    if is_ca:
        return ()
    return (f"{name_text(distinguished_name(issuer.subject))} is not a CA: everybody refuses what it signs",)


def advise_on_authority(authority: x509.Certificate, policy: Policy, now: datetime) -> tuple[str, ...]:
    end = authority.not_valid_after_utc
    long = [p.name for p in (policy.default, *policy.profiles.values()) if p.window(now)[1] > end]
    if not long:
        return ()
    return (
        f"the CA ends on {end:%Y-%m-%d}, before the certificates of these profiles: {', '.join(long)}. "
        'Give it a longer life in its own request: "ca": {"expiry": "87600h"}',
    )
