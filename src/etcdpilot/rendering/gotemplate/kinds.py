"""Go's types, as far as a template can see them: what `%T` prints and what may be assigned to what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cache
from typing import Any


class Kind(Enum):
    """What sort of thing a type is, after Go's `reflect.Kind`."""

    BOOL = auto()
    INT = auto()
    INT8 = auto()
    INT16 = auto()
    INT32 = auto()
    INT64 = auto()
    UINT = auto()
    UINT8 = auto()
    UINT16 = auto()
    UINT32 = auto()
    UINT64 = auto()
    FLOAT32 = auto()
    FLOAT64 = auto()
    COMPLEX64 = auto()
    COMPLEX128 = auto()
    STRING = auto()
    ARRAY = auto()
    SLICE = auto()
    MAP = auto()
    STRUCT = auto()
    POINTER = auto()
    FUNC = auto()
    INTERFACE = auto()
    VALUE = auto()  # a parameter that takes anything as it is, also nothing at all: Go's `reflect.Value`


SIGNED = frozenset({Kind.INT, Kind.INT8, Kind.INT16, Kind.INT32, Kind.INT64})
UNSIGNED = frozenset({Kind.UINT, Kind.UINT8, Kind.UINT16, Kind.UINT32, Kind.UINT64})
INTEGERS = SIGNED | UNSIGNED
FLOATS = frozenset({Kind.FLOAT32, Kind.FLOAT64})
COMPLEXES = frozenset({Kind.COMPLEX64, Kind.COMPLEX128})
NILLABLE = frozenset({Kind.SLICE, Kind.MAP, Kind.POINTER, Kind.FUNC, Kind.INTERFACE})

BITS: Mapping[Kind, int] = {
    Kind.INT: 64,
    Kind.INT8: 8,
    Kind.INT16: 16,
    Kind.INT32: 32,
    Kind.INT64: 64,
    Kind.UINT: 64,
    Kind.UINT8: 8,
    Kind.UINT16: 16,
    Kind.UINT32: 32,
    Kind.UINT64: 64,
}


@dataclass(frozen=True, slots=True, eq=False)
class GoType:
    """A type; two are the same when kind and text are.

    `fields` are a struct's, in order. `methods` map a name to what calls it: the receiver, then the arguments.
    `parameters`, `variadic` and `result` are a function's; the last parameter of a variadic one is its element type.
    """

    text: str
    kind: Kind
    named: bool = False
    elem: GoType | None = None
    key: GoType | None = None
    length: int = 0
    fields: tuple[tuple[str, GoType], ...] = ()
    methods: Mapping[str, Method] = field(default_factory=dict)
    parameters: tuple[GoType, ...] = ()
    variadic: bool = False
    result: GoType | None = None

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, GoType) and self.text == other.text and self.kind is other.kind)

    def __hash__(self) -> int:
        return hash(self.text)

    @property
    def underlying(self) -> str:
        """The text of the type that a named slice or map is made of."""
        match self.kind:
            case Kind.SLICE:
                return f"[]{self.elem and self.elem.text}"
            case Kind.MAP:
                return f"map[{self.key and self.key.text}]{self.elem and self.elem.text}"
            case _:
                return self.text


@dataclass(frozen=True, slots=True)
class Method:
    """A method of a type: its signature without the receiver, and what carries it out with the receiver first."""

    type: GoType
    call: Callable[..., Any]


BOOL = GoType("bool", Kind.BOOL)
INT = GoType("int", Kind.INT)
INT8 = GoType("int8", Kind.INT8)
INT16 = GoType("int16", Kind.INT16)
INT32 = GoType("int32", Kind.INT32)
INT64 = GoType("int64", Kind.INT64)
UINT = GoType("uint", Kind.UINT)
UINT8 = GoType("uint8", Kind.UINT8)
UINT16 = GoType("uint16", Kind.UINT16)
UINT32 = GoType("uint32", Kind.UINT32)
UINT64 = GoType("uint64", Kind.UINT64)
FLOAT32 = GoType("float32", Kind.FLOAT32)
FLOAT64 = GoType("float64", Kind.FLOAT64)
COMPLEX128 = GoType("complex128", Kind.COMPLEX128)
STRING = GoType("string", Kind.STRING)
ANY = GoType("interface {}", Kind.INTERFACE)
VALUE = GoType("reflect.Value", Kind.VALUE)

BASIC = (
    BOOL,
    INT,
    INT8,
    INT16,
    INT32,
    INT64,
    UINT,
    UINT8,
    UINT16,
    UINT32,
    UINT64,
    FLOAT32,
    FLOAT64,
    COMPLEX128,
    STRING,
)


@cache
def slice_of(elem: GoType) -> GoType:
    return GoType(f"[]{elem.text}", Kind.SLICE, elem=elem)


@cache
def array_of(length: int, elem: GoType) -> GoType:
    return GoType(f"[{length}]{elem.text}", Kind.ARRAY, elem=elem, length=length)


@cache
def map_of(key: GoType, elem: GoType) -> GoType:
    return GoType(f"map[{key.text}]{elem.text}", Kind.MAP, key=key, elem=elem)


@cache
def pointer_to(elem: GoType) -> GoType:
    """A pointer; it has every method of what it points at."""
    return GoType(f"*{elem.text}", Kind.POINTER, elem=elem)


def function_type(parameters: tuple[GoType, ...], result: GoType, *, variadic: bool = False) -> GoType:
    texts = [parameter.text for parameter in parameters]
    if variadic:
        texts[-1] = f"...{texts[-1]}"
    text = f"func({', '.join(texts)}) {result.text}"
    return GoType(text, Kind.FUNC, parameters=parameters, variadic=variadic, result=result)


def struct_type(
    name: str, fields: tuple[tuple[str, GoType], ...], methods: Mapping[str, Method] | None = None
) -> GoType:
    return GoType(name, Kind.STRUCT, named=True, fields=fields, methods=methods or {})


def assignable(have: GoType, want: GoType) -> bool:
    """Whether a value of the first type may be passed where the second is asked for."""
    if have is want or want is ANY or have == want:
        return True
    if want.kind is Kind.INTERFACE:
        return want.text == ANY.text
    # Go lets a named type stand for an unnamed one of the same make, and the other way round.
    return have.kind is want.kind and not (have.named and want.named) and have.underlying == want.underlying


def may_be_nil(kind: GoType) -> bool:
    return kind.kind in NILLABLE or kind.kind is Kind.VALUE
