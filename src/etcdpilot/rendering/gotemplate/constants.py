"""Numbers as a template may write them: one constant serves as int, uint, float and complex where it fits."""

from __future__ import annotations

import math
import re

from etcdpilot.rendering.gotemplate.nodes import NumberNode
from etcdpilot.rendering.gotemplate.quoting import BadLiteral, quote, unquote_character

_FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_HEX_FLOAT = re.compile(r"[+-]?0[xX]([0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)[pP][+-]?\d+")
_INTEGER = re.compile(
    r"0[xX]_?[0-9a-fA-F]+(_[0-9a-fA-F]+)*|0[oO]?_?[0-7]+(_[0-7]+)*|0[bB]_?[01]+(_[01]+)*|[1-9]\d*(_\d+)*|0"
)
_BASES = {"x": 16, "o": 8, "b": 2}


def character_constant(position: int, text: str) -> NumberNode:
    """`'x'`, quotes included; raises BadLiteral."""
    rune, _, tail = unquote_character(text[1:], "'")
    if tail != "'":
        raise BadLiteral(f"malformed character constant: {text}")
    return NumberNode(position, text, rune, rune, float(rune))


def complex_constant(position: int, text: str) -> NumberNode:
    """`1+2i`; raises BadLiteral."""
    split = max(text.rfind("+"), text.rfind("-"))
    if split > 1 and text[split - 1] in "eEpP":
        split = max(text.rfind("+", 0, split), text.rfind("-", 0, split))
    real, imaginary = parse_float(text[:split]), parse_float(text[split:-1])
    if real is None or imaginary is None:
        raise BadLiteral("syntax error scanning complex number")
    return _simplified(position, text, complex(real, imaginary))


def number_constant(position: int, text: str) -> NumberNode:
    """Any other number; raises BadLiteral."""
    if text.endswith("i") and (imaginary := parse_float(text[:-1])) is not None:
        return _simplified(position, text, complex(0, imaginary))
    number = _parse_integer(text)
    if number is not None:
        return _integer(position, text, number)
    real = parse_float(text)
    if real is None:
        raise BadLiteral(f"illegal number syntax: {quote(text)}")
    if not any(mark in text for mark in ".eEpP"):
        raise BadLiteral(f"integer overflow: {quote(text)}")
    return NumberNode(position, text, _signed(real), _unsigned(real), real)


def _integer(position: int, text: str, number: int) -> NumberNode:
    integer = number if -(1 << 63) <= number < 1 << 63 else None
    # A sign makes it no unsigned number, but for zero, which may be written -0.
    unsigned = number if number == 0 or text[0] not in "+-" else None
    return NumberNode(position, text, integer, unsigned, float(number))


def _parse_integer(text: str) -> int | None:
    """Go's integer with a base prefix and underscores, if it fits 64 bits."""
    sign, digits = (text[0], text[1:]) if text[:1] in ("+", "-") else ("", text)
    if not _INTEGER.fullmatch(digits):
        return None
    number = int(digits.replace("_", ""), _base(digits)) * (-1 if sign == "-" else 1)
    fits = -(1 << 63) <= number < (1 << 63 if sign else 1 << 64)
    return number if fits else None


def _base(digits: str) -> int:
    prefix = digits[1:2].lower()
    return _BASES.get(prefix, 8) if digits[0] == "0" and len(digits) > 1 else 10


def parse_float(text: str) -> float | None:
    """A float as Go's `strconv.ParseFloat` reads it; None if it is none, or beyond the largest."""
    digits = _without_underscores(text)
    if digits is None:
        return None
    try:
        if _HEX_FLOAT.fullmatch(digits):
            number = float.fromhex(digits)
        elif _FLOAT.fullmatch(digits):
            number = float(digits)
        else:
            return None
    except OverflowError:
        return None
    return None if math.isinf(number) else number


def _without_underscores(text: str) -> str | None:
    """Underscores may stand between digits, and between a base prefix and a digit."""
    if "_" not in text:
        return text
    digits = text.lstrip("+-")
    hexadecimal = digits[:2].lower() == "0x"
    body = digits[2:] if digits[:2].lower() in ("0x", "0b", "0o") else digits
    before = r"(?:^|(?<=[0-9a-fA-F]))" if hexadecimal else r"(?<=\d)"
    after = r"(?=[0-9a-fA-F])" if hexadecimal else r"(?=\d)"
    if re.sub(f"{before}_{after}", "", body).count("_"):
        return None
    return text.replace("_", "")


def _simplified(position: int, text: str, number: complex) -> NumberNode:
    if number.imag:
        return NumberNode(position, text, complex=number)
    return NumberNode(position, text, _signed(number.real), _unsigned(number.real), number.real, number)


def _signed(real: float) -> int | None:
    return int(real) if -(2.0**63) <= real < 2.0**63 and real == int(real) else None


def _unsigned(real: float) -> int | None:
    return int(real) if 0 <= real < 2.0**64 and real == int(real) else None
