"""Snapshots that a member's own timer has left in a directory of its host."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

# $1 the directory. One line a whole snapshot: its SHA-256, its size, its name.
LIST = r"""
set -eu
[ -d "$1" ] || exit 0
cd -- "$1"
for sum in *.db.sha256; do
    [ -f "$sum" ] && [ ! -L "$sum" ] && [ -f "${sum%.sha256}" ] && [ ! -L "${sum%.sha256}" ] || continue
    read -r digest rest <"$sum" || continue
    printf '%s %s %s\n' "$digest" "$(wc -c <"${sum%.sha256}")" "${sum%.sha256}"
done
"""
ABSENT = 66  # exit status: there is no such file
FETCH = f'[ -e "$1" ] || exit {ABSENT}; exec cat -- "$1"'
LINE = re.compile(r"([0-9a-f]{64}) +([0-9]+) ([A-Za-z0-9][A-Za-z0-9._-]{0,250}\.db)")

Listed = tuple[str, int, str]  # SHA-256, size, name


def listed(printed: bytes) -> tuple[Listed, ...]:
    """What cannot be a snapshot of ours is left out."""
    found = (LINE.fullmatch(line) for line in printed.decode(errors="replace").splitlines())
    return tuple((each[1], int(each[2]), each[3]) for each in found if each)


class Receiver:
    """Writes what comes to a file, and counts its SHA-256."""

    def __init__(self, path: Path) -> None:
        self.path, self._digest = path, hashlib.sha256()

    def __call__(self, piece: bytes) -> None:
        self._digest.update(piece)
        with self.path.open("ab") as file:
            file.write(piece)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()
