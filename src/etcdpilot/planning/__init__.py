"""Decides, purely: wanted minus seen gives ordered, fenced steps with the quorum proof, or a refusal.

Start reading at `plan`; then members.py for the order and proof.py for the promise.
"""

from __future__ import annotations

from datetime import datetime

from etcdpilot.model.cluster import ClusterSpec, retired
from etcdpilot.model.knowledge import Known
from etcdpilot.model.membership import MemberState
from etcdpilot.model.memory import Memory
from etcdpilot.model.observation import Seen
from etcdpilot.model.plans import Plan, Refusal
from etcdpilot.model.steps import MoveLeader, RemoveMember, Step, StopMembers, touched
from etcdpilot.planning import proof
from etcdpilot.planning.building import build
from etcdpilot.planning.changing import change
from etcdpilot.planning.data import data_refusals
from etcdpilot.planning.differences import file_changes
from etcdpilot.planning.encryption import crossing_refusals, crossing_warnings
from etcdpilot.planning.given import given_refusals, given_warnings
from etcdpilot.planning.hardware import hardware_warnings
from etcdpilot.planning.lifetimes import expiry_refusals, rotation_warnings, untrusted_refusals
from etcdpilot.planning.members import Ground, voting
from etcdpilot.planning.membership import membership_refusals
from etcdpilot.planning.services import restarts_alone, start_steps
from etcdpilot.planning.sources import source_refusals, source_warnings
from etcdpilot.planning.strangers import stranger_refusals, unreachable_refusals, unseen_warnings
from etcdpilot.planning.validity import authority_warnings, late_clock_refusals, late_clock_warnings
from etcdpilot.planning.versions import version_refusals


def plan(wanted: ClusterSpec, seen: Seen, memory: Memory, now: datetime, waived: frozenset[str] = frozenset()) -> Plan:
    """The rest of the way from what is seen to what is wanted; planning again after any cut-off gives that rest.

    `waived` holds what was waived aloud, one by one: `thin` (I3).
    """
    formed, ground = has_formed(seen, memory), Ground(wanted, seen, memory, now)
    standing = (
        *stranger_refusals(wanted, seen, memory),
        *membership_refusals(ground, waived),
        *crossing_refusals(ground),
        *data_refusals(wanted, seen, formed=formed),
        *given_refusals(wanted, seen, memory),
        *(untrusted_refusals(wanted, seen, memory) if formed else ()),
        *(() if formed else source_refusals(wanted, seen, memory)),
        *(version_refusals(wanted, seen) if formed else ()),
    )
    if standing:
        return Plan(wanted.name, seen.membership, (), standing)
    steps = tuple(change(wanted, seen, memory, now) if formed else build(wanted, seen, memory, now))
    fenced = tuple(proof.fenced(steps, seen.membership))
    needed = frozenset(name for step in steps for name in touched(step)) if formed and seen.reachable else wanted.names
    refusals = (
        *unreachable_refusals(needed, seen),
        *proof.alarm_refusals(steps, seen.etcd),
        *expiry_refusals(steps, seen, now),
        *late_clock_refusals(wanted, steps, seen, now),
        *proof.refusals(fenced),
    )
    warnings = (
        *unseen_warnings(needed, seen),
        *given_warnings(wanted, memory),
        *source_warnings(wanted, seen, memory, formed=formed),
        *late_clock_warnings(seen),
        *authority_warnings(memory, now),
        *rotation_warnings(memory),
        *(crossing_warnings(ground) if formed else hardware_warnings(wanted, seen)),
    )
    return Plan(wanted.name, seen.membership, fenced, refusals, warnings, file_changes(steps, seen, memory, now))


def unfinished(wanted: ClusterSpec, agreed: Plan) -> tuple[str, ...]:
    """Members of the file that do not vote even when all of the plan is done: nobody could look at their hosts."""
    last = agreed.steps[-1].leaves if agreed.steps else agreed.start
    voting = {name for name, state in last.states if state is MemberState.VOTING}
    return tuple(member.name for member in wanted.members if member.name not in voting) if last.states else ()


def stop_plan(wanted: ClusterSpec, seen: Seen, because: str) -> Plan:
    """Everybody who runs, together: stopping one by one would only make the last ones wait for a quorum."""
    running = tuple(name for name, host in seen.reachable.items() if host.process is not None)
    steps: tuple[Step, ...] = (StopMembers(running, because),) if running else ()
    return Plan(wanted.name, seen.membership, tuple(proof.fenced(steps, seen.membership)))


def restart_plan(wanted: ClusterSpec, seen: Seen, memory: Memory, now: datetime) -> Plan:
    """Every member that answers, one at a time, the leader last.

    Whoever is down comes up before that: a restart that was cut off in the middle of one is finished.
    """
    ground = Ground(wanted, seen, memory, now)
    reasons = {name: "it was asked for" for name in voting(seen) if name in wanted.names}
    steps = (*start_steps(wanted, seen), *restarts_alone(ground, reasons))
    fenced = tuple(proof.fenced(steps, seen.membership))
    refusals = (
        *data_refusals(wanted, seen, formed=True),
        *unreachable_refusals(frozenset(reasons), seen),
        *expiry_refusals(steps, seen, now),
        *proof.alarm_refusals(steps, seen.etcd),
        *proof.refusals(fenced),
    )
    return Plan(wanted.name, seen.membership, fenced, refusals)


def move_leader_plan(wanted: ClusterSpec, seen: Seen, to: str | None) -> Plan | None:
    """One step, or none when that member leads already. A plan with a refusal where there is nobody to hand over."""
    leader = next(
        (name for name, status in seen.etcd.statuses if isinstance(status, Known) and status.value.is_leader), ""
    )
    others = [name for name in voting(seen) if name != leader]
    if to == leader:
        return None
    successor = to or (others[0] if others else "")
    if not leader or successor not in others:
        why = "nobody leads" if not leader else f"{successor or 'nobody'} is no voter that answers"
        refusal = Refusal("The leadership cannot be handed over.", f"Now {why}.", "See:\n    etcdpilot status", "I9")
        return Plan(wanted.name, seen.membership, (), (refusal,))
    return Plan(wanted.name, seen.membership, tuple(proof.fenced((MoveLeader(leader, successor),), seen.membership)))


def has_formed(seen: Seen, memory: Memory) -> bool:
    """Whether there is a cluster already: remembered here, noted on a host, or answering.

    One whose first start was cut off may answer too, with a part of its members in its list, or with a quorum that the
    last one was never started for. Its hosts have notes without an ID: that start is finished.
    """
    markers = [host.marker.value for host in seen.reachable.values() if isinstance(host.marker, Known)]
    beginning = any(not each.cluster_id for each in markers)
    return (
        memory.formed
        or any(each.cluster_id for each in markers)
        or (isinstance(seen.etcd.members, Known) and not beginning)
    )


def voters_given_up(agreed: Plan) -> tuple[str, ...]:
    """Voters that leave because the file does not name them: each wants its name said aloud.

    One that is replaced was named when that was asked for; an unfinished learner costs nobody anything.
    """
    return tuple(
        each.step.member
        for each in agreed.steps
        if isinstance(each.step, RemoveMember)
        and each.step.member in agreed.start.voters
        and not each.step.member.endswith(retired(""))
    )
