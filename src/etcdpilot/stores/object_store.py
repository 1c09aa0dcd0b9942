"""Backups in an S3-compatible object store, through obstore (the extra `s3`), which is loaded when first used.

Small files are put conditionally: S3 answers that the name is taken. Large ones go up in parts, which S3 cannot make
conditional together with constant memory; their names end in digits of their SHA-256, so that two who write one name at
once write the same bytes, and the manifest, put last and conditionally, says who was first.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from etcdpilot.model.errors import SpecError
from etcdpilot.stores.port import CHUNK, AlreadyThere, Entry, NotThere, Place, StoreFailed, require_name

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
        with self._failures(f"write {require_name(name)}"):
            await self._obstore.put_async(self._store, name, content, mode="create")

    async def put_file(self, name: str, path: Path) -> None:
        with self._failures(f"write {require_name(name)}"):
            if await self._is_there(name):
                raise AlreadyThere(f"{name} is already in {self.url}.", why="A backup is never written over.")
            await self._obstore.put_async(
                self._store, name, path, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE, use_multipart=True
            )

    async def replace(self, name: str, content: bytes) -> None:
        with self._failures(f"write {require_name(name)}"):
            await self._obstore.put_async(self._store, name, content)

    async def get(self, name: str) -> AsyncIterator[bytes]:
        with self._failures(f"read {require_name(name)}"):
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
        with self._failures("list it"):
            async for batch in self._obstore.list(self._store, folder or None):
                found += [Entry(entry["path"], entry["size"]) for entry in batch]
        return tuple(sorted((each for each in found if each.name.startswith(prefix)), key=lambda each: each.name))

    async def delete(self, name: str) -> None:
        with self._failures(f"delete {require_name(name)}"):
            await self._obstore.head_async(self._store, name)  # S3 itself says nothing about a missing one
            await self._obstore.delete_async(self._store, name)

    async def describe(self) -> Place:
        with self._failures("look at it"):
            async for _ in self._obstore.list(self._store, chunk_size=1):
                break
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

    @contextmanager
    def _failures(self, doing: str) -> Iterator[None]:
        """Says an error of obstore as what it means here."""
        errors = self._obstore.exceptions
        what = f"Could not {doing} in {self.url}." if doing != "look at it" else f"Could not look at {self.url}."
        try:
            yield
        except errors.AlreadyExistsError:
            raise AlreadyThere(what, why="That name is taken, and a backup is never written over.") from None
        except (errors.PermissionDeniedError, errors.UnauthenticatedError) as error:
            raise StoreFailed(
                self.url, what, why=f"The store refuses it: {_cause(error)}", remedy=CREDENTIALS
            ) from None
        except FileNotFoundError as error:
            raise self._missing(what, error) from None
        except errors.BaseError as error:
            raise StoreFailed(self.url, what, why=_cause(error), remedy=REACHABLE) from None
        except OSError as error:
            raise StoreFailed(self.url, what, why=str(error)) from None

    def _missing(self, what: str, error: Exception) -> NotThere:
        if "NoSuchBucket" in str(error):
            remedy = f"Create the bucket {self.bucket}, or correct its name: buckets are never made by etcdpilot."
            return NotThere(self.url, what, why=f"There is no bucket {self.bucket}.", remedy=remedy)
        return NotThere(self.url, what, why="There is no file of that name.")


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


def _cause(error: Exception) -> str:
    """The innermost reason of obstore's long text: what S3 said, or what the network did."""
    text = str(error)
    for start, end in (("<Message>", "</Message>"), ("source: ", "\n")):
        if start in text:
            return text.partition(start)[2].partition(end)[0].strip()
    return _first_line(error)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].strip()
