"""A first start, or the rest of one: files everywhere, all members together, then the cluster is noted down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from etcdpilot.model.cluster import ClusterSpec
from etcdpilot.model.files import FileSpec
from etcdpilot.model.memory import Memory
from etcdpilot.model.observation import HostSeen, Seen
from etcdpilot.model.steps import MoveDataAside, StartMembers, Step, StopMembers, WriteFiles
from etcdpilot.planning.certificates import authority_steps
from etcdpilot.planning.files import differing, initial_cluster, wanted_files
from etcdpilot.planning.services import enable_steps
from etcdpilot.planning.versions import install_steps
from etcdpilot.rendering.options import member_options
from etcdpilot.rendering.running import running_options

Files = dict[str, tuple[FileSpec, ...]]


def build(wanted: ClusterSpec, seen: Seen, memory: Memory, now: datetime) -> Iterator[Step]:
    files = {member.name: wanted_files(wanted, member, memory, formed=False) for member in wanted.members}
    yield from authority_steps(wanted, every(files), memory, now)
    yield from install_steps(wanted, seen)
    if waiting := waiting_elsewhere(wanted, seen, memory):
        yield StopMembers(waiting, because="they wait for a discovery that this start does without")
    yield from begin_blank_ones_again(wanted, seen)
    changes = all_changes(files, seen, memory, now)
    if changes:
        yield WriteFiles(tuple(changes.items()), because="the cluster is new")
    yield from enable_steps(wanted, seen)
    # Who runs already, from a start that was cut off, is not started twice: asking again changes nothing.
    yield StartMembers(tuple(member.name for member in wanted.members))
    yield settling(wanted, memory)


def waiting_elsewhere(wanted: ClusterSpec, seen: Seen, memory: Memory) -> tuple[str, ...]:
    """Who runs since a start that was cut off, and waits under another token, or where the members are listed now."""
    initial = initial_cluster(wanted, memory, formed=False)
    return tuple(
        member.name
        for member in wanted.members
        if (host := seen.reachable.get(member.name)) and host.process is not None
        if (asked := discovery_of(running_options(host.process)))
        and asked != discovery_of(member_options(wanted, member, initial))
    )


def begin_blank_ones_again(wanted: ClusterSpec, seen: Seen) -> Iterator[Step]:
    """A log without an entry does not know the other members, and who starts on it waits for ever to hear of them.

    That is what is left of a member that dies between making its log and its first entry. It voted for nobody.
    """
    blank = {member.name: member.paths.data for member in wanted.members if is_blank(seen.reachable.get(member.name))}
    if running := tuple(name for name in blank if seen.reachable[name].process is not None):
        yield StopMembers(running, because="they wait to hear of members that they do not know")
    for name, path in blank.items():
        yield MoveDataAside(name, path, because="its first start was cut off before its first entry")


SETTLED_SECONDS = 10.0  # who runs for so long has kept its first entry, or never will


def is_blank(host: HostSeen | None) -> bool:
    if host is None or not host.data.blank:
        return False
    process = host.process
    return process is None or (process.started > 0 and host.machine.clock - process.started > SETTLED_SECONDS)


def discovery_of(options: Mapping[str, str]) -> dict[str, str]:
    return {name: options[name] for name in ("discovery", "discovery-token", "discovery-srv") if name in options}


def settling(wanted: ClusterSpec, memory: Memory) -> WriteFiles:
    """From now on every file says `existing`, so that a wiped disk can never start a cluster of its own."""
    settled = []
    for member in wanted.members:
        before = set(wanted_files(wanted, member, memory, formed=False))
        after = wanted_files(wanted, member, memory, formed=True)
        settled.append((member.name, tuple(file for file in after if file not in before)))
    return WriteFiles(tuple(settled), because="the cluster has formed")


def all_changes(files: Files, seen: Seen, memory: Memory, now: datetime) -> Files:
    """What differs, by member; only of hosts that could be looked at, and only where something does."""
    found = {
        name: differing(each, seen.reachable[name], memory, now)
        for name, each in files.items()
        if name in seen.reachable
    }
    return {name: each for name, each in found.items() if each}


def every(files: Files) -> Iterator[FileSpec]:
    for each in files.values():
        yield from each
