"""Go's values in Python's clothes.

`bool`, `int`, `float`, `complex` and `str` stand for Go's bool, int, float64, complex128 and string; every other type
carries its type with it. A string of Go is bytes: those that are no UTF-8 are kept as surrogate escapes, one for each.
`None` is the nil that an `interface{}` can hold; `NO_VALUE` is nothing at all (a missing key): it prints differently.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from etcdpilot.rendering.gotemplate import kinds
from etcdpilot.rendering.gotemplate.kinds import GoType, Kind

Value = Any
"""One of the things described above."""


class NoValue(Enum):
    """What a template gets where there is nothing: neither a value nor nil."""

    NO_VALUE = "<no value>"


NO_VALUE = NoValue.NO_VALUE


@dataclass(frozen=True, slots=True)
class Typed:
    """A scalar of any type but the five that Python has."""

    type: GoType
    value: bool | int | float | complex | str


@dataclass(frozen=True, slots=True, eq=False)
class Sequenced:
    """A slice or an array. `spare` is what lies between the slice's length and its capacity."""

    type: GoType
    items: Sequence[Value]
    nil: bool = False
    spare: Sequence[Value] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Mapped:
    """A map; keys of Python for the five types that it has, `Typed` for others."""

    type: GoType
    entries: Mapping[Any, Value] = field(default_factory=dict)
    nil: bool = False


@dataclass(frozen=True, slots=True)
class Struct:
    """A struct; `values` in the order of its type's fields."""

    type: GoType
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Pointer:
    """A pointer; `target` is None when it is nil."""

    type: GoType
    target: Value = None


@dataclass(frozen=True, slots=True, eq=False)
class Func:
    """A function that a template may call. `call` gets values of its parameters' types and may raise FunctionError."""

    type: GoType
    call: Callable[..., Value]


@dataclass(frozen=True, slots=True)
class Held:
    """A value inside an `interface{}`: only while a chain of fields is walked, and for the elements of a range.

    Go's messages then speak of `interface {}` and not of the type that is inside.
    """

    value: Value


def held(value: Value, of: GoType | None) -> Value:
    """An element of a container whose elements have this type."""
    return Held(value) if of is kinds.ANY and value is not None else value


def unheld(value: Value) -> Value:
    return value.value if type(value) is Held else value


def strings(items: Sequence[str]) -> Sequenced:
    return Sequenced(kinds.slice_of(kinds.STRING), items)


def anything(items: Sequence[Value]) -> Sequenced:
    """A `[]interface{}`."""
    return Sequenced(kinds.slice_of(kinds.ANY), items)


def string_map(entries: Mapping[str, Value]) -> Mapped:
    """A `map[string]interface{}`."""
    return Mapped(kinds.map_of(kinds.STRING, kinds.ANY), entries)


_PLAIN: dict[type, GoType] = {
    bool: kinds.BOOL,
    int: kinds.INT,
    float: kinds.FLOAT64,
    complex: kinds.COMPLEX128,
    str: kinds.STRING,
}


def type_of(value: Value) -> GoType:
    """The type of a value that is neither nil nor nothing."""
    plain = _PLAIN.get(type(value))
    return plain if plain is not None else value.type


def kind_of(value: Value) -> Kind | None:
    """Its kind; None for nil and nothing."""
    return None if is_nothing(value) else type_of(value).kind


def is_nothing(value: Value) -> bool:
    return value is None or value is NO_VALUE


def is_nil(value: Value) -> bool:
    """Nothing, nil, or the nil of a slice, a map or a pointer."""
    match value:
        case None | NoValue.NO_VALUE:
            return True
        case Sequenced(nil=nil) | Mapped(nil=nil):
            return nil
        case Pointer(target=target):
            return target is None
        case _:
            return False


def plain(value: Value) -> Any:
    """The Python scalar in a value of a basic kind."""
    return value.value if type(value) is Typed else value


def made(wanted: GoType, scalar: Any) -> Value:
    """A scalar as a value of a type: itself when Python has the type."""
    return scalar if _PLAIN.get(type(scalar)) is wanted else Typed(wanted, scalar)


def wrapped(kind: Kind, number: int) -> int:
    """An integer as it is left in so many bits, as Go's arithmetic and conversions leave it."""
    bits = kinds.BITS[kind]
    number &= (1 << bits) - 1
    return number - (1 << bits) if kind in kinds.SIGNED and number >> (bits - 1) else number


def zero(wanted: GoType) -> Value:
    """The value that a variable of this type begins with."""
    match wanted.kind:
        case Kind.BOOL:
            return made(wanted, False)
        case Kind.STRING:
            return made(wanted, "")
        case Kind.SLICE:
            return Sequenced(wanted, (), nil=True)
        case Kind.ARRAY:
            return Sequenced(wanted, [zero(wanted.elem or kinds.ANY)] * wanted.length)
        case Kind.MAP:
            return Mapped(wanted, nil=True)
        case Kind.STRUCT:
            return Struct(wanted, tuple(zero(of) for _, of in wanted.fields))
        case Kind.POINTER:
            return Pointer(wanted)
        case Kind.INTERFACE | Kind.FUNC:
            return None
        case Kind.VALUE:
            return NO_VALUE
        case kind:
            return made(wanted, 0.0 if kind in kinds.FLOATS else 0j if kind in kinds.COMPLEXES else 0)


def truth(value: Value) -> bool:
    """What `if` makes of a value: false for zero, empty and nil; a struct is always true."""
    match value:
        case None | NoValue.NO_VALUE:
            return False
        case Typed(value=scalar):
            return bool(scalar)
        case Sequenced(items=items):
            return len(items) > 0
        case Mapped(entries=entries):
            return len(entries) > 0
        case Pointer(target=target):
            return target is not None
        case Struct() | Func():
            return True
        case _:
            return bool(value)


def indirect(value: Value) -> tuple[Value, bool]:
    """What a chain of pointers ends at, and whether it ends at a nil pointer or a nil interface."""
    while type(value) is Pointer:
        if value.target is None:
            return value, True
        value = value.target
    return value, value is None


def same(left: Value, right: Value) -> bool:
    """Go's == on two values of whatever types: of two different ones it is false."""
    if is_nothing(left) or is_nothing(right):
        return is_nothing(left) and is_nothing(right)
    if type_of(left) != type_of(right):
        return False
    match left:
        case Struct(values=values):
            return all(same(a, b) for a, b in zip(values, right.values, strict=True))
        case Sequenced(items=items):
            return all(same(a, b) for a, b in zip(items, right.items, strict=True))
        case _:
            return bool(left == right)


def comparable(of: GoType) -> bool:
    """Whether Go's == is defined on a type."""
    match of.kind:
        case Kind.SLICE | Kind.MAP | Kind.FUNC:
            return False
        case Kind.ARRAY:
            return comparable(of.elem or kinds.ANY)
        case Kind.STRUCT:
            return all(comparable(part) for _, part in of.fields)
        case _:
            return True


def to_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def from_bytes(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def joined(text: str) -> str:
    """A string made of parts: bytes that were no UTF-8 alone may be so together."""
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return from_bytes(to_bytes(text))
    return text


def order_key(text: str) -> bytes | str:
    """What strings are compared by: their bytes. Code points give the same order unless there are escapes."""
    return to_bytes(text)


def sorted_keys(of: Mapped) -> list[Any]:
    """The keys of a map in the order in which Go prints and ranges over them."""
    keys = list(of.entries)
    kind = of.type.key.kind if of.type.key else None
    if kind is Kind.STRING:
        return sorted(keys, key=lambda key: order_key(plain(key)))
    return sorted(keys, key=plain)
