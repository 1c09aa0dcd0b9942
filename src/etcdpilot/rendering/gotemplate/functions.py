"""How Python functions are given to templates: with a signature of Go's, which calls are checked against."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from etcdpilot.rendering.gotemplate import kinds
from etcdpilot.rendering.gotemplate.kinds import GoType, function_type
from etcdpilot.rendering.gotemplate.values import Func, Value

_NAMES: dict[str, GoType] = {
    **{of.text: of for of in kinds.BASIC},
    "any": kinds.ANY,
    "value": kinds.VALUE,
    "byte": kinds.UINT8,
}


def parse_type(text: str) -> GoType:
    """A type by its text: `int`, `[]string`, `map[string]any`, `[3]int`, `*int`; raises KeyError for others."""
    if text.startswith("[]"):
        return kinds.slice_of(parse_type(text[2:]))
    if text.startswith("*"):
        return kinds.pointer_to(parse_type(text[1:]))
    if text.startswith("map["):
        key, _, elem = text[4:].partition("]")
        return kinds.map_of(parse_type(key), parse_type(elem))
    if text.startswith("["):
        length, _, elem = text[1:].partition("]")
        return kinds.array_of(int(length), parse_type(elem))
    return _NAMES[text]


def function(signature: str, call: Callable[..., Value]) -> Func:
    """`function("string, ...any -> string", f)`: Go's types, the arrow, and the type of the answer."""
    left, _, right = signature.partition("->")
    texts = [text.strip() for text in left.split(",") if text.strip()]
    variadic = bool(texts) and texts[-1].startswith("...")
    parameters = tuple(parse_type(text.removeprefix("...")) for text in texts)
    return Func(function_type(parameters, parse_type(right.strip()), variadic=variadic), call)


def functions(of: Mapping[str, tuple[str, Callable[..., Value]]]) -> dict[str, Func]:
    """Several at once: name → (signature, function)."""
    return {name: function(signature, call) for name, (signature, call) in of.items()}
