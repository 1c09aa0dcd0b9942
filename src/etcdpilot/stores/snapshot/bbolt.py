"""The pages of a bbolt database, read only: nothing in the file is believed before it is checked.

The format (little endian, as the writing host's): a page starts with id u64, flags u16, count u16, overflow u32.
Pages 0 and 1 are meta pages; the valid one with the higher transaction is the newest state. A branch holds elements of
(pos u32, ksize u32, page u64), a leaf of (flags u32, pos u32, ksize u32, vsize u32), positions counted from the element
itself. A bucket is a leaf element of flag 1 whose value is root u64, sequence u64; root 0 means that its one page
follows inline.

Pages are read with `pread`, not through a memory map: a file that shrinks under a map kills the process (SIGBUS, which
is how etcd's own tools die on a truncated file), and mapped pages count as memory of ours.
"""

from __future__ import annotations

import os
import stat
import struct
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, chain, takewhile
from operator import add
from pathlib import Path
from types import TracebackType

from etcdpilot.stores.snapshot.arrival import Arrival

MAGIC, VERSION = 0xED0CDAED, 2
PAGE_SIZES = (4096, 8192, 16384, 32768, 65536)  # the writing host's page size; 4096 nearly always
PAGE = struct.Struct("<QHHI")
META = struct.Struct("<4I6Q")
BUCKET = struct.Struct("<QQ")
BRANCH, LEAF, META_PAGE = 1, 2, 4
BUCKET_FLAG = 1
USUAL_AT_MOST = 1 << 17  # bytes that are read at once before it is known how many a page has
DEEPEST = 32  # levels; a real tree of terabytes has fewer than ten
LITTLE_ENDIAN = sys.byteorder == "little"


class Corrupt(Exception):
    """The file is not a database, or its pages do not hang together; says which page."""


class TooShort(Corrupt):
    """The newest state wants more pages than the file has."""


@dataclass(frozen=True, slots=True)
class Meta:
    """The state that a meta page describes."""

    page_size: int
    root: int
    high_water: int  # one more than the highest page in use
    transaction: int

    @property
    def size(self) -> int:
        """Bytes of the database: what `snapshot status` calls its total size."""
        return self.high_water * self.page_size


class Leaf:
    """The items of one leaf page, in key order."""

    __slots__ = ("_base", "_end", "_words", "count", "data")

    def __init__(self, data: bytes, base: int, count: int, where: str) -> None:
        """`base` is where the elements start in `data`; Corrupt when an element points outside."""
        self.data, self._base, self.count = data, base, count
        self._words = words = _words(data, base, 4 * count, where)
        self._end: int | None = base  # where the run of keys and values ends; None if they are no run
        if not count:
            return
        positions = words[1::4]
        starts = list(map(add, positions, range(base, base + 16 * count, 16)))
        ends = list(accumulate(map(add, words[2::4], words[3::4]), initial=starts[0]))
        self._end = ends.pop()
        if starts != ends:
            self._end = None
        last = self._end or max(map(add, starts, map(add, words[2::4], words[3::4])))
        if last > len(data) or min(starts) < base + 16 * count:
            raise Corrupt(f"an element of {where} points outside its page")

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Key and value of each item; buckets are items too."""
        data = self.data
        for start, middle, end in self.places():
            yield data[start:middle], data[middle:end]

    def places(self) -> Iterator[tuple[int, int, int]]:
        """Where in `data` each key begins, where its value does, and where that ends."""
        words, at = self._words, self._base
        for position, key_size, value_size in zip(words[1::4], words[2::4], words[3::4], strict=True):
            start = at + position
            middle = start + key_size
            yield start, middle, middle + value_size
            at += 16

    @property
    def flags(self) -> array[int]:
        return self._words[0::4]

    @property
    def key_sizes(self) -> array[int]:
        return self._words[2::4]

    def packed(self) -> bytes:
        """Every key and value in order as one run of bytes.

        bbolt always lays them out as one run; hashing a run at once is what makes small records fast.
        """
        if self._end is None:
            return b"".join(key + value for key, value in self.items())
        return self.data[self._base + self._words[1] : self._end] if self.count else b""

    def last_key(self) -> bytes:
        """The greatest key of a leaf that is not empty."""
        *_, position, key_size, _ = self._words
        start = self._base + 16 * (self.count - 1) + position
        return self.data[start : start + key_size]


@dataclass(frozen=True, slots=True)
class Bucket:
    """A named table: its root page, or its inline page."""

    name: bytes
    root: int
    inline: bytes


class BoltFile:
    """An open database file, the trailer of a snapshot not counted. A context manager."""

    def __init__(self, descriptor: int, arrival: Arrival | None = None) -> None:
        """Takes over `descriptor`. Corrupt when there is no valid meta page. What is still arriving is waited for."""
        self._descriptor, self._arrival, self._usual = descriptor, arrival, 0
        try:
            self.file_size = (arrival and arrival.total()) or _size_of_file(descriptor)
            self.valid_metas, self.meta = self._newest_meta()
        except BaseException:
            os.close(descriptor)
            raise

    @classmethod
    def open(cls, path: Path, arrival: Arrival | None = None) -> BoltFile:
        """OSError when it cannot be opened; a pipe or a device is Corrupt, and never waited for."""
        return cls(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), arrival)

    def close(self) -> None:
        os.close(self._descriptor)

    def __enter__(self) -> BoltFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def require_whole(self) -> None:
        """TooShort when the newest state wants more bytes than there are."""
        if self.meta.size > self.file_size:
            raise TooShort(f"the database has {self.meta.size} bytes, the file only {self.file_size}")

    def buckets(self) -> tuple[Bucket, ...]:
        """Every bucket of the newest state, in the order of its names."""
        found = []
        for leaf in self._fresh_walk(self.meta.root):
            for flag, (key, value) in zip(leaf.flags, leaf.items(), strict=True):
                if flag & BUCKET_FLAG:
                    found.append(_bucket(key, value))
        return tuple(found)

    def bucket(self, name: bytes) -> Bucket | None:
        return next((bucket for bucket in self.buckets() if bucket.name == name), None)

    def leaves(self, bucket: Bucket, start: bytes = b"") -> Iterator[Leaf]:
        """The leaves of a bucket in key order, from the one that `start` belongs to; Corrupt when a page is wrong."""
        if bucket.root:
            yield from self._fresh_walk(bucket.root, start)
        else:
            yield _inline_leaf(bucket)

    def halves(self, bucket: Bucket, start: bytes) -> tuple[Iterator[Leaf], Iterator[Leaf]]:
        """The leaves from the one that `start` belongs to, and those before it; no page is read twice for both.

        Corrupt as `leaves`, now or when they are read. The halves may be read in either order.
        """
        if not bucket.root:
            return iter((_inline_leaf(bucket),)), iter(())
        return self._halves(bucket.root, start, self._unseen(), 0)

    def items(self, bucket: Bucket) -> Iterator[tuple[bytes, bytes]]:
        """Every key and value of a bucket, in key order."""
        for leaf in self.leaves(bucket):
            yield from leaf.items()

    def _fresh_walk(self, root: int, start: bytes = b"") -> Iterator[Leaf]:
        yield from self._walk(root, start, self._unseen(), 0)

    def _unseen(self) -> bytearray:
        """A bit for each page: within one walk none may be reached twice, or a damaged branch could send us round for
        ever."""
        return bytearray(self.file_size // self.meta.page_size // 8 + 1)

    def _halves(self, number: int, start: bytes, seen: bytearray, depth: int) -> tuple[Iterator[Leaf], Iterator[Leaf]]:
        data, flags, count = self._page(number, seen)
        if flags != BRANCH:
            return iter((self._leaf(number, data, flags, count),)), iter(())
        children = self._below(data, count, b"", number, depth)
        border = len(children) - len(_children(data, count, start, number))
        if not children:
            return iter(()), iter(())
        after, before = self._halves(children[border], start, seen, depth + 1)
        return (
            chain(after, self._walks(children[border + 1 :], seen, depth + 1)),
            chain(self._walks(children[:border], seen, depth + 1), before),
        )

    def _walks(self, numbers: list[int], seen: bytearray, depth: int) -> Iterator[Leaf]:
        for number in numbers:
            yield from self._walk(number, b"", seen, depth)

    def _walk(self, number: int, start: bytes, seen: bytearray, depth: int) -> Iterator[Leaf]:
        data, flags, count = self._page(number, seen)
        if flags != BRANCH:
            yield self._leaf(number, data, flags, count)
            return
        for child in self._below(data, count, start, number, depth):
            yield from self._walk(child, start, seen, depth + 1)

    def _leaf(self, number: int, data: bytes, flags: int, count: int) -> Leaf:
        if flags != LEAF:
            raise Corrupt(f"page {number} is neither branch nor leaf but {flags:#x}")
        return Leaf(data, 16, count, f"page {number}")

    def _below(self, data: bytes, count: int, start: bytes, number: int, depth: int) -> list[int]:
        if depth >= DEEPEST:
            raise Corrupt(f"page {number} lies deeper than {DEEPEST} levels")
        return _children(data, count, start, number)

    def _page(self, number: int, seen: bytearray) -> tuple[bytes, int, int]:
        """The bytes of a page with its overflow, its flags and its count of elements."""
        size = self.meta.page_size
        if not 2 <= number < self.meta.high_water:
            raise Corrupt(f"page {number} is named, but pages go from 2 to {self.meta.high_water - 1}")
        if (number + 1) * size > self.file_size:
            raise TooShort(f"page {number} lies behind the end of the file")
        if seen[number >> 3] & 1 << (number & 7):
            raise Corrupt(f"page {number} hangs in the tree twice")
        seen[number >> 3] |= 1 << (number & 7)
        # As long as the one before, which nearly always is right: then it is one read.
        data = self._read(number * size, size, self._usual)
        identity, flags, count, overflow = PAGE.unpack_from(data)
        if identity != number:
            raise Corrupt(f"page {number} says that it is page {identity}")
        if overflow and number + overflow >= self.meta.high_water:
            raise Corrupt(f"page {number} claims {overflow} more pages than there are")
        whole = (overflow + 1) * size
        if len(data) < whole:
            data += self._read(number * size + len(data), whole - len(data))
        self._usual = min(whole, USUAL_AT_MOST)
        return data if len(data) == whole else data[:whole], flags, count

    def _newest_meta(self) -> tuple[int, Meta]:
        for size in PAGE_SIZES:
            metas = [meta for number in (0, 1) if (meta := self._meta_at(number * size, size))]
            if metas:
                return len(metas), max(metas, key=lambda meta: meta.transaction)
        raise Corrupt("there is no valid meta page in it: this is not a database of etcd")

    def _meta_at(self, offset: int, page_size: int) -> Meta | None:
        data = self._bytes(offset, 16 + META.size)
        if len(data) < 16 + META.size:
            return None
        magic, version, size, _, root, _, _, high_water, transaction, checksum = META.unpack_from(data, 16)
        if (magic, version, size) != (MAGIC, VERSION, page_size) or checksum != _fnv1a(data[16:72]):
            return None
        return Meta(size, root, high_water, transaction)

    def _read(self, offset: int, length: int, at_most: int = 0) -> bytes:
        data = self._bytes(offset, max(length, min(at_most, self.file_size - offset)))
        if len(data) < length:
            raise TooShort(f"{length} bytes were to be read at {offset}, {len(data)} are there")
        return data

    def _bytes(self, offset: int, length: int) -> bytes:
        if self._arrival is not None:
            self._arrival.wait_for(offset + length)
        return os.pread(self._descriptor, length, offset)


def _size_of_file(descriptor: int) -> int:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise Corrupt("this is not a regular file")
    return status.st_size


def _bucket(name: bytes, value: bytes) -> Bucket:
    if len(value) < BUCKET.size:
        raise Corrupt(f"the bucket {name!r} has no header")
    root, _ = BUCKET.unpack_from(value)
    return Bucket(name, root, value)


def _inline_leaf(bucket: Bucket) -> Leaf:
    if len(bucket.inline) < BUCKET.size + PAGE.size:
        raise Corrupt(f"the inline page of the bucket {bucket.name!r} is cut off")
    _, flags, count, _ = PAGE.unpack_from(bucket.inline, BUCKET.size)
    if flags != LEAF:
        raise Corrupt(f"the inline page of the bucket {bucket.name!r} is not a leaf")
    return Leaf(bucket.inline, BUCKET.size + PAGE.size, count, f"the inline page of the bucket {bucket.name!r}")


def _children(data: bytes, count: int, start: bytes, number: int) -> list[int]:
    """The pages below a branch, from the one in whose range `start` lies."""
    words = _words(data, 16, 4 * count, f"page {number}")
    first = 0
    if start:
        firsts = (_branch_key(data, 16 + 16 * at, words[4 * at], words[4 * at + 1], number) for at in range(count))
        first = max(sum(1 for _ in takewhile(lambda key: key <= start, firsts)) - 1, 0)
    return [low | high << 32 for low, high in zip(words[4 * first + 2 :: 4], words[4 * first + 3 :: 4], strict=True)]


def _branch_key(data: bytes, at: int, position: int, size: int, number: int) -> bytes:
    if at + position + size > len(data):
        raise Corrupt(f"an element of page {number} points outside its page")
    return data[at + position : at + position + size]


def _words(data: bytes, start: int, count: int, where: str) -> array[int]:
    """`count` little-endian words of 32 bits."""
    words = array("I")
    raw = data[start : start + 4 * count]
    if len(raw) != 4 * count:
        raise Corrupt(f"{where} claims more elements than fit into it")
    words.frombytes(raw)
    if not LITTLE_ENDIAN:
        words.byteswap()
    return words


def _fnv1a(data: bytes) -> int:
    """FNV-1a of 64 bits, the checksum of a meta page."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value
