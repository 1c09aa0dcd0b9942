"""From one running cluster to another: whoever is down is started, members join and leave, then changes roll."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from etcdpilot.model.cluster import ClusterSpec
from etcdpilot.model.identity import as_hex
from etcdpilot.model.membership import MemberState
from etcdpilot.model.memory import Memory
from etcdpilot.model.observation import Seen
from etcdpilot.model.steps import (
    InstallBinaries,
    MoveData,
    MoveLeader,
    Step,
    StopMembers,
    UpdateMember,
    WriteFiles,
)
from etcdpilot.planning.building import Files, all_changes
from etcdpilot.planning.certificates import authority_steps
from etcdpilot.planning.encryption import crossing, from_half_way, to_half_way
from etcdpilot.planning.files import initial_cluster, wanted_files
from etcdpilot.planning.lifetimes import renewals_first
from etcdpilot.planning.members import Ground, leftovers, membership_steps, needs_binary
from etcdpilot.planning.moving import data_elsewhere
from etcdpilot.planning.services import (
    enable_steps,
    is_authority,
    is_silent,
    newer_bundle,
    reason_to_restart,
    rolling_steps,
    start_steps,
)
from etcdpilot.planning.versions import install_steps, preparing_steps


def change(wanted: ClusterSpec, seen: Seen, memory: Memory, now: datetime) -> Iterator[Step]:
    ground = Ground(wanted, seen, memory, now)
    staying = [member for member in wanted.members if is_member(member.name, seen)]
    files = {member.name: wanted_files(wanted, member, memory, formed=True) for member in staying}
    changes = all_changes(files, seen, memory, now)
    reasons = restart_reasons(wanted, seen, memory, changes)
    joining = (file for member in wanted.members for file in wanted_files(wanted, member, memory, formed=True))
    yield from authority_steps(wanted, joining, memory, now)
    renewed, changes = renewals_first(changes, seen)
    if renewed:
        yield WriteFiles(tuple(renewed.items()), because="their certificates are due")
    on_the_way = crossing(ground)
    if not on_the_way:
        yield from told_of_moves(ground, reasons)
    yield from revive(wanted, seen, memory, {} if on_the_way else changes)
    yield from leftovers(ground)
    members = tuple(membership_steps(ground))
    yield from members
    ground = replace(ground, handed_to=last_successor(members))
    yield from quiet(changes, reasons, seen)
    yield from quiet_installs(wanted, reasons, seen)
    yield from enable_steps(wanted, seen)
    yield from preparing_steps(wanted, seen, reasons)
    first: tuple[Step, ...] = ()
    if on_the_way:
        first, brought = to_half_way(ground)
        yield from first
        ground = replace(ground, handed_to=last_successor((*members, *first)))
        changes, crossings = from_half_way(changes, brought, ground)
        reasons |= crossings
    yield from (step for step in rolling_steps(ground, changes, reasons) if step not in first)


def last_successor(steps: tuple[Step, ...]) -> str:
    """Who leads once these steps are taken, if one of them hands over."""
    return next((step.to for step in reversed(steps) if isinstance(step, MoveLeader)), "")


def is_member(name: str, seen: Seen) -> bool:
    return seen.membership.state_of(name) in (MemberState.VOTING, MemberState.DOWN, MemberState.LEARNING)


def told_of_moves(ground: Ground, reasons: dict[str, str]) -> Iterator[Step]:
    """Members that listen at their new place already, or will from their next start: the others must find them there.

    Whoever is restarted for it is told of in its turn.
    """
    for member in ground.wanted.members:
        entry = ground.entries.get(member.name)
        if entry is None or member.name in reasons or member.name not in ground.seen.reachable:
            continue
        if set(entry.peer_urls) != set(member.advertise_peer_urls) and ground.seen.membership.quorum.holds:
            yield UpdateMember(member.name, as_hex(entry.id), member.advertise_peer_urls)


def revive(wanted: ClusterSpec, seen: Seen, memory: Memory, changes: Files) -> Iterator[Step]:
    """Whoever is silent gets what it lacks and is started: it can only help."""
    silent = {name: each for name, each in changes.items() if seen.membership.state_of(name) is MemberState.DOWN}
    yield from install_steps(wanted, seen)
    for name, place in data_elsewhere(wanted, seen).items():
        if seen.membership.state_of(name) is MemberState.DOWN:
            yield MoveData(name, place, wanted.member(name).paths.data, because="its file wants it there")
    if silent:
        yield WriteFiles(tuple(silent.items()), because="they differ from what is wanted")
    yield from stop_outdated(wanted, seen, memory, silent)
    yield from start_steps(wanted, seen)


def stop_outdated(wanted: ClusterSpec, seen: Seen, memory: Memory, silent: Files) -> Iterator[StopMembers]:
    """Whoever runs, and does not answer, with what has become other since: it will not read it by itself.

    A host that was down while its member was to move comes back with the old addresses, and nobody speaks to it there.
    """
    outdated = {
        member.name: why
        for member in wanted.members
        if is_silent(member, seen) and (why := outdated_by(wanted, member.name, seen, memory, silent))
    }
    for why in dict.fromkeys(outdated.values()):
        yield StopMembers(tuple(name for name, each in outdated.items() if each == why), because=why)


def outdated_by(wanted: ClusterSpec, name: str, seen: Seen, memory: Memory, silent: Files) -> str:
    host, changed = seen.reachable[name], silent.get(name, ())
    if host.process is None or name in data_elsewhere(wanted, seen):
        return ""
    if any(is_authority(file) for file in changed) or newer_bundle(wanted, name, host):
        return "they read their authorities only when they start"
    return reason_to_restart(wanted, name, seen, changed, initial_cluster(wanted, memory, formed=True))


def quiet(changes: Files, reasons: dict[str, str], seen: Seen) -> Iterator[Step]:
    """Files of members that need no restart for them."""
    found = {
        name: each
        for name, each in changes.items()
        if name not in reasons and seen.membership.state_of(name) is not MemberState.DOWN
    }
    if found:
        yield WriteFiles(tuple(found.items()), because="they differ from what is wanted")


def quiet_installs(wanted: ClusterSpec, reasons: dict[str, str], seen: Seen) -> Iterator[Step]:
    """Hosts where somebody put another binary in place while the right one goes on running: its next start would not be."""
    changed = tuple(
        name
        for name, host in seen.reachable.items()
        if name in wanted.names
        and name not in reasons
        and seen.membership.state_of(name) is MemberState.VOTING
        and needs_binary(wanted, host)
    )
    if changed:
        yield InstallBinaries(changed, str(wanted.version))


def restart_reasons(wanted: ClusterSpec, seen: Seen, memory: Memory, changes: Files) -> dict[str, str]:
    """Members that answer and must be restarted, and why."""
    initial = initial_cluster(wanted, memory, formed=True)
    reasons = {
        name: reason_to_restart(wanted, name, seen, changes.get(name, ()), initial)
        for name in seen.reachable
        if name in wanted.names and seen.membership.state_of(name) is MemberState.VOTING
    }
    return {name: reason for name, reason in reasons.items() if reason}
