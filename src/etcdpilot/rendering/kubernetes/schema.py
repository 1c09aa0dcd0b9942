"""The tables as values: which field of which type has which number, name and kind."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from etcdpilot.rendering.kubernetes.tables import KINDS, TYPES

OBJECT_META = "meta.ObjectMeta"


@dataclass(frozen=True, slots=True)
class FieldRule:
    """`kind` is a word (`string`, `int`, `time` …) or a type; `shape` is "one", "list" or "map"."""

    number: int
    name: str
    kind: str
    shape: str
    pointer: bool
    omit_empty: bool
    inline: bool

    @property
    def nullable(self) -> bool:
        return self.pointer or self.shape != "one"


Rules = dict[int, FieldRule]

_KIND = re.compile(r"(?P<pointer>\^?)(?P<shape>\[\]|\{\}|)(?P<kind>[\w.]+)(?P<flags>[?0<]*)")


def type_of(api_version: str, kind: str) -> str | None:
    """The table of a kind; None for those we have none of."""
    return _kinds().get((api_version, kind))


@functools.cache
def rules_of(type_name: str) -> Rules:
    return {rule.number: rule for rule in map(_rule, _types()[type_name].split(", ")) if rule}


def is_type(kind: str) -> bool:
    return kind in _types()


@functools.cache
def _kinds() -> dict[tuple[str, str], str]:
    named = (line.partition(" = ") for line in _logical(KINDS))
    return {(words.split()[0], words.split()[1]): type_name for words, _, type_name in named}


@functools.cache
def _types() -> dict[str, str]:
    return {name: fields for name, _, fields in (line.partition(" = ") for line in _logical(TYPES))}


def _logical(text: str) -> list[str]:
    """A line that begins with spaces goes on with the one before."""
    return re.sub(r"\n +", " ", text.strip()).splitlines()


def _rule(text: str) -> FieldRule | None:
    if not text:
        return None
    number, name, rest = text.split()
    found = _KIND.fullmatch(rest)
    assert found is not None, text
    shape = {"[]": "list", "{}": "map", "": "one"}[found["shape"]]
    flags = found["flags"]
    return FieldRule(int(number), name, found["kind"], shape, bool(found["pointer"]), "?" in flags, "<" in flags)
