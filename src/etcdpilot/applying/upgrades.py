"""What is done once before members change their version: a snapshot, a look at the disks, the word to the cluster."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

from etcdpilot.applying.backups import save_to_store
from etcdpilot.hosts.second_store import FOUND, MISSING, NONE, left_of_second_store
from etcdpilot.model.answers import MemberEntry, MemberStatus
from etcdpilot.model.backups import LastBackup
from etcdpilot.model.errors import ClusterFailed
from etcdpilot.model.identity import as_hex
from etcdpilot.model.knowledge import Known
from etcdpilot.model.snapshot_tables import StoredMember
from etcdpilot.model.steps import CheckMemberTables, EnableDowngrade, SaveSnapshot
from etcdpilot.model.versions import Version
from etcdpilot.observing.members import ask
from etcdpilot.observing.services import look_at_service
from etcdpilot.rendering.running import running_options
from etcdpilot.stores.directory import DirectoryStore
from etcdpilot.stores.last_backup import note_backup
from etcdpilot.stores.snapshot.bbolt import BoltFile
from etcdpilot.stores.snapshot.tables import read_tables

if TYPE_CHECKING:
    from etcdpilot.applying.world import RealWorld

PATIENCE = 60.0
READS = 5  # of a log that is being written


async def save_snapshot(step: SaveSnapshot, world: RealWorld) -> None:
    """From a follower where there is one: streaming costs the member that gives it."""
    seen = await ask(world.door)
    answering = [(name, status.value) for name, status in seen.statuses if isinstance(status, Known)]
    if not answering:
        raise ClusterFailed("No member can give a snapshot.", why="None answers.", remedy="See: etcdpilot status")
    name = sorted(answering, key=lambda each: (each[1].is_leader, each[1].is_learner, -each[1].raft_applied_index))[0][
        0
    ]
    saved = await save_to_store(world.door, name, world.wanted.name, DirectoryStore(world.state.backups), world.clock)
    made = saved.manifest
    note_backup(world.state, LastBackup(made.name, saved.where, made.revision, made.taken_at, world.clock.now()))


async def check_member_tables(step: CheckMemberTables, world: RealWorld) -> None:
    """ClusterFailed where a member's disk holds other members than the cluster says, or another learner flag; or what
    the v2 API has left."""
    listed = (await world.door.client().cluster.list()).members
    for name in step.members:
        with tempfile.TemporaryDirectory(prefix="etcdpilot-") as scratch:
            stored = await stored_members(name, Path(scratch) / "snapshot.db", world)
        if wrong := differences(listed, stored):
            raise ClusterFailed(
                f"The disk of {name} holds another member table than the cluster's.",
                why=f"{'; '.join(wrong)}. etcd 3.6 would believe it.",
                remedy="The 3.5 that runs here writes it anew when it starts. Restart it, then run this again:\n"
                "    etcdpilot restart",
            )
        await check_second_store(name, world)


async def check_second_store(name: str, world: RealWorld) -> None:
    """ClusterFailed where 3.6 would not start: it takes nothing that was stored through the v2 API."""
    member, host = world.wanted.machine(name), await world.fleet.host(name)
    answer = await look_at_service(member, world.fleet)
    programs = answer.process.executable.rpartition("/")[0] if answer.process else member.paths.bin
    options = running_options(answer.process) if answer.process else {}
    data, wal = options.get("data-dir", member.paths.data), options.get("wal-dir", "")
    for _ in range(READS):
        said = await left_of_second_store(host, f"{programs}/etcdutl", data, wal)
        if said in (NONE, MISSING) or FOUND in said:
            break
        await world.clock.sleep(0.2)
    if said == NONE:
        return
    if FOUND in said:
        raise ClusterFailed(
            f"{name} still holds what was stored through the v2 API, and etcd 3.6 would not start on it.",
            why=f"etcdutl: {said.removeprefix('Error: ')}.",
            remedy="Delete the v2 keys (with enable-v2 in etcd.options: etcdctl 3.4 or older, ETCDCTL_API=2). What the "
            "log still holds of them goes with the next raft snapshot: set snapshot-count: 1 in etcd.options, apply, "
            "write a few keys, and take it out again. Then run this again.",
        )
    why = f"There is no etcdutl in {programs}." if said == MISSING else f"etcdutl: {said}."
    raise ClusterFailed(
        f"Whether {name} holds anything of the v2 API could not be found out, and etcd 3.6 would not start on it.",
        why=why,
        remedy="Install the whole release that runs there (etcd, etcdctl, etcdutl), then run this again.",
    )


async def stored_members(name: str, file: Path, world: RealWorld) -> tuple[StoredMember, ...]:
    stream = world.door.client().at(world.door.endpoints[name]).maintenance.snapshot()
    with file.open("wb") as draft:
        async for chunk in stream:
            draft.write(chunk)
    with BoltFile.open(file) as database:
        return tuple(read_tables(database).members)


def differences(listed: tuple[MemberEntry, ...], stored: tuple[StoredMember, ...]) -> list[str]:
    """By ID: who is missing, who should be gone, and who is a learner on one side alone."""
    wanted, found = {each.id: each for each in listed}, {each.id: each for each in stored}
    wrong = [f"{as_hex(each)} is missing" for each in sorted(wanted.keys() - found.keys())]
    wrong += [f"{as_hex(each)} was removed and is still there" for each in sorted(found.keys() - wanted.keys())]
    both = sorted(wanted.keys() & found.keys())
    wrong += [
        f"{wanted[each].name or as_hex(each)} is {'a learner' if found[each].is_learner else 'a voter'} there"
        for each in both
        if wanted[each].is_learner != found[each].is_learner
    ]
    return wrong


async def enable_downgrade(step: EnableDowngrade, world: RealWorld) -> AsyncIterator[str]:
    """Validated by etcd first, and not said again where an earlier run has said it.

    Then until every member has brought its data to the older format: an older binary cannot read it before.
    """
    began, line = world.clock.monotonic(), Version.parse(step.version).line
    # The last way back is ended by etcd itself, some seconds after the last member has gone it.
    while (under_way := await downgrade_targets(world)) - {line} and world.clock.monotonic() - began < PATIENCE:
        yield "waiting until the cluster has ended its last downgrade"
        await world.clock.sleep(0.25)
    if not under_way:
        await world.door.client().maintenance.validate_downgrade(step.version)
        await world.door.client().maintenance.enable_downgrade(step.version)
    while True:
        seen = await ask(world.door)
        newer = [name for name, status in seen.statuses if isinstance(status, Known) and stores_newer(status, line)]
        if not newer:
            return
        if world.clock.monotonic() - began > PATIENCE:
            raise ClusterFailed(
                f"{', '.join(newer)} did not bring the data to the format of {step.version}.",
                why=f"The cluster was told {PATIENCE:.0f} s ago.",
                remedy="Look at their logs, then run this again.",
            )
        yield f"waiting until {', '.join(newer)} store the data as {step.version} does"
        await world.clock.sleep(0.25)


async def downgrade_targets(world: RealWorld) -> set[tuple[int, int]]:
    seen = await ask(world.door)
    said = (status.value.downgrade_target for _, status in seen.statuses if isinstance(status, Known))
    return {Version.parse(target).line for target in said if target}


def stores_newer(status: Known[MemberStatus], line: tuple[int, int]) -> bool:
    stored = status.value.storage_version
    return bool(stored) and Version.parse(stored or "").line > line
