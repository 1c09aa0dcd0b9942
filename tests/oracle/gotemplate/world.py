"""The types and functions that the templates of the oracle may use, as main.go defines them in Go, and its encoding."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from etcdpilot.rendering.confd.functions import confd_functions
from etcdpilot.rendering.confd.globs import glob
from etcdpilot.rendering.confd.gotime import format_time
from etcdpilot.rendering.confd.tree import Tree
from etcdpilot.rendering.confd.world import World
from etcdpilot.rendering.gotemplate import FunctionError, function
from etcdpilot.rendering.gotemplate import kinds as k
from etcdpilot.rendering.gotemplate.functions import parse_type
from etcdpilot.rendering.gotemplate.kinds import GoType, Kind, Method, function_type, struct_type
from etcdpilot.rendering.gotemplate.printing import sprint
from etcdpilot.rendering.gotemplate.texts import upper
from etcdpilot.rendering.gotemplate.values import (
    Func,
    Mapped,
    Pointer,
    Sequenced,
    Struct,
    Typed,
    Value,
    from_bytes,
    made,
    to_bytes,
    wrapped,
    zero,
)

LEVEL = GoType(
    "main.Level", Kind.INT, named=True,
    methods={"String": Method(function_type((), k.STRING), lambda level: f"level-{level.value}")},
)  # fmt: skip
LABEL = GoType("main.Label", Kind.STRING, named=True)
LABELS = GoType("main.Labels", Kind.SLICE, named=True, elem=k.STRING)
KVPAIR = struct_type("main.KVPair", (("Key", k.STRING), ("Value", k.STRING)))


def _broken(_: Value) -> str:
    raise FunctionError("broken host")


def _greet(host: Struct, word: str, times: int) -> str:
    return word * (times if 0 <= times <= 5 else 1) + host.values[0]


_HOST_METHODS = {
    "Address": Method(function_type((), k.STRING), lambda host: f"{host.values[0]}:{host.values[1]}"),
    "Greet": Method(function_type((k.STRING, k.INT), k.STRING), _greet),
    "Broken": Method(function_type((), k.STRING), _broken),
    "All": Method(function_type((k.ANY,), k.STRING, variadic=True), lambda host, *values: sprint(values)),
}
# A type cannot name itself, and nothing is ever behind Next but nil: its names are enough.
_HOST_NAMES = ("Name", "Port", "Weight", "Up", "Tags", "Meta", "Next", "Any", "Level")
_NEXT = k.pointer_to(struct_type("main.Host", tuple((name, k.ANY) for name in _HOST_NAMES), _HOST_METHODS))
HOST = struct_type(
    "main.Host",
    (
        ("Name", k.STRING), ("Port", k.INT), ("Weight", k.FLOAT64), ("Up", k.BOOL), ("Tags", parse_type("[]string")),
        ("Meta", parse_type("map[string]any")), ("Next", _NEXT), ("Any", k.ANY), ("Level", LEVEL),
    ),
    _HOST_METHODS,
)  # fmt: skip
_NAMED = {"Level": LEVEL, "Label": LABEL, "Labels": LABELS, "KVPair": KVPAIR, "Host": HOST}


def type_named(text: str) -> GoType:
    if text in _NAMED:
        return _NAMED[text]
    if text.startswith("[]"):
        return k.slice_of(type_named(text[2:]))
    if text.startswith("*"):
        return GoType(f"*{type_named(text[1:]).text}", Kind.POINTER, elem=type_named(text[1:]))
    if text.startswith("map["):
        key, _, elem = text[4:].partition("]")
        return k.map_of(type_named(key), type_named(elem))
    return parse_type(text)


@dataclass(frozen=True)
class Data:
    """A value with its type's name: `Data("[]string", ["a"])`. Below `any`, values are `Data` again."""

    type: str
    value: Any = None


def as_json(data: Data) -> dict[str, Any]:
    if data.type in ("nil", "func"):
        return {"t": data.type}
    return {"t": data.type, "v": _encoded(type_named(data.type), data.value)}


def _encoded(of: GoType, value: Any) -> Any:
    if value is None:
        return None
    match of.kind:
        case Kind.INTERFACE:
            return as_json(value)
        case Kind.SLICE | Kind.ARRAY:
            return [_encoded(of.elem, item) for item in value]
        case Kind.MAP:
            return [[_encoded(of.key, key), _encoded(of.elem, item)] for key, item in value.items()]
        case Kind.POINTER:
            return _encoded(of.elem, value)
        case Kind.STRUCT:
            fields = dict(of.fields)
            return {name: _encoded(fields[name], item) for name, item in value.items()}
        case Kind.STRING:
            return base64.b64encode(to_bytes(value)).decode()
        case Kind.COMPLEX128:
            return [value.real, value.imag]
        case _:
            return value


def from_json(data: dict[str, Any]) -> Value:
    """The value that the oracle builds from the same lines, in our engine's terms."""
    if data["t"] == "nil":
        return None
    if data["t"] == "func":
        return function("int -> int", lambda number: wrapped(Kind.INT, 2 * number))
    return _built(type_named(data["t"]), data["v"])


def _built(of: GoType, value: Any) -> Value:
    if value is None:
        return zero(of)
    match of.kind:
        case Kind.INTERFACE:
            return from_json(value)
        case Kind.SLICE | Kind.ARRAY:
            return Sequenced(of, [_built(of.elem, item) for item in value])
        case Kind.MAP:
            return Mapped(of, {_built(of.key, key): _built(of.elem, item) for key, item in value})
        case Kind.POINTER:
            return Pointer(of, _built(of.elem, value))
        case Kind.STRUCT:
            return Struct(
                of, tuple(_built(part, value[name]) if name in value else zero(part) for name, part in of.fields)
            )
        case Kind.STRING:
            return made(of, from_bytes(base64.b64decode(value)))
        case Kind.COMPLEX128:
            return complex(*value)
        case kind:
            return made(of, float(value) if kind in k.FLOATS else value)


def _part(of: GoType, fields: dict[str, Any], name: str) -> Value:
    return _built(of, fields[name]) if name in fields else zero(of)


def _fail(why: str) -> str:
    raise FunctionError(why)


def _boom() -> str:
    raise FunctionError("boom")


def _typed(signature: str, result: GoType, call: Any) -> Func:
    inner = function(f"{signature} -> any", call)
    of = inner.type
    return Func(function_type(of.parameters, result, variadic=of.variadic), call)


def _match(pattern: str, key: str) -> bool:
    return glob(pattern).pattern.fullmatch(key) is not None


def _moment(unix: int, micros: int, offset: int, layout: str) -> str:
    zone = timezone(timedelta(minutes=offset), "ABC")
    return format_time(
        datetime(1970, 1, 1, tzinfo=UTC).astimezone(zone) + timedelta(seconds=unix, microseconds=micros), layout
    )


_CONFD = confd_functions(Tree({}), World())
_OF_CONFD = [
    "base",
    "dir",
    "split",
    "replace",
    "toUpper",
    "toLower",
    "contains",
    "atoi",
    "trimSuffix",
    "parseBool",
    "json",
    "jsonArray",
]

FUNCTIONS: dict[str, Func] = {
    **{name: _CONFD[name] for name in _OF_CONFD},
    "decode64": _CONFD["base64Decode"],
    "match": function("string, string -> bool", _match),
    "moment": function("int, int, int, string -> string", _moment),
    "add": function("int, int -> int", lambda a, b: wrapped(Kind.INT, a + b)),
    "up": function("string -> string", upper),
    "joined": function("[]string, string -> string", lambda items, by: by.join(items.items)),
    "fail": function("string -> string", _fail),
    "boom": function("-> string", _boom),
    "cat": function("string, ...any -> string", lambda first, *rest: first + sprint(rest)),
    "half": function("float64 -> float64", lambda number: number / 2),
    "tiny": function("uint8 -> uint8", lambda number: number),
    "wide": function("int64 -> int64", lambda number: number),
    "same": function("any -> any", lambda value: value),
    "nothing": function("-> any", lambda: None),
    "flip": function("bool -> bool", lambda flag: not flag),
    "pair": _typed("string, string", KVPAIR, lambda key, value: Struct(KVPAIR, (key, value))),
    "level": _typed("int", LEVEL, lambda number: Typed(LEVEL, number)),
    "count": function("int -> []int", lambda number: Sequenced(parse_type("[]int"), list(range(min(number, 9))))),
    "list": function("...any -> []any", lambda *items: Sequenced(parse_type("[]any"), items, nil=not items)),
    "rot": function("complex128 -> complex128", lambda number: number * 1j),
}
