"""What etcd's own guidance asks of a machine, as warnings before a cluster is built on it.

https://etcd.io/docs/latest/op-guide/hardware/: two to four cores, 8 GB of memory, an SSD that nobody else keeps busy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from etcdpilot.model.cluster import ClusterSpec, HostKind
from etcdpilot.model.observation import Machine, Seen
from etcdpilot.model.steps import listed

CORES = 2
MEMORY = 7 * 2**30  # of 8 GB that are built in, the kernel keeps some to itself
GB = 2**30


def hardware_warnings(wanted: ClusterSpec, seen: Seen) -> Iterator[str]:
    if wanted.kind is HostKind.LOCAL:
        return
    machines = {name: host.machine for name, host in seen.reachable.items() if name in wanted.names}
    judges: tuple[Callable[[Machine], str], ...] = (few_cores, little_memory, rotating, shared)
    for judge in judges:
        found: dict[str, list[str]] = {}
        for name, machine in machines.items():
            if said := judge(machine):
                found.setdefault(said, []).append(name)
        for said, names in found.items():
            yield f"{listed(tuple(names))}: {said}"


def few_cores(machine: Machine) -> str:
    if machine.cores >= CORES:
        return ""
    return f"{machine.cores} core; etcd's guidance is two to four"


def little_memory(machine: Machine) -> str:
    if machine.memory >= MEMORY:
        return ""
    return f"{machine.memory / GB:.1f} GB of memory; etcd's guidance is 8 GB"


def rotating(machine: Machine) -> str:
    if not machine.rotating_disk:
        return ""
    return "the data directory is on a rotating disk; etcd waits for it at every write, and an SSD is its guidance"


def shared(machine: Machine) -> str:
    if not machine.shares_disk_with:
        return ""
    others = listed(machine.shares_disk_with)
    return f"the data directory shares its disk with {others}; containers that write much hold up every write of etcd"
