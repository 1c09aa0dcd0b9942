"""Floats in Go's formats: e, f, g, x, b, with the shortest digits that read back as the same number."""

from __future__ import annotations

import math
import struct

SHORTEST = -1


def format_float(number: float, verb: str, precision: int, bits: int) -> str:
    """As `strconv.FormatFloat`; `verb` is one of eEfgGxXb, `precision` may be SHORTEST, `bits` are 32 or 64."""
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "+Inf" if number > 0 else "-Inf"
    sign, size = ("-" if math.copysign(1, number) < 0 else ""), abs(number)
    match verb:
        case "x" | "X":
            text = _hexadecimal(size, precision, bits)
            return sign + (text.upper() if verb == "X" else text)
        case "b":
            return sign + _binary(size, bits)
        case _:
            return sign + _decimal(size, verb, precision, bits)


def _decimal(size: float, verb: str, precision: int, bits: int) -> str:
    if verb in "eE":
        return _exponent_form(size, verb, bits) if precision == SHORTEST else f"{size:.{precision}{verb}}"
    if verb == "f":
        return _fixed_form(size, bits) if precision == SHORTEST else f"{size:.{precision}f}"
    return _general(size, verb, precision, bits)


def _general(size: float, verb: str, precision: int, bits: int) -> str:
    mark = "e" if verb == "g" else "E"
    if precision != SHORTEST:
        return f"{size:.{precision or 1}{verb}}"
    exponent = _shortest_digits(size, bits)[1]
    # So a million from JSON prints as 1e+06, and 100000 as itself.
    if exponent < -4 or exponent >= 6:
        return _exponent_form(size, mark, bits)
    return _fixed_form(size, bits)


def _shortest_digits(size: float, bits: int) -> tuple[str, int]:
    """The digits without a point, and the exponent of ten of the first one."""
    text = f"{size!r}" if bits == 64 else _shortest_of_32(size)
    mantissa, _, exponent = text.partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = whole + fraction
    leading = len(digits) - len(digits.lstrip("0"))
    power = int(exponent or 0) + len(whole) - 1 - leading
    digits = digits.strip("0")
    return (digits, power) if digits else ("0", 0)


def _shortest_of_32(size: float) -> str:
    for digits in range(1, 10):
        text = f"{size:.{digits - 1}e}"
        if to_float32(float(text)) == size:
            return text
    return f"{size!r}"


def to_float32(number: float) -> float:
    """The nearest float32."""
    try:
        return float(struct.unpack("f", struct.pack("f", number))[0])
    except OverflowError:
        return math.copysign(math.inf, number)


def _exponent_form(size: float, mark: str, bits: int) -> str:
    digits, exponent = _shortest_digits(size, bits)
    point = "." if len(digits) > 1 else ""
    return f"{digits[0]}{point}{digits[1:]}{mark}{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _fixed_form(size: float, bits: int) -> str:
    digits, exponent = _shortest_digits(size, bits)
    if exponent < 0:
        return f"0.{'0' * (-exponent - 1)}{digits}"
    whole = digits[: exponent + 1].ljust(exponent + 1, "0")
    return f"{whole}.{digits[exponent + 1 :]}" if len(digits) > exponent + 1 else whole


def _hexadecimal(size: float, precision: int, bits: int) -> str:
    """`0x1.8p+01`: one digit before the point, at least two in the exponent."""
    if not size:
        return f"0x0{'.' + '0' * precision if precision > 0 else ''}p+00"
    fraction, exponent = math.frexp(size)
    # 1.xxx as an integer with 60 bits behind the point, which holds every digit of a float.
    mantissa, exponent = int(math.ldexp(fraction, 61)), exponent - 1
    if 0 <= precision < 15:
        mantissa = _rounded(mantissa, 60 - 4 * precision)
        if mantissa >> 61:
            mantissa, exponent = mantissa >> 1, exponent + 1
    digits = f"{mantissa & ((1 << 60) - 1):015x}"
    digits = digits.rstrip("0") if precision == SHORTEST else digits[:precision].ljust(precision, "0")
    return f"0x1{'.' if digits else ''}{digits}p{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _rounded(mantissa: int, shift: int) -> int:
    """To the nearest multiple of 2^shift; halves to the even one."""
    kept, lost, half = mantissa >> shift, mantissa & ((1 << shift) - 1), 1 << (shift - 1)
    if lost > half or (lost == half and kept & 1):
        kept += 1
    return kept << shift


def _binary(size: float, bits: int) -> str:
    """The mantissa as an integer, and the power of two that it is multiplied by."""
    mantissa_bits, smallest = (52, -1074) if bits == 64 else (23, -149)
    if not size:
        return f"0p{smallest}"
    exponent = max(math.frexp(size)[1] - 1 - mantissa_bits, smallest)
    mantissa = int(math.ldexp(size, -exponent))
    return f"{mantissa}p{'+' if exponent >= 0 else ''}{exponent}"
