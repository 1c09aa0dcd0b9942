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
class Otherwise:
    """A resolver that does not say what the first one that answered says, and the members whose hosts ask it.

    `lacks` and `adds`: SRV records and addresses as lines; both are empty for one that does not answer. `alone`: those of
    the members whose hosts have no other.
    """

    resolver: str
    members: tuple[str, ...]
    lacks: tuple[str, ...] = ()
    adds: tuple[str, ...] = ()
    alone: tuple[str, ...] = ()

    @property
    def silent(self) -> bool:
        return not self.lacks and not self.adds


@dataclass(frozen=True, slots=True)
class NamesSeen:
    """What DNS says. `own`: the addresses of each member's own peer URL. `trouble`: why something could not be asked.

    `otherwise`: resolvers that say something else than what stands here. `unasked`: members whose hosts have a resolver
    of their own, which hears nobody else.
    """

    domain: str
    resolvers: tuple[str, ...]
    targets: tuple[Target, ...]
    own: dict[str, tuple[str, ...]]
    reverse: dict[str, tuple[str, ...]] = field(default_factory=dict)  # by address
    pinned: dict[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # by member: lines of its /etc/hosts on the targets
    trouble: str = ""
    otherwise: tuple[Otherwise, ...] = ()
    unasked: tuple[str, ...] = ()
