"""Frozen values as JSON and back: the types themselves say how, so a new step needs nothing here.

A dataclass becomes an object that names its type under `is`; an Enum its value; a tuple a list; a time its ISO form; a
duration its seconds. Only types that a field's annotation names are ever made.
"""

from __future__ import annotations

import types
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

PLAIN = (str, int, float, bool)
TAG = "is"


def encode(value: object) -> Any:
    """A value of JSON; TypeError for what no plan holds, such as bytes."""
    if value is None or type(value) in PLAIN:
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, tuple):
        return [encode(each) for each in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {TAG: type(value).__name__} | {each.name: encode(getattr(value, each.name)) for each in fields(value)}
    raise TypeError(f"{type(value).__name__} has no place in a plan")


def decode(kind: Any, document: Any) -> Any:
    """The value of type `kind`; ValueError where the document is none."""
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return of_union(get_args(kind), document)
    if origin is tuple:
        return of_tuple(get_args(kind), document)
    if kind is type(None) or kind in PLAIN:
        return of_plain(kind, document)
    try:
        if issubclass(kind, Enum):
            return kind(document)
        if issubclass(kind, datetime):
            return datetime.fromisoformat(document)
        if issubclass(kind, timedelta):
            return timedelta(seconds=document)
    except TypeError as error:
        raise ValueError(str(error)) from error
    return of_dataclass(kind, document)


def of_plain(kind: type, document: Any) -> Any:
    if kind is float and type(document) is int:
        return float(document)
    if (document is None and kind is type(None)) or type(document) is kind:
        return document
    raise ValueError(f"{document!r} is no {kind.__name__}")


def of_tuple(kinds: tuple[Any, ...], document: Any) -> tuple[Any, ...]:
    if not isinstance(document, list):
        raise ValueError(f"{document!r} is no list")
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        return tuple(decode(kinds[0], each) for each in document)
    if len(kinds) != len(document):
        raise ValueError(f"{len(document)} values stand where {len(kinds)} belong")
    return tuple(decode(kind, each) for kind, each in zip(kinds, document, strict=True))


def of_union(kinds: tuple[Any, ...], document: Any) -> Any:
    """The member of the set that the document names, or the first plain one that it fits."""
    if isinstance(document, dict):
        named = next((kind for kind in kinds if getattr(kind, "__name__", "") == document.get(TAG)), None)
        if named is None:
            raise ValueError(f"{document.get(TAG)!r} is none of {', '.join(kind.__name__ for kind in kinds)}")
        return decode(named, document)
    for kind in kinds:
        if not is_dataclass(kind):
            try:
                return decode(kind, document)
            except ValueError:
                continue
    raise ValueError(f"{document!r} is nothing that may stand there")


def of_dataclass(kind: Any, document: Any) -> Any:
    if not isinstance(document, dict) or document.get(TAG) != kind.__name__:
        raise ValueError(f"{document!r} is no {kind.__name__}")
    hints = hints_of(kind)
    if set(document) != {TAG, *hints}:
        odd = ", ".join(sorted(set(document) ^ {TAG, *hints}))
        raise ValueError(f"{kind.__name__} does not have exactly its own fields: {odd}")
    return kind(**{name: decode(hint, document[name]) for name, hint in hints.items()})


@cache
def hints_of(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {each.name: hints[each.name] for each in fields(kind)}
