"""JSON as Go's `encoding/json` reads it into `interface{}`, with its error texts; and as it writes it."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from etcdpilot.rendering.gotemplate.errors import FunctionError
from etcdpilot.rendering.gotemplate.quoting import REPLACEMENT, quote_rune
from etcdpilot.rendering.gotemplate.values import (
    Mapped,
    Pointer,
    Sequenced,
    Struct,
    Value,
    anything,
    is_nothing,
    plain,
    sorted_keys,
    string_map,
)

_SPACES = " \t\r\n"
_NAMES = {dict: "object", list: "array", str: "string", float: "number", bool: "bool"}


def parse(text: str, wanted: type | None = None) -> Value:
    """A document as Go values; `wanted` is dict or list, and raises FunctionError when it is something else."""
    too_large: list[str] = []
    document = _loaded(text, too_large)
    if wanted is not None and document is not None and not isinstance(document, wanted):
        into = "map[string]interface {}" if wanted is dict else "[]interface {}"
        raise FunctionError(f"json: cannot unmarshal {_NAMES[type(document)]} into Go value of type {into}")
    if too_large:
        raise FunctionError(f"json: cannot unmarshal number {too_large[0]} into Go value of type float64")
    if document is None and wanted is not None:
        return Mapped(string_map({}).type, nil=True) if wanted is dict else Sequenced(anything(()).type, (), nil=True)
    return _value(document)


def _loaded(text: str, too_large: list[str]) -> Any:
    """The document; the numbers that no float64 holds are noted."""

    def number(digits: str) -> float:
        found = float(digits)
        if math.isinf(found):
            too_large.append(digits)
        return found

    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    try:
        return json.loads(text, parse_int=number, parse_float=number, parse_constant=_no_constant)
    except RecursionError:
        raise FunctionError("exceeded max depth") from None
    except ValueError:
        _Scanner(text).explain()


def _no_constant(_: str) -> NoReturn:
    raise ValueError


def _value(document: Any) -> Value:
    if isinstance(document, dict):
        return string_map({_text(key): _value(item) for key, item in document.items()})
    if isinstance(document, list):
        return anything([_value(item) for item in document])
    return _text(document) if isinstance(document, str) else document


def _text(text: str) -> str:
    # Half a pair of surrogates, written as \ud800, is a replacement character in Go.
    return text if text.isascii() else "".join(REPLACEMENT if "\ud800" <= one <= "\udfff" else one for one in text)


class _Scanner:
    """Walks over a document that is known to be wrong until it meets what Go would complain of."""

    def __init__(self, text: str) -> None:
        self.text, self.place = text, 0

    def explain(self) -> NoReturn:
        self.value("looking for beginning of value")
        self.spaces()
        self.fail("after top-level value")

    def fail(self, where: str) -> NoReturn:
        if self.place >= len(self.text):
            # At the end Go tries a space, which only the middle of a word, a number or an escape does not take.
            in_the_middle = where.startswith(("in literal", "in num", "in exp", "in string esc", "in \\u", "after dec"))
            raise FunctionError(f"invalid character ' ' {where}" if in_the_middle else "unexpected end of JSON input")
        raise FunctionError(f"invalid character {_character(self.text[self.place])} {where}")

    def peek(self) -> str:
        return self.text[self.place : self.place + 1]

    def spaces(self) -> None:
        while self.peek() and self.peek() in _SPACES:
            self.place += 1

    def value(self, where: str) -> None:
        self.spaces()
        match self.peek():
            case "{":
                self.object()
            case "[":
                self.array()
            case '"':
                self.string()
            case "t" | "f" | "n":
                self.word({"t": "true", "f": "false", "n": "null"}[self.peek()])
            case digit if digit and digit in "-0123456789":
                self.number()
            case _:
                self.fail(where)

    def object(self) -> None:
        self.place += 1
        self.spaces()
        if self.peek() == "}":
            self.place += 1
            return
        while True:
            self.spaces()
            if self.peek() != '"':
                self.fail("looking for beginning of object key string")
            self.string()
            self.expect(":", "after object key")
            self.value("looking for beginning of value")
            if self.closes("}", "after object key:value pair"):
                return

    def array(self) -> None:
        self.place += 1
        self.spaces()
        if self.peek() == "]":
            self.place += 1
            return
        while True:
            self.value("looking for beginning of value")
            if self.closes("]", "after array element"):
                return

    def closes(self, bracket: str, where: str) -> bool:
        self.spaces()
        found = self.peek()
        if found not in (bracket, ","):
            self.fail(where)
        self.place += 1
        return found == bracket

    def expect(self, mark: str, where: str) -> None:
        self.spaces()
        if self.peek() != mark:
            self.fail(where)
        self.place += 1

    def string(self) -> None:
        self.place += 1
        while (character := self.peek()) != '"':
            if character < " ":
                self.fail("in string literal")
            self.place += 1
            if character == "\\":
                self.escape()
        self.place += 1

    def escape(self) -> None:
        letter = self.peek()
        if letter == "" or letter not in '"\\/bfnrtu':
            self.fail("in string escape code")
        self.place += 1
        for _ in range(4 if letter == "u" else 0):
            if self.peek() == "" or self.peek() not in "0123456789abcdefABCDEF":
                self.fail("in \\u hexadecimal character escape")
            self.place += 1

    def word(self, word: str) -> None:
        for letter in word:
            if self.peek() != letter:
                self.fail(f"in literal {word} (expecting {_character(letter)})")
            self.place += 1

    def number(self) -> None:
        if self.peek() == "-":
            self.place += 1
        if self.peek() == "0":
            self.place += 1
        else:
            self.digits("in numeric literal")
        if self.peek() == ".":
            self.place += 1
            self.digits("after decimal point in numeric literal")
        if self.peek() in ("e", "E"):
            self.place += 1
            if self.peek() in ("+", "-"):
                self.place += 1
            self.digits("in exponent of numeric literal")

    def digits(self, where: str) -> None:
        if not "0" <= self.peek() <= "9":
            self.fail(where)
        while "0" <= self.peek() <= "9":
            self.place += 1


def _character(character: str) -> str:
    if character in "'\"":
        return {"'": "'\\''", '"': "'\"'"}[character]
    # Go looks at the bytes of the text one by one, and shows the byte as a character.
    return quote_rune(character.encode("utf-8", "replace")[0] if character > "\x7f" else ord(character))


def dump(value: Value, indent: int | None = None) -> str:
    """As `json.Marshal` writes it: keys in order, and <, > and & escaped."""
    separators = (",", ": ") if indent else (",", ":")
    text = json.dumps(_python(value), ensure_ascii=False, indent=indent, separators=separators)
    for mark in "<>&\u2028\u2029":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text


def _python(value: Value) -> Any:
    match value:
        case Mapped():
            return None if value.nil else {str(plain(key)): _python(value.entries[key]) for key in sorted_keys(value)}
        case Sequenced():
            return None if value.nil else [_python(item) for item in value.items]
        case Struct():
            return {name: _python(item) for (name, _), item in zip(value.type.fields, value.values, strict=True)}
        case Pointer(target=target):
            return _python(target)
        case _:
            bare = None if is_nothing(value) else plain(value)
            return int(bare) if isinstance(bare, float) and bare.is_integer() and abs(bare) < 1e21 else bare
