"""What the state folder of a cluster remembers: written down before it is used, never a secret in here."""

from __future__ import annotations

from dataclasses import dataclass

from etcdpilot.model.certificates import CertificateFacts
from etcdpilot.model.given import NOTHING_GIVEN, GivenSeen


@dataclass(frozen=True, slots=True)
class AuthorityKept:
    """A certificate authority whose key the state folder holds."""

    name: str
    certificate: str  # PEM
    facts: CertificateFacts
    sealed: bool = False  # its key is encrypted with a passphrase


@dataclass(frozen=True, slots=True)
class Memory:
    """`token` names the cluster. Its IDs (hex) are foretold from it, and followed once members come and go.

    `formed` is set when the first start has been proved; from then on no member may be started on an empty disk.
    """

    token: str
    cluster_id: str
    member_ids: tuple[tuple[str, str], ...]
    formed: bool = False
    authorities: tuple[AuthorityKept, ...] = ()
    has_operator: bool = False  # the operator's client certificate is there
    key_hashes: tuple[tuple[str, str], ...] = ()  # fingerprint of an issued leaf, SHA-256 of its key file
    tried: tuple[str, ...] = ()  # SHA-256 of tokens of first starts through discovery that came to nothing
    given: GivenSeen = NOTHING_GIVEN  # certificates of somebody else's making

    def authority(self, name: str) -> AuthorityKept | None:
        return next((kept for kept in self.authorities if kept.name == name), None)
