"""A change of certificate authorities: how far it has come, and so who signs and who is trusted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Phase(Enum):
    """In this order, one after the other; a rescue is its own way from a dark cluster to a new authority."""

    TRUSTING = "trusting"  # both are trusted, the old one signs
    ISSUING = "issuing"  # both are trusted, the new one signs
    DROPPING = "dropping"  # the new one alone is trusted
    SETTLED = "settled"  # the old one is put aside
    RESCUING = "rescuing"  # the new one alone is trusted, at once: no member runs meanwhile

    @property
    def signs_new(self) -> bool:
        return self is not Phase.TRUSTING

    @property
    def trusts_both(self) -> bool:
        return self in (Phase.TRUSTING, Phase.ISSUING)

    @property
    def place(self) -> int:
        return ORDER.index(self)


ORDER = (Phase.TRUSTING, Phase.ISSUING, Phase.DROPPING, Phase.SETTLED, Phase.RESCUING)


@dataclass(frozen=True, slots=True)
class Rotation:
    """What the state folder notes: `names` of the authorities, since when, and until when (ISO, UTC; empty before)."""

    phase: Phase
    names: tuple[str, ...]
    began: str = ""
    ended: str = ""
