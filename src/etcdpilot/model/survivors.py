"""What is left of a cluster that has lost its majority: who still has data, and how far each one's reach."""

from __future__ import annotations

from dataclasses import dataclass

from etcdpilot.model.restoring import Source


@dataclass(frozen=True, slots=True)
class Survivor:
    """One member's data as a snapshot. `index` is that of the last change that it applied, by the file itself."""

    name: str
    running: bool
    index: int
    source: Source
    note: str = ""


def most_advanced(survivors: tuple[Survivor, ...]) -> Survivor:
    """Whatever was committed stands in the same order everywhere, so who applied more of it has all that others have.

    Terms are not compared: a survivor without a quorum campaigns, and its term grows while nothing is written.
    """
    return max(survivors, key=lambda each: (each.index, each.source.revision, each.running, each.name))
