r"""Go's string literals: written as `strconv.Quote` does, read as `strconv.Unquote` does."""

from __future__ import annotations

import unicodedata

from etcdpilot.rendering.gotemplate.values import from_bytes, to_bytes

_SHORT = {"\a": r"\a", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v"}
_ESCAPES = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92}
_HEX_DIGITS = {"x": 2, "u": 4, "U": 8}
MAX_RUNE = 0x10FFFF
REPLACEMENT = "\ufffd"


class BadLiteral(ValueError):
    """Text that is no literal of Go; the message is Go's."""

    def __init__(self, message: str = "invalid syntax") -> None:
        super().__init__(message)


def is_escaped_byte(character: str) -> bool:
    """Whether it stands for a byte that is no UTF-8."""
    return "\udc80" <= character <= "\udcff"


def is_print(character: str) -> bool:
    """Letters, marks, numbers, punctuation, symbols and the ASCII space."""
    return character == " " or unicodedata.category(character)[0] in "LMNPS"


def quote(text: str, *, ascii_only: bool = False) -> str:
    return '"' + "".join(_escaped(character, '"', ascii_only) for character in text) + '"'


def quote_rune(rune: int, *, ascii_only: bool = False) -> str:
    character = chr(rune) if is_valid_rune(rune) else REPLACEMENT
    return "'" + _escaped(character, "'", ascii_only) + "'"


def is_valid_rune(rune: int) -> bool:
    return 0 <= rune < 0xD800 or 0xE000 <= rune <= MAX_RUNE


def can_backquote(text: str) -> bool:
    """Whether it can be written between back quotes, on one line, without losing anything."""
    return not any(
        is_escaped_byte(character) or character in "`\x7f\ufeff" or (character < " " and character != "\t")
        for character in text
    )


def _escaped(character: str, mark: str, ascii_only: bool) -> str:
    if character in (mark, "\\"):
        return "\\" + character
    if is_escaped_byte(character):
        return f"\\x{ord(character) - 0xDC00:02x}"
    if is_print(character) and not (ascii_only and character >= "\x80"):
        return character
    return _SHORT.get(character) or _numeric_escape(ord(character))


def _numeric_escape(rune: int) -> str:
    if rune < 0x20 or rune == 0x7F:
        return f"\\x{rune:02x}"
    return f"\\u{rune:04x}" if rune < 0x10000 else f"\\U{rune:08x}"


def unquote(literal: str) -> str:
    """The string that a literal in double or back quotes stands for; raises BadLiteral."""
    mark, body = literal[0], literal[1:-1]
    if mark == "`":
        return body.replace("\r", "")
    if "\n" in body:
        raise BadLiteral
    out = bytearray()
    while body:
        data, body = _one_of_string(body, mark)
        out += data
    return from_bytes(bytes(out))


def _one_of_string(text: str, mark: str) -> tuple[bytes, str]:
    # \x and octal escapes are single bytes, all others are characters.
    rune, is_byte, rest = unquote_character(text, mark)
    if is_byte:
        return bytes([rune]), rest
    return to_bytes(chr(rune)), rest


def unquote_character(text: str, mark: str) -> tuple[int, bool, str]:
    """The first character of a literal's inside, whether it is a byte alone, and the rest; raises BadLiteral."""
    if not text or text[0] == mark:
        raise BadLiteral
    if text[0] != "\\":
        first = text[0]
        return (0xFFFD if is_escaped_byte(first) else ord(first)), False, text[1:]
    if len(text) < 2:
        raise BadLiteral
    letter, rest = text[1], text[2:]
    if letter in _ESCAPES:
        return _ESCAPES[letter], False, rest
    if letter in _HEX_DIGITS:
        return _hex_escape(letter, rest)
    if letter in "01234567":
        return _octal_escape(letter, rest)
    if letter in "'\"" and letter == mark:
        return ord(letter), False, rest
    raise BadLiteral


def _hex_escape(letter: str, text: str) -> tuple[int, bool, str]:
    count = _HEX_DIGITS[letter]
    digits = text[:count]
    if len(digits) < count or not all(digit in "0123456789abcdefABCDEF" for digit in digits):
        raise BadLiteral
    rune = int(digits, 16)
    if letter != "x" and not is_valid_rune(rune):
        raise BadLiteral
    return rune, letter == "x", text[count:]


def _octal_escape(letter: str, text: str) -> tuple[int, bool, str]:
    digits = letter + text[:2]
    if len(digits) < 3 or not all(digit in "01234567" for digit in digits) or int(digits, 8) > 255:
        raise BadLiteral
    return int(digits, 8), True, text[2:]
