"""A world on paper: it obeys every step, and may lose its line, or an answer, at any of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from etcdpilot.model.errors import ClusterFailed
from etcdpilot.model.membership import Membership, MemberState
from etcdpilot.model.steps import Step, after
from etcdpilot.testing.clock import PaperClock


class LineCut(ClusterFailed):
    """The controller lost its line; what it had asked for may have been done."""


@dataclass
class PaperWorld:
    """`cut_after` steps the line goes dead; with `unheard` the step at which it dies is done, and its answer lost."""

    now: Membership
    cut_after: int | None = None
    unheard: bool = False
    taken: list[Step] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    clock: PaperClock = field(default_factory=PaperClock)

    async def membership(self) -> Membership:
        return self.now

    async def take(self, step: Step) -> AsyncIterator[str]:
        if self.cut_after == len(self.taken):
            if self.unheard:
                self._do(step)
            raise LineCut("The line went dead.", remedy="Run it again.")
        self._do(step)
        yield "paper"

    def note(self, event: str, step: Step, why: str = "") -> None:
        self.notes.append((event, str(step)))

    def mend(self) -> None:
        self.cut_after = None

    def dies(self, name: str) -> None:
        self.now = self.now.with_state(name, MemberState.DOWN)

    def _do(self, step: Step) -> None:
        self.taken.append(step)
        self.now = after(step, self.now)
