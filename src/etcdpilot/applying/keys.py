"""Changes keys: one, many, or a whole export."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from etcdpilot.etcd.client import Client
from etcdpilot.etcd.errors import EtcdError, Rejected, UnknownOutcome
from etcdpilot.etcd.txn import Aspect, Get, If, Put
from etcdpilot.model.answers import DeleteResult, Header, RangeResult
from etcdpilot.model.errors import Refused, SpecError
from etcdpilot.model.key_lines import End, Head, LeaseLine, Line, Pair

# etcd's own limits are 128 operations a transaction and 1.5 MiB a request, unless its options say otherwise.
MOST_OPERATIONS, MOST_BYTES = 128, 1024 * 1024
AT_ONCE = 4
TOO_BIG = ("request is too large", "larger than max", "too many operations")
TRIES, PAUSE_SECONDS, CALL_SECONDS = 20, 0.5, 15.0


async def put(client: Client, key: bytes, value: bytes, *, lease: int = 0, if_revision: int | None = None) -> Header:
    """Refused where `if_revision` (0: there must be no such key) is not the key's revision."""
    if if_revision is None:
        return (await client.kv.put(key, value, lease=lease)).header
    answer = await client.kv.txn([If(key, Aspect.MOD_REVISION, "=", if_revision)], [Put(key, value, lease)], [Get(key)])
    if not answer.succeeded:
        found = answer.results[0]
        there = found.kvs[0].mod_revision if isinstance(found, RangeResult) and found.kvs else 0
        raise Refused("The key was not written.", why=f"It is at revision {there}, not at {if_revision}.")
    return answer.header


async def delete(client: Client, key: bytes, *, prefix: bool = False) -> DeleteResult:
    return await client.kv.delete(key, prefix=prefix)


@dataclass(slots=True)
class Imported:
    """How far an import is. `same`: already there with this value, so not written again; `leaseless`: had a lease once."""

    written: int = 0
    same: int = 0
    leaseless: int = 0
    expected: int = 0
    size: int = 0

    @property
    def keys(self) -> int:
        return self.written + self.same


@dataclass
class Import:
    """Writes an export's keys in transactions as big as this etcd takes, several on their way at once.

    Every transaction is whole or not at all. One whose outcome is unknown is compared with the cluster and only what is
    missing is written: the same that `resume` does with all. `with_leases`: grant a new lease for each old one.
    """

    client: Client
    resume: bool = False
    with_leases: bool = False
    progress: Callable[[Imported], None] = lambda done: None
    done: Imported = field(default_factory=Imported)
    _operations: int = MOST_OPERATIONS
    _bytes: int = MOST_BYTES
    _leases: dict[int, int] = field(default_factory=dict)
    _running: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self, lines: AsyncIterator[Line]) -> Imported:
        """SpecError where the lines end before their end line: then everything up to there is written, and no more."""
        try:
            end = await self._take(lines)
            await self._drain()
        except BaseException:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)
            raise
        if end is None or end.keys != self.done.keys:
            told = "it has no last line" if end is None else f"its last line speaks of {end.keys} keys"
            raise SpecError(
                f"The export was cut short: {self.done.keys} keys were there, and {told}.",
                remedy="What was there is imported. Export again, and import with --resume.",
            )
        return self.done

    async def _take(self, lines: AsyncIterator[Line]) -> End | None:
        chunk: list[Pair] = []
        size, last = 0, b""
        async for line in lines:
            match line:
                case Head(_, _, keys):
                    self.done.expected = keys
                case LeaseLine():
                    await self._grant(line)
                case End():
                    await self._begin(chunk)
                    return line
                case Pair():
                    if chunk and (len(chunk) >= self._operations or size + line.size > self._bytes or line.key <= last):
                        await self._begin(chunk)
                        if line.key <= last:  # no export is like that; the later line of a key must win
                            await self._drain()
                        chunk, size = [], 0
                    chunk.append(line)
                    size, last = size + line.size, line.key
        await self._begin(chunk)
        return None

    async def _grant(self, line: LeaseLine) -> None:
        if self.with_leases and line.granted_ttl > 0:
            self._leases[line.lease] = (await self.client.leases.grant(line.granted_ttl)).id

    async def _begin(self, chunk: list[Pair]) -> None:
        """Start writing a chunk, once fewer than AT_ONCE are on their way; raises what one of them met."""
        while len(self._running) >= AT_ONCE:
            await self._finish_one()
        if chunk:
            self._running.add(asyncio.create_task(self._chunk(tuple(chunk))))

    async def _finish_one(self) -> None:
        finished, self._running = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        errors = [error for task in finished if (error := task.exception()) is not None]
        if errors:
            raise errors[0]

    async def _drain(self) -> None:
        while self._running:
            await self._finish_one()

    async def _chunk(self, chunk: Sequence[Pair]) -> None:
        missing = await self._missing(chunk) if self.resume else chunk
        await self._write(missing)
        self.done.same += len(chunk) - len(missing)
        self.done.written += len(missing)
        self.done.size += sum(pair.size for pair in chunk)
        self.done.leaseless += sum(1 for pair in chunk if pair.lease and pair.lease not in self._leases)
        self.progress(self.done)

    async def _write(self, chunk: Sequence[Pair]) -> None:
        for tries in range(TRIES):
            if not chunk:
                return
            try:
                await self.client.kv.txn((), [self._put(pair) for pair in chunk], timeout=CALL_SECONDS)
                return
            except UnknownOutcome:
                if tries == TRIES - 1:
                    raise
                await asyncio.sleep(PAUSE_SECONDS)
                chunk = await self._missing(chunk)
            except Rejected as no:
                await self._in_halves(chunk, no)
                return

    async def _in_halves(self, chunk: Sequence[Pair], no: Rejected) -> None:
        """This etcd takes less than others do: so will the next chunks be smaller."""
        if not any(words in no.text for words in TOO_BIG):
            raise no
        if len(chunk) == 1:
            raise self._too_big(chunk[0], no)
        half = len(chunk) // 2
        if "operations" in no.text:
            self._operations = max(1, min(self._operations, half))
        else:
            self._bytes = max(1, min(self._bytes, sum(pair.size for pair in chunk) // 2))
        await self._write(chunk[:half])
        await self._write(chunk[half:])

    @staticmethod
    def _too_big(pair: Pair, no: EtcdError) -> Refused:
        return Refused(
            f"The value of {pair.key[:200]!r} is too large for this etcd: {len(pair.value)} bytes.",
            why=no.text,
            remedy="Start its members with a larger max-request-bytes, and import with --resume.",
        )

    def _put(self, pair: Pair) -> Put:
        return Put(pair.key, pair.value, self._leases.get(pair.lease, 0) if pair.lease else 0)

    async def _missing(self, chunk: Sequence[Pair]) -> Sequence[Pair]:
        """Those whose key is not there, or has another value."""
        try:
            answer = await self.client.kv.txn((), [Get(pair.key) for pair in chunk], timeout=CALL_SECONDS)
        except Rejected as no:
            if len(chunk) < 2 or not any(words in no.text for words in TOO_BIG):
                raise
            half = len(chunk) // 2
            if "operations" in no.text:
                self._operations = max(1, min(self._operations, half))
            return [*await self._missing(chunk[:half]), *await self._missing(chunk[half:])]
        return [pair for pair, found in zip(chunk, answer.results, strict=True) if not _holds(found, pair)]


def _holds(found: object, pair: Pair) -> bool:
    return isinstance(found, RangeResult) and bool(found.kvs) and found.kvs[0].value == pair.value
