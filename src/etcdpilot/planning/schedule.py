"""Timers on members that take snapshots by themselves: their files where they differ, and then the timers."""

from __future__ import annotations

from datetime import datetime

from etcdpilot.model.cluster import ClusterSpec
from etcdpilot.model.memory import Memory
from etcdpilot.model.observation import Seen
from etcdpilot.model.plans import Plan
from etcdpilot.model.steps import Step, WriteFiles
from etcdpilot.model.upkeep import StartTimers, StopTimers
from etcdpilot.planning import proof
from etcdpilot.planning.files import differing
from etcdpilot.planning.strangers import stranger_refusals, unreachable_refusals
from etcdpilot.rendering.schedule import member_schedule, timer_unit


def schedule_plan(wanted: ClusterSpec, seen: Seen, memory: Memory, now: datetime) -> Plan:
    """Whether a timer runs is not looked at: starting one that runs changes nothing."""
    changed = tuple(
        (name, files)
        for name, host in seen.reachable.items()
        if name in wanted.names
        and (files := differing(member_schedule(wanted, wanted.member(name)), host, memory, now))
    )
    writing = (WriteFiles(changed, because="its backups come by themselves"),) if changed else ()
    return judged(wanted, seen, memory, (*writing, *(StartTimers(names, timer) for timer, names in timers(wanted))))


def unschedule_plan(wanted: ClusterSpec, seen: Seen, memory: Memory) -> Plan:
    """What the timers have saved stays, and so do their files."""
    return judged(wanted, seen, memory, tuple(StopTimers(names, timer) for timer, names in timers(wanted)))


def timers(wanted: ClusterSpec) -> list[tuple[str, tuple[str, ...]]]:
    """Each timer's name and the members that have it; one name where nobody has a unit of a name of its own."""
    found: dict[str, tuple[str, ...]] = {}
    for member in wanted.members:
        timer = f"{timer_unit(member)}.timer"
        found[timer] = (*found.get(timer, ()), member.name)
    return list(found.items())


def judged(wanted: ClusterSpec, seen: Seen, memory: Memory, steps: tuple[Step, ...]) -> Plan:
    refusals = (*stranger_refusals(wanted, seen, memory), *unreachable_refusals(wanted.names, seen))
    return Plan(wanted.name, seen.membership, tuple(proof.fenced(steps, seen.membership)), refusals)
