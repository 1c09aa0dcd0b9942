"""The real world: every step has its doer here, and nothing else changes a host or a cluster."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import assert_never

from etcdpilot.applying import (
    certificates,
    data,
    files,
    members,
    probing,
    restoring,
    rotation,
    services,
    space,
    timers,
    upgrades,
    versions,
)
from etcdpilot.applying.way_back import WayBack
from etcdpilot.etcd.door import Door
from etcdpilot.hosts.fleet import Fleet
from etcdpilot.model.cluster import ClusterSpec
from etcdpilot.model.knowledge import Known
from etcdpilot.model.membership import Membership
from etcdpilot.model.memory import Memory
from etcdpilot.model.observation import EtcdSeen
from etcdpilot.model.restoring import Restore
from etcdpilot.model.steps import (
    AddLearner,
    BeginAnew,
    CheckMemberTables,
    DisableService,
    EnableDowngrade,
    EnableServices,
    InstallBinaries,
    IssueOperator,
    MakeAuthorities,
    MoveData,
    MoveDataAside,
    MoveLeader,
    PlaceData,
    PrepareData,
    ProbePeer,
    PromoteLearner,
    ProveRestored,
    RemoveMember,
    RestartMember,
    SaveSnapshot,
    StartLearner,
    StartMembers,
    Step,
    StopMembers,
    TurnAuthorities,
    UpdateMember,
    WriteFiles,
)
from etcdpilot.model.upkeep import (
    CompactHistory,
    DefragmentMember,
    DisarmNoSpace,
    ProveWrite,
    StartTimers,
    StopTimers,
)
from etcdpilot.observing.clock import Clock
from etcdpilot.observing.members import ask, membership, patience_with
from etcdpilot.observing.memory import open_door
from etcdpilot.stores.journal import Journal
from etcdpilot.stores.state import Identity, StateFolder

NOW_SECONDS = 0.05


@dataclass
class RealWorld:
    """Everything a doer may reach. The door is opened anew when the operator's certificate is made."""

    wanted: ClusterSpec
    fleet: Fleet
    state: StateFolder
    journal: Journal
    clock: Clock
    door: Door
    memory: Memory
    ways_back: dict[str, WayBack] = field(
        default_factory=dict
    )  # by member, of what this run has changed and not proved
    _just_seen: tuple[float, EtcdSeen] | None = None

    async def membership(self) -> Membership:
        """As etcd says it now, or has said it to the gate before: nobody changed anything since."""
        seen, self._just_seen = self._just_seen, None
        if seen is None or self.clock.monotonic() - seen[0] > NOW_SECONDS:
            return membership(self.wanted.roster, await ask(self.door, patience_with(self.memory)), self.memory)
        return membership(self.wanted.roster, seen[1], self.memory)

    def just_saw(self, seen: EtcdSeen) -> None:
        """What a gate was told, where it asked for everything and everybody answered."""
        everything = isinstance(seen.members, Known) and all(isinstance(said, Known) for _, said in seen.statuses)
        self._just_seen = (self.clock.monotonic(), seen) if everything else None

    def note(self, event: str, step: Step, why: str = "") -> None:
        self.journal.write(event, str(step), self.clock.now(), why)

    def remember_formed(self) -> None:
        """Written down at once: from now on nobody is started on an empty disk."""
        self._write_identity(replace(self.memory, formed=True))

    def begin_anew(self, restore: Restore) -> None:
        """From now on the cluster is another one; formed, for its members start on data that are there."""
        self._write_identity(
            replace(
                self.memory,
                token=restore.token,
                cluster_id=restore.cluster_id,
                member_ids=restore.member_ids,
                formed=True,
            )
        )

    def _write_identity(self, memory: Memory) -> None:
        identity = Identity(self.wanted.name, memory.token, memory.cluster_id, memory.member_ids, memory.formed)
        self.state.write_identity(identity)
        self.memory = memory

    async def reopen_door(self) -> None:
        await self.door.close()
        self.door = open_door(self.wanted, self.state, self.fleet.ways)

    async def take(self, step: Step) -> AsyncIterator[str]:
        match step:
            case MakeAuthorities():
                await certificates.make_authorities(step, self)
            case IssueOperator():
                await rotation.issue_operator(step, self)
            case TurnAuthorities():
                async for on in rotation.turn(step, self):
                    yield on
            case InstallBinaries():
                await versions.install(step, self)
            case WriteFiles():
                await files.write(step, self)
            case EnableServices():
                await services.enable(step, self)
            case StartMembers():
                async for on in services.start(step, self):
                    yield on
            case RestartMember():
                async for on in services.restart(step, self):
                    yield on
            case StopMembers():
                await services.stop(step, self)
            case DisableService():
                await services.disable(step, self)
            case MoveDataAside():
                await data.move_aside(step, self)
            case MoveData():
                await data.move(step, self)
            case MoveLeader():
                async for on in members.move_leader(step, self):
                    yield on
            case ProbePeer():
                async for on in probing.probe(step, self):
                    yield on
            case AddLearner():
                async for on in members.add_learner(step, self):
                    yield on
            case StartLearner():
                async for on in services.start_learner(step, self):
                    yield on
            case PromoteLearner():
                async for on in members.promote(step, self):
                    yield on
            case RemoveMember():
                async for on in members.remove(step, self):
                    yield on
            case UpdateMember():
                async for on in members.update(step, self):
                    yield on
            case SaveSnapshot():
                await upgrades.save_snapshot(step, self)
            case CheckMemberTables():
                await upgrades.check_member_tables(step, self)
            case EnableDowngrade():
                async for on in upgrades.enable_downgrade(step, self):
                    yield on
            case PrepareData():
                await restoring.prepare(step, self)
            case BeginAnew():
                await restoring.begin_anew(step, self)
            case PlaceData():
                await restoring.place(step, self)
            case ProveRestored():
                async for on in restoring.prove_restored(step, self):
                    yield on
            case CompactHistory():
                await space.compact(step, self)
            case DefragmentMember():
                async for on in space.defragment(step, self):
                    yield on
            case DisarmNoSpace():
                await space.disarm(step, self)
            case ProveWrite():
                await space.prove_write(step, self)
            case StartTimers():
                await timers.start(step, self)
            case StopTimers():
                await timers.stop(step, self)
            case _:
                assert_never(step)
