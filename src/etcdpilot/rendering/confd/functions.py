"""confd's own functions, each with the Go signature that it has there, so that wrong calls fail as they do there."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from etcdpilot.rendering.confd import gojson
from etcdpilot.rendering.confd.base64go import decode
from etcdpilot.rendering.confd.fork import FORK
from etcdpilot.rendering.confd.gotime import TIME, time_value
from etcdpilot.rendering.confd.paths import base, dir_
from etcdpilot.rendering.confd.tree import Tree
from etcdpilot.rendering.confd.world import Service, World
from etcdpilot.rendering.gotemplate import kinds
from etcdpilot.rendering.gotemplate.errors import FunctionError
from etcdpilot.rendering.gotemplate.functions import function, functions
from etcdpilot.rendering.gotemplate.kinds import GoType, Kind, function_type, pointer_to, slice_of, struct_type
from etcdpilot.rendering.gotemplate.quoting import quote
from etcdpilot.rendering.gotemplate.texts import lower, upper
from etcdpilot.rendering.gotemplate.values import (
    Func,
    Pointer,
    Sequenced,
    Struct,
    Typed,
    Value,
    from_bytes,
    joined,
    order_key,
    string_map,
    strings,
    to_bytes,
    wrapped,
)

KV_PAIR = struct_type("memkv.KVPair", (("Key", kinds.STRING), ("Value", kinds.STRING)))
KV_PAIRS = GoType("memkv.KVPairs", Kind.SLICE, named=True, elem=KV_PAIR)
_PAIRS = slice_of(KV_PAIR)
_NUMBERS = (("Target", kinds.STRING), ("Port", kinds.UINT16), ("Priority", kinds.UINT16), ("Weight", kinds.UINT16))
SRV = struct_type("net.SRV", _NUMBERS)
_STRINGS = slice_of(kinds.STRING)

# No honest template counts further; it would fill the memory.
_LONGEST_SEQUENCE = 10_000_000
_TRUE, _FALSE = ("1", "t", "T", "TRUE", "true", "True"), ("0", "f", "F", "FALSE", "false", "False")


def confd_functions(tree: Tree, world: World) -> dict[str, Func]:
    """Everything that a confd template may call beside Go's own, over these keys and this machine."""
    return {**FORK, **_PURE, **_of_tree(tree), **_of_world(world)}


def _of_tree(tree: Tree) -> dict[str, Func]:
    return {
        "exists": function("string -> bool", lambda key: key in tree.entries),
        "get": _typed((kinds.STRING,), KV_PAIR, lambda key: Struct(KV_PAIR, (key, _value(tree, key)))),
        "gets": _typed((kinds.STRING,), KV_PAIRS, lambda pattern: _pairs(tree, pattern)),
        "getv": function("string, ...string -> string", lambda key, *default: _value(tree, key, *default)),
        "getvs": function("string -> []string", lambda pattern: strings(_values(tree, pattern))),
        "ls": function("string -> []string", lambda path: strings(tree.children(path))),
        "lsdir": function("string -> []string", lambda path: strings(tree.directories(path))),
    }


def _typed(
    parameters: tuple[GoType, ...], result: GoType, call: Callable[..., Value], *, variadic: bool = False
) -> Func:
    return Func(function_type(parameters, result, variadic=variadic), call)


def _value(tree: Tree, key: str, *default: str) -> str:
    found = tree.entries.get(key)
    if found is not None:
        return found
    if default:
        return default[0]
    raise FunctionError(f"key does not exist: {key}")


def _pairs(tree: Tree, pattern: str) -> Sequenced:
    return Sequenced(KV_PAIRS, [Struct(KV_PAIR, (key, tree.entries[key])) for key in tree.matching(pattern)])


def _values(tree: Tree, pattern: str) -> list[str]:
    return sorted((tree.entries[key] for key in tree.matching(pattern)), key=order_key)


def _of_world(world: World) -> dict[str, Func]:
    return {
        "getenv": function("string, ...string -> string", lambda name, *default: _environment(world, name, *default)),
        "datetime": _typed((), TIME, lambda: time_value(world.now())),
        "fileExists": function("string -> bool", world.file_exists),
        "lookupIP": _lookup(lambda name: world.addresses(name)),
        "lookupIPV4": _lookup(lambda name: [one for one in world.addresses(name) if "." in one]),
        "lookupIPV6": _lookup(lambda name: [one for one in world.addresses(name) if ":" in one]),
        "lookupSRV": _typed((kinds.STRING,) * 3, slice_of(pointer_to(SRV)), lambda *asked: _services(world, *asked)),
        "hostname": function("-> string", world.hostname),
        "lookupIfaceIPV4": function("string -> string", lambda name: _first(world, name, ".")),
        "lookupIfaceIPV6": function("string -> string", lambda name: _first(world, name, ":")),
    }


def _environment(world: World, name: str, *default: str) -> str:
    return world.environment(name) or (default[0] if default else "")


def _lookup(look: Callable[[str], Any]) -> Func:
    return function("string -> []string", lambda name: strings(sorted(look(name))))


def _first(world: World, name: str, mark: str) -> str:
    found = next((one for one in world.interface_addresses(name) if mark in one), None)
    if found is None:
        raise FunctionError(f"interface {name} has no such address")
    return found


def _services(world: World, service: str, protocol: str, name: str) -> Sequenced:
    found = sorted(world.services(service, protocol, name), key=_service_order)
    return Sequenced(slice_of(pointer_to(SRV)), [Pointer(pointer_to(SRV), _service(one)) for one in found])


def _service_order(one: Service) -> str:
    # The text that confd sorts by: numbers as text, one after the other.
    return f"{one.target}{one.port}{one.priority}{one.weight}"


def _service(one: Service) -> Struct:
    numbers = (Typed(kinds.UINT16, number) for number in (one.port, one.priority, one.weight))
    return Struct(SRV, (one.target, *numbers))


def _split(text: str, separator: str) -> Sequenced:
    return strings(text.split(separator) if separator else list(text))


def _replace(text: str, old: str, new: str, count: int) -> str:
    return joined(text.replace(old, new, count if count >= 0 else -1))


def _map(*values: Value) -> Value:
    if len(values) % 2:
        raise FunctionError("invalid map call")
    keys = values[::2]
    if not all(isinstance(key, str) for key in keys):
        raise FunctionError("map keys must be strings")
    return string_map(dict(zip(keys, values[1::2], strict=True)))


def _parse_bool(text: str) -> bool:
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise FunctionError(f"strconv.ParseBool: parsing {quote(text)}: invalid syntax")


def _atoi(text: str) -> int:
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not (digits.isascii() and digits.isdigit()):
        raise FunctionError(f"strconv.Atoi: parsing {quote(text)}: invalid syntax")
    number = int(digits) if len(digits) < 4000 else 1 << 64
    number = -number if text[0] == "-" else number
    if not -(1 << 63) <= number < 1 << 63:
        raise FunctionError(f"strconv.Atoi: parsing {quote(text)}: value out of range")
    return number


def _reverse(value: Value) -> Value:
    # In place, as in confd: a variable that holds the list is turned round too. What `gets` gives has a type of its own
    # and is left alone.
    if isinstance(value, Sequenced) and value.type in (_STRINGS, _PAIRS) and isinstance(value.items, list):
        value.items.reverse()
    return value


def _sort_by_length(values: Sequenced) -> Sequenced:
    return Sequenced(_STRINGS, sorted(values.items, key=lambda text: len(to_bytes(text))))


def _sort_pairs_by_length(values: Sequenced) -> Sequenced:
    return Sequenced(_PAIRS, sorted(values.items, key=lambda pair: len(to_bytes(pair.values[0]))))


def _quotient(left: int, right: int) -> int:
    if not right:
        raise FunctionError("runtime error: integer divide by zero")
    size = abs(left) // abs(right)
    return _int(size if (left < 0) == (right < 0) else -size)


def _int(number: int) -> int:
    return wrapped(Kind.INT, number)


def _sequence(first: int, last: int) -> Sequenced:
    if last - first >= _LONGEST_SEQUENCE:
        raise FunctionError(f"seq of more than {_LONGEST_SEQUENCE} numbers")
    return Sequenced(slice_of(kinds.INT), range(first, last + 1))


_PURE: Mapping[str, Func] = {
    **functions(
        {
            "base": ("string -> string", base),
            "dir": ("string -> string", dir_),
            "split": ("string, string -> []string", _split),
            "join": ("[]string, string -> string", lambda items, by: joined(by.join(items.items))),
            "json": ("string -> map[string]any", lambda text: gojson.parse(text, dict)),
            "jsonArray": ("string -> []any", lambda text: gojson.parse(text, list)),
            "map": ("...any -> map[string]any", _map),
            "toUpper": ("string -> string", upper),
            "toLower": ("string -> string", lower),
            "contains": ("string, string -> bool", lambda text, part: part in text),
            "replace": ("string, string, string, int -> string", _replace),
            "trimSuffix": ("string, string -> string", lambda text, end: text.removesuffix(end)),
            "base64Encode": ("string -> string", lambda text: base64.b64encode(to_bytes(text)).decode()),
            "base64Decode": ("string -> string", lambda text: from_bytes(decode(to_bytes(text)))),
            "parseBool": ("string -> bool", _parse_bool),
            "reverse": ("any -> any", _reverse),
            "sortByLength": ("[]string -> []string", _sort_by_length),
            "add": ("int, int -> int", lambda left, right: _int(left + right)),
            "sub": ("int, int -> int", lambda left, right: _int(left - right)),
            "mul": ("int, int -> int", lambda left, right: _int(left * right)),
            "div": ("int, int -> int", _quotient),
            "mod": ("int, int -> int", lambda left, right: left - right * _quotient(left, right)),
            "seq": ("int, int -> []int", _sequence),
            "atoi": ("string -> int", _atoi),
        }
    ),
    "sortKVByLength": _typed((_PAIRS,), _PAIRS, _sort_pairs_by_length),
}
