"""What was proved of a cluster, and what was not."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Proof:
    """One thing that was proved, or why it was not. `where` is a member, or empty for the cluster."""

    what: str
    where: str
    holds: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    proofs: tuple[Proof, ...]

    @property
    def healthy(self) -> bool:
        return bool(self.proofs) and all(proof.holds for proof in self.proofs)
