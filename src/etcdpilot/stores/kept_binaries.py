"""The cache of etcd's programs: `<cache>/etcd/<version>-<architecture>/{etcd,etcdctl,etcdutl}`, complete or not there."""

from __future__ import annotations

import platform
import shutil
import tempfile
from pathlib import Path

from etcdpilot.model.errors import SpecError
from etcdpilot.model.versions import Version
from etcdpilot.stores.local_binaries import cache_root, version_of
from etcdpilot.stores.writing import make_directory

PROGRAMS = ("etcd", "etcdctl", "etcdutl")
HERE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def place_of(version: Version, architecture: str) -> Path:
    return cache_root() / "etcd" / f"{version}-{architecture}"


def kept(version: Version, architecture: str) -> Path | None:
    place = place_of(version, architecture)
    return place if (place / "etcd").is_file() and (place / "etcdctl").is_file() else None


def keep_programs(folder: Path, version: Version, architecture: str) -> Path:
    """Copy them from `folder` into the cache by one rename; SpecError when they are not what they should be."""
    for name in ("etcd", "etcdctl"):
        if not (folder / name).is_file():
            raise SpecError(f"There is no {name} in what was unpacked.", remedy="Name another etcd.source.")
    make_directory(place_of(version, architecture).parent)
    scratch = Path(tempfile.mkdtemp(prefix=".new-", dir=place_of(version, architecture).parent))
    try:
        for name in PROGRAMS:
            if (folder / name).is_file():
                shutil.copyfile(folder / name, scratch / name)
                (scratch / name).chmod(0o755)
        require_version(scratch / "etcd", version, architecture)
        if kept(version, architecture) is None:
            shutil.rmtree(place_of(version, architecture), ignore_errors=True)
            scratch.rename(place_of(version, architecture))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return place_of(version, architecture)


def require_version(binary: Path, version: Version, architecture: str) -> None:
    """What can be run here is asked; a binary of another architecture is checked by the host before it is switched to."""
    if architecture == HERE and version_of(binary) != version:
        raise SpecError(
            f"etcd {version} was wanted, and {version_of(binary)} was brought.",
            remedy="Correct etcd.version or etcd.source in the cluster file.",
        )
