"""Cuts and losses on the switch: frames between two nodes vanish in silence, in one direction or both."""

from __future__ import annotations

from collections.abc import Iterable

from lab.commands import run
from lab.network import Node, switch_namespace

# Neighbour discovery passes, as ARP does: a cut from a to b must not stop b from finding a.
_EMPTY_TABLE = """
table bridge lab {}
delete table bridge lab
table bridge lab {
  chain cuts {
    type filter hook forward priority 0; policy accept;
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
  }
}
"""


def heal(prefix: str) -> None:
    """Every frame passes again."""
    _nft(prefix, _EMPTY_TABLE)


def cut(prefix: str, pairs: Iterable[tuple[Node, Node]]) -> None:
    """What the first of each pair sends to the second is dropped from now on, established connections included."""
    _add(prefix, (rule for source, target in pairs for rule in _drops(source, target)))


def lose(prefix: str, percent: float) -> None:
    """This share of all frames between any two nodes is dropped, at random."""
    _add(prefix, [f"numgen random mod 1000 < {round(percent * 10)} drop"])


def _drops(source: Node, target: Node) -> tuple[str, ...]:
    return (
        # By their ports on the switch too: a node may have more addresses than those it was born with.
        f'iifname "{source.name}" oifname "{target.name}" ether type ip drop',
        f"ip saddr {source.address} ip daddr {target.address} drop",
        f"ip6 saddr {source.address6} ip6 daddr {target.address6} drop",
    )


def _add(prefix: str, rules: Iterable[str]) -> None:
    _nft(prefix, "".join(f"add rule bridge lab cuts {rule}\n" for rule in rules))


def _nft(prefix: str, script: str) -> None:
    run(["ip", "netns", "exec", switch_namespace(prefix), "nft", "-f", "-"], stdin=script)
