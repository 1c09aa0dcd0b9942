"""A whole cluster on paper: hosts with files, data and processes, and the member list that etcd would keep.

It is looked at as real hosts are (`seen`), obeys every step, and may lose its line at any of them. Where etcd would come to
harm, as by a start on an empty disk under an old identity, it says so aloud: `Harmed`. Clusters without TLS only.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from etcdpilot.model.answers import Header, MemberEntry, MemberStatus
from etcdpilot.model.cluster import ClusterSpec, MemberSpec
from etcdpilot.model.files import FileSeen, FileSpec, Text
from etcdpilot.model.identity import as_hex, cluster_id, member_id
from etcdpilot.model.knowledge import Absent, Known, Unknown
from etcdpilot.model.membership import Membership, MemberState
from etcdpilot.model.memory import Memory
from etcdpilot.model.observation import DataSeen, EtcdSeen, HostSeen, Machine, Process, Seen, ServiceSeen
from etcdpilot.model.plans import Plan
from etcdpilot.model.restoring import Former, Restore
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
from etcdpilot.observing.files import marker
from etcdpilot.rendering.options import flag, member_options
from etcdpilot.testing.clock import PaperClock
from etcdpilot.testing.paper import LineCut

MACHINE = Machine("amd64", "Linux", 252, 4, 8 * 2**30, 0.0, False, (), 50 * 2**30)


class Harmed(AssertionError):
    """A step was taken that costs data, quorum or an acknowledged write."""


@dataclass
class PaperHost:
    files: dict[str, FileSpec] = field(default_factory=dict)
    executable: str = ""  # of the running etcd, and its arguments
    arguments: tuple[str, ...] = ()
    running: bool = False
    has_data: bool = False
    data_path: str = ""  # where it was moved to; else where its file says
    data_of: tuple[str, str] = ("", "")  # member ID and cluster ID that stand in it, where a restore wrote them
    prepared: tuple[str, str] = ("", "")  # of what a restore has made beside it, and its mark
    mark: str = ""
    strangers_files: bool = False
    enabled: bool = False
    version: str = ""
    busy_ports: tuple[int, ...] = ()
    unreachable: str = ""


@dataclass
class PaperCluster:
    """`cut_after` steps the line goes dead; with `unheard` the step at which it dies is done, and its answer lost."""

    wanted: ClusterSpec
    cut_after: int | None = None
    unheard: bool = False
    hosts: dict[str, PaperHost] = field(default_factory=dict)
    entries: dict[str, MemberEntry] = field(default_factory=dict)
    leader: str = ""
    formed_with: str = ""  # the token
    restore: Restore | None = None  # what the state folder has written down of one that is under way
    memory: Memory = field(init=False)
    taken: list[Step] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    clock: PaperClock = field(default_factory=PaperClock)

    def __post_init__(self) -> None:
        token = self.wanted.token or "paper"
        ids = {each.name: member_id(each.advertise_peer_urls, token) for each in self.wanted.members}
        named = tuple((name, as_hex(value)) for name, value in ids.items())
        self.memory = Memory(token, as_hex(cluster_id(ids.values())), named)

    def plan(self) -> Plan:
        from etcdpilot import planning

        return planning.plan(self.wanted, self.seen(), self.memory, self.now())

    def now(self) -> datetime:
        return self.clock.now()

    def host(self, name: str) -> PaperHost:
        return self.hosts.setdefault(name, PaperHost())

    def answering(self) -> frozenset[str]:
        """Voters that run, if they are a majority: only then does anybody answer a true read."""
        voters = {name for name, entry in self.entries.items() if not entry.is_learner}
        running = {name for name in voters if self.host(name).running}
        return frozenset(running) if len(running) > len(voters) // 2 else frozenset()

    async def membership(self) -> Membership:
        return self.seen().membership

    def seen(self) -> Seen:
        hosts = tuple((each.name, self.host_seen(each)) for each in self.wanted.members)
        return Seen(hosts, self.etcd_seen(), self.states())

    def states(self) -> Membership:
        if not self.running_members():
            remembered = dict(self.memory.member_ids) if self.memory.formed else {}
            return Membership.from_states(dict.fromkeys(remembered, MemberState.DOWN))
        return Membership.from_states({name: self.state_of(name) for name in self.entries})

    def state_of(self, name: str) -> MemberState:
        if self.entries[name].is_learner:
            return MemberState.LEARNING if self.host(name).running else MemberState.ADDED
        return MemberState.VOTING if name in self.answering() else MemberState.DOWN

    def running_members(self) -> list[str]:
        return [name for name in self.entries if self.host(name).running]

    def etcd_seen(self) -> EtcdSeen:
        if not self.running_members():
            return EtcdSeen(Unknown("no member accepts connections"), ())
        statuses = tuple((each.name, self.status(each.name)) for each in self.wanted.members)
        return EtcdSeen(Known(tuple(self.entries.values())), statuses)

    def status(self, name: str) -> Known[MemberStatus] | Unknown:
        entry = self.entries.get(name)
        learning = entry is not None and entry.is_learner and self.host(name).running
        if entry is None or not (name in self.answering() or learning):
            return Unknown("it does not accept connections")
        leader = self.entries[self.leader].id if self.leader in self.answering() else 0
        cluster = int(self.memory.cluster_id, 16)
        return Known(
            MemberStatus(
                header=Header(cluster, entry.id, 1, 1),
                version=self.host(name).version,
                db_size=0,
                leader=leader,
                raft_index=1,
                raft_term=1,
                raft_applied_index=1,
                errors=(),
                db_size_in_use=0,
                is_learner=entry.is_learner,
            )
        )

    def host_seen(self, member: MemberSpec) -> Known[HostSeen] | Unknown:
        host = self.host(member.name)
        if host.unreachable:
            return Unknown(host.unreachable)
        files = tuple(as_seen(file) for file in host.files.values())
        active = "active" if host.running else "inactive"
        process = Process(1, host.executable, host.arguments, ()) if host.running else None
        return Known(
            HostSeen(
                machine=MACHINE,
                files=files,
                certificates=(),
                binary=Known(self.wanted.version) if host.version and self.wanted.version else Absent(),
                service=ServiceSeen("unit", host.enabled, active, "success", 0, ()),
                process=process,
                data=data_seen(host, member),
                marker=marker(files, member.paths.marker),
                busy_ports=() if host.running else host.busy_ports,
            )
        )

    def note(self, event: str, step: Step, why: str = "") -> None:
        self.notes.append((event, str(step)))

    def mend(self) -> None:
        self.cut_after = None

    def dies(self, name: str) -> None:
        self.host(name).running = False
        self.elect()

    def elect(self) -> None:
        if self.leader not in self.answering():
            self.leader = min(self.answering(), default="")

    async def take(self, step: Step) -> AsyncIterator[str]:
        if self.cut_after is not None and self.cut_after == len(self.taken):
            if self.unheard:
                self.do(step)
            raise LineCut("The line went dead.", remedy="Run it again.")
        self.do(step)
        yield "paper"

    def do(self, step: Step) -> None:
        self.taken.append(step)
        match step:
            case WriteFiles(files):
                for name, specs in files:
                    self.host(name).files.update({spec.path: spec for spec in specs})
            case InstallBinaries(members, version):
                for name in members:
                    self.host(name).version = version
            case EnableServices(members):
                for name in members:
                    self.host(name).enabled = True
            case StartMembers(members):
                self.start(members)
            case RestartMember(member):
                self.require(len(self.answering()) - 1 > len(self.voters()) // 2 or len(self.voters()) < 3, step)
                self.run(member)
            case StopMembers(members):
                for name in members:
                    self.dies(name)
            case DisableService(member):
                self.host(member).enabled = False
                self.dies(member)
            case MoveDataAside(member):
                self.require(not self.host(member).running, step)
                self.host(member).has_data = self.host(member).strangers_files = False
                self.host(member).data_of = ("", "")
            case MoveData(member, before, path):
                self.dies(member)
                self.require(self.host(member).has_data and self.host(member).data_path in ("", before), step)
                self.host(member).data_path = path
            case MoveLeader(_, to):
                self.require(to in self.answering(), step)
                self.leader = to
            case AddLearner(member, urls):
                self.require(bool(self.answering()) and not self.learners(), step)
                number = member_id((*urls, str(len(self.taken))), self.memory.token)
                self.entries[member] = MemberEntry(number, "", tuple(urls), (), True)
            case StartLearner(member):
                self.require(member in self.entries and self.entries[member].is_learner, step)
                self.host(member).has_data = True
                self.run(member)
            case PromoteLearner(member):
                self.require(member in self.learners() and self.host(member).running, step)
                self.entries[member] = replace(self.entries[member], is_learner=False)
            case RemoveMember(member):
                self.require(bool(self.answering()), step)
                self.entries.pop(member)
                self.host(member).running = False
                self.require(bool(self.answering()), step)
                self.elect()
            case UpdateMember(member, _, urls):
                self.entries[member] = replace(self.entries[member], peer_urls=tuple(urls))
            case PrepareData(members):
                for name in members:
                    self.host(name).prepared, self.host(name).mark = self.restored_identity(name), self.mark
            case BeginAnew():
                self.begin_anew(step)
            case PlaceData(members):
                for name in members:
                    self.place(name, step)
            case ProveRestored(members):
                self.require(self.answering() == frozenset(members), step)
            case (
                MakeAuthorities()
                | IssueOperator()
                | TurnAuthorities()
                | SaveSnapshot()
                | ProbePeer()
                | CheckMemberTables()
                | EnableDowngrade()
                | CompactHistory()
                | DisarmNoSpace()
                | ProveWrite()
                | StartTimers()
                | StopTimers()
            ):
                pass
            case DefragmentMember():
                self.require(len(self.answering()) - 1 > len(self.voters()) // 2 or len(self.voters()) < 3, step)
            case _:
                assert_never(step)

    @property
    def mark(self) -> str:
        return self.restore.mark if self.restore is not None else ""

    def restored_identity(self, name: str) -> tuple[str, str]:
        assert self.restore is not None
        return dict(self.restore.member_ids)[name], self.restore.cluster_id

    def begin_anew(self, step: BeginAnew) -> None:
        """A member of the old cluster that goes on beside the new one is what must never be."""
        assert self.restore is not None
        for name in step.stopping:
            self.host(name).running = False
        self.require(not self.running_members(), step)
        new = self.restore
        self.entries, self.leader = {}, ""
        old = Former(self.memory.cluster_id, hashlib.sha256(self.memory.token.encode()).hexdigest(), "")
        self.memory = replace(
            self.memory,
            token=new.token,
            cluster_id=new.cluster_id,
            member_ids=new.member_ids,
            formed=True,
            former=(*self.memory.former, old),
        )

    def place(self, name: str, step: Step) -> None:
        host = self.host(name)
        if host.data_of == self.restored_identity(name):
            return
        self.require(not host.running and not host.has_data, step)
        self.require(host.prepared == self.restored_identity(name), step)
        host.has_data, host.data_of, host.prepared, host.mark = True, host.prepared, ("", ""), ""

    def start(self, members: tuple[str, ...]) -> None:
        if self.restore is not None and self.memory.token == self.restore.token:
            self.form_restored(StartMembers(members))
        elif not self.memory.formed and self.formed_with in ("", self.memory.token):
            self.form(members)
        for name in members:
            host = self.host(name)
            if name in self.entries:
                self.require(host.has_data, StartMembers(members))
                self.run(name)
        self.elect()
        if not self.memory.formed and self.answering() == frozenset(self.entries):
            self.memory = replace(self.memory, formed=True)

    def form(self, members: tuple[str, ...]) -> None:
        """Each finds the whole list in its flags, so that one may come later than the others: once."""
        self.formed_with = self.memory.token
        for member in self.wanted.members:
            number = int(dict(self.memory.member_ids)[member.name], 16)
            urls = member.advertise_peer_urls
            entry = MemberEntry(number, member.name, urls, member.advertise_client_urls, False)
            self.entries.setdefault(member.name, entry)
        for name in members:
            if not self.host(name).executable:
                self.host(name).has_data = True

    def form_restored(self, step: Step) -> None:
        """Every member finds itself and the others on its own disk; one that is started on other data does harm."""
        assert self.restore is not None
        for name, own in self.restore.member_ids:
            self.require(self.host(name).data_of == self.restored_identity(name), step)
            member = self.wanted.member(name)
            self.entries.setdefault(name, MemberEntry(int(own, 16), name, member.advertise_peer_urls, (), False))

    def run(self, name: str) -> None:
        from etcdpilot.planning.files import initial_cluster

        host, member = self.host(name), self.wanted.machine(name)
        if (host.data_path or member.paths.data) != member.paths.data:
            return  # its guard finds no data
        host.data_path = member.paths.data
        options = member_options(self.wanted, member, initial_cluster(self.wanted, self.memory, formed=True))
        host.executable = f"/usr/local/lib/etcdpilot/etcd-{host.version}/etcd"
        host.running, host.arguments = True, tuple(flag(option, value) for option, value in options.items())
        self.entries[name] = replace(self.entries[name], name=name, client_urls=member.advertise_client_urls)
        self.elect()

    def voters(self) -> frozenset[str]:
        return frozenset(name for name, entry in self.entries.items() if not entry.is_learner)

    def learners(self) -> frozenset[str]:
        return frozenset(self.entries) - self.voters()

    def require(self, holds: bool, step: Step) -> None:
        if not holds:
            raise Harmed(f"{step}: {self.states()}")


def as_seen(file: FileSpec) -> FileSeen:
    text = file.content.text if isinstance(file.content, Text) else ""
    sha256 = file.content.sha256 if isinstance(file.content, Text) else ""
    return FileSeen(file.path, file.mode, file.owner, len(text), sha256, text)


def data_seen(host: PaperHost, member: MemberSpec) -> DataSeen:
    """What is in the directory that the file names; the data may still be in another."""
    there = host.has_data and host.data_path in ("", member.paths.data)
    return DataSeen(there or host.strangers_files, there, host.strangers_files, 0, *host.data_of, host.mark)
