"""What etcdpilot does when data come back: the stories of a restore, a drill and a recovery. They stand on pilot.py's."""

from __future__ import annotations

import secrets
import shutil
import signal
from dataclasses import dataclass, replace
from pathlib import Path

from etcdpilot import pilot
from etcdpilot.applying.surviving import Gathering
from etcdpilot.hosts.local import LocalHost
from etcdpilot.model.cluster import ClusterSpec
from etcdpilot.model.errors import ClusterFailed, Refused, SpecError
from etcdpilot.model.plans import Plan
from etcdpilot.model.restoring import BUMP, DEFAULT_QUOTA, Restore, Restored, Source, can_bump, identity_of
from etcdpilot.model.steps import PrepareData
from etcdpilot.model.survivors import Survivor, most_advanced
from etcdpilot.observing.clock import SystemClock
from etcdpilot.observing.comparing import Comparison, compared
from etcdpilot.observing.memory import remember
from etcdpilot.observing.restoring import Terms, judged_source, known_clusters, require_unchanged
from etcdpilot.pilot import Site
from etcdpilot.planning.recovering import left, quorum_refusals
from etcdpilot.planning.restoring import restore_plan
from etcdpilot.stores.local_clusters import Wish as LocalWish
from etcdpilot.stores.lock import locked
from etcdpilot.stores.restores import keep_fetched, read_former, read_restore, unfinished, write_restore
from etcdpilot.stores.state import StateFolder

CLUSTER_FILE = "cluster.yaml"


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for: the words of the command line."""

    verb: str = "restore"
    lost: tuple[str, ...] = ()
    keep_revisions: bool = False


def clusters_of(state: StateFolder) -> tuple[str, ...]:
    """IDs that a cluster has and had before its restores; nothing before it formed."""
    identity = state.identity()
    present = identity.cluster_id if identity is not None and identity.formed else ""
    return known_clusters(present, (each.cluster_id for each in read_former(state)))


def bump_of(wanted: ClusterSpec, wish: Wish) -> int:
    return BUMP if can_bump(wanted.version) and not wish.keep_revisions else 0


async def source_of(site: Site, path: Path, name: str, terms: Terms, wish: Wish, *, fetched: bool) -> Source:
    """The snapshot, judged; one that came from a store is kept here until the restore is through."""
    source = await judged_source(path, name, terms, bump_of(site.wanted, wish))
    if not fetched:
        return source
    return replace(source, path=str(keep_fetched(site.state, path)))


def settle(site: Site, source: Source | None, wish: Wish) -> Restore:
    """The restore that an earlier run began, where it is the same; else a new one with an identity of its own.

    Without a source it is the unfinished one, or SpecError.
    """
    before = unfinished(site.state)
    if source is None:
        if before is None:
            raise SpecError(
                "Which snapshot is to be restored?",
                why="None was named, and no restore is unfinished.",
                remedy="Name one:\n    etcdpilot restore latest",
            )
        source = before.source
    lost = wish.lost or (before.lost if before is not None and before.is_of(source.sha256) else ())
    require_known(site.wanted, lost)
    members = staying(site.wanted, lost)
    bump = bump_of(site.wanted, wish)
    if before is not None and before.is_of(source.sha256) and before.bump == bump and before.lost == lost:
        cluster, ids = identity_of(members, before.token)
        if (cluster, ids) == (before.cluster_id, before.member_ids):
            return before
    token = f"{site.wanted.name}-{secrets.token_hex(16)}"
    cluster, ids = identity_of(members, token)
    return Restore(wish.verb, source, token, cluster, ids, bump, site.clock.now().isoformat(), lost)


def staying(wanted: ClusterSpec, lost: tuple[str, ...]) -> tuple[Restored, ...]:
    found = tuple(Restored(each.name, each.advertise_peer_urls) for each in wanted.members if each.name not in lost)
    if not found:
        raise SpecError("No member would be left to restore.", remedy="Give the cluster file hosts that are alive.")
    return found


def require_known(wanted: ClusterSpec, lost: tuple[str, ...]) -> None:
    known = {*wanted.names, *(each.name for each in wanted.former)}
    if strangers := [name for name in lost if name not in known]:
        raise SpecError(f"There is no member {strangers[0]}.", remedy=f"Members: {', '.join(sorted(known))}.")


async def plan(site: Site, restore: Restore) -> Plan:
    """What would be done, or what is left of it."""
    identity = site.state.identity()
    memory = remember(site.state, identity if identity is not None else pilot.new_identity(site.wanted, restore.token))
    if identity is None:
        memory = replace(memory, token="", cluster_id="", member_ids=())
    memory = pilot.with_others(site, memory)
    seen = await pilot.look(site, memory)
    found = restore_plan(site.wanted, seen, memory, restore, site.clock.now())
    if any(isinstance(each.step, PrepareData) for each in found.steps):
        await require_unchanged(restore.source)
    return found


def last(site: Site) -> Restore | None:
    """The restore that was under way last, through or not."""
    return read_restore(site.state)


async def look_for_survivors(site: Site, wish: Wish) -> Gathering:
    """Refused while the cluster has its quorum, or could have it back; else who is to be asked for their data."""
    memory = remember(site.state, site.identity)
    seen = await pilot.look(site, memory)
    for refusal in quorum_refusals(site.wanted, seen, memory, wish.lost):
        raise Refused(refusal.what, why=refusal.why, remedy=refusal.remedy)
    found = left(seen, memory, wish.lost)
    bump = bump_of(site.wanted, wish)
    return Gathering(found.running, found.stopped, site.wanted, site.fleet, site.door, site.state, site.clock, bump)


def chosen_of(gathering: Gathering, named: str | None) -> Survivor:
    """The most advanced, or the one that was named; ClusterFailed when nobody gave data that can be used."""
    found = tuple(gathering.found)
    if not found:
        raise ClusterFailed(
            "None of the survivors' data can be used.",
            why="\n".join(gathering.failed),
            remedy="Restore the newest backup:\n    etcdpilot restore latest",
        )
    if named is None:
        return most_advanced(found)
    for each in found:
        if each.name == named:
            return each
    raise SpecError(f"{named} gave no data.", remedy=f"Survivors: {', '.join(each.name for each in found)}.")


def begin(site: Site, restore: Restore) -> None:
    """Written down before anything is touched; from now on any cut-off is resumed with this very identity."""
    write_restore(site.state, restore)


@dataclass(frozen=True, slots=True)
class Drilled:
    """A backup that was restored into a cluster which is gone again, and what was found when both were compared."""

    name: str
    etcd: str
    seconds: float
    found: Comparison

    @property
    def holds(self) -> bool:
        return not self.found.differences


async def drill(path: Path, name: str, terms: Terms, folder: Path, wish: LocalWish) -> Drilled:
    """Restore, compare key by key, and take everything away again, whatever happens. Refused for a damaged snapshot.

    `folder` is the drill's own; what an earlier one that was killed left in it goes first.
    """
    if not path.is_file():
        raise SpecError(f"There is no snapshot {name}.", remedy="See what there is:\n    etcdpilot backup list")
    clock = SystemClock()
    with locked(StateFolder(folder), "backup drill", clock.now()):
        await take_away(folder)
        begun = clock.monotonic()
        quota = str(max(DEFAULT_QUOTA, path.stat().st_size * 2))
        pilot.begin_local(folder / CLUSTER_FILE, wish, {"quota-backend-bytes": quota})
        wanted, _ = pilot.read_file(folder / CLUSTER_FILE)
        try:
            async with pilot.opened(wanted, folder) as site:
                restore = settle(site, await judged_source(path, name, terms, bump_of(wanted, Wish())), Wish())
                agreed = await plan(site, restore)
                for refusal in agreed.refusals:
                    raise Refused(refusal.what, why=refusal.why, remedy=refusal.remedy)
                begin(site, restore)
                async for _ in pilot.apply(site, agreed):
                    pass
                found = await compared(path, site.door.client())
            return Drilled(name, str(wanted.version), clock.monotonic() - begun, found)
        finally:
            await take_away(folder)


async def take_away(folder: Path) -> None:
    """A throw-away cluster: its members end at once, and all of it goes."""
    if not (folder / CLUSTER_FILE).exists():
        return
    wanted, _ = pilot.read_file(folder / CLUSTER_FILE)
    for member in wanted.members:
        host = LocalHost(member.name, member.paths.config, member.paths.data)
        host.kill(signal.SIGKILL)
        await host.stop("")
    for each in folder.iterdir():
        if each.is_dir():
            shutil.rmtree(each, ignore_errors=True)
        elif each != StateFolder(folder).lock:
            each.unlink(missing_ok=True)
