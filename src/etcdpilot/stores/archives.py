"""etcd from an archive that is laid out as its releases are: fetched or read, and used only after its SHA-256 matched."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO

from etcdpilot.model.cluster import Archive
from etcdpilot.model.errors import SpecError
from etcdpilot.model.versions import Version
from etcdpilot.stores.kept_binaries import PROGRAMS, keep_programs, kept

SECONDS = 60
LARGEST = 400 * 1024 * 1024  # of one program; a release's is 25 MB
SUMS = "SHA256SUMS"


def unpacked(source: Archive, version: Version, architecture: str) -> Path:
    """A directory of the cache with the programs of the archive; SpecError when it cannot be had or does not match."""
    there = kept(version, architecture)
    if there is not None:
        return there
    address = source.url.replace("{version}", str(version)).replace("{arch}", architecture)
    with tempfile.TemporaryDirectory() as scratch:
        archive, programs = Path(scratch) / "archive", Path(scratch) / "programs"
        fetch(address, archive)
        require_digest(archive, wanted_digest(source, address, version, architecture), address)
        programs.mkdir()
        unpack(archive, programs, address)
        return keep_programs(programs, version, architecture)


def fetch(address: str, to: Path) -> None:
    """From http, https, file, or a plain path."""
    try:
        with opened(address) as stream, to.open("wb") as file:
            shutil.copyfileobj(stream, file)
    except (OSError, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise SpecError(
            f"{address} could not be fetched.",
            why=f"{reason}.",
            remedy="Correct etcd.source.archive. For machines without internet: fetch it elsewhere and name its path, "
            "or a directory that holds etcd, etcdctl and etcdutl.",
        ) from error


def opened(address: str) -> IO[bytes]:
    if "://" not in address:
        return Path(address).open("rb")
    return urllib.request.urlopen(address, timeout=SECONDS)  # type: ignore[no-any-return]


def wanted_digest(source: Archive, address: str, version: Version, architecture: str) -> str:
    """The one written in the file, else the one that is published beside the archive."""
    digests = dict(source.sha256)
    said = digests.get(f"{version}/{architecture}") or digests.get(str(version)) or digests.get("")
    if said:
        return said.lower()
    if digests:
        raise SpecError(
            f"etcd.source.sha256 has no digest for {version}/{architecture}.",
            why=f"It has {', '.join(digests)}.",
            remedy=f"Add it:\n    sha256: {{{version}/{architecture}: …}}",
        )
    return published_digest(address)


def published_digest(address: str) -> str:
    folder, _, name = address.rpartition("/")
    with tempfile.TemporaryDirectory() as scratch:
        sums = Path(scratch) / SUMS
        fetch(f"{folder}/{SUMS}", sums)
        for line in sums.read_text(errors="replace").splitlines():
            words = line.split()
            if len(words) == 2 and words[1].lstrip("*") == name:
                return words[0].lower()
    raise SpecError(f"{folder}/{SUMS} does not name {name}.", remedy="Write the digest under etcd.source.sha256.")


def require_digest(archive: Path, wanted: str, address: str) -> None:
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != wanted:
        raise SpecError(
            f"{address} is not what it should be, and was not used.",
            why=f"Its SHA-256 is {found}; {wanted} was expected.",
            remedy="Fetch it again, or correct etcd.source.sha256 if another archive is meant.",
        )


def unpack(archive: Path, folder: Path, address: str) -> None:
    """Only the three programs, only regular files, under names of our own: nothing else of an archive is believed."""
    try:
        with tarfile.open(archive) as files:
            for member in files:
                name = member.name.rpartition("/")[2]
                stream = files.extractfile(member) if name in PROGRAMS and member.isreg() else None
                if stream is not None and member.size <= LARGEST:
                    with (folder / name).open("wb") as file:
                        shutil.copyfileobj(stream, file)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise SpecError(
            f"{address} is no archive of etcd.", why=f"{error}.", remedy="It must be laid out as etcd's releases are."
        ) from error
