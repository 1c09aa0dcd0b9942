"""Which members need other binaries."""

from __future__ import annotations

from collections.abc import Iterator

from etcdpilot.model.cluster import ClusterSpec, HostKind
from etcdpilot.model.knowledge import Known
from etcdpilot.model.observation import Seen
from etcdpilot.model.steps import InstallBinaries


def install_steps(wanted: ClusterSpec, seen: Seen) -> Iterator[InstallBinaries]:
    """One step for every host that lacks the wanted version; a local cluster runs its binary where it stands."""
    if wanted.kind is HostKind.LOCAL or wanted.version is None:
        return
    lacking = tuple(name for name, host in seen.reachable.items() if host.binary != Known(wanted.version))
    if lacking:
        yield InstallBinaries(lacking, str(wanted.version))
