"""Backups in an S3-compatible object store, through obstore (the extra `s3`), which is loaded when first used.

Small files are put conditionally: S3 answers that the name is taken. Large ones go up in parts, which S3 cannot make
conditional together with constant memory; their names end in digits of their SHA-256, so that two who write one name at
once write the same bytes, and the manifest, put last and conditionally, says who was first.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, assert_never

from etcdpilot.model.errors import EtcdpilotError, SpecError
from etcdpilot.stores.port import CHUNK, AlreadyThere, Entry, NotThere, Place, StoreFailed, require_name
from etcdpilot.stores.s3_errors import S3Trouble, judge

# 10,000 parts at most: with parts of 8 MiB a file may have 80 GiB. Four parts at once hold 32 MiB in memory.
PART_BYTES = 8 << 20
PARTS_AT_ONCE = 4
RETRIES = 3
RETRY_FOR = timedelta(seconds=30)
CONNECT_WITHIN = timedelta(seconds=5)
ONE_REQUEST_WITHIN = timedelta(seconds=120)  # a part of 8 MiB over a line of 0.6 Mbit/s


@dataclass(frozen=True, slots=True)
class ObjectStoreOptions:
    """How to reach a bucket. Empty fields come from the environment (`AWS_…`), as with every S3 tool."""

    endpoint: str = ""  # empty: Amazon's own, by region
    region: str = ""
    access_key_id: str = ""
    secret_access_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    ca_file: Path | None = None


class ObjectStore:
    """A bucket, or a prefix in it."""

    def __init__(self, bucket: str, prefix: str = "", options: ObjectStoreOptions | None = None) -> None:
        """SpecError when obstore is not installed or refuses the options; nothing is asked of the network yet."""
        self.bucket, self.prefix = bucket, prefix.strip("/")
        self._obstore = _obstore()
        self._store = self._connect(options or ObjectStoreOptions())

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def drafts(self) -> Path | None:
        return None

    async def put(self, name: str, content: bytes) -> None:
        async with self._failures(f"write {require_name(name)}"):
            await self._obstore.put_async(self._store, name, content, mode="create")

    async def put_file(self, name: str, path: Path) -> None:
        async with self._failures(f"write {require_name(name)}"):
            if await self._is_there(name):
                raise AlreadyThere(f"{name} is already in {self.url}.", why="A backup is never written over.")
            await self._obstore.put_async(
                self._store, name, path, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE, use_multipart=True
            )

    async def replace(self, name: str, content: bytes) -> None:
        async with self._failures(f"write {require_name(name)}"):
            await self._obstore.put_async(self._store, name, content)

    async def get(self, name: str) -> AsyncIterator[bytes]:
        async with self._failures(f"read {require_name(name)}"):
            answer = await self._obstore.get_async(self._store, name)
            left = int(answer.meta["size"])
            async for chunk in answer.stream(min_chunk_size=CHUNK):
                left -= len(chunk)
                yield bytes(chunk)
            if left:
                raise StoreFailed(self.url, f"{name} broke off {left} bytes before its end.", remedy="Run this again.")

    async def list(self, prefix: str = "") -> tuple[Entry, ...]:
        folder = prefix.rpartition("/")[0]
        found: list[Entry] = []
        async with self._failures("list what is"):
            async for batch in self._obstore.list(self._store, folder or None):
                found += [Entry(entry["path"], entry["size"]) for entry in batch]
        return tuple(sorted((each for each in found if each.name.startswith(prefix)), key=lambda each: each.name))

    async def delete(self, name: str) -> None:
        async with self._failures(f"delete {require_name(name)}"):
            await self._obstore.head_async(self._store, name)  # S3 itself says nothing about a missing one
            await self._obstore.delete_async(self._store, name)

    async def describe(self) -> Place:
        async with self._failures("list what is"):
            await self._look()
        return Place(self.url, "object store")

    async def _is_there(self, name: str) -> bool:
        try:
            await self._obstore.head_async(self._store, name)
        except FileNotFoundError:
            return False
        return True

    def _connect(self, options: ObjectStoreOptions) -> Any:
        try:
            return self._obstore.store.S3Store(
                self.bucket,
                prefix=self.prefix or None,
                config=_config(options),
                client_options=_client_options(options),
                retry_config={"max_retries": RETRIES, "retry_timeout": RETRY_FOR},
            )
        except (self._obstore.exceptions.BaseError, OSError, ValueError) as error:
            raise SpecError(f"The object store {self.url} cannot be used.", why=_first_line(error)) from None

    @asynccontextmanager
    async def _failures(self, doing: str) -> AsyncIterator[None]:
        """Says an error of obstore as what it means here."""
        try:
            yield
        except (self._obstore.exceptions.BaseError, OSError) as error:
            trouble, reason = judge(error)
            if trouble is S3Trouble.REFUSED and await self._has_no_bucket():
                trouble = S3Trouble.NO_BUCKET
            raise self._failure(f"Could not {doing} in {self.url}.", trouble, reason) from None

    async def _has_no_bucket(self) -> bool:
        """Some servers refuse a write to a bucket that they do not have, as if it were a matter of rights."""
        try:
            await self._look()
        except self._obstore.exceptions.BaseError as error:
            return judge(error)[0] is S3Trouble.NO_BUCKET
        return False

    async def _look(self) -> None:
        async for _ in self._obstore.list(self._store, chunk_size=1):
            break

    def _failure(self, what: str, trouble: S3Trouble, reason: str) -> EtcdpilotError:
        match trouble:
            case S3Trouble.TAKEN:
                return AlreadyThere(what, why="That name is taken, and a backup is never written over.")
            case S3Trouble.REFUSED:
                return StoreFailed(self.url, what, why=f"The store refuses it: {reason}", remedy=CREDENTIALS)
            case S3Trouble.NO_BUCKET:
                remedy = f"Make the bucket {self.bucket}, or correct its name: etcdpilot makes no buckets."
                return NotThere(self.url, what, why=f"There is no bucket {self.bucket}.", remedy=remedy)
            case S3Trouble.NOT_THERE:
                return NotThere(self.url, what, why="There is no file of that name.")
            case S3Trouble.UNREACHABLE | S3Trouble.OTHER:
                return StoreFailed(self.url, what, why=reason, remedy=REACHABLE)
            case _:
                assert_never(trouble)


CREDENTIALS = "Check the access key, the secret, and that they may read, write and list this bucket."
REACHABLE = "Nothing half-written counts as a backup. Once the store answers, run this again."


def _config(options: ObjectStoreOptions) -> dict[str, str]:
    given = {
        "endpoint": options.endpoint,
        "region": options.region,
        "access_key_id": options.access_key_id,
        "secret_access_key": options.secret_access_key,
        "session_token": options.session_token,
    }
    return {name: value for name, value in given.items() if value}


def _client_options(options: ObjectStoreOptions) -> dict[str, Any]:
    client: dict[str, Any] = {"connect_timeout": CONNECT_WITHIN, "timeout": ONE_REQUEST_WITHIN}
    if options.endpoint.startswith("http://"):
        client["allow_http"] = True
    if options.ca_file:
        client["root_certificate"] = options.ca_file.read_bytes()
    return client


def _obstore() -> Any:
    try:
        import obstore
        import obstore.exceptions
        import obstore.store
    except ImportError:
        raise SpecError(
            "Backups in an object store need the library obstore, which is not installed.",
            remedy="Install it with:\n    pip install 'etcdpilot[s3]'",
        ) from None
    return obstore


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].strip()
