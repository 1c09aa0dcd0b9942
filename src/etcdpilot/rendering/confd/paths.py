"""Go's `path`: base, dir and clean, where Python's own differ."""

from __future__ import annotations

import posixpath


def clean(path: str) -> str:
    if not path:
        return "."
    cleaned = posixpath.normpath(path)
    # POSIX gives two leading slashes a meaning of their own; Go does not.
    return cleaned[1:] if cleaned.startswith("//") else cleaned


def base(path: str) -> str:
    if not path:
        return "."
    stripped = path.rstrip("/")
    return stripped.rpartition("/")[2] if stripped else "/"


def dir_(path: str) -> str:
    return clean(path[: path.rfind("/") + 1])


def join(*parts: str) -> str:
    """Go's `path.Join`: empty parts are left out."""
    given = [part for part in parts if part]
    return clean("/".join(given)) if given else ""
