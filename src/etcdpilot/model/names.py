"""What DNS says of a cluster, as its hosts would hear it."""

from __future__ import annotations

from dataclasses import dataclass, field

from etcdpilot.model.addresses import MemberUrl


@dataclass(frozen=True, slots=True)
class Target:
    """One SRV record for peers: where it leads, by which scheme, and the addresses of its name (none: unresolvable)."""

    scheme: str
    name: str
    port: int
    addresses: tuple[str, ...]

    @property
    def url(self) -> str:
        return str(MemberUrl(self.scheme, self.name, self.port))


@dataclass(frozen=True, slots=True)
class NamesSeen:
    """What DNS says. `own`: the addresses of each member's own peer URL. `trouble`: why something could not be asked."""

    domain: str
    resolvers: tuple[str, ...]
    targets: tuple[Target, ...]
    own: dict[str, tuple[str, ...]]
    reverse: dict[str, tuple[str, ...]] = field(default_factory=dict)  # by address
    pinned: dict[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # by member: lines of its /etc/hosts on the targets
    trouble: str = ""
