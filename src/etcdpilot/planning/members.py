"""Which members join, leave and move, and in what order.

A step is chosen only from what is seen now, never from what an earlier plan meant to do. So a plan that was cut short
is resumed by planning again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from etcdpilot.model.answers import MemberEntry
from etcdpilot.model.cluster import ClusterSpec, HostKind, MemberSpec, retired
from etcdpilot.model.identity import as_hex
from etcdpilot.model.knowledge import Known
from etcdpilot.model.membership import Membership, MemberState
from etcdpilot.model.memory import Memory
from etcdpilot.model.observation import HostSeen, Seen
from etcdpilot.model.steps import (
    AddLearner,
    DisableService,
    EnableServices,
    InstallBinaries,
    MoveDataAside,
    MoveLeader,
    ProbePeer,
    PromoteLearner,
    RemoveMember,
    StartLearner,
    Step,
    WriteFiles,
)
from etcdpilot.planning.files import differing, wanted_files
from etcdpilot.rendering.options import InitialCluster

PeerUrls = dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Ground:
    """What the order is decided from: the wish, the sight, the memory, and the time for certificates."""

    wanted: ClusterSpec
    seen: Seen
    memory: Memory
    now: datetime
    handed_to: str = ""  # who leads by then, when an earlier step of the plan hands over

    @property
    def entries(self) -> dict[str, MemberEntry]:
        """The member list by the names that the membership uses; empty when nobody could tell it."""
        if not isinstance(self.seen.etcd.members, Known):
            return {}
        roster = self.wanted.roster
        return {roster.name_of(entry): entry for entry in self.seen.etcd.members.value}


def membership_steps(ground: Ground) -> Iterator[Step]:
    """The dead and the unfinished leave first, then each that joins takes the place of one that leaves.

    A dead voter still counts: with 2 of 3 alive, adding first would need 3 of 4 to commit the next change. A healthy
    voter is given up only once its replacement votes, and before the next one joins: the cluster is never larger by
    more than one than it was or is to be.
    """
    peers: PeerUrls = {name: entry.peer_urls for name, entry in ground.entries.items()}
    first, last = leaving(ground)
    for name in first:
        yield from leave(name, ground)
        peers.pop(name, None)
    joined: list[str] = []
    voters = len(ground.seen.membership.voters - set(first))
    for member in in_joining_order(ground.wanted.members, ground.seen.membership):
        if last and voters > len(ground.wanted.members):
            gone = last.pop(0)
            yield from leave(gone, ground, joined)
            peers.pop(gone, None)
            voters -= 1
        peers[member.name] = member.advertise_peer_urls
        yield from join(member, peers, ground)
        joined.append(member.name)
        voters += 1
    for name in last:
        yield from leave(name, ground, joined)


def leaving(ground: Ground) -> tuple[list[str], list[str]]:
    """Who leaves before anybody joins, and who after; the learners and the dead are the first.

    So is a live one whose successor needs its very machine: it was said aloud that this is taken in.
    """
    seen = ground.seen.membership
    # The leader last: by then there is more often one that stays to hand over to.
    unwanted = sorted(seen.names - ground.wanted.names, key=lambda name: (leads(name, ground), name))
    in_the_way = {retired(member.name) for member in ground.wanted.members if stands_in_its_place(member, ground)}
    healthy = [name for name in unwanted if seen.state_of(name) is MemberState.VOTING and name not in in_the_way]
    return [name for name in unwanted if name not in healthy], healthy


def stands_in_its_place(member: MemberSpec, ground: Ground) -> bool:
    """Whether the machine of a wanted member is the one that the member it replaces still runs on."""
    return bool(member.retire) and all(machine.name != retired(member.name) for machine in ground.wanted.former)


def in_joining_order(members: Sequence[MemberSpec], seen: Membership) -> list[MemberSpec]:
    """Those that do not vote yet; who came furthest goes first, for etcd takes one learner at a time."""
    far = {MemberState.LEARNING: 0, MemberState.ADDED: 1, MemberState.ABSENT: 2}
    joining = [member for member in members if seen.state_of(member.name) in far]
    return sorted(joining, key=lambda member: (far[seen.state_of(member.name)], member.name))


def join(member: MemberSpec, peers: PeerUrls, ground: Ground) -> Iterator[Step]:
    """What a wanted member still needs, by how far it has come."""
    state = ground.seen.membership.state_of(member.name)
    host = ground.seen.reachable.get(member.name)
    readied = tuple(prepare(member, peers, host, state, ground)) if state is not MemberState.LEARNING else ()
    yield from readied
    disabled = not (host and host.service.enabled) or any(isinstance(each, DisableService) for each in readied)
    if state is MemberState.ABSENT:
        if voters := those_who_answer(member, peers, ground):
            yield ProbePeer(member.name, member.advertise_peer_urls, voters)
        yield AddLearner(member.name, member.advertise_peer_urls)
    if state is not MemberState.LEARNING:
        if ground.wanted.kind is not HostKind.LOCAL and disabled:
            yield EnableServices((member.name,))
        yield StartLearner(member.name)
    yield PromoteLearner(member.name)


def those_who_answer(member: MemberSpec, peers: PeerUrls, ground: Ground) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Its peers by then, with their URLs: who votes now on a machine of ours, and who will have joined before it."""
    seen = ground.seen.membership
    ours = {each.name for each in (*ground.wanted.members, *ground.wanted.former)} - {member.name}
    there = (name for name in sorted(peers) if name in ours)
    return tuple(
        (name, peers[name]) for name in there if seen.state_of(name) in (MemberState.VOTING, MemberState.ABSENT)
    )


def prepare(
    member: MemberSpec, peers: PeerUrls, host: HostSeen | None, state: MemberState, ground: Ground
) -> Iterator[Step]:
    """Its host before it is registered: no data of an earlier life, the programs, and files that name today's peers."""
    if host is None:
        return  # the plan refuses a step on a host that nobody could look at
    if state is MemberState.ABSENT and host.data.has_member:
        why = f"{member.name} joins as a new member"
        if host.process is not None or host.service.active in ("active", "activating"):
            yield DisableService(member.name, because=why)
        yield MoveDataAside(member.name, member.paths.data, because=why)
    if needs_binary(ground.wanted, host):
        yield InstallBinaries((member.name,), str(ground.wanted.version))
    files = differing(joining_files(member, peers, ground), host, ground.memory, ground.now)
    if files:
        yield WriteFiles(((member.name, files),), because=f"{member.name} joins")


def joining_files(member: MemberSpec, peers: PeerUrls, ground: Ground) -> tuple:  # type: ignore[type-arg]
    """Its ID is not known before it is registered, so its marker names none: the guard lets it start without data."""
    ids = tuple(pair for pair in ground.memory.member_ids if pair[0] != member.name)
    initial = InitialCluster("existing", ground.memory.token, tuple(sorted(peers.items())))
    memory = replace(ground.memory, member_ids=ids)
    return wanted_files(ground.wanted, member, memory, formed=True, initial=initial)


def needs_binary(wanted: ClusterSpec, host: HostSeen) -> bool:
    return wanted.kind is not HostKind.LOCAL and wanted.version is not None and host.binary != Known(wanted.version)


def leave(name: str, ground: Ground, joined: Sequence[str] = ()) -> Iterator[Step]:
    """Out of the member list; and where its machine can be reached, its service stopped and its data moved aside.

    `joined` vote by then.
    """
    entry = ground.entries.get(name)
    # When nobody answers, the list is as it was remembered; the proof refuses what cannot be committed.
    member_id = as_hex(entry.id) if entry else dict(ground.memory.member_ids).get(name, "")
    if leads(name, ground) and (to := successor(name, ground, joined)):
        yield MoveLeader(name, to)
    why = "another takes its place" if name not in plain_names(ground) else "it is not in the cluster file"
    yield RemoveMember(name, member_id, because=why)
    yield from clear(name, ground)


def clear(name: str, ground: Ground) -> Iterator[Step]:
    """A removed member exits with status 0, and `Restart=always` would start it again for ever."""
    host = ground.seen.reachable.get(name)
    if host is None or name in ground.wanted.names:
        return
    why = f"{name} is not a member any more"
    if host.process is not None or is_enabled(host, ground) or host.service.active == "activating":
        yield DisableService(name, because=why)
    if host.data.has_member:
        yield MoveDataAside(name, ground.wanted.machine(name).paths.data, because=why)


def leftovers(ground: Ground) -> Iterator[Step]:
    """Machines of members that were removed by a run that was cut off before it had put them in order."""
    for member in ground.wanted.former:
        if member.name not in ground.seen.membership.names and has_leftovers(member, ground):
            yield from clear(member.name, ground)


def has_leftovers(member: MemberSpec, ground: Ground) -> bool:
    host = ground.seen.reachable.get(member.name)
    if host is None:
        return False
    return host.process is not None or host.data.has_member or is_enabled(host, ground)


def is_enabled(host: HostSeen, ground: Ground) -> bool:
    """A local member is never enabled at boot, and never disabled either."""
    return host.service.enabled and ground.wanted.kind is not HostKind.LOCAL


def plain_names(ground: Ground) -> frozenset[str]:
    return frozenset(name for name in ground.entries if not name.endswith(retired("")))


def leads(name: str, ground: Ground) -> bool:
    if ground.handed_to:
        return name == ground.handed_to
    entry = ground.entries.get(name)
    return entry is not None and any(
        isinstance(status, Known) and status.value.leader == entry.id for _, status in ground.seen.etcd.statuses
    )


def successor(name: str, ground: Ground, joined: Sequence[str] = ()) -> str | None:
    """Who takes over from a leader: one that stays, and votes by then; who is down now was started before."""
    down = [each for each, state in ground.seen.membership.states if state is MemberState.DOWN]
    started = [each for each in down if each in ground.seen.reachable]
    by_then = (*voting(ground.seen), *joined, *started)
    stays = [each for each in by_then if each in ground.wanted.names and each != name]
    return stays[0] if stays else None


def voting(seen: Seen) -> list[str]:
    return [name for name, state in seen.membership.states if state is MemberState.VOTING]
