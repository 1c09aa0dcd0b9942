"""The closed set of things a plan may do. Adding one is a design decision.

Every step has `after` (the membership it leaves), a doer in `applying/`, a sentence, and a test.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from etcdpilot.model.files import FileSpec
from etcdpilot.model.membership import Membership, MemberState
from etcdpilot.model.rotation import Phase
from etcdpilot.model.upkeep import (
    CompactHistory,
    DefragmentMember,
    DisarmNoSpace,
    ProveWrite,
    StartTimers,
    StopTimers,
    Upkeep,
)


@dataclass(frozen=True, slots=True)
class MakeAuthorities:
    """On the controller alone; their keys never leave it. `how`: make them, take somebody else's, or seal their keys."""

    names: tuple[str, ...]
    how: str = "make"

    def __str__(self) -> str:
        if not self.names:
            return "take the operator's certificate into the state folder"
        if self.how == "seal":
            return f"encrypt the keys of {listed(self.names)} with the passphrase"
        return f"{self.how} the certificate authorities {listed(self.names)} and make the operator's certificate"


@dataclass(frozen=True, slots=True)
class IssueOperator:
    """The certificate that etcdpilot itself shows to the members, and what it trusts. On the controller alone."""

    because: str

    def __str__(self) -> str:
        return f"issue the operator's certificate, because {self.because}"


@dataclass(frozen=True, slots=True)
class TurnAuthorities:
    """From one phase of a rotation to the next: noted on the controller before any host hears of it."""

    names: tuple[str, ...]
    to: Phase

    def __str__(self) -> str:
        match self.to:
            case Phase.TRUSTING:
                return f"make a new {listed(self.names)}, to be trusted beside the old"
            case Phase.ISSUING:
                return f"let the new {listed(self.names)} sign from now on"
            case Phase.DROPPING:
                return f"trust the old {listed(self.names)} no longer"
            case Phase.SETTLED:
                return f"put the old {listed(self.names)} aside"
            case Phase.RESCUING:
                return f"make a new {listed(self.names)} in place of the old"
            case _:
                assert_never(self.to)


@dataclass(frozen=True, slots=True)
class InstallBinaries:
    members: tuple[str, ...]
    version: str

    def __str__(self) -> str:
        return f"install etcd {self.version} on {listed(self.members)}"


@dataclass(frozen=True, slots=True)
class WriteFiles:
    """Files of one or several members, each written beside and renamed. Starts and stops nothing."""

    files: tuple[tuple[str, tuple[FileSpec, ...]], ...]  # member, its files
    because: str

    @property
    def members(self) -> tuple[str, ...]:
        return tuple(member for member, _ in self.files)

    def __str__(self) -> str:
        names = tuple(dict.fromkeys(file.path.rsplit("/", 1)[-1] for _, files in self.files for file in files))
        return f"write {listed(names)} on {listed(self.members)}, because {self.because}"


@dataclass(frozen=True, slots=True)
class EnableServices:
    members: tuple[str, ...]

    def __str__(self) -> str:
        return f"enable {listed(self.members)} at boot"


@dataclass(frozen=True, slots=True)
class StartMembers:
    """Together: the first member of a new cluster blocks until a quorum of others is there."""

    members: tuple[str, ...]

    def __str__(self) -> str:
        return f"start {listed(self.members)}"


@dataclass(frozen=True, slots=True)
class RestartMember:
    member: str
    because: str

    def __str__(self) -> str:
        return f"restart {self.member}, because {self.because}"


@dataclass(frozen=True, slots=True)
class StopMembers:
    members: tuple[str, ...]
    because: str

    def __str__(self) -> str:
        return f"stop {listed(self.members)}, because {self.because}"


@dataclass(frozen=True, slots=True)
class DisableService:
    member: str
    because: str

    def __str__(self) -> str:
        return f"stop and disable {self.member}, because {self.because}"


@dataclass(frozen=True, slots=True)
class MoveDataAside:
    """Never deleted: renamed beside itself with a stamp."""

    member: str
    path: str
    because: str

    def __str__(self) -> str:
        return f"move the data of {self.member} in {self.path} aside, because {self.because}"


@dataclass(frozen=True, slots=True)
class MoveData:
    """To another path of its host, while it is stopped: it is started again from there."""

    member: str
    before: str
    path: str
    because: str

    def __str__(self) -> str:
        return f"stop {self.member} and move its data from {self.before} to {self.path}, because {self.because}"


@dataclass(frozen=True, slots=True)
class MoveLeader:
    """Asked of the leader itself, so that a planned stop costs no failed write."""

    leader: str
    to: str

    def __str__(self) -> str:
        return f"hand the leadership of {self.leader} to {self.to}"


@dataclass(frozen=True, slots=True)
class ProbePeer:
    """Somebody listens for a moment where the member will, and the voters shake hands with it: the cluster has not heard
    of it yet, and a firewall or a certificate that is wrong costs nothing."""

    member: str
    peer_urls: tuple[str, ...]
    voters: tuple[tuple[str, tuple[str, ...]], ...]  # name, peer URLs

    def __str__(self) -> str:
        names = tuple(name for name, _ in self.voters)
        return f"probe {listed(self.peer_urls)} from {listed(names)}, before {self.member} is registered"


@dataclass(frozen=True, slots=True)
class AddLearner:
    member: str
    peer_urls: tuple[str, ...]

    def __str__(self) -> str:
        return f"add {self.member} as a learner at {listed(self.peer_urls)}"


@dataclass(frozen=True, slots=True)
class StartLearner:
    """The first start of a member that joins; the cluster's members are named in its files."""

    member: str

    def __str__(self) -> str:
        return f"start {self.member} as a learner"


@dataclass(frozen=True, slots=True)
class PromoteLearner:
    member: str

    def __str__(self) -> str:
        return f"promote {self.member} to voter"


@dataclass(frozen=True, slots=True)
class RemoveMember:
    member: str
    member_id: str  # hex
    because: str

    def __str__(self) -> str:
        return f"remove {self.member} ({self.member_id}), because {self.because}"


@dataclass(frozen=True, slots=True)
class UpdateMember:
    member: str
    member_id: str  # hex
    peer_urls: tuple[str, ...]

    def __str__(self) -> str:
        return f"tell the cluster that {self.member} moves to {listed(self.peer_urls)}"


@dataclass(frozen=True, slots=True)
class SaveSnapshot:
    """Into the state folder, verified; before a step that cannot be undone."""

    because: str

    def __str__(self) -> str:
        return f"save a snapshot, because {self.because}"


@dataclass(frozen=True, slots=True)
class CheckMemberTables:
    """Reads the member table in a snapshot of each member: 3.6 believes the disk where 3.5 believed its memory. And looks
    for what the v2 API has left: 3.6 does not start on it."""

    members: tuple[str, ...]

    def __str__(self) -> str:
        names = listed(self.members)
        return f"check that {names} have the cluster's members on their disks, and nothing of the v2 API"


@dataclass(frozen=True, slots=True)
class EnableDowngrade:
    version: str

    def __str__(self) -> str:
        return f"tell the cluster that it goes back to {self.version}"


@dataclass(frozen=True, slots=True)
class PrepareData:
    """Beside what is there: while it is made, whoever runs goes on running."""

    members: tuple[str, ...]
    source: str

    def __str__(self) -> str:
        return f"bring {self.source} to {listed(self.members)}, check it there, and restore it beside what is there"


@dataclass(frozen=True, slots=True)
class BeginAnew:
    """Everybody who runs is stopped together, and from then on the cluster is another one: new token, new IDs."""

    stopping: tuple[str, ...]
    members: tuple[str, ...]  # of the new one
    cluster_id: str  # hex
    because: str

    def __str__(self) -> str:
        together = " together" if len(self.stopping) > 1 else ""
        ends = f"stop {listed(self.stopping)}{together} and " if self.stopping else ""
        return f"{ends}begin anew as the cluster {self.cluster_id}, because {self.because}"


@dataclass(frozen=True, slots=True)
class PlaceData:
    members: tuple[str, ...]

    def __str__(self) -> str:
        return f"put the restored data of {listed(self.members)} in place"


@dataclass(frozen=True, slots=True)
class ProveRestored:
    """Reads, a write, the hash of the keys on every member beside the snapshot's; alarms that came along are disarmed."""

    members: tuple[str, ...]
    source: str

    def __str__(self) -> str:
        return f"prove that {listed(self.members)} hold the keys of {self.source} and take writes"


Step = (
    MakeAuthorities
    | IssueOperator
    | TurnAuthorities
    | InstallBinaries
    | WriteFiles
    | EnableServices
    | StartMembers
    | RestartMember
    | StopMembers
    | DisableService
    | MoveDataAside
    | MoveData
    | MoveLeader
    | ProbePeer
    | AddLearner
    | StartLearner
    | PromoteLearner
    | RemoveMember
    | UpdateMember
    | SaveSnapshot
    | CheckMemberTables
    | EnableDowngrade
    | PrepareData
    | BeginAnew
    | PlaceData
    | ProveRestored
    | Upkeep
)


def after(step: Step, before: Membership) -> Membership:
    """The membership a step leaves behind when it succeeds and its gate has opened."""
    match step:
        case StartMembers(members):
            for member in members:
                before = before.with_state(member, MemberState.VOTING)
            return before
        case StopMembers(members):
            for member in members:
                before = before.with_state(member, stopped(before.state_of(member)))
            return before
        case DisableService(member) | MoveData(member):
            return before.with_state(member, stopped(before.state_of(member)))
        case AddLearner(member):
            return before.with_state(member, MemberState.ADDED)
        case StartLearner(member):
            return before.with_state(member, MemberState.LEARNING)
        case PromoteLearner(member):
            return before.with_state(member, MemberState.VOTING)
        case RemoveMember(member):
            return before.with_state(member, MemberState.ABSENT)
        case BeginAnew(_, members):
            return Membership.from_states(dict.fromkeys(members, MemberState.DOWN))
        case (
            MakeAuthorities()
            | IssueOperator()
            | TurnAuthorities()
            | InstallBinaries()
            | WriteFiles()
            | EnableServices()
            | RestartMember()
            | MoveDataAside()
            | MoveLeader()
            | ProbePeer()
            | UpdateMember()
            | SaveSnapshot()
            | CheckMemberTables()
            | EnableDowngrade()
            | PrepareData()
            | PlaceData()
            | ProveRestored()
            | CompactHistory()
            | DefragmentMember()
            | DisarmNoSpace()
            | ProveWrite()
            | StartTimers()
            | StopTimers()
        ):
            return before
        case _:
            assert_never(step)


def touched(step: Step) -> tuple[str, ...]:
    """The members whose hosts a step changes."""
    match step:
        case WriteFiles():
            return step.members
        case InstallBinaries(members) | EnableServices(members) | StartMembers(members) | StopMembers(members):
            return members
        case RestartMember(member) | DisableService(member) | MoveDataAside(member) | StartLearner(member):
            return (member,)
        case MoveData(member):
            return (member,)
        case ProbePeer(member):
            return (member,)
        case IssueOperator() | TurnAuthorities():
            return ()
        case MakeAuthorities() | MoveLeader() | AddLearner() | PromoteLearner() | RemoveMember() | UpdateMember():
            return ()
        case PrepareData(members) | PlaceData(members):
            return members
        case BeginAnew(stopping, members):
            return tuple(dict.fromkeys((*stopping, *members)))
        case SaveSnapshot() | CheckMemberTables() | EnableDowngrade() | ProveRestored():
            return ()
        case DefragmentMember(member):
            return (member,)
        case StartTimers(members) | StopTimers(members):
            return members
        case CompactHistory() | DisarmNoSpace() | ProveWrite():
            return ()
        case _:
            assert_never(step)


def during(step: Step, before: Membership) -> Membership:
    """The worst membership while a step is under way: a member that restarts, or is defragmented, does not answer."""
    match step:
        case RestartMember(member) | DefragmentMember(member) if before.state_of(member) is MemberState.VOTING:
            return before.with_state(member, MemberState.DOWN)
        case _:
            return after(step, before)


def stopped(state: MemberState) -> MemberState:
    return MemberState.DOWN if state is MemberState.VOTING else state


def listed(names: tuple[str, ...]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
