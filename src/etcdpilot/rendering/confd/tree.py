"""The keys that a template sees: an immutable tree, asked the way confd's store is asked, quirks included."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from etcdpilot.rendering.confd.globs import glob
from etcdpilot.rendering.confd.paths import base, clean, dir_
from etcdpilot.rendering.gotemplate.values import order_key


class Tree:
    """Keys begin with a slash and stand without their prefix; values are text, other bytes as surrogate escapes."""

    __slots__ = ("entries", "keys")

    def __init__(self, entries: Mapping[str, str]) -> None:
        self.entries = dict(entries)
        self.keys = sorted(self.entries, key=order_key)

    def matching(self, pattern: str) -> list[str]:
        """The keys that a glob matches, in order; raises FunctionError for a bad one, if there is any key to match."""
        if not self.keys:
            return []
        compiled = glob(pattern)
        return [key for key in self._from(compiled.literal) if compiled.pattern.fullmatch(key)]

    def _from(self, prefix: str) -> Iterator[str]:
        place = bisect_left(self.keys, order_key(prefix), key=order_key)
        while place < len(self.keys) and self.keys[place].startswith(prefix):
            yield self.keys[place]
            place += 1

    def children(self, path: str) -> list[str]:
        """What lies right below a path; a key at the path itself is listed too, and "/" lists only keys of the top."""
        wanted = _terms(path)
        names = {base(key) for key in (path,) if key in self.entries}
        for key in self.keys:
            if key != path and _begins_with(_terms(dir_(key)), wanted):
                names.add(key.removeprefix(path).removeprefix("/").partition("/")[0])
        return sorted(names, key=order_key)

    def directories(self, path: str) -> list[str]:
        """Those children that have children; of "/" none, as in confd."""
        wanted = _terms(path)
        folders = (_terms(dir_(key)) for key in self._from(path))
        return sorted({terms[len(wanted)] for terms in folders if _is_below(terms, wanted)}, key=order_key)


class HasItems(Protocol):
    """What a snapshot of etcd looks like from here."""

    def items(self) -> Iterable[tuple[bytes, bytes]]: ...


def tree_of(entries: HasItems, prefix: str) -> Tree:
    """Keys and values as etcd holds them, the keys without the prefix and with a leading slash."""
    cut = len(prefix) if prefix != "/" else 0
    return Tree({_without(_text(key), cut): _text(value) for key, value in entries.items()})


def _without(key: str, cut: int) -> str:
    rest = key[cut:]
    if not rest.startswith("/"):
        rest = f"/{rest}"
    return clean(rest) if "//" in rest or "/." in rest or rest.endswith("/") else rest


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _terms(path: str) -> list[str]:
    return clean(path).split("/")


def _begins_with(terms: list[str], wanted: list[str]) -> bool:
    return terms[: len(wanted)] == wanted


def _is_below(terms: list[str], wanted: list[str]) -> bool:
    return len(terms) > len(wanted) and _begins_with(terms, wanted)
