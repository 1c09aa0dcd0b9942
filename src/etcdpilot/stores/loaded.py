"""Cluster files that were read before, each under the hash of its text: what has passed once need not be judged again.

Judging costs a tenth of a second, most of it in importing the library that does it.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from etcdpilot import __version__
from etcdpilot.stores.local_binaries import cache_root
from etcdpilot.stores.writing import make_directory, write_private

KEPT = 200


def recall(text: str, folder: Path) -> dict[str, Any] | None:
    """The resolved document of this very text, read from this folder by this version; None when it was not yet read."""
    try:
        found = json.loads(place(text, folder).read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def keep(text: str, folder: Path, resolved: dict[str, Any]) -> None:
    """Keeping is a convenience: where it cannot be done, the file is judged anew each time."""
    try:
        make_directory(place(text, folder).parent)
        write_private(place(text, folder), json.dumps(resolved).encode())
        forget_old(place(text, folder).parent)
    except OSError:
        return


def place(text: str, folder: Path) -> Path:
    name = hashlib.sha256(f"{__version__}\0{folder.absolute()}\0{text}".encode()).hexdigest()
    return cache_root() / "loaded" / f"{name[:32]}.json"


def forget_old(directory: Path) -> None:
    files = sorted(directory.glob("*.json"), key=lambda path: path.stat().st_mtime)
    for path in files[:-KEPT]:
        path.unlink(missing_ok=True)
