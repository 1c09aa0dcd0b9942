"""Puts a file in place whole: written beside its destination, compared, renamed over it. No reader sees half of one."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

from etcdpilot.model.confd import Resource

_MADE_WITH = 0o644
_IN_PLACE = (errno.EBUSY, errno.EXDEV)


@dataclass(frozen=True, slots=True)
class Staged:
    """The new file beside its destination; `warnings` say which wishes about its owner could not be met."""

    path: Path
    dest: Path
    warnings: tuple[str, ...] = ()

    def differs(self) -> bool:
        """Whether the destination has another owner, group, mode or content; a missing one differs."""
        try:
            seen, new = self.dest.stat(), self.path.stat()
        except FileNotFoundError:
            return True
        same = (seen.st_uid, seen.st_gid, stat.S_IMODE(seen.st_mode), seen.st_size) == (
            new.st_uid,
            new.st_gid,
            stat.S_IMODE(new.st_mode),
            new.st_size,
        )
        return not same or self.dest.read_bytes() != self.path.read_bytes()

    def install(self) -> bool:
        """Renames it over the destination; False when that is a mount of its own and was written in place instead."""
        try:
            self.path.replace(self.dest)
        except OSError as error:
            if error.errno not in _IN_PLACE:
                raise
            self._write_in_place()
            return False
        return True

    def _write_in_place(self) -> None:
        # A file that is bind-mounted (as in a container) cannot be renamed over.
        with self.dest.open("r+b") as file:
            file.write(self.path.read_bytes())
            file.truncate()
        new = self.path.stat()
        os.chmod(self.dest, stat.S_IMODE(new.st_mode))
        os.chown(self.dest, new.st_uid, new.st_gid)
        self.path.unlink()

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)


def stage(resource: Resource, content: bytes) -> Staged:
    """Raises OSError when the folder of the destination is missing or full; then nothing is left behind."""
    dest = Path(resource.dest)
    path = dest.parent / f".{dest.name}{secrets.token_hex(6)}"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            warnings = _give_to_owner(file.fileno(), resource)
            os.fchmod(file.fileno(), _mode(resource, dest))
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Staged(path, dest, warnings)


def _mode(resource: Resource, dest: Path) -> int:
    if resource.mode is not None:
        return resource.mode
    try:
        return stat.S_IMODE(dest.stat().st_mode)
    except FileNotFoundError:
        return _MADE_WITH


def _give_to_owner(handle: int, resource: Resource) -> tuple[str, ...]:
    """A user who is not there, or may not be given files, is no reason to leave the file unwritten."""
    warnings: list[str] = []
    uid = resource.uid if resource.uid is not None else _user(resource.owner, warnings)
    gid = resource.gid if resource.gid is not None else _group(resource.group, warnings)
    if uid is None and gid is None:
        return tuple(warnings)
    try:
        os.fchown(handle, -1 if uid is None else uid, -1 if gid is None else gid)
    except OSError as error:
        warnings.append(f"{resource.dest} cannot be given to its owner: {error.strerror}")
    return tuple(warnings)


def _user(name: str, warnings: list[str]) -> int | None:
    if not name:
        return None
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        warnings.append(f"there is no user {name!r}: the file belongs to whoever runs this")
        return None


def _group(name: str, warnings: list[str]) -> int | None:
    if not name:
        return None
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        warnings.append(f"there is no group {name!r}: the file's group is that of whoever runs this")
        return None
