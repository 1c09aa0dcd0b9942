"""Whether there was a quorum, at every moment of a run: processes as the box sees them, voters as the members say.

A quorum is there while a majority of the voters run and hear each other, whatever the product thinks of it.
"""

from __future__ import annotations

import json
import threading
import time
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.faulting.faults import Scene

EVERY = 0.25


@dataclass
class Eyes(threading.Thread):
    """Which hosts run an etcd that hears the others, four times a second, until told to stop."""

    scene: Scene
    seen: list[tuple[float, frozenset[str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self.over = threading.Event()

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        hosts = self.scene.site.lab.hosts
        while not self.over.wait(EVERY):
            alive = frozenset(host.address for host in hosts if host.runs("etcd")) - self.scene.cut
            self.seen.append((time.monotonic(), alive))

    def stop(self) -> None:
        self.over.set()
        self.join()


@dataclass(frozen=True, slots=True)
class Told:
    """What the members said of who votes, by time; `also` maps further addresses of hosts to their first ones."""

    times: tuple[float, ...]
    voters: tuple[frozenset[str], ...]

    @classmethod
    def read(cls, file: Path, also: dict[str, str]) -> Told:
        lines = [json.loads(line) for line in file.read_text().splitlines() if line.endswith("}")]
        voters = (frozenset(also.get(address, address) for address in line["voters"]) for line in lines)
        return cls(tuple(line["at"] for line in lines), tuple(voters))

    @staticmethod
    def last(file: Path) -> dict[str, Any]:
        """The newest line: who votes and who leads now."""
        lines = [line for line in file.read_text().splitlines() if line.endswith("}")]
        return json.loads(lines[-1]) if lines else {"voters": [], "leader": ""}

    def at(self, when: float) -> frozenset[str]:
        """The last word before that moment, or the first one ever."""
        return self.voters[max(0, bisect_right(self.times, when) - 1)] if self.voters else frozenset()


def quorum_holds(alive: frozenset[str], voters: frozenset[str]) -> bool:
    return bool(voters) and len(alive & voters) >= len(voters) // 2 + 1


def longest_stop(pauses: Iterable[tuple[float, float]], eyes: Eyes, told: Told) -> float:
    """The longest time on end without an acknowledgement while a quorum was there, in seconds."""
    return max((stop_within(first, last, eyes, told) for first, last in pauses), default=0.0)


def stop_within(first: float, last: float, eyes: Eyes, told: Told) -> float:
    longest, since = 0.0, first
    for when, alive in eyes.seen:
        if first < when < last and not quorum_holds(alive, told.at(when)):
            longest, since = max(longest, when - EVERY - since), when
    return max(longest, last - since)
