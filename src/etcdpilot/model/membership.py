"""Who is in the cluster, and what may be lost without losing quorum."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class MemberState(Enum):
    """How far a member has come, in the order it comes."""

    ABSENT = "absent"  # not in the member list
    ADDED = "added"  # in the list as a learner, process never started
    LEARNING = "learning"  # a running learner, copying the log
    VOTING = "voting"  # a voter that answers
    DOWN = "down"  # a voter that does not answer


@dataclass(frozen=True, slots=True)
class Quorum:
    """The majority arithmetic of a set of voters."""

    voters: int
    answering: int

    @property
    def needed(self) -> int:
        return self.voters // 2 + 1

    @property
    def tolerance(self) -> int:
        """How many more voters may fail before writes stop; negative when they have stopped."""
        return self.answering - self.needed

    @property
    def holds(self) -> bool:
        return self.voters > 0 and self.tolerance >= 0


@dataclass(frozen=True, slots=True)
class Membership:
    """Every known member and how far it has come."""

    states: tuple[tuple[str, MemberState], ...] = ()

    @classmethod
    def of(cls, **states: MemberState) -> Membership:
        return cls.from_states(states)

    @classmethod
    def from_states(cls, states: dict[str, MemberState]) -> Membership:
        present = {name: state for name, state in states.items() if state is not MemberState.ABSENT}
        return cls(tuple(sorted(present.items())))

    @property
    def names(self) -> frozenset[str]:
        return frozenset(name for name, _ in self.states)

    @property
    def voters(self) -> frozenset[str]:
        return frozenset(name for name, state in self.states if state in (MemberState.VOTING, MemberState.DOWN))

    @property
    def learners(self) -> frozenset[str]:
        return frozenset(name for name, state in self.states if state in (MemberState.ADDED, MemberState.LEARNING))

    @property
    def quorum(self) -> Quorum:
        voting = [state for _, state in self.states if state in (MemberState.VOTING, MemberState.DOWN)]
        return Quorum(len(voting), voting.count(MemberState.VOTING))

    def state_of(self, name: str) -> MemberState:
        return dict(self.states).get(name, MemberState.ABSENT)

    def with_state(self, name: str, state: MemberState) -> Membership:
        return Membership.from_states({**dict(self.states), name: state})

    def __str__(self) -> str:
        return "  ".join(f"{name}:{state.value}" for name, state in self.states) or "(nobody)"
