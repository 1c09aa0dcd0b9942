"""html, js and urlquery: text made safe for where it goes; confd's files get none of it unless asked."""

from __future__ import annotations

from collections.abc import Sequence

from etcdpilot.rendering.gotemplate.printing import sprint
from etcdpilot.rendering.gotemplate.quoting import is_escaped_byte, is_print
from etcdpilot.rendering.gotemplate.values import NO_VALUE, Pointer, Value, indirect, to_bytes

_HTML = str.maketrans({"\0": "\ufffd", '"': "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;"})
_JS = {"\\": "\\\\", "'": "\\'", '"': '\\"', "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "=": "\\u003D"}
_URL_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")


def html(*values: Value) -> str:
    return _text(values).translate(_HTML)


def js(*values: Value) -> str:
    return "".join(_js(character) for character in _text(values))


def _js(character: str) -> str:
    if character in _JS:
        return _JS[character]
    if character < " ":
        return f"\\u00{ord(character):02X}"
    if character < "\x80" or is_escaped_byte(character) or is_print(character):
        return character
    return f"\\u{ord(character):04X}"


def urlquery(*values: Value) -> str:
    return "".join(
        "+" if byte == 0x20 else chr(byte) if byte in _URL_SAFE else f"%{byte:02X}" for byte in to_bytes(_text(values))
    )


def _text(values: Sequence[Value]) -> str:
    if len(values) == 1 and isinstance(values[0], str):
        return values[0]
    return sprint([printable(value) for value in values])


def printable(value: Value) -> Value:
    """What of a value is printed: what a pointer points at, and a phrase where there is nothing."""
    if isinstance(value, Pointer):
        return indirect(value)[0]
    return NO_VALUE.value if value is NO_VALUE or value is None else value
