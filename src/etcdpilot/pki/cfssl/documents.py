"""JSON as Go reads it into a struct: names in any case, unknown ones passed over, a wrong type an error."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from etcdpilot.pki.cfssl.errors import CfsslError

Value = TypeVar("Value")

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_LONGEST = timedelta(days=106751)  # what fits into Go's count of nanoseconds: 292 years


@dataclass(frozen=True, slots=True)
class Section:
    """One JSON object; `path` says where it stands, for the words of an error, `code` is the one of its errors."""

    values: Mapping[str, Any]
    path: str
    code: int

    @classmethod
    def read(cls, text: bytes | str, name: str, code: int) -> Section:
        """Parse a whole document; CfsslError where it is no JSON object."""
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise CfsslError(code, f"{name} is not JSON: {error}") from None
        return cls(_object(document, name, code), name, code)

    def text(self, key: str) -> str:
        return self._value(key, str, "a text", "")

    def number(self, key: str) -> int:
        value = self._value(key, int, "a whole number", 0)
        if isinstance(value, bool):
            raise self.error(key, "must be a whole number, not a truth value")
        return value

    def flag(self, key: str) -> bool:
        return self._value(key, bool, "true or false", False)

    def texts(self, key: str) -> tuple[str, ...]:
        values = self._value(key, list, "a list of texts", [])
        for value in values:
            if not isinstance(value, str):
                raise self.error(key, f"must be a list of texts, and {json.dumps(value)} is none")
        return tuple(values)

    def section(self, key: str) -> Section | None:
        found = self._find(key)
        return (
            None
            if found is None
            else Section(_object(found, f"{self.path}.{key}", self.code), self._at(key), self.code)
        )

    def sections(self, key: str) -> tuple[Section, ...]:
        values = self._value(key, list, "a list of objects", [])
        places = (f"{self._at(key)}[{place}]" for place in range(len(values)))
        return tuple(
            Section(_object(value, place, self.code), place, self.code)
            for value, place in zip(values, places, strict=True)
        )

    def named_sections(self, key: str) -> dict[str, Section]:
        inner = self.section(key)
        if inner is None:
            return {}
        place = f"{self._at(key)}."
        return {
            name: Section(_object(value, place + name, self.code), place + name, self.code)
            for name, value in inner.values.items()
        }

    def duration(self, key: str) -> timedelta | None:
        """Go's words for a duration (87600h, 1h30m); None where there is none."""
        text = self.text(key)
        if not text:
            return None
        try:
            return go_duration(text)
        except ValueError as error:
            raise self.error(key, str(error)) from None

    def error(self, key: str, words: str) -> CfsslError:
        return CfsslError(self.code, f"{self._at(key)} {words}")

    def _at(self, key: str) -> str:
        return f"{self.path}.{key}"

    def _find(self, key: str) -> Any:
        if key in self.values:
            return self.values[key]
        return next((value for name, value in self.values.items() if name.lower() == key.lower()), None)

    def _value(self, key: str, kind: type[Value], words: str, default: Value) -> Value:
        found = self._find(key)
        if found is None:
            return default
        if not isinstance(found, kind):
            raise self.error(key, f"must be {words}, not {json.dumps(found, ensure_ascii=False)[:60]}")
        return found


def go_duration(text: str) -> timedelta:
    """`87600h`, `1h30m`, `1.5h`; ValueError for anything else. Negative ones mean nothing here."""
    parts = _DURATION.findall(text)
    if text == "0":
        return timedelta(0)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f'is no duration: "{text}"; write hours, such as 87600h for ten years')
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if seconds > _LONGEST.total_seconds():
        raise ValueError(f'is too long: "{text}"; 292 years are the most')
    return timedelta(seconds=seconds)


def _object(value: object, place: str, code: int) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise CfsslError(code, f"{place} must be an object, not {json.dumps(value, ensure_ascii=False)[:60]}")
    return value
