"""What was seen of a cluster in one look: its hosts, its processes, and what etcd itself answers."""

from __future__ import annotations

from dataclasses import dataclass

from etcdpilot.model.answers import Alarm, MemberEntry, MemberStatus
from etcdpilot.model.certificates import CertificateFacts
from etcdpilot.model.files import FileSeen
from etcdpilot.model.knowledge import Absent, Known, Unknown
from etcdpilot.model.membership import Membership
from etcdpilot.model.versions import Version


@dataclass(frozen=True, slots=True)
class Machine:
    """What the host is. Memory in bytes; `clock` in seconds since 1970 by the host's own clock."""

    architecture: str  # amd64, arm64, or what uname says
    system: str
    systemd: int  # 0 where there is none
    cores: int
    memory: int
    clock: float
    rotating_disk: bool
    shares_disk_with: tuple[str, ...]  # /var/lib/docker, /var/lib/containerd
    free_bytes: int  # on the file system of the data directory


@dataclass(frozen=True, slots=True)
class Process:
    """A running etcd: its arguments without argv[0], its ETCD_* environment, the file it runs."""

    pid: int
    executable: str
    arguments: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]
    started: float = 0.0  # seconds since 1970 by the host's clock of today; 0 where nobody said


@dataclass(frozen=True, slots=True)
class ServiceSeen:
    """A unit as systemd has it; for a local member the same words are used of its process."""

    fragment: str  # the unit file in force; empty when there is none
    enabled: bool
    active: str  # active, activating, inactive, failed
    result: str  # success, exit-code, timeout, …
    restarts: int
    log_tail: tuple[str, ...]  # the last lines it wrote, oldest first; filled when it is not active


@dataclass(frozen=True, slots=True)
class DataSeen:
    """A data directory. `last_index` is read from the names of its WAL and snapshot files, 0 when there are none.

    Whose data it is stands at the head of every WAL file; both IDs are hex, and empty where it could not be read.
    """

    exists: bool
    has_member: bool  # member/wal holds at least one file
    foreign: bool  # it holds files, none of them etcd's
    last_index: int
    member_id: str = ""
    cluster_id: str = ""
    prepared: str = ""  # the mark of a restore whose data stand ready beside it
    blank: bool = False  # its log says whose it is, and nothing was ever kept in it: no entry, no vote


@dataclass(frozen=True, slots=True)
class Marker:
    """`etcdpilot.json` on a host: what is not secret and must not depend on one controller."""

    cluster: str
    member: str
    cluster_id: str  # hex; empty until the cluster has formed
    member_ids: tuple[tuple[str, str], ...]  # name, hex ID
    token_hash: str
    last_index: int


@dataclass(frozen=True, slots=True)
class HostSeen:
    machine: Machine
    files: tuple[FileSeen, ...]
    certificates: tuple[tuple[str, CertificateFacts], ...]  # path, what the certificate there says
    binary: Known[Version] | Absent | Unknown  # what the wanted binary path runs
    service: ServiceSeen
    process: Process | None
    data: DataSeen
    marker: Known[Marker] | Absent | Unknown
    busy_ports: tuple[int, ...]  # wanted ports on which something listens
    interface_addresses: tuple[tuple[str, str], ...] = ()  # interface, address
    sources: tuple[str, ...] = ()  # the addresses that its connections to the other members come from

    def file(self, path: str) -> FileSeen | None:
        return next((file for file in self.files if file.path == path), None)

    def certificate(self, path: str) -> CertificateFacts | None:
        return next((facts for where, facts in self.certificates if where == path), None)


@dataclass(frozen=True, slots=True)
class EtcdSeen:
    """What the members themselves answer. A member that gave no status has its reason there."""

    members: Known[tuple[MemberEntry, ...]] | Unknown
    statuses: tuple[tuple[str, Known[MemberStatus] | Unknown], ...]  # by name in the cluster file, or by first URL
    alarms: tuple[Alarm, ...] = ()

    def status(self, name: str) -> Known[MemberStatus] | Unknown:
        return dict(self.statuses).get(name, Unknown("it is not in the member list"))


@dataclass(frozen=True, slots=True)
class Seen:
    """One observation epoch: every host of the file, and the cluster."""

    hosts: tuple[tuple[str, Known[HostSeen] | Unknown], ...]  # by member name
    etcd: EtcdSeen
    membership: Membership

    def host(self, member: str) -> Known[HostSeen] | Unknown:
        return dict(self.hosts).get(member, Unknown("it is not in the cluster file"))

    @property
    def reachable(self) -> dict[str, HostSeen]:
        return {name: host.value for name, host in self.hosts if isinstance(host, Known)}

    @property
    def unreachable(self) -> dict[str, str]:
        return {name: host.why for name, host in self.hosts if isinstance(host, Unknown)}
