"""eq, ne, lt, le, gt and ge: by kind, so that 1 and 1.0 do not compare, as in Go."""

from __future__ import annotations

from enum import Enum, auto
from typing import Any

from etcdpilot.rendering.gotemplate import kinds
from etcdpilot.rendering.gotemplate.errors import FunctionError
from etcdpilot.rendering.gotemplate.kinds import Kind
from etcdpilot.rendering.gotemplate.printing import verb_of
from etcdpilot.rendering.gotemplate.values import (
    Value,
    comparable,
    is_nil,
    is_nothing,
    kind_of,
    order_key,
    plain,
    same,
    type_of,
)


class Basic(Enum):
    """The sorts of values between which a comparison is defined."""

    BOOL = auto()
    COMPLEX = auto()
    INT = auto()
    FLOAT = auto()
    STRING = auto()
    UINT = auto()
    OTHER = auto()


_INTEGERS = {Basic.INT, Basic.UINT}


def _basic(value: Value) -> Basic:
    kind = kind_of(value)
    if kind in kinds.SIGNED:
        return Basic.INT
    if kind in kinds.UNSIGNED:
        return Basic.UINT
    if kind in kinds.FLOATS:
        return Basic.FLOAT
    if kind in kinds.COMPLEXES:
        return Basic.COMPLEX
    return {Kind.BOOL: Basic.BOOL, Kind.STRING: Basic.STRING}.get(kind, Basic.OTHER) if kind else Basic.OTHER


def eq(first: Value, *others: Value) -> bool:
    """Whether the first is equal to any of the others."""
    if not others:
        raise FunctionError("missing argument for comparison")
    return any(_equal(first, other) for other in others)


def ne(first: Value, second: Value) -> bool:
    return not _equal(first, second)


def _equal(first: Value, second: Value) -> bool:
    left, right = _basic(first), _basic(second)
    if {left, right} == _INTEGERS:
        return bool(plain(first) == plain(second))
    if left is not right:
        if is_nothing(first) or is_nothing(second):
            return False
        raise _incompatible(first, second)
    return _equal_others(first, second) if left is Basic.OTHER else bool(plain(first) == plain(second))


def _equal_others(first: Value, second: Value) -> bool:
    if kind_of(first) is not kind_of(second) and not (is_nothing(first) or is_nothing(second)):
        shown = f"{verb_of(first, 's')}: {type_of(first).text}, {type_of(second).text}: {verb_of(second, 'v')}"
        raise FunctionError(f"non-comparable types {shown}")
    if is_nil(first) or is_nil(second):
        return is_nil(first) == is_nil(second)
    if not comparable(type_of(second)):
        raise FunctionError(f"non-comparable type {verb_of(second, 's')}: {type_of(second).text}")
    return same(first, second)


def lt(first: Value, second: Value) -> bool:
    left, right = _ordered(first), _ordered(second)
    if left is not right and {left, right} != _INTEGERS:
        raise _incompatible(first, second)
    if left in (Basic.BOOL, Basic.COMPLEX):
        raise FunctionError("invalid type for comparison")
    return bool(_order(first) < _order(second))


def _order(value: Value) -> Any:
    bare = plain(value)
    return order_key(bare) if isinstance(bare, str) else bare


def _ordered(value: Value) -> Basic:
    basic = _basic(value)
    if basic is Basic.OTHER:
        raise FunctionError("invalid type for comparison")
    return basic


def le(first: Value, second: Value) -> bool:
    return lt(first, second) or _equal(first, second)


def gt(first: Value, second: Value) -> bool:
    return not le(first, second)


def ge(first: Value, second: Value) -> bool:
    # Not `less` turned round: with NaN on a side this is true, as it is in Go.
    return not lt(first, second)


def _incompatible(first: Value, second: Value) -> FunctionError:
    return FunctionError(f"incompatible types for comparison: {type_of(first).text} and {type_of(second).text}")
