"""A copy of a member's data brought to the controller, for a look at what a member that is down still knows.

Only names that etcd itself gives are taken out of the stream, and only plain files: the host is not believed.
"""

from __future__ import annotations

import os
import re
import shutil
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path

# The log and the database; what etcd lays out beforehand (`0.tmp`) is empty.
KEPT = re.compile(r"member/(?:wal/[0-9a-f]{16}-[0-9a-f]{16}\.wal|snap/(?:db|[0-9a-f]{16}-[0-9a-f]{16}\.snap))")
PIECE = 1 << 20

# $1 the data directory.
COPY = r"""
cd -- "$1" && exec tar -c -f - --exclude='*.tmp' --exclude='*.broken' member/wal member/snap
"""


def copy_here(data: Path, into: Path) -> None:
    for path in sorted((data / "member").rglob("*")):
        name = path.relative_to(data).as_posix()
        if KEPT.fullmatch(name):
            with path.open("rb") as source:
                keep(name, source.read, into)


def keep(name: str, read: Callable[[int], bytes], into: Path) -> None:
    place = into / name
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        while piece := read(PIECE):
            file.write(piece)


class Unpacking:
    """Takes a tar stream piece by piece, and unpacks it meanwhile in a thread. `feed` what comes, then `end`."""

    def __init__(self, into: Path) -> None:
        self.into = into
        self._out, self._in = (os.fdopen(each, mode) for each, mode in zip(os.pipe(), ("rb", "wb"), strict=True))
        self._wrong: Exception | None = None
        self._thread = threading.Thread(target=self._unpack, daemon=True)
        self._thread.start()

    def feed(self, piece: bytes) -> None:
        self._in.write(piece)

    def end(self) -> None:
        """Raises OSError or tarfile.TarError where it was no whole stream, or could not be written."""
        try:
            self._in.close()
        except BrokenPipeError:
            pass
        self._thread.join()
        if self._wrong is not None:
            raise self._wrong

    def _unpack(self) -> None:
        with self._out:
            try:
                with tarfile.open(fileobj=self._out, mode="r|") as archive:
                    for entry in archive:
                        if entry.isreg() and KEPT.fullmatch(entry.name):
                            file = archive.extractfile(entry)
                            assert file is not None
                            keep(entry.name, file.read, self.into)
                shutil.copyfileobj(self._out, Nowhere(), PIECE)
            except (OSError, tarfile.TarError) as error:
                self._wrong = error


class Nowhere:
    def write(self, piece: bytes) -> int:
        return len(piece)
