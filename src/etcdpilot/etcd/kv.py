"""Keys and values: read, write, delete, transactions, compaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from enum import Enum

from etcdpilot.etcd import etcd_pb2 as pb
from etcdpilot.etcd import reading
from etcdpilot.etcd.calls import Calls
from etcdpilot.etcd.keys import END_OF_KEYS, key_range
from etcdpilot.etcd.methods import COMPACT, DELETE_RANGE, PUT, RANGE, RANGE_LOCAL, TXN, TXN_OF_READS
from etcdpilot.etcd.txn import Delete, Get, If, Put, Txn, delete_request, put_request, request_of
from etcdpilot.model.answers import DeleteResult, Header, KeyValue, PutResult, RangeResult, TxnResult

# A scan asks for pages of about this many bytes; the first is small, for nobody knows yet how big the values are.
PAGE_BYTES = 4 * 1024 * 1024
FIRST_PAGE, LARGEST_PAGE = 64, 10_000


class SortBy(Enum):
    KEY = "key"
    VERSION = "version"
    CREATE_REVISION = "create_revision"
    MOD_REVISION = "mod_revision"
    VALUE = "value"


SORT_TARGETS = {
    SortBy.KEY: pb.RangeRequest.KEY,
    SortBy.VERSION: pb.RangeRequest.VERSION,
    SortBy.CREATE_REVISION: pb.RangeRequest.CREATE,
    SortBy.MOD_REVISION: pb.RangeRequest.MOD,
    SortBy.VALUE: pb.RangeRequest.VALUE,
}


class Kv:
    """Reads are linearizable unless `serializable` says that the member's own, perhaps older, state will do."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def get(
        self, key: str | bytes, *, revision: int = 0, serializable: bool = False, timeout: float | None = None
    ) -> KeyValue | None:
        """One key, or None."""
        found = await self.range(key, revision=revision, serializable=serializable, timeout=timeout)
        return found.kvs[0] if found.kvs else None

    async def range(
        self,
        key: str | bytes,
        *,
        prefix: bool = False,
        range_end: str | bytes = b"",
        limit: int = 0,
        revision: int = 0,
        sort_by: SortBy | None = None,
        descending: bool = False,
        serializable: bool = False,
        keys_only: bool = False,
        count_only: bool = False,
        min_mod_revision: int = 0,
        timeout: float | None = None,
    ) -> RangeResult:
        """Everything in one answer, of any size. `range_end` is exclusive; one zero byte means "to the end"."""
        start, end = key_range(key, prefix, range_end)
        request = pb.RangeRequest(
            key=start,
            range_end=end,
            limit=limit,
            revision=revision,
            serializable=serializable,
            keys_only=keys_only,
            count_only=count_only,
            min_mod_revision=min_mod_revision,
        )
        if sort_by is not None or descending:
            request.sort_target = SORT_TARGETS[sort_by or SortBy.KEY]
            request.sort_order = pb.RangeRequest.DESCEND if descending else pb.RangeRequest.ASCEND
        return await self._range(request, timeout)

    async def _range(self, request: pb.RangeRequest, timeout: float | None) -> RangeResult:
        method = RANGE_LOCAL if request.serializable else RANGE
        return reading.range_result(await self._calls.unary(method, request, timeout))

    async def scan(
        self,
        key: str | bytes = b"",
        *,
        range_end: str | bytes = b"",
        revision: int = 0,
        keys_only: bool = False,
        timeout: float | None = None,
    ) -> AsyncIterator[KeyValue]:
        """Every key with a prefix (or up to `range_end`), however many, as of one revision, a few megabytes at a time.

        The revision is that of the first page, so that a long scan is one state of the store. `timeout` is for each
        page. Raises Compacted where that revision is compacted away before the scan is through.
        """
        start, end = key_range(key, not range_end, range_end)
        size = FIRST_PAGE
        while True:
            request = pb.RangeRequest(key=start, range_end=end, limit=size, revision=revision, keys_only=keys_only)
            page = await self._range(request, timeout)
            for kv in page.kvs:
                yield kv
            if not page.more:
                return
            revision = revision or page.header.revision
            start, size = page.kvs[-1].key + END_OF_KEYS, _next_page(page)

    async def put(
        self,
        key: str | bytes,
        value: str | bytes,
        *,
        lease: int = 0,
        previous: bool = False,
        timeout: float | None = None,
    ) -> PutResult:
        request = put_request(Put(key, value, lease, previous))
        return reading.put_result(await self._calls.unary(PUT, request, timeout))

    async def delete(
        self,
        key: str | bytes,
        *,
        prefix: bool = False,
        range_end: str | bytes = b"",
        previous: bool = False,
        timeout: float | None = None,
    ) -> DeleteResult:
        request = delete_request(Delete(key, prefix, range_end, previous))
        return reading.delete_result(await self._calls.unary(DELETE_RANGE, request, timeout))

    async def txn(
        self,
        when: Sequence[If] = (),
        then: Sequence[Get | Put | Delete | Txn] = (),
        otherwise: Sequence[Get | Put | Delete | Txn] = (),
        *,
        timeout: float | None = None,
    ) -> TxnResult:
        txn = Txn(tuple(when), tuple(then), tuple(otherwise))
        method = TXN_OF_READS if txn.only_reads else TXN
        return reading.txn_result(await self._calls.unary(method, request_of(txn), timeout))

    async def compact(self, revision: int, *, physical: bool = False, timeout: float | None = None) -> Header:
        """Forget all revisions below this one; `physical` waits until the space is free for new data."""
        request = pb.CompactionRequest(revision=revision, physical=physical)
        return reading.header((await self._calls.unary(COMPACT, request, timeout)).header)


def _next_page(page: RangeResult) -> int:
    """How many keys make about PAGE_BYTES, judged by this page."""
    size = sum(len(kv.key) + len(kv.value) for kv in page.kvs)
    return max(1, min(LARGEST_PAGE, PAGE_BYTES * len(page.kvs) // max(1, size)))
