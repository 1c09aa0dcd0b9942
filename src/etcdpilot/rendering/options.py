"""Every option of one member as one ordered mapping, and where each of them stands.

An option stands in exactly one place: since 3.4 etcd refuses to start when the same one is in its environment and among
its flags, even with one value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from etcdpilot.model.cluster import ClusterSpec, Discovery, Dns, HostKind, MemberSpec, ServiceStyle, Static
from etcdpilot.rendering.security import tls_options

Options = dict[str, str]  # option without dashes ("data-dir"), value; in the order in which they are written

# What only the first start reads. These never cause a restart, and are left out when running flags are compared.
BOOTSTRAP_ONLY = (
    "initial-advertise-peer-urls",
    "initial-cluster",
    "initial-cluster-state",
    "initial-cluster-token",
    "force-new-cluster",
)
BOOTSTRAP_ONLY_PREFIX = "discovery"

# Loopback timers: a round trip takes microseconds, so an election need not wait for a second.
LOOPBACK_TIMERS = (("heartbeat-interval", "20"), ("election-timeout", "200"))

MEMBERS_OWN = (
    "name",
    "data-dir",
    "listen-peer-urls",
    "listen-client-urls",
    "advertise-client-urls",
    "initial-advertise-peer-urls",
)


@dataclass(frozen=True, slots=True)
class InitialCluster:
    """How a member is to come up: with a new cluster, or into one that exists. `peers`: name, advertised peer URLs."""

    state: Literal["new", "existing"]
    token: str
    peers: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def text(self) -> str:
        """As `--initial-cluster` wants it: a member with two URLs stands there twice."""
        return ",".join(f"{name}={url}" for name, urls in self.peers for url in urls)


def member_options(spec: ClusterSpec, member: MemberSpec, initial: InitialCluster) -> Options:
    """All of them, those of the cluster file last; `strict-reconfig-check` keeps etcd's default, true."""
    options: Options = {
        "name": member.name,
        "data-dir": member.paths.data,
        "listen-peer-urls": ",".join(member.listen_peer_urls),
        "listen-client-urls": ",".join(member.listen_client_urls),
        "initial-advertise-peer-urls": ",".join(member.advertise_peer_urls),
        "advertise-client-urls": ",".join(member.advertise_client_urls),
    }
    options |= bootstrap_options(spec, initial)
    options |= tls_options(spec, member)
    if spec.timers == "loopback":
        options |= LOOPBACK_TIMERS
    if spec.version is not None and spec.version.line == (3, 4):
        options["logger"] = "zap"  # its old default writes another format than every later release
    return options | dict(member.options)


def bootstrap_options(spec: ClusterSpec, initial: InitialCluster) -> Options:
    """etcd takes one of three ways to find its first peers and refuses two; once formed, the members are listed."""
    token_and_state = {"initial-cluster-token": initial.token, "initial-cluster-state": initial.state}
    listed = {"initial-cluster": initial.text} | token_and_state
    if initial.state == "existing":
        return listed
    match spec.bootstrap:
        case Static():
            return listed
        case Discovery(url, endpoints, token) if endpoints:
            found = {"discovery-token": token, "discovery-endpoints": ",".join(endpoints)}
            # etcd takes https in an endpoint for no reason to encrypt: its default for this is true.
            secure = any(endpoint.startswith("https:") for endpoint in endpoints)
            return found | ({"discovery-insecure-transport": "false"} if secure else {})
        case Discovery(url):
            # The fallback of 3.4 and 3.5 is a proxy, which a surplus member then stays for ever.
            old = spec.version is not None and spec.version.line < (3, 6)
            return {"discovery": url} | ({"discovery-fallback": "exit"} if old else {})
        case Dns(domain, name):
            if cannot_ask_dns(spec):
                return listed
            return {"discovery-srv": domain} | ({"discovery-srv-name": name} if name else {}) | token_and_state


def cannot_ask_dns(spec: ClusterSpec) -> bool:
    """3.4 drops the plain-http SRV records that it finds (a reversed error check), so there we list the members."""
    return spec.version is not None and spec.version.line == (3, 4) and not spec.encrypted


def split(options: Options, style: ServiceStyle) -> tuple[Options, Options]:
    """(environment, flags): the same options, each on one side, still under their own names."""
    match style:
        case ServiceStyle.ENV_FILE:
            return dict(options), {}
        case ServiceStyle.FLAGS:
            return {}, dict(options)
        case ServiceStyle.MIXED:
            flags = {name: value for name, value in options.items() if is_of_the_cluster(name)}
            return {name: value for name, value in options.items() if name not in flags}, flags


def is_of_the_cluster(option: str) -> bool:
    """Certificates, and how the cluster is found: what the mixed style keeps in the unit."""
    if option in MEMBERS_OWN:
        return False
    return is_bootstrap_only(option) or option.endswith(("cert-file", "key-file", "-ca-file", "cert-auth"))


def is_bootstrap_only(option: str) -> bool:
    return option in BOOTSTRAP_ONLY or option.startswith(BOOTSTRAP_ONLY_PREFIX)


def placed(spec: ClusterSpec, member: MemberSpec, options: Options) -> tuple[Options, Options]:
    """Local members are found again by their arguments, so theirs are all flags."""
    return split(options, ServiceStyle.FLAGS if spec.kind is HostKind.LOCAL else member.service.style)


def variable(option: str) -> str:
    """`data-dir` as etcd reads it from its environment: ETCD_DATA_DIR."""
    return "ETCD_" + option.upper().replace("-", "_")


def flag(option: str, value: str) -> str:
    """Always with `=`: Go's booleans take no separate word."""
    return f"--{option}={value}"
