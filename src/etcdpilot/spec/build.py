"""From the filled-in document to the ClusterSpec.

Alone in a module that imports neither pydantic nor YAML: a document that was kept is built from in a millisecond, while
importing pydantic takes ninety.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from etcdpilot.model.cluster import (
    Archive,
    Bootstrap,
    CertificateFiles,
    ClusterSpec,
    Directory,
    Discovery,
    Dns,
    Found,
    HostKeys,
    HostKind,
    MemberSpec,
    Package,
    Paths,
    Profile,
    Service,
    ServiceStyle,
    Source,
    Ssh,
    Static,
    Subject,
    Tls,
    TlsMode,
    Wheel,
)
from etcdpilot.model.errors import Problem
from etcdpilot.model.given import GivenFiles, Signer
from etcdpilot.model.versions import Version

if TYPE_CHECKING:
    from etcdpilot.model.backups import BackupSpec

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a cluster file says, and what is unwise in it (nothing in the warnings stops anybody)."""

    spec: ClusterSpec
    warnings: tuple[Problem, ...]


def build(resolved: Document) -> ClusterSpec:
    """The specification of a document that `load.resolve` made."""
    return ClusterSpec(
        name=resolved["name"],
        kind=HostKind(resolved["kind"]),
        version=Version.parse(resolved["version"]) if resolved["version"] else None,
        source=source(resolved["source"]),
        bootstrap=bootstrap(resolved["bootstrap"]),
        token=resolved["token"],
        tls=tls(resolved["tls"]),
        timers=resolved["timers"],
        members=tuple(member(each) for each in resolved["members"]),
        backup=backup(resolved.get("backup")),
    )


def backup(said: Document | None) -> BackupSpec | None:
    if said is None:
        return None
    from etcdpilot.model.backups import BackupSpec, OnMembers
    from etcdpilot.model.snapshots import RetentionPolicy

    return BackupSpec(
        store=said["store"],
        options=tuple(said["options"].items()),
        schedule=said["schedule"],
        keep=RetentionPolicy(**said["keep"]) if said["keep"] else None,
        on_members=OnMembers(**said["on_members"]),
    )


def warnings_of(resolved: Document) -> tuple[Problem, ...]:
    return tuple(Problem(*each) for each in resolved["warnings"])


def source(said: Document) -> Source:
    match said["is"]:
        case "archive":
            return Archive(said["url"], pairs(said["sha256"]))
        case "directory":
            return Directory(said["path"])
        case "package":
            return Package(tuple(said["names"]), said["suite"])
        case "wheel":
            return Wheel()
        case _:
            return Found()


def bootstrap(said: Document) -> Bootstrap:
    match said["is"]:
        case "discovery":
            files = (said.get(name, "") for name in ("cacert", "cert", "key"))
            return Discovery(said["url"], tuple(said["endpoints"]), said["token"], *files)
        case "dns":
            return Dns(said["domain"], said["name"])
        case _:
            return Static()


def tls(said: Document) -> Tls:
    return Tls(
        mode=TlsMode(said["mode"]),
        profile=Profile(said["profile"]),
        single_authority=said["single_authority"],
        authority_name=said["authority_name"],
        key=said["key"],
        authority_key=said["authority_key"],
        authority_lifetime=timedelta(seconds=said["authority_lifetime"]),
        leaf_lifetime=timedelta(seconds=said["leaf_lifetime"]),
        subject=Subject(said["subject"]["common_name"], pairs(said["subject"]["parts"])),
        extra_names=tuple(said["extra_names"]),
        loopback_names=said["loopback_names"],
        files=CertificateFiles(**said["files"]),
        client_file=said["client_file"],
        given=GivenFiles(**said["given"]) if said.get("given") else None,
        signer=Signer(**said["signer"]) if said.get("signer") else None,
        sealed=said.get("sealed", False),
    )


def member(said: Document) -> MemberSpec:
    return MemberSpec(
        name=said["name"],
        host=said["host"],
        ssh=ssh(said["ssh"]),
        paths=Paths(**said["paths"]),
        service=service(said["service"]),
        listen_peer_urls=tuple(said["listen_peer_urls"]),
        advertise_peer_urls=tuple(said["advertise_peer_urls"]),
        listen_client_urls=tuple(said["listen_client_urls"]),
        advertise_client_urls=tuple(said["advertise_client_urls"]),
        options=pairs(said["options"]),
        interface=said["interface"],
        retire=said["retire"],
        zone=said["zone"],
        extra_names=tuple(said["extra_names"]),
    )


def ssh(said: Document) -> Ssh:
    return Ssh(said["user"], said["port"], said["identity"], HostKeys(said["host_keys"]), said["jump"])


def service(said: Document) -> Service:
    return Service(
        unit=said["unit"],
        style=ServiceStyle(said["style"]),
        user=said["user"],
        sandbox=said["sandbox"],
        working_directory=said["working_directory"],
        settings=pairs(said["settings"]),
    )


def pairs(said: list[list[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((first, second) for first, second in said)
