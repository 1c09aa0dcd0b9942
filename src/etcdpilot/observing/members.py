"""Asks the members themselves: who is in the list, what each says of itself, and whether it answers a true read."""

from __future__ import annotations

import asyncio

from etcdpilot.etcd.door import Door
from etcdpilot.etcd.verdicts import HANGING
from etcdpilot.model.answers import Alarm, MemberEntry, MemberStatus
from etcdpilot.model.cluster import Roster
from etcdpilot.model.errors import ClusterFailed
from etcdpilot.model.knowledge import Known, Unknown
from etcdpilot.model.membership import Membership, MemberState
from etcdpilot.model.memory import Memory
from etcdpilot.model.observation import EtcdSeen

# Who is looked at wants to be told within a second; who decides and changes can wait, and a member that is only slow must
# not be taken for one that is down. Far members get longer: a connection, its handshakes and a read that asks the leader
# cross the distance several times.
ANSWER_SECONDS, DECIDING_SECONDS = 0.7, 3.0
CROSSINGS, LONGEST_SECONDS = 8, 6.0
NO_LEADER = "it runs, and follows no leader: a quorum is missing"
SILENT = Unknown("it does not accept connections")


async def ask(door: Door, patience: float = ANSWER_SECONDS) -> EtcdSeen:
    """Everything etcd itself can say; of members that are near within a second, even when some are dead."""
    # Nobody at all: as likely this machine stood still. Who refuses does so at once, so that another look costs nothing.
    listening = await door.listening() or await door.listening(patience)
    if not listening:
        return EtcdSeen(Unknown("no member accepts connections"), tuple((name, SILENT) for name in door.endpoints))
    await asyncio.gather(*(door.turn(name) for name in door.turned & listening))
    # Who had all the time there is to find a leader, and found none, is asked again only briefly.
    patience = min(patience, ANSWER_SECONDS) if door.without_quorum else patience
    within = min(patience + CROSSINGS * door.distance, LONGEST_SECONDS)
    seen = await ask_all(door, listening, within)
    if patience >= DECIDING_SECONDS or door.without_quorum:
        door.without_quorum = not any(isinstance(said, Known) for _, said in seen.statuses)
    # Who speaks the other scheme says so at once; who hangs would only be waited for once more.
    misheard = [name for name, said in seen.statuses if name in listening and misheard_from(said)]
    if any(await asyncio.gather(*(door.turn(name) for name in misheard))):
        return await ask_all(door, listening, within)
    return seen


async def ask_only(door: Door, names: tuple[str, ...], patience: float = ANSWER_SECONDS) -> EtcdSeen:
    """Only these, and neither for the list nor for alarms: what a gate asks again and again, beside a busy cluster.

    Who follows no leader yet is not asked for a read: etcd would try that again only after half a second.
    """
    known = tuple(name for name in names if name in door.endpoints)
    listening = await door.listening(only=known) if known else frozenset[str]()
    await asyncio.gather(*(door.turn(name) for name in door.turned & listening))
    within = min(patience + CROSSINGS * door.distance, LONGEST_SECONDS)
    said = await statuses_of(door, known, listening, within, once_it_follows=True)
    misheard = [name for name, each in said if name in listening and misheard_from(each)]
    if any(await asyncio.gather(*(door.turn(name) for name in misheard))):
        said = await statuses_of(door, known, listening, within, once_it_follows=True)
    return EtcdSeen(Unknown("it was not asked"), said)


def misheard_from(said: Known[MemberStatus] | Unknown) -> bool:
    return isinstance(said, Unknown) and HANGING not in said.why


async def ask_all(door: Door, listening: frozenset[str], within: float) -> EtcdSeen:
    members, raised, statuses = await asyncio.gather(
        member_list(door, within), alarms(door, within), all_statuses(door, listening, within)
    )
    return EtcdSeen(members, statuses, raised)


Statuses = tuple[tuple[str, Known[MemberStatus] | Unknown], ...]


async def all_statuses(door: Door, listening: frozenset[str], within: float) -> Statuses:
    return await statuses_of(door, tuple(door.endpoints), listening, within)


async def statuses_of(
    door: Door, names: tuple[str, ...], listening: frozenset[str], within: float, *, once_it_follows: bool = False
) -> Statuses:
    async def of(name: str) -> Known[MemberStatus] | Unknown:
        if name not in listening:
            return SILENT
        return await (status_then_read if once_it_follows else status)(door, name, within)

    found = await asyncio.gather(*(of(name) for name in names))
    return tuple(zip(names, found, strict=True))


async def member_list(door: Door, within: float) -> Known[tuple[MemberEntry, ...]] | Unknown:
    """The list as a quorum has it; where there is none, as the first member that answers remembers it.

    Both are asked for at once: without a quorum the first takes all the time there is.
    """
    agreed, remembered = await asyncio.gather(*(listed(door, within, linearizable=each) for each in (True, False)))
    return agreed if isinstance(agreed, Known) else remembered


async def listed(door: Door, within: float, *, linearizable: bool) -> Known[tuple[MemberEntry, ...]] | Unknown:
    try:
        answer = await door.client().cluster.list(linearizable=linearizable, timeout=within)
    except ClusterFailed as error:
        return Unknown(error.why or error.what)
    # A member that waits for its first quorum answers what it remembers: nothing, and that is no cluster of nobody.
    return Known(answer.members) if answer.members else Unknown("it never had a quorum yet")


async def alarms(door: Door, within: float) -> tuple[Alarm, ...]:
    try:
        return await door.client().maintenance.alarms(timeout=within)
    except ClusterFailed:
        return ()


async def status(door: Door, name: str, within: float) -> Known[MemberStatus] | Unknown:
    """What a member says of itself, if it also answers a linearizable read; a learner need not."""
    pinned = door.client().at(door.endpoints[name])
    try:
        said, read = await asyncio.gather(
            pinned.maintenance.status(timeout=within),
            pinned.kv.get("etcdpilot", timeout=within),
            return_exceptions=True,
        )
        if isinstance(said, BaseException):
            raise said
        if isinstance(read, ClusterFailed) and not said.is_learner:
            return Unknown(unread(said, read))
        if isinstance(read, BaseException) and not said.is_learner:
            raise read
        return Known(said)
    except ClusterFailed as error:
        return Unknown(error.why or error.what)


async def status_then_read(door: Door, name: str, within: float) -> Known[MemberStatus] | Unknown:
    """The same, one after the other, and no read of a member that follows nobody."""
    pinned = door.client().at(door.endpoints[name])
    try:
        said = await pinned.maintenance.status(timeout=within)
    except ClusterFailed as error:
        return Unknown(error.why or error.what)
    if said.is_learner:
        return Known(said)
    if not said.leader:
        return Unknown(NO_LEADER)
    try:
        await pinned.kv.get("etcdpilot", timeout=within)
    except ClusterFailed as error:
        return Unknown(unread(said, error))
    return Known(said)


def unread(said: MemberStatus, read: ClusterFailed) -> str:
    if not said.leader:
        return NO_LEADER
    return f"it runs, and answers no linearizable read: {read.why or read.what}"


def patience_with(memory: Memory) -> float:
    """Where something is decided. Before a cluster has formed there is nobody yet to be patient with."""
    return DECIDING_SECONDS if memory.formed else ANSWER_SECONDS


def membership(roster: Roster, seen: EtcdSeen, memory: Memory) -> Membership:
    """Who is in the cluster, by the names of the file. When nobody can say, as the state folder remembers it."""
    if not isinstance(seen.members, Known):
        remembered = dict(memory.member_ids) if memory.formed else {}
        return Membership.from_states(dict.fromkeys(remembered, MemberState.DOWN))
    return Membership.from_states({roster.name_of(entry): state_of(entry, seen) for entry in seen.members.value})


def state_of(entry: MemberEntry, seen: EtcdSeen) -> MemberState:
    """By its ID, wherever it answers: another member at its address is not it."""
    answers = any(isinstance(said, Known) and said.value.member_id == entry.id for _, said in seen.statuses)
    if entry.is_learner:
        return MemberState.LEARNING if answers else MemberState.ADDED
    return MemberState.VOTING if answers else MemberState.DOWN
