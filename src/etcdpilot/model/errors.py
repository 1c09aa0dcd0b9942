"""The five ways to fail; the type says whose turn it is.

`SpecError`: yours to correct. `Refused`: we will not. `HostFailed`: that machine. `ClusterFailed`: etcd.
`Stale`: run again. (`Mistake` is ours.) Each says what happened, why, and what to type next; `exit_code` is what the
command ends with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class EtcdpilotError(Exception):
    """What happened, why, and what to do about it."""

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, why: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what, self.why, self.remedy = what, why, remedy

    def __str__(self) -> str:
        return "\n".join(part for part in (self.what, self.why, self.remedy) if part)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a cluster file: `cluster.yaml:6:5 members[2].host — what, and what to do`."""

    file: str
    line: int
    column: int
    path: str
    what: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place} {self.path} — {self.what}" if self.path else f"{place} — {self.what}"


class SpecError(EtcdpilotError):
    """The file or the command line is wrong; every problem is listed."""

    exit_code = 2

    def __init__(self, what: str, *, why: str = "", remedy: str = "", problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(what, why=why, remedy=remedy)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join([super().__str__(), *(str(problem) for problem in self.problems)])


class Refused(EtcdpilotError):
    """The step would break a promise, or somebody else holds the lock."""

    exit_code = 3


class Stale(EtcdpilotError):
    """What the plan relied on has moved; running again plans afresh."""

    exit_code = 4


class HostFailed(EtcdpilotError):
    """A machine could not be reached, or a command on it failed."""

    exit_code = 5

    def __init__(self, host: str, what: str, *, why: str = "", remedy: str = "") -> None:
        super().__init__(what, why=why, remedy=remedy)
        self.host = host


class Mistake(EtcdpilotError):
    """A mistake of etcdpilot's own."""

    exit_code = 70


class ClusterFailed(EtcdpilotError):
    """etcd answered with an error, or did not answer."""

    exit_code = 6
