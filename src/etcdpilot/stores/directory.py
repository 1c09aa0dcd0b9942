"""Backups in a directory: files of 0600 in directories of 0700, written beside, flushed, and linked under their name.

A hard link gives the name only if nobody has it yet, in one step; a rename would write over. What a crash leaves behind
is in `.drafts`, which no listing shows.
"""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from etcdpilot.stores.port import CHUNK, AlreadyThere, Entry, NotThere, Place, StoreFailed, require_name
from etcdpilot.stores.writing import make_directory

DRAFTS = ".drafts"
STALE_SECONDS = 24 * 3600
NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS}


class DirectoryStore:
    """A place on a file system of this machine. Made when first written to."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    @property
    def url(self) -> str:
        return self.root.as_uri()

    def drafts(self) -> Path | None:
        with self._failures("make its drafts directory"):
            make_directory(self.root / DRAFTS)
            _sweep(self.root / DRAFTS)
        return self.root / DRAFTS

    async def put(self, name: str, content: bytes) -> None:
        await asyncio.to_thread(self._put, require_name(name), content)

    async def put_file(self, name: str, path: Path) -> None:
        await asyncio.to_thread(self._put_file, require_name(name), path)

    async def replace(self, name: str, content: bytes) -> None:
        await asyncio.to_thread(self._replace, require_name(name), content)

    async def get(self, name: str) -> AsyncIterator[bytes]:
        with self._failures(f"read {name}"):
            descriptor = os.open(self._place(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb", buffering=0) as file:
                while chunk := await asyncio.to_thread(file.read, CHUNK):
                    yield chunk

    async def list(self, prefix: str = "") -> tuple[Entry, ...]:
        return await asyncio.to_thread(self._list, prefix)

    async def delete(self, name: str) -> None:
        path = self._place(name)
        with self._failures(f"delete {name}"):
            await asyncio.to_thread(path.unlink)
            await asyncio.to_thread(_flush_directory, path.parent)

    async def describe(self) -> Place:
        with self._failures("look at it"):
            if not self.root.is_dir():
                raise NotThere(self.url, f"There is no directory {self.root}.", remedy="It is made by the first save.")
            return Place(self.url, "directory", shutil.disk_usage(self.root).free)

    def _place(self, name: str) -> Path:
        return self.root / require_name(name)

    def _put(self, name: str, content: bytes) -> None:
        draft = self._draft(content)
        try:
            self._take_name(name, draft)
        finally:
            draft.unlink(missing_ok=True)

    def _put_file(self, name: str, path: Path) -> None:
        if path.parent == self.root / DRAFTS:
            self._take_name(name, path)
            return
        with self._failures(f"write {name}"):
            draft = self._draft(b"")
            try:
                shutil.copyfile(path, draft)
                self._take_name(name, draft)
            finally:
                draft.unlink(missing_ok=True)

    def _replace(self, name: str, content: bytes) -> None:
        draft = self._draft(content)
        with self._failures(f"write {name}"):
            _flush_file(draft)
            draft.replace(self._place(name))
            _flush_directory(self._place(name).parent)

    def _draft(self, content: bytes) -> Path:
        """A new file of 0600 in the drafts."""
        with self._failures("write to it"):
            make_directory(self.root / DRAFTS)
            path = self.root / DRAFTS / secrets.token_hex(8)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            try:
                with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
                    file.write(content)
            except OSError:
                path.unlink(missing_ok=True)
                raise
            return path

    def _take_name(self, name: str, draft: Path) -> None:
        path = self._place(name)
        with self._failures(f"write {name}"):
            make_directory(path.parent)
            if path.parent.is_symlink():
                raise StoreFailed(
                    self.url, f"{path.parent} is a symbolic link.", why="A backup is not written past it."
                )
            give_name(draft, path)

    def _list(self, prefix: str) -> tuple[Entry, ...]:
        with self._failures("list it"):
            return tuple(
                sorted(
                    (entry for entry in _whole_files(self.root) if entry.name.startswith(prefix)),
                    key=lambda entry: entry.name,
                )
            )

    @contextmanager
    def _failures(self, doing: str) -> Iterator[None]:
        """Says an OSError as what it means here."""
        try:
            yield
        except FileNotFoundError as error:
            raise NotThere(self.url, f"Could not {doing}.", why=_reason(error)) from None
        except OSError as error:
            remedy = "Free space there, and run this again: nothing half-written is kept." if _is_full(error) else ""
            raise StoreFailed(self.url, f"Could not {doing}.", why=_reason(error), remedy=remedy) from None


def give_name(draft: Path, path: Path) -> None:
    """Make a finished file known as `path`, flushed to the disk; AlreadyThere rather than over another. OSError too."""
    draft.chmod(0o600)
    _flush_file(draft)
    try:
        _link(draft, path)
    except FileExistsError:
        raise AlreadyThere(f"{path} is already there.", why="A backup is never written over.") from None
    draft.unlink()
    _flush_directory(path.parent)


def _sweep(drafts: Path) -> None:
    """Remove what saves that were cut off have left: no save takes a day."""
    for path in drafts.iterdir():
        with suppress(FileNotFoundError):  # its own save has just finished with it
            if time.time() - path.lstat().st_mtime > STALE_SECONDS:
                path.unlink()


def _whole_files(root: Path) -> Iterator[Entry]:
    """Files below `root`; no symbolic links, and nothing whose name or directory begins with a dot."""
    if not root.is_dir():
        return
    for directory, subdirectories, files in os.walk(root, followlinks=False):
        subdirectories[:] = sorted(name for name in subdirectories if not name.startswith("."))
        for file in files:
            path = Path(directory, file)
            with suppress(FileNotFoundError):  # deleted by somebody while we look
                if not file.startswith(".") and not path.is_symlink():
                    yield Entry(path.relative_to(root).as_posix(), path.stat().st_size)


def _link(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path, follow_symlinks=False)
    except OSError as error:
        if error.errno not in NO_HARD_LINKS:
            raise
        # A file system without hard links: take the name with an empty file first, which only one can.
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
        shutil.copyfile(draft, beside := path.with_name(f".{path.name}.new"))
        _flush_file(beside)
        beside.chmod(0o600)
        beside.replace(path)


def _flush_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_full(error: OSError) -> bool:
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def _reason(error: OSError) -> str:
    return f"{error.filename or ''}: {error.strerror or error}".lstrip(": ")
