"""Reads confd's template resources: TOML text in, a Resource or every problem with it.

confd reads a mode of "644" as a decimal number and makes a file of 0204; here such text is octal unless `compat` asks for
confd's way. Keys that nobody knows are left alone, as in confd.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from etcdpilot.model.confd import Resource
from etcdpilot.model.errors import Problem, SpecError

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_LARGEST_ID = 2**32 - 2


def read_resource(text: str, file: str, *, prefix: str = "", compat: bool = False) -> Resource:
    """`prefix` is that of the program: it takes the place of the resource's own. Raises SpecError with all problems."""
    reading = _Reading(_table(text, file), file)
    resource = _resource(reading, prefix, compat)
    if reading.problems:
        raise SpecError(f"{file} cannot be used.", problems=tuple(reading.problems))
    return resource


def _table(text: str, file: str) -> Mapping[str, Any]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"{file} is no TOML.", why=str(error)) from None
    table = document.get("template", {})
    return table if isinstance(table, dict) else {}


def _resource(reading: _Reading, prefix: str, compat: bool) -> Resource:
    own = prefix or reading.text("prefix")
    prefix = _clean(f"/{own}")
    src, dest = reading.text("src"), reading.text("dest")
    if not src:
        reading.problem("src", "empty src template")
    if not dest:
        reading.problem("dest", "empty dest: say which file to write")
    keys = reading.texts("keys")
    return Resource(
        file=reading.file,
        src=src,
        dest=dest,
        prefix=prefix,
        paths=tuple(dict.fromkeys(_clean(f"{prefix}/{key}") for key in keys)),
        mode=reading.mode(compat),
        uid=reading.identity("uid"),
        gid=reading.identity("gid"),
        owner="" if compat else reading.text("owner"),
        group="" if compat else reading.text("group"),
        check_cmd=reading.text("check_cmd"),
        reload_cmd=reading.text("reload_cmd"),
        check_timeout=0.0 if compat else reading.seconds("check_cmd_timeout", 60.0),
        reload_timeout=0.0 if compat else reading.seconds("reload_cmd_timeout", 60.0),
        debounce=0.0 if compat else reading.seconds("debounce", 0.0),
        min_reload_interval=0.0 if compat else reading.seconds("min_reload_interval", 0.0),
    )


def _clean(path: str) -> str:
    return "/" + "/".join(part for part in path.split("/") if part not in ("", "."))


@dataclass(slots=True)
class _Reading:
    """The `[template]` table of a file, and what was found wrong with it."""

    table: Mapping[str, Any]
    file: str
    problems: list[Problem] = field(default_factory=list)

    def problem(self, key: str, what: str) -> None:
        self.problems.append(Problem(self.file, 0, 0, f"template.{key}", what))

    def text(self, key: str) -> str:
        value = self.table.get(key, "")
        if not isinstance(value, str):
            self.problem(key, f"must be text, not {value!r}")
            return ""
        return value

    def texts(self, key: str) -> list[str]:
        value = self.table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            self.problem(key, "must be a list of texts")
            return []
        return value

    def mode(self, compat: bool) -> int | None:
        text = self.text("mode")
        if not text:
            return None
        mode = _confds_mode(text) if compat else _octal(text)
        if mode is None or mode > 0o7777:
            self.problem("mode", f"{text!r} is no file mode; write it as 0644")
            return None
        return mode

    def identity(self, key: str) -> int | None:
        value = self.table.get(key)
        # confd takes -1 and no value alike: whoever runs it.
        if value is None or value == -1:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LARGEST_ID:
            self.problem(key, f"must be a number from 0, not {value!r}")
            return None
        return value

    def seconds(self, key: str, default: float) -> float:
        value = self.table.get(key, default)
        if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
            return float(value)
        if isinstance(value, str) and (seconds := parse_duration(value)) is not None:
            return seconds
        self.problem(key, f"{value!r} is no time; write it as 30s, 500ms or 2m")
        return default


def parse_duration(text: str) -> float | None:
    """`1m30s` in seconds; None for what is no duration of Go's."""
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return 0.0 if text == "0" else None
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def _octal(text: str) -> int | None:
    digits = text.removeprefix("0o")
    return int(digits, 8) if re.fullmatch(r"[0-7]+", digits) else None


def _confds_mode(text: str) -> int | None:
    """As Go reads a number whose base its prefix tells: 0644 is octal and 644 decimal, of which 0204 is left over."""
    if re.fullmatch(r"0[0-7]+", text):
        return int(text, 8) & 0o777
    try:
        return int(text, 0) & 0o777 if not text.startswith(("+", "-")) else None
    except ValueError:
        return None
