"""Decides, purely: wanted minus seen gives ordered, fenced steps with the quorum proof, or a refusal.

Start reading at `plan`; then members.py for the order and proof.py for the promise.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from etcdpilot.model.cluster import ClusterSpec, HostKind
from etcdpilot.model.files import FileSpec
from etcdpilot.model.knowledge import Known
from etcdpilot.model.memory import Memory
from etcdpilot.model.observation import Seen
from etcdpilot.model.plans import Plan, Refusal
from etcdpilot.model.steps import RemoveMember, StartMembers, Step, StopMembers, WriteFiles, touched
from etcdpilot.planning import proof
from etcdpilot.planning.certificates import authority_steps
from etcdpilot.planning.data import data_refusals
from etcdpilot.planning.files import differing, initial_cluster, wanted_files
from etcdpilot.planning.members import in_joining_order, joining, leaving
from etcdpilot.planning.services import enable_steps, reason_to_restart, rolling_steps, start_steps
from etcdpilot.planning.strangers import stranger_refusals, unreachable_refusals, unseen_warnings
from etcdpilot.planning.versions import install_steps


def plan(wanted: ClusterSpec, seen: Seen, memory: Memory, now: datetime) -> Plan:
    """The rest of the way from what is seen to what is wanted; planning again after any cut-off gives that rest."""
    formed = has_formed(seen, memory)
    standing = (*stranger_refusals(wanted, seen, memory), *data_refusals(wanted, seen, formed=formed))
    if standing:
        return Plan(wanted.name, seen.membership, (), standing)
    steps = tuple(change(wanted, seen, memory, now) if formed else build(wanted, seen, memory, now))
    fenced = tuple(proof.fenced(steps, seen.membership))
    needed = frozenset(name for step in steps for name in touched(step)) if formed and seen.reachable else wanted.names
    refusals = (*unreachable_refusals(needed, seen), *proof.refusals(fenced))
    return Plan(wanted.name, seen.membership, fenced, refusals, tuple(unseen_warnings(needed, seen)))


def stop_plan(wanted: ClusterSpec, seen: Seen, because: str) -> Plan:
    """Everybody who runs, together: stopping one by one would only make the last ones wait for a quorum."""
    running = tuple(name for name, host in seen.reachable.items() if host.process is not None)
    steps: tuple[Step, ...] = (StopMembers(running, because),) if running else ()
    return Plan(wanted.name, seen.membership, tuple(proof.fenced(steps, seen.membership)))


def has_formed(seen: Seen, memory: Memory) -> bool:
    """Whether there is a cluster already: remembered here, noted on a host, or answering."""
    noted = any(isinstance(host.marker, Known) and host.marker.value.cluster_id for host in seen.reachable.values())
    return memory.formed or noted or isinstance(seen.etcd.members, Known)


def build(wanted: ClusterSpec, seen: Seen, memory: Memory, now: datetime) -> Iterator[Step]:
    """A first start, or the rest of one: files everywhere, all members together, then the cluster is noted down."""
    files = {member.name: wanted_files(wanted, member, memory, formed=False) for member in wanted.members}
    yield from authority_steps(wanted, every(files), memory)
    yield from install_steps(wanted, seen)
    changes = all_changes(files, seen, memory, now)
    if changes:
        yield WriteFiles(tuple(changes.items()), because="the cluster is new")
    yield from enable_steps(wanted, seen)
    # Who runs already, from a start that was cut off, is not started twice: asking again changes nothing.
    yield StartMembers(tuple(member.name for member in wanted.members))
    yield settling(wanted, memory)


def settling(wanted: ClusterSpec, memory: Memory) -> WriteFiles:
    """From now on every file says `existing`, so that a wiped disk can never start a cluster of its own."""
    settled = []
    for member in wanted.members:
        before = set(wanted_files(wanted, member, memory, formed=False))
        after = wanted_files(wanted, member, memory, formed=True)
        settled.append((member.name, tuple(file for file in after if file not in before)))
    return WriteFiles(tuple(settled), because="the cluster has formed")


def change(wanted: ClusterSpec, seen: Seen, memory: Memory, now: datetime) -> Iterator[Step]:
    """From one running cluster to another. Whoever is down is started first: it can only help."""
    files = {member.name: wanted_files(wanted, member, memory, formed=True) for member in wanted.members}
    yield from authority_steps(wanted, every(files), memory)
    yield from install_steps(wanted, seen)
    changes = all_changes(files, seen, memory, now)
    reasons = restart_reasons(wanted, seen, memory, changes)
    quiet = {name: each for name, each in changes.items() if name not in reasons}
    if quiet:
        yield WriteFiles(tuple(quiet.items()), because="they differ from what is wanted")
    yield from enable_steps(wanted, seen)
    yield from start_steps(wanted, seen)
    yield from membership_steps(wanted, seen, memory)
    yield from rolling_steps(wanted, seen, changes, reasons)


def membership_steps(wanted: ClusterSpec, seen: Seen, memory: Memory) -> Iterator[Step]:
    """Dead and unfinished members leave, new ones join one at a time, and each takes the place of one that leaves."""
    first, last = leaving(wanted.names, seen.membership, dict(memory.member_ids))
    yield from first
    for member in in_joining_order(wanted.members, seen.membership):
        steps = list(joining(member, seen.membership.state_of(member.name)))
        yield from steps
        if steps and last:
            yield last.pop(0)
    yield from last


def restart_reasons(
    wanted: ClusterSpec, seen: Seen, memory: Memory, changes: dict[str, tuple[FileSpec, ...]]
) -> dict[str, str]:
    initial = initial_cluster(wanted, memory, formed=True)
    reasons = {
        name: reason_to_restart(wanted, wanted.member(name), host, changes.get(name, ()), initial)
        for name, host in seen.reachable.items()
        if name in wanted.names
    }
    return {name: reason for name, reason in reasons.items() if reason}


def all_changes(
    files: dict[str, tuple[FileSpec, ...]], seen: Seen, memory: Memory, now: datetime
) -> dict[str, tuple[FileSpec, ...]]:
    found = {
        name: differing(each, seen.reachable[name], memory, now)
        for name, each in files.items()
        if name in seen.reachable
    }
    return {name: each for name, each in found.items() if each}


def every(files: dict[str, tuple[FileSpec, ...]]) -> Iterator[FileSpec]:
    for each in files.values():
        yield from each


def removals(plan: Plan) -> tuple[RemoveMember, ...]:
    """The voters that a plan gives up: each wants its name said aloud."""
    return tuple(each.step for each in plan.steps if isinstance(each.step, RemoveMember))


__all__ = ["HostKind", "Plan", "Refusal", "has_formed", "plan", "removals", "stop_plan"]
