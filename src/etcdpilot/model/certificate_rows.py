"""Every certificate of a cluster, one row each, for whoever looks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from etcdpilot.model.certificates import CertificateFacts
from etcdpilot.model.findings import Finding, Severity
from etcdpilot.model.rotation import Rotation


@dataclass(frozen=True, slots=True)
class CertificateRow:
    """One certificate. None in a field means that it could not be seen from here, or does not apply."""

    place: str  # controller, or a member's name
    path: str
    purpose: str  # peer authority, server, peer, client, operator
    used_by: str
    facts: CertificateFacts | None
    ends: datetime | None = None  # where it is known and the certificate is not here
    key_matches: bool | None = None
    trusted: bool | None = None  # whether its chain leads to an authority of this cluster
    shown: bool | None = None  # whether the listener shows this one
    findings: tuple[Finding, ...] = ()

    @property
    def not_after(self) -> datetime | None:
        return self.facts.not_after if self.facts else self.ends

    @property
    def is_due(self) -> bool:
        return any(finding.severity is not Severity.INFO for finding in self.findings)


@dataclass(frozen=True, slots=True)
class CertificateReport:
    """`unseen`: hosts that could not be looked at, and why."""

    cluster: str
    now: datetime
    rows: tuple[CertificateRow, ...]
    rotation: Rotation | None = None
    unseen: tuple[tuple[str, str], ...] = ()

    @property
    def is_due(self) -> bool:
        """Whether somebody has something to do: within 30 days, or because something is wrong."""
        return any(row.is_due for row in self.rows) or self.rotation is not None
