"""Walk a plan on paper, and refuse it where quorum would be lost or is missing.

The predicates are numbered as the promises are in docs/guide/promises.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from etcdpilot.model.membership import Membership, MemberState, Quorum
from etcdpilot.model.observation import EtcdSeen
from etcdpilot.model.plans import Fenced, Refusal
from etcdpilot.model.steps import (
    AddLearner,
    BeginAnew,
    EnableDowngrade,
    MoveData,
    PromoteLearner,
    RemoveMember,
    RestartMember,
    Step,
    StopMembers,
    UpdateMember,
    after,
    during,
)
from etcdpilot.model.upkeep import DefragmentMember

# Steps that etcd itself must commit: without a quorum they only hang.
COMMITTED = (AddLearner, PromoteLearner, RemoveMember, UpdateMember)


def alarm_refusals(steps: Iterable[Step], seen: EtcdSeen) -> Iterator[Refusal]:
    """Under an alarm the list of members, the versions and the processes stay as they are, until it is repaired."""
    moved = [step for step in steps if isinstance(step, (*COMMITTED, RestartMember, MoveData, EnableDowngrade))]
    if seen.alarms and moved:
        raised = ", ".join(sorted({alarm.type.value for alarm in seen.alarms}))
        yield Refusal(
            f"{sentence(moved[0])} does not go under an alarm.",
            f"{raised} is raised.",
            f"Repair that first:\n    etcdpilot {'recover nospace' if 'NOSPACE' in raised else 'health'}",
            "I22",
        )


def fenced(steps: Iterable[Step], start: Membership) -> Iterator[Fenced]:
    """Each step with the membership it relies on and the one it leaves."""
    now = start
    for step in steps:
        then = after(step, now)
        yield Fenced(step, relies_on=now, leaves=then)
        now = then


def refusals(steps: Iterable[Fenced]) -> Iterator[Refusal]:
    """The first broken promise of each step that breaks one."""
    for each in steps:
        broken = broken_promise(each)
        if broken is not None:
            yield broken


def broken_promise(each: Fenced) -> Refusal | None:
    before = each.relies_on.quorum
    meanwhile, then = during(each.step, each.relies_on).quorum, each.leaves.quorum
    if isinstance(each.step, (StopMembers, BeginAnew)):
        return None  # only asked for aloud, by the verbs whose purpose it is
    if isinstance(each.step, COMMITTED) and not before.holds:
        return Refusal(
            f"{sentence(each.step)} is impossible now.",
            f"Nobody can commit it: {short_of(before)}.",
            "Bring a voter back first. What each one says:\n    etcdpilot status",
            "I2",
        )
    if isinstance(each.step, PromoteLearner) and each.relies_on.state_of(each.step.member) is not MemberState.LEARNING:
        return Refusal(
            f"{sentence(each.step)} would count a vote that nobody can cast.",
            f"{each.step.member} is {each.relies_on.state_of(each.step.member).value}, not a running learner.",
            "Start it, or remove it from the cluster file, and run again.",
            "I5",
        )
    if isinstance(each.step, PromoteLearner) and before.voters > 1 and before.answering < then.needed:
        return Refusal(
            f"{sentence(each.step)} would let quorum hang on it alone.",
            f"With it {then.voters} vote and {then.needed} are needed; {before.answering} of the others answer.",
            "Bring the members that are down back first. What each one says:\n    etcdpilot status",
            "I5",
        )
    if leaves_healthy(each) and before.answering < before.voters:
        return Refusal(
            f"{sentence(each.step)} while another is down would spend what is left.",
            f"Now {short_of(before)}.",
            "Bring the one that is down back, or replace it, first. What each one says:\n    etcdpilot status",
            "I8",
        )
    if before.holds and not (meanwhile.holds and then.holds) and not thin(each):
        worst = meanwhile if not meanwhile.holds else then
        return Refusal(
            f"{sentence(each.step)} would lose quorum.",
            f"Meanwhile {short_of(worst)}.",
            "Bring the members that are down back first. What each one says:\n    etcdpilot status",
            "I2",
        )
    if len(each.leaves.learners) > 1:
        return Refusal(
            f"{sentence(each.step)} would make a second learner.",
            "etcd takes one learner at a time.",
            "Let the first one be promoted, or remove it.",
            "I6",
        )
    return None


def leaves_healthy(each: Fenced) -> bool:
    return isinstance(each.step, RemoveMember) and each.relies_on.state_of(each.step.member) is MemberState.VOTING


def thin(each: Fenced) -> bool:
    """A restart or the like in a cluster of one or two that are all well: it cannot be had without a pause."""
    quorum = each.relies_on.quorum
    pauses = isinstance(each.step, (RestartMember, MoveData, DefragmentMember))
    return pauses and quorum.voters <= 2 and quorum.answering == quorum.voters


def short_of(quorum: Quorum) -> str:
    return f"{quorum.answering} of {quorum.voters} voters answer, {quorum.needed} are needed"


def sentence(step: Step) -> str:
    text = str(step)
    return text[0].upper() + text[1:]
