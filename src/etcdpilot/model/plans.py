"""What will be done, in order, and what each step takes for granted."""

from __future__ import annotations

from dataclasses import dataclass

from etcdpilot.model.membership import Membership
from etcdpilot.model.steps import Step


@dataclass(frozen=True, slots=True)
class Fenced:
    """A step, the membership it relies on, and the one it leaves behind."""

    step: Step
    relies_on: Membership
    leaves: Membership


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a plan may not be carried out. `invariant` is its number in the list of promises (docs/guide/promises.md)."""

    what: str
    why: str
    remedy: str
    invariant: str = ""


@dataclass(frozen=True, slots=True)
class FileChange:
    """What a plan does to one file: `what` is `new`, `changed`, or why it is made anew; `diff` is unified, of text files
    that are there already, without their secrets."""

    member: str
    path: str
    what: str
    diff: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan with refusals cannot be applied. Warnings do not stop it."""

    cluster: str
    start: Membership
    steps: tuple[Fenced, ...]
    refusals: tuple[Refusal, ...] = ()
    warnings: tuple[str, ...] = ()
    changes: tuple[FileChange, ...] = ()

    @property
    def changes_nothing(self) -> bool:
        return not self.steps and not self.refusals
