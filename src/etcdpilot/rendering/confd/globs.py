"""Go's `path.Match`: `*` and `?` stop at a slash, `[a-z]` and `[^a]` are classes, a backslash takes the next as it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from etcdpilot.rendering.gotemplate.errors import FunctionError


@dataclass(frozen=True, slots=True)
class Glob:
    """`literal` is what every match begins with: keys that do not need not be looked at."""

    literal: str
    pattern: re.Pattern[str]


@lru_cache(maxsize=1024)
def glob(text: str) -> Glob:
    """Raises FunctionError for a pattern that Go calls bad."""
    parts: list[str] = []
    place = 0
    while place < len(text):
        part, place = _part(text, place)
        parts.append(part)
    literal = re.match(r"[^*?\[\\]*", text)
    return Glob(literal.group() if literal else "", re.compile("".join(parts), re.DOTALL))


def _part(text: str, place: int) -> tuple[str, int]:
    match text[place]:
        case "*":
            return "[^/]*", place + 1
        case "?":
            return "[^/]", place + 1
        case "[":
            return _class(text, place + 1)
        case "\\":
            return re.escape(_escaped(text, place + 1)), place + 2
        case other:
            return re.escape(other), place + 1


def _escaped(text: str, place: int) -> str:
    if place >= len(text):
        raise FunctionError("syntax error in pattern")
    return text[place]


def _class(text: str, place: int) -> tuple[str, int]:
    """What stands between brackets; empty and unclosed ones are bad."""
    negated = text[place : place + 1] == "^"
    place += negated
    ranges: list[str] = []
    while not (text[place : place + 1] == "]" and ranges):
        low, place = _class_character(text, place)
        high = low
        if text[place : place + 1] == "-":
            high, place = _class_character(text, place + 1)
        # A range that runs backwards matches nothing.
        ranges.append(f"{re.escape(low)}-{re.escape(high)}" if low <= high else "")
    inside = "".join(ranges)
    if not inside:
        return ("(?s:.)" if negated else "(?!)"), place + 1
    # Unlike * and ?, a class may match a slash.
    return f"[{'^' if negated else ''}{inside}]", place + 1


def _class_character(text: str, place: int) -> tuple[str, int]:
    character = text[place : place + 1]
    if character in ("", "-", "]"):
        raise FunctionError("syntax error in pattern")
    if character == "\\":
        character, place = _escaped(text, place + 1), place + 1
    if place + 1 >= len(text):
        raise FunctionError("syntax error in pattern")
    return character, place + 1
