"""Machines and an etcd cluster on paper: what a look sees of them, and what every step does to them.

etcd's own rules are kept: only a quorum commits, one learner at a time, a removed member ends, a member runs on its own
data alone. What a step does wrong is not prevented here; it is what the invariants are for.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace

from etcdpilot.model.answers import Header, MemberEntry, MemberStatus
from etcdpilot.model.certificates import CertificateFacts
from etcdpilot.model.cluster import ClusterSpec
from etcdpilot.model.errors import ClusterFailed, HostFailed
from etcdpilot.model.files import AuthorityBundle, FileSeen, FileSpec, LeafCertificate, Text
from etcdpilot.model.identity import as_hex
from etcdpilot.model.knowledge import Absent, Known, Unknown
from etcdpilot.model.membership import Membership, MemberState
from etcdpilot.model.memory import Memory
from etcdpilot.model.observation import (
    DataSeen,
    EtcdSeen,
    HostSeen,
    Machine,
    Process,
    Seen,
    ServiceSeen,
)
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
    RestartMember,
    StartLearner,
    StartMembers,
    Step,
    StopMembers,
    UpdateMember,
    WriteFiles,
)
from etcdpilot.model.versions import Version
from etcdpilot.testing.clock import PaperClock
from etcdpilot.testing.paper_certificates import paper_leaf

CLUSTER = 0xC1C1
MACHINE = Machine("amd64", "Debian", 252, 2, 2**31, 0.0, False, (), 2**35)


@dataclass
class PaperHost:
    """`data` is the member ID that the data directory belongs to, None when it is empty."""

    up: bool = True
    running: bool = False
    enabled: bool = False
    data: int | None = None
    binary: Version | None = None
    runs: Version | None = None
    files: dict[str, FileSeen] = field(default_factory=dict)
    certificates: dict[str, CertificateFacts] = field(default_factory=dict)
    environment: tuple[tuple[str, str], ...] = ()
    starts: bool = True  # False: whatever is started ends at once
    aside: int = 0


class NotDone(ClusterFailed):
    """What was asked for did not come about."""


@dataclass
class PaperSite:
    """The world that a plan is made from and carried out on. `before_step` may break things, or the line."""

    wanted: ClusterSpec
    hosts: dict[str, PaperHost]
    entries: list[MemberEntry]
    leader: int = 0
    memory: Memory = field(default_factory=lambda: Memory("t0k3n", as_hex(CLUSTER), (), formed=True))
    next_id: int = 0x1000
    admit_as_learner: bool = True  # False: a mutant that registers voters at once
    clock: PaperClock = field(default_factory=PaperClock)
    taken: list[Step] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    run_began: int = 0  # how many notes there were then
    watchers: list[Callable[[Step], None]] = field(default_factory=list)
    before_step: Callable[[Step], bool] = lambda step: True  # False: the step is done, and its answer lost

    # ---- what is so ----

    def host_of(self, entry: MemberEntry) -> PaperHost | None:
        return self.hosts.get(self.name_of(entry))

    def name_of(self, entry: MemberEntry) -> str:
        return self.wanted.roster.name_of(entry)

    def runs(self, entry: MemberEntry) -> bool:
        host = self.host_of(entry)
        return bool(host and host.up and host.running and host.data == entry.id)

    def voters(self) -> list[MemberEntry]:
        return [entry for entry in self.entries if not entry.is_learner]

    def has_quorum(self) -> bool:
        voters = self.voters()
        return sum(map(self.runs, voters)) >= len(voters) // 2 + 1

    def answers(self, entry: MemberEntry) -> bool:
        return self.runs(entry) and (entry.is_learner or self.has_quorum())

    def elect(self) -> None:
        running = [entry.id for entry in self.voters() if self.runs(entry)]
        if self.leader not in running or not self.has_quorum():
            self.leader = running[0] if running and self.has_quorum() else 0

    # ---- what a look sees ----

    def seen(self) -> Seen:
        self.elect()
        names = [member.name for member in (*self.wanted.members, *self.wanted.former)]
        hosts = tuple((name, self.look(self.hosts[name])) for name in names)
        statuses = tuple((name, self.status(name)) for name in names)
        anybody = any(map(self.runs, self.entries))
        members = Known(tuple(self.entries)) if anybody else Unknown("no member accepts connections")
        return Seen(hosts, EtcdSeen(members, statuses), self.membership_now())

    def membership_now(self) -> Membership:
        if not any(map(self.runs, self.entries)):
            return Membership.from_states(dict.fromkeys(dict(self.memory.member_ids), MemberState.DOWN))
        return Membership.from_states({self.name_of(entry): self.state(entry) for entry in self.entries})

    def state(self, entry: MemberEntry) -> MemberState:
        if entry.is_learner:
            return MemberState.LEARNING if self.answers(entry) else MemberState.ADDED
        return MemberState.VOTING if self.answers(entry) else MemberState.DOWN

    def status(self, name: str) -> Known[MemberStatus] | Unknown:
        host = self.hosts[name]
        entry = next((each for each in self.entries if each.id == host.data), None)
        if entry is None or not self.answers(entry):
            return Unknown("it does not answer")
        header = Header(CLUSTER, entry.id, 10, 2)
        version = str(host.runs or self.wanted.version)
        return Known(paper_status(header, version, self.leader, entry.is_learner))

    def look(self, host: PaperHost) -> Known[HostSeen] | Unknown:
        if not host.up:
            return Unknown("it cannot be reached")
        process = (
            Process(4242, f"/usr/local/lib/etcdpilot/etcd-{host.runs}/etcd", (), host.environment)
            if host.running
            else None
        )
        service = ServiceSeen("/etc/systemd/system/etcd.service" if host.files else "", host.enabled, "", "", 0, ())
        data = DataSeen(host.data is not None, host.data is not None, False, 0)
        binary = Known(host.binary) if host.binary else Absent()
        leaves = tuple(host.certificates.items())
        return Known(
            HostSeen(MACHINE, tuple(host.files.values()), leaves, binary, service, process, data, Absent(), ())
        )

    def follow(self) -> Memory:
        """As the state folder is kept: the voters that are of this file, or were known before."""
        known = set(dict(self.memory.member_ids).values())
        if any(map(self.runs, self.entries)):
            ids = tuple(
                sorted(
                    (self.name_of(entry), as_hex(entry.id))
                    for entry in self.voters()
                    if self.name_of(entry) in self.hosts or as_hex(entry.id) in known
                )
            )
            self.memory = replace(self.memory, member_ids=ids)
        return self.memory

    # ---- what a step does ----

    async def membership(self) -> Membership:
        return self.membership_now()

    def note(self, event: str, step: Step, why: str = "") -> None:
        self.notes.append((event, str(step)))

    async def take(self, step: Step) -> AsyncIterator[str]:
        heard = self.before_step(step)
        for watcher in self.watchers:
            watcher(step)
        self.taken.append(step)
        self.do(step)
        self.elect()
        yield "paper"
        if not heard:
            raise NotDone("The line went dead.", remedy="Run it again.")

    def do(self, step: Step) -> None:
        match step:
            case WriteFiles(files):
                for name, each in files:
                    for file in each:
                        self.write(file, self.reach(name))
            case InstallBinaries(names, version):
                for name in names:
                    self.reach(name).binary = Version.parse(version)
            case EnableServices(names):
                for name in names:
                    self.reach(name).enabled = True
            case StartMembers(names):
                for name in names:
                    self.start(name)
                self.require_answers(*names)
            case StartLearner(name):
                self.start(name)
                self.require_answers(name)
            case RestartMember(name):
                self.reach(name).running = False
                self.elect()
                self.start(name)
                self.require_answers(name)
            case StopMembers(names):
                for name in names:
                    self.reach(name).running = False
            case DisableService(name):
                self.reach(name).running = self.reach(name).enabled = False
            case MoveDataAside(name):
                host = self.reach(name)
                host.aside += host.data is not None
                host.data = None
            case MoveLeader(leader, to):
                self.require_quorum()
                target = next((entry for entry in self.voters() if self.name_of(entry) == to), None)
                giver = next((entry for entry in self.voters() if self.name_of(entry) == leader), None)
                if target and giver and giver.id == self.leader and self.runs(target):
                    self.leader = target.id
            case ProbePeer(name):
                self.reach(name)
            case AddLearner(name, urls):
                self.require_quorum()
                if any(entry.is_learner for entry in self.entries):
                    raise NotDone("too many learner members in cluster")
                self.entries.append(MemberEntry(self.next_id, "", urls, (), self.admit_as_learner))
                self.next_id += 1
            case PromoteLearner(name):
                self.require_quorum()
                self.change(name, lambda entry: replace(entry, is_learner=False))
                self.require_answers(name)
            case RemoveMember(_, member_id):
                self.require_quorum()
                for entry in [each for each in self.entries if as_hex(each.id) == member_id]:
                    self.entries.remove(entry)
                    for machine in self.hosts.values():
                        machine.running = machine.running and not (machine.up and machine.data == entry.id)
            case UpdateMember(name, _, urls):
                self.require_quorum()
                self.change(name, lambda entry: replace(entry, peer_urls=urls))
            case _:
                pass

    def write(self, file: FileSpec, host: PaperHost) -> None:
        now, text = self.clock.now(), ""
        match file.content:
            case Text() as content:
                text = content.text
            case LeafCertificate(spec):
                host.certificates[file.path] = paper_leaf(spec, now, now + spec.lifetime)
            case AuthorityBundle(authorities):
                kept = [self.memory.authority(name) for name in authorities]
                text = "".join(each.certificate for each in kept if each)
        digest = hashlib.sha256(text.encode()).hexdigest()
        host.files[file.path] = FileSeen(file.path, file.mode, file.owner, 1, digest, text)

    def change(self, name: str, how: Callable[[MemberEntry], MemberEntry]) -> None:
        for place, entry in enumerate(self.entries):
            if self.name_of(entry) == name:
                self.entries[place] = how(entry)

    def start(self, name: str) -> None:
        """An empty directory takes the identity that the list holds for its peer URL, whoever that was."""
        host = self.reach(name)
        listed = next((entry for entry in self.entries if self.name_of(entry) == name), None)
        if listed is None or not host.starts or (host.data is not None and host.data != listed.id):
            return
        if host.data is None:
            host.data = listed.id
            self.change(name, lambda entry: replace(entry, name=name))
        host.running, host.runs = True, host.binary
        host.environment = environment_of(host)

    def reach(self, name: str) -> PaperHost:
        if not self.hosts[name].up:
            raise HostFailed(name, "The host cannot be reached.", remedy="Bring it back.")
        return self.hosts[name]

    def require_quorum(self) -> None:
        if not self.has_quorum():
            raise NotDone("Nobody can commit that.")

    def require_answers(self, *names: str) -> None:
        for name in names:
            entry = next((each for each in self.entries if self.name_of(each) == name), None)
            if entry is None or not self.answers(entry):
                raise NotDone(f"{name} did not start in time.")


def environment_of(host: PaperHost) -> tuple[tuple[str, str], ...]:
    text = next((file.text for file in host.files.values() if file.path.endswith(".env")), "")
    lines = [line for line in text.splitlines() if line.startswith("ETCD_")]
    return tuple((line.split("=", 1)[0], "".join(shlex.split(line.split("=", 1)[1]))) for line in lines)


def paper_status(header: Header, version: str, leader: int, is_learner: bool) -> MemberStatus:
    return MemberStatus(
        header=header,
        version=version,
        db_size=1,
        db_size_in_use=1,
        leader=leader,
        raft_index=10,
        raft_term=2,
        raft_applied_index=10,
        errors=(),
        is_learner=is_learner,
    )
