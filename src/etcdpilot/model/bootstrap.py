"""What was found out for a first start through discovery or DNS, and the cluster as it is built with that.

Written down before it is used, and read back on every run: a cluster keeps the peer URLs that it was formed with.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from etcdpilot.model.cluster import ClusterSpec, Discovery, Dns, MemberSpec, Static

FIRST_WITH_V3_DISCOVERY = (3, 6)


@dataclass(frozen=True, slots=True)
class Settled:
    """`of` says which bootstrap of the file it belongs to: another one in the file is settled anew.

    `peers`: by member, its peer URL in the file and the one that DNS knows it by. `listed`: etcd is told its first
    members one by one, because it cannot find them itself.
    """

    of: str
    url: str = ""  # of a v2 token
    token: str = ""  # of the v3 protocol
    peers: tuple[tuple[str, str, str], ...] = ()
    listed: bool = False


def of_file(wanted: ClusterSpec) -> str:
    """What identifies the bootstrap of a cluster file."""
    return repr(wanted.bootstrap)


def with_settled(wanted: ClusterSpec, settled: Settled | None) -> ClusterSpec:
    """The cluster that is built; the same one where nothing had to be found out."""
    named = with_domain(wanted)
    if settled is None or settled.of != of_file(wanted):
        return named
    match wanted.bootstrap:
        case Static():
            return wanted
        case Discovery() if settled.listed:
            return replace(named, bootstrap=Static(), token=settled.url or settled.token)
        case Discovery():
            return replace(named, bootstrap=replace(wanted.bootstrap, url=settled.url, token=settled.token))
        case Dns():
            return replace(named, members=tuple(as_dns_says(member, settled) for member in named.members))


def with_domain(wanted: ClusterSpec) -> ClusterSpec:
    """Whoever finds the cluster through its domain checks the certificates for the domain's own name."""
    if not isinstance(wanted.bootstrap, Dns) or not wanted.encrypted:
        return wanted
    domain = wanted.bootstrap.domain
    members = tuple(
        each if domain in each.extra_names else replace(each, extra_names=(*each.extra_names, domain))
        for each in wanted.members
    )
    return replace(wanted, members=members)


def as_dns_says(member: MemberSpec, settled: Settled) -> MemberSpec:
    """etcd lists a member of a DNS bootstrap under its SRV target, even where it advertised an address."""
    for name, own, known in settled.peers:
        if name == member.name and member.advertise_peer_urls == (own,):
            return replace(member, advertise_peer_urls=(known,))
    return member


def runs_discovery_itself(wanted: ClusterSpec) -> bool:
    """Whether this etcd speaks the v3 discovery protocol, and can speak it to that place by itself.

    Where certificates of ours are wanted for that, it is spoken here: a key that may write into somebody's etcd is then
    on no host.
    """
    if isinstance(wanted.bootstrap, Discovery) and (wanted.bootstrap.cacert or wanted.bootstrap.cert):
        return False
    return wanted.version is None or wanted.version.line >= FIRST_WITH_V3_DISCOVERY
