"""Calls of the functions that confd's are made of, with arguments by grammar: globs, paths, JSON, base64, layouts."""

# ruff: noqa: E501 (word lists read better in long lines)
from __future__ import annotations

import base64
from random import Random
from typing import Any

from tests.oracle.gotemplate.world import Data, as_json

_LAYOUTS = (
    "2006", "06", "01", "1", "Jan", "January", "02", "2", "_2", "002", "__2", "15", "03", "3", "04", "4", "05", "5", "PM", "pm", "Mon", "Monday",
    "MST", "-0700", "-07:00", "-07", "Z0700", "Z07:00", "Z07", ".000", ".999", ",000", ".000000", ".999999999", "T", "-", ":", " ", "/", "x", "0",
)  # fmt: skip
_JSON = (
    '{"a":1}',
    "[1,2]",
    "null",
    '"x"',
    "1.5e3",
    '{"a":[true,{"b":null}],"c":"\\u00e9\\n"}',
    "[]",
    "{}",
    " [ 1 , 2 ] ",
    '["\\ud800"]',
    "-0",
    "[1e400]",
)
_JSON_PARTS = (
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"',
    "a",
    "1",
    "-",
    ".",
    "e",
    "t",
    "true",
    "nul",
    "\\",
    "\\u",
    "é",
    " ",
    "\n",
    "0",
)


def example(random: Random) -> tuple[str, dict[str, Any]]:
    """A template of one call, and its arguments as a list of strings."""

    def word(alphabet: str, most: int) -> str:
        return "".join(random.choice(alphabet) for _ in range(random.randrange(most + 1)))

    def data(*texts: str) -> dict[str, Any]:
        return as_json(Data("[]string", list(texts)))

    match random.choice(("match", "match", "path", "json", "json", "decode64", "moment", "text", "number")):
        case "match":
            return "{{match (index . 0) (index . 1)}}", data(word("ab/*?[]^-\\é", 8), word("ab/é-]", 6))
        case "path":
            return "{{base (index . 0)}} {{dir (index . 0)}}", data(word("ab/.", 8))
        case "json":
            text = (
                random.choice(_JSON)
                if random.random() < 0.6
                else "".join(random.choice(_JSON_PARTS) for _ in range(random.randrange(9)))
            )
            if random.random() < 0.5:
                place = random.randrange(len(text) + 1)
                text = text[:place] + random.choice(("", *_JSON_PARTS)) + text[place + random.randrange(2) :]
            return f"{{{{{random.choice(('json', 'jsonArray'))} (index . 0)}}}}", data(text)
        case "decode64":
            text = base64.b64encode(random.randbytes(random.randrange(9))).decode()
            if random.random() < 0.6:
                place = random.randrange(len(text) + 1)
                text = (
                    text[:place]
                    + random.choice(("", "=", "\n", "!", "A", "é", "==", "\r"))
                    + text[place + random.randrange(2) :]
                )
            return "{{decode64 (index . 0)}}", data(text)
        case "moment":
            numbers = (
                random.randrange(4_000_000_000),
                random.choice((0, 1, 500_000, 123_456)),
                random.choice((0, 60, -330, 345, 720)),
            )
            layout = "".join(random.choice(_LAYOUTS) for _ in range(random.randrange(1, 5)))
            return f"{{{{moment {' '.join(map(str, numbers))} (index . 0)}}}}", data(layout)
        case "text":
            words = [word("abAB,é\udcffß", 6) for _ in range(3)]
            calls = ("split (index . 0) (index . 1)", f"replace (index . 0) (index . 1) (index . 2) {random.randrange(-1, 3)}", "contains (index . 0) (index . 1)",
                     "toUpper (index . 0)", "toLower (index . 0)", "trimSuffix (index . 0) (index . 1)")  # fmt: skip
            return f'{{{{printf "%q" ({random.choice(calls)})}}}}', data(*words)
        case _:
            return f"{{{{{random.choice(('atoi', 'parseBool'))} (index . 0)}}}}", data(
                random.choice((word("01+-_x t", 4), "true", "T", "9" * 19, "-9223372036854775808"))
            )
