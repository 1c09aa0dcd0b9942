"""Clusters for tests of the pure rooms: three members, everything at its default, changed by keyword."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from etcdpilot.model.cluster import (
    Archive,
    CertificateFiles,
    ClusterSpec,
    HostKeys,
    HostKind,
    MemberSpec,
    Paths,
    Profile,
    Service,
    ServiceStyle,
    Ssh,
    Static,
    Subject,
    Tls,
    TlsMode,
)
from etcdpilot.model.observation import Marker
from etcdpilot.model.versions import Version
from etcdpilot.rendering.options import InitialCluster

PATHS = Paths("/etc/etcd", "/var/lib/etcd", "/usr/local/bin", "/etc/etcd/tls", "/etc/etcd/etcd.env")
SERVICE = Service("etcd", ServiceStyle.ENV_FILE, "etcd", True, "/var/lib/etcd", ())
TLS = Tls(
    mode=TlsMode.MUTUAL,
    profile=Profile.PER_MEMBER,
    single_authority=False,
    authority_name="etcd-ca",
    key="ecdsa-p256",
    authority_key="ecdsa-p256",
    authority_lifetime=timedelta(days=3650),
    leaf_lifetime=timedelta(days=365),
    subject=Subject("", ()),
    extra_names=(),
    loopback_names=True,
    files=CertificateFiles(),
    client_file="",
)


def member(number: int, **changes: Any) -> MemberSpec:
    address = f"10.0.0.{11 + number}"
    made = MemberSpec(
        name=f"etcd-{number}",
        host=address,
        ssh=Ssh("", 22, "", HostKeys.STRICT, ""),
        paths=PATHS,
        service=SERVICE,
        listen_peer_urls=(f"https://{address}:2380",),
        advertise_peer_urls=(f"https://{address}:2380",),
        listen_client_urls=(f"https://{address}:2379", "https://127.0.0.1:2379"),
        advertise_client_urls=(f"https://{address}:2379",),
        options=(),
        interface="",
        retire="",
        zone="",
    )
    return replace(made, **changes)


def cluster(*members: MemberSpec, tls: dict[str, Any] | None = None, **changes: Any) -> ClusterSpec:
    made = ClusterSpec(
        name="prod",
        kind=HostKind.SSH,
        version=Version(3, 5, 30),
        source=Archive("https://releases.example/etcd.tar.gz", ()),
        bootstrap=Static(),
        token="",
        tls=replace(TLS, **(tls or {})),
        timers="default",
        members=members or (member(0), member(1), member(2)),
    )
    return replace(made, **changes)


def initial(spec: ClusterSpec, state: str = "new", token: str = "t0k3n") -> InitialCluster:
    assert state in ("new", "existing")
    return InitialCluster(state, token, tuple((each.name, each.advertise_peer_urls) for each in spec.members))  # type: ignore[arg-type]


UNFORMED = Marker("prod", "etcd-0", "", (), "hash", 0)
