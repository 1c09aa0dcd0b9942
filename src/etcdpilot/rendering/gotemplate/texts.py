"""Go's functions over strings, where Python's own differ."""

from __future__ import annotations

from collections.abc import Callable

from etcdpilot.rendering.gotemplate.quoting import REPLACEMENT, is_escaped_byte


def upper(text: str) -> str:
    return _mapped(text, str.upper)


def lower(text: str) -> str:
    return _mapped(text, str.lower)


def _mapped(text: str, change: Callable[[str], str]) -> str:
    """Character by character: in Go one never becomes two, and a byte that is no UTF-8 becomes U+FFFD."""
    if text.isascii():
        return change(text)
    return "".join(REPLACEMENT if is_escaped_byte(one) else _single(one, change(one)) for one in text)


def _single(one: str, changed: str) -> str:
    return changed if len(changed) == 1 else one
