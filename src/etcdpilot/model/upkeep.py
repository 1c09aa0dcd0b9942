"""The steps that look after what is in a cluster, none of which changes who is in it. Part of the closed set of
`model/steps.py`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CompactHistory:
    """Cannot be undone: what keys held before that revision can be read from a backup alone."""

    revision: int
    because: str

    def __str__(self) -> str:
        return f"compact the history before revision {self.revision}, because {self.because}"


@dataclass(frozen=True, slots=True)
class DefragmentMember:
    """The member answers nothing meanwhile."""

    member: str
    because: str

    def __str__(self) -> str:
        return f"defragment {self.member}, because {self.because}"


@dataclass(frozen=True, slots=True)
class DisarmNoSpace:
    """Only where every member is below its quota: an alarm that has a reason comes back with the next write."""

    member_ids: tuple[str, ...]  # hex; also of members that are gone

    def __str__(self) -> str:
        return f"disarm the alarm NOSPACE of {', '.join(self.member_ids)}"


@dataclass(frozen=True, slots=True)
class ProveWrite:
    """A true read through each voter, a write and its delete, equal hashes, no alarm."""

    def __str__(self) -> str:
        return "prove that the cluster takes writes"


@dataclass(frozen=True, slots=True)
class StartTimers:
    """Enabled at boot too. Their units were written before."""

    members: tuple[str, ...]
    timer: str

    def __str__(self) -> str:
        return f"start {self.timer} on {', '.join(self.members)}"


@dataclass(frozen=True, slots=True)
class StopTimers:
    """What they have saved stays."""

    members: tuple[str, ...]
    timer: str

    def __str__(self) -> str:
        return f"stop {self.timer} on {', '.join(self.members)} for good"


Upkeep = CompactHistory | DefragmentMember | DisarmNoSpace | ProveWrite | StartTimers | StopTimers
