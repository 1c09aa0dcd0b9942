"""Puts what the members answer into the rows that `status` shows: a dead member is a row that says why."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from datetime import datetime

from etcdpilot.etcd.door import Door
from etcdpilot.model.answers import MemberEntry, MemberStatus
from etcdpilot.model.cluster import Roster, RosterEntry
from etcdpilot.model.identity import as_hex
from etcdpilot.model.knowledge import Known, Unknown
from etcdpilot.model.membership import Membership
from etcdpilot.model.memory import Memory
from etcdpilot.model.observation import EtcdSeen
from etcdpilot.model.status import MemberRow, Status
from etcdpilot.model.versions import Version
from etcdpilot.observing.listeners import certificate_end
from etcdpilot.observing.members import ask, membership

Statuses = tuple[tuple[str, Known[MemberStatus] | Unknown], ...]
Ends = Mapping[str, Known[datetime] | Unknown]


async def look_at_status(roster: Roster, door: Door, memory: Memory) -> Status:
    """Every member of the roster is a row, and every other that is in the member list."""
    seen, ends = await asyncio.gather(ask(door), certificate_ends(door))
    plain = {name for name, endpoint in door.endpoints.items() if not endpoint.secure}
    shown = {name: end for name, end in ends.items() if name not in plain}
    return status_of(roster, seen, membership(roster, seen, memory), shown, memory)


async def roster_of(door: Door) -> Roster:
    """Who answers at these endpoints, when no file says it; ClusterFailed when nobody does.

    An endpoint that was given stays the way to its member; the others are reached as they advertise themselves.
    """
    listed = await door.client().cluster.list(linearizable=False)
    said = (await ask(door)).statuses
    given = {status.value.member_id: str(door.endpoints[name]) for name, status in said if isinstance(status, Known)}
    entries = tuple(
        RosterEntry(
            entry.name or as_hex(entry.id),
            entry.peer_urls,
            (given[entry.id],) if entry.id in given else entry.client_urls,
        )
        for entry in listed.members
    )
    return Roster(as_hex(listed.header.cluster_id), (*entries, *strays(listed.members, said)))


def strays(members: tuple[MemberEntry, ...], said: Statuses) -> Iterator[RosterEntry]:
    """Endpoints that were given and lead to no member: of another cluster, or nobody knows whose. Each is a row."""
    ids = {entry.id for entry in members}
    advertised = {url for entry in members for url in entry.client_urls}
    for url, status in said:
        if status.value.member_id not in ids if isinstance(status, Known) else url not in advertised:
            yield RosterEntry(url, (), (url,))


async def certificate_ends(door: Door) -> dict[str, Known[datetime] | Unknown]:
    if door.keyring is None:
        return {}
    names = [name for name, endpoint in door.endpoints.items() if endpoint.secure]
    found = await asyncio.gather(*(certificate_end(door.endpoints[name], door.keyring) for name in names))
    return dict(zip(names, found, strict=True))


def status_of(roster: Roster, seen: EtcdSeen, now: Membership, ends: Ends, memory: Memory) -> Status:
    entries = entries_by_name(roster, seen)
    names = list(dict.fromkeys((*roster.names, *entries)))
    said = {name: status.value for name, status in seen.statuses if isinstance(status, Known)}
    ids = dict(memory.member_ids)
    rows = tuple(
        row(roster.entry(name), name, now, entries.get(name), seen.status(name), ends.get(name), ids) for name in names
    )
    return Status(
        name=roster.cluster,
        id=next((as_hex(each.cluster_id) for each in said.values()), None),
        revision=max((each.revision for each in said.values()), default=None),
        leader=next((name for name, each in said.items() if each.is_leader), None),
        quorum=now.quorum,
        version=lowest(each.version for each in said.values()),
        members=rows,
        alarms=tuple(f"{alarm.type.value} of {as_hex(alarm.member_id)}" for alarm in seen.alarms),
    )


def entries_by_name(roster: Roster, seen: EtcdSeen) -> dict[str, MemberEntry]:
    if not isinstance(seen.members, Known):
        return {}
    return {roster.name_of(entry): entry for entry in seen.members.value}


def row(
    listed: RosterEntry | None,
    name: str,
    now: Membership,
    entry: MemberEntry | None,
    status: Known[MemberStatus] | Unknown,
    ends: Known[datetime] | Unknown | None,
    ids: Mapping[str, str],
) -> MemberRow:
    said = status.value if isinstance(status, Known) else None
    errors = [status.why] if isinstance(status, Unknown) else list(said.errors if said else ())
    if said and entry is None:
        errors.append("it answers, and the cluster does not list it as a member")
    if isinstance(ends, Unknown) and said:
        errors.append(f"its certificate could not be read: {ends.why}")
    return MemberRow(
        name=name,
        id=as_hex(entry.id) if entry else as_hex(said.member_id) if said else ids.get(name),
        state=now.state_of(name).value,
        peer_urls=entry.peer_urls if entry else listed.peer_urls if listed else (),
        client_urls=(entry.client_urls if entry else ()) or (listed.client_urls if listed else ()),
        version=said.version if said else None,
        db_size=said.db_size if said else None,
        db_size_in_use=said.db_size_in_use if said else None,
        is_leader=said.is_leader if said else None,
        raft_term=said.raft_term if said else None,
        raft_index=said.raft_index if said else None,
        applied_index=said.raft_applied_index if said else None,
        certificate_expires=ends.value if isinstance(ends, Known) else None,
        errors=tuple(errors),
    )


def lowest(versions: object) -> str | None:
    found = sorted(Version.parse(str(each)) for each in versions)  # type: ignore[attr-defined]
    return str(found[0]) if found else None
