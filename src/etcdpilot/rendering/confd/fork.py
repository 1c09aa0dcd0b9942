"""Functions of confd's living fork that confd itself does not have; where the two differ, confd's way stays."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache

from etcdpilot.rendering.confd import gojson
from etcdpilot.rendering.gotemplate.errors import FunctionError
from etcdpilot.rendering.gotemplate.functions import functions
from etcdpilot.rendering.gotemplate.printing import sprint
from etcdpilot.rendering.gotemplate.quoting import quote
from etcdpilot.rendering.gotemplate.values import (
    Func,
    Mapped,
    Sequenced,
    Value,
    anything,
    joined,
    same,
    sorted_keys,
    string_map,
    strings,
    to_bytes,
    truth,
)

_LARGEST_TEXT = 1 << 26


def _default(fallback: Value, *given: Value) -> Value:
    return given[0] if given and truth(given[0]) else fallback


def _coalesce(*values: Value) -> Value:
    return next((value for value in values if truth(value)), None)


def _indent(spaces: int, text: str) -> str:
    margin = " " * min(max(spaces, 0), 10_000)
    return margin + text.replace("\n", f"\n{margin}")


@lru_cache(maxsize=256)
def _regex(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise FunctionError(f"error parsing regexp: {error}") from None


def _find(pattern: str, text: str) -> str:
    found = _regex(pattern).search(text)
    return found.group() if found else ""


def _replace_all(pattern: str, text: str, replacement: str) -> str:
    """`$1` and `${name}` stand for groups, as in Go."""
    template = re.sub(r"\$\{(\w+)\}|\$(\w+)", lambda ref: f"\\g<{ref.group(1) or ref.group(2)}>", replacement)
    try:
        return _regex(pattern).sub(template, text)
    except (re.error, IndexError) as error:
        raise FunctionError(f"error in replacement: {error}") from None


def _repeat(count: int, text: str) -> str:
    if count < 0 or count * len(text) > _LARGEST_TEXT:
        raise FunctionError("strings: illegal Repeat count")
    return text * count


def _words(text: str) -> list[str]:
    apart = re.sub(r"([a-z0-9])([A-Z])|([A-Z]+)([A-Z][a-z])", r"\1\3 \2\4", text)
    return re.split(r"[\s_\-.]+", apart.strip(" _-.")) if text else []


def _dict(*pairs: Value) -> Mapped:
    if len(pairs) % 2:
        raise FunctionError("dict requires an even number of arguments")
    if not all(isinstance(key, str) for key in pairs[::2]):
        raise FunctionError("dict keys must be strings")
    return string_map(dict(zip(pairs[::2], pairs[1::2], strict=True)))


def _pluck(key: str, *maps: Value) -> Sequenced:
    found = [one.entries[key] for one in maps if isinstance(one, Mapped) and key in one.entries]
    return anything(found)


def _append(items: Value, item: Value) -> Sequenced:
    if not isinstance(items, Sequenced):
        raise FunctionError("append: the first argument is no list")
    return anything([*items.items, item])


def _entries(of: Mapped) -> list[Value]:
    return [of.entries[key] for key in sorted_keys(of)]


def _ternary(yes: Value, no: Value, condition: bool) -> Value:
    return yes if condition else no


def _contains_key(of: Mapped, key: str) -> bool:
    return any(same(key, known) for known in of.entries)


FORK: Mapping[str, Func] = functions(
    {
        "default": ("any, ...any -> any", _default),
        "ternary": ("any, any, bool -> any", _ternary),
        "coalesce": ("...any -> any", _coalesce),
        "empty": ("any -> bool", lambda value: not truth(value)),
        "toJson": ("any -> string", gojson.dump),
        "toPrettyJson": ("any -> string", lambda value: gojson.dump(value, indent=2)),
        "fromJson": ("string -> any", gojson.parse),
        "indent": ("int, string -> string", _indent),
        "nindent": ("int, string -> string", lambda spaces, text: "\n" + _indent(spaces, text)),
        "quote": ("any -> string", lambda value: quote(sprint([value]))),
        "squote": ("any -> string", lambda value: f"'{sprint([value])}'"),
        "regexMatch": ("string, string -> bool", lambda pattern, text: _regex(pattern).search(text) is not None),
        "regexFind": ("string, string -> string", _find),
        "regexReplaceAll": ("string, string, string -> string", _replace_all),
        "trimPrefix": ("string, string -> string", lambda text, start: text.removeprefix(start)),
        "repeat": ("int, string -> string", _repeat),
        "nospace": ("string -> string", lambda text: joined("".join(text.split()))),
        "snakecase": ("string -> string", lambda text: "_".join(_words(text)).lower()),
        "kebabcase": ("string -> string", lambda text: "-".join(_words(text)).lower()),
        "camelcase": ("string -> string", lambda text: "".join(word[:1].upper() + word[1:] for word in _words(text))),
        "dict": ("...any -> map[string]any", _dict),
        "list": ("...any -> []any", lambda *items: anything(items)),
        "hasKey": ("map[string]any, string -> bool", _contains_key),
        "keys": ("map[string]any -> []string", lambda of: strings(sorted_keys(of))),
        "values": ("map[string]any -> []any", lambda of: anything(_entries(of))),
        "append": ("any, any -> []any", _append),
        "pluck": ("string, ...any -> []any", _pluck),
        "sha256sum": ("string -> string", lambda text: hashlib.sha256(to_bytes(text)).hexdigest()),
    }
)
