"""What the service may not do: everything that etcd does not need.

`systemd-analyze security` judges the unit at 1.5 or less with these. Tried with 3.4 to 3.7 on booted hosts. Not taken:
ProcSubset=pid, which hides /proc/sys/net/core/somaxconn, so that Go listens with a backlog of 128.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from etcdpilot.model.addresses import MemberUrl
from etcdpilot.model.cluster import MemberSpec
from etcdpilot.rendering.unit_quoting import optional_path

Settings = list[tuple[str, str]]

ALWAYS: tuple[tuple[str, str], ...] = (
    ("NoNewPrivileges", "yes"),
    ("ProtectSystem", "strict"),
    ("PrivateDevices", "yes"),
    ("ProtectKernelTunables", "yes"),
    ("ProtectKernelModules", "yes"),
    ("ProtectKernelLogs", "yes"),
    ("ProtectControlGroups", "yes"),
    ("ProtectClock", "yes"),
    ("ProtectHostname", "yes"),
    ("ProtectProc", "invisible"),
    ("RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX"),
    ("RestrictNamespaces", "yes"),
    ("RestrictRealtime", "yes"),
    ("RestrictSUIDSGID", "yes"),
    ("LockPersonality", "yes"),
    ("MemoryDenyWriteExecute", "yes"),
    ("RemoveIPC", "yes"),
    ("KeyringMode", "private"),
    ("UMask", "0077"),
    ("SystemCallArchitectures", "native"),
    ("SystemCallFilter", "@system-service"),
    ("SystemCallFilter", "~@privileged @resources"),
    ("SystemCallErrorNumber", "EPERM"),
)
HOMES = ("/home", "/root", "/run/user")
TEMPORARY = ("/tmp", "/var/tmp")


def sandbox(member: MemberSpec) -> Settings:
    """Settings of the [Service] section; the data directory alone can be written."""
    paths = (member.paths.data, member.paths.config, member.paths.tls, member.paths.bin, member.paths.env_file)
    return [
        *ALWAYS,
        ("ProtectHome", "read-only" if any_below(paths, HOMES) else "yes"),
        ("PrivateTmp", "no" if any_below(paths, TEMPORARY) else "yes"),
        *capabilities(member),
        # The dash: where the data directory is missing, the guard shall say so, not the mount of a name space.
        ("ReadWritePaths", " ".join(optional_path(path) for path in writable(member))),
    ]


def capabilities(member: MemberSpec) -> Settings:
    """None, unless it listens on a port that only root may open."""
    urls = (*member.listen_client_urls, *member.listen_peer_urls)
    if any(MemberUrl.parse(url).port < 1024 for url in urls):
        return [("CapabilityBoundingSet", "CAP_NET_BIND_SERVICE"), ("AmbientCapabilities", "CAP_NET_BIND_SERVICE")]
    return [("CapabilityBoundingSet", ""), ("AmbientCapabilities", "")]


def writable(member: MemberSpec) -> tuple[str, ...]:
    """The data directory, a WAL directory of its own, and the folders of log files that were asked for."""
    asked = dict(member.options)
    logs = [path for path in asked.get("log-outputs", "").split(",") if path.startswith("/")]
    wal = [asked["wal-dir"]] if asked.get("wal-dir") else []
    return tuple(dict.fromkeys((member.paths.data, *wal, *(path.rsplit("/", 1)[0] or "/" for path in logs))))


def any_below(paths: Iterable[str], roots: Sequence[str]) -> bool:
    return any(path == root or path.startswith(f"{root}/") for path in paths for root in roots)
