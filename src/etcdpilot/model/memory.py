"""What the state folder of a cluster remembers: written down before it is used, never a secret in here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from etcdpilot.model.certificates import CertificateFacts
from etcdpilot.model.given import NOTHING_GIVEN, GivenSeen
from etcdpilot.model.restoring import Former
from etcdpilot.model.rotation import Rotation


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
    former: tuple[Former, ...] = ()  # who this cluster was before it was restored
    tried: tuple[str, ...] = ()  # SHA-256 of tokens of first starts through discovery that came to nothing
    given: GivenSeen = NOTHING_GIVEN  # certificates of somebody else's making
    rotation: Rotation | None = None  # a change of authorities that is under way
    rotated: datetime | None = None  # when the last one ended
    backed_up: datetime | None = None  # when the newest backup in the state folder was taken
    beside: tuple[AuthorityKept, ...] = ()  # meanwhile: those that are trusted beside `authorities`, which sign
    operator: CertificateFacts | None = None
    operator_trust: str = ""  # SHA-256 of the file of authorities that the operator trusts

    def authority(self, name: str) -> AuthorityKept | None:
        return next((kept for kept in self.authorities if kept.name == name), None)

    def trusted(self, name: str) -> tuple[AuthorityKept, ...]:
        """Every authority of that name whose leaves count: the older first, so that a bundle stays the same."""
        signs = tuple(kept for kept in self.authorities if kept.name == name)
        other = tuple(kept for kept in self.beside if kept.name == name)
        return (*other, *signs) if self.rotation and self.rotation.phase.signs_new else (*signs, *other)
