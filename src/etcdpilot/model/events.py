"""What happened, in the order it happened. The terminal, the journal and `--events` read the same ones."""

from __future__ import annotations

from dataclasses import dataclass

from etcdpilot.model.membership import Membership
from etcdpilot.model.steps import Step


@dataclass(frozen=True, slots=True)
class Planned:
    """Sent once, before anything is done: how many steps will follow."""

    steps: int


@dataclass(frozen=True, slots=True)
class Started:
    number: int
    step: Step


@dataclass(frozen=True, slots=True)
class Waiting:
    """A gate that is not open yet, and what it waits for."""

    number: int
    step: Step
    on: str


@dataclass(frozen=True, slots=True)
class Done:
    number: int
    step: Step
    seconds: float


@dataclass(frozen=True, slots=True)
class Failed:
    number: int
    step: Step
    why: str


@dataclass(frozen=True, slots=True)
class Stale:
    """The cluster is not what the step relied on; plan again."""

    number: int
    step: Step
    relied_on: Membership
    seen: Membership


Event = Planned | Started | Waiting | Done | Failed | Stale
