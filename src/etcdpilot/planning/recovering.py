"""Whether a cluster has lost its majority for good, and whose data are left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from etcdpilot.model.cluster import ClusterSpec
from etcdpilot.model.memory import Memory
from etcdpilot.model.observation import Seen
from etcdpilot.model.plans import Refusal
from etcdpilot.model.steps import listed


@dataclass(frozen=True, slots=True)
class Left:
    """Members whose data are still there; `lost` were said aloud to be gone, with their machines or their data."""

    running: tuple[str, ...]
    stopped: tuple[str, ...]

    @property
    def everybody(self) -> tuple[str, ...]:
        return (*self.running, *self.stopped)


def left(seen: Seen, memory: Memory, lost: tuple[str, ...]) -> Left:
    """A member that runs has data, wherever they stand; of one that does not, its directory must hold this cluster's."""
    hosts = {name: host for name, host in seen.reachable.items() if name not in lost}
    running = tuple(name for name, host in hosts.items() if host.process is not None)
    stopped = tuple(
        name
        for name, host in hosts.items()
        if host.process is None and host.data.has_member and host.data.cluster_id == memory.cluster_id
    )
    return Left(running, stopped)


def quorum_refusals(wanted: ClusterSpec, seen: Seen, memory: Memory, lost: tuple[str, ...]) -> Iterator[Refusal]:
    """What stands against giving the majority up: that it is there, that it may come back, or that nobody is left."""
    now = seen.membership.quorum
    if now.holds:
        yield Refusal(
            f"{wanted.name} has its quorum; there is nothing to recover.",
            f"{now.answering} of {now.voters} voters answer, {now.needed} are needed.",
            "Members that are down are started, or replaced:\n    etcdpilot apply",
            "I2",
        )
        return
    for name, why in seen.unreachable.items():
        if name not in lost:
            yield Refusal(
                f"The host of {name} cannot be looked at: its member may still run, or have data.",
                why,
                f"Bring the host back. If its machine is gone for good, say so:\n    etcdpilot recover quorum --lost {name}",
                "I18",
            )
    survivors = left(seen, memory, lost)
    voters = seen.membership.voters or frozenset(dict(memory.member_ids))
    have = [name for name in survivors.everybody if name in voters]
    if voters and len(have) > len(voters) // 2:
        yield Refusal(
            f"{listed(tuple(have))} still have their data, and that is a majority.",
            f"{len(have)} of {len(voters)} voters; {len(voters) // 2 + 1} are needed. Started, they lose nothing.",
            "Start them:\n    etcdpilot apply\n"
            "Only where one's data are beyond repair, name it, and it does not count:\n"
            "    etcdpilot recover quorum --lost NAME",
            "I2",
        )
    if not survivors.everybody:
        yield Refusal(
            f"Nobody of {wanted.name} has data left.",
            "No host that can be reached holds any of this cluster.",
            "Restore the newest backup:\n    etcdpilot restore latest",
        )
