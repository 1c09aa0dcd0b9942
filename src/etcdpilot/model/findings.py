"""A finding: what a rule saw, why it matters, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    """How much it matters; the members stand in falling order."""

    CRITICAL = "critical"  # the cluster is down, or one event away from losing quorum or data
    ERROR = "error"  # something that ought to work does not
    WARNING = "warning"  # it works today
    INFO = "info"

    @property
    def letter(self) -> str:
        """As the rules are catalogued: C, E, W, I."""
        return self.value[0].upper()

    @property
    def rank(self) -> int:
        """0 for the gravest: findings are shown in this order."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a rule found: `TLS-003 error at etcd-0 …`."""

    rule: str
    severity: Severity
    where: str
    what: str
    why: str = ""
    remedy: str = ""
    stops: bool = False  # nothing can be built with it: a member would not start, or nobody would get in

    def __str__(self) -> str:
        return f"{self.severity.value} {self.rule} {self.where}: {self.what}"
