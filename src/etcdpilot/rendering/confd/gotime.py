"""Go's `time.Time` for `datetime`: printed, asked for its parts, and formatted by Go's reference date."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

from etcdpilot.rendering.gotemplate import kinds
from etcdpilot.rendering.gotemplate.kinds import GoType, Kind, Method, function_type
from etcdpilot.rendering.gotemplate.values import Struct, Typed, Value

_FIRST_HALF = ("January", "February", "March", "April", "May", "June")
_MONTHS = (*_FIRST_HALF, "July", "August", "September", "October", "November", "December")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_LAYOUT = re.compile(
    r"January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|2006|[-Z]070000|[-Z]07:00:00|[-Z]0700|[-Z]07:00|[-Z]07"
    r"|[.,]0+(?!\d)|[.,]9+(?!\d)|002|__2|_2(?!006)|01|02|03|04|05|06|15|PM|pm|1|2|3|4|5"
)


def _zone(at: datetime, layout: str) -> str:
    """`-07:00` and its like: with or without a colon, minutes and seconds; Z says that UTC is written as Z."""
    offset = at.utcoffset()
    seconds = int(offset.total_seconds()) if offset else 0
    if layout[0] == "Z" and not seconds:
        return "Z"
    sign, seconds = ("-", -seconds) if seconds < 0 else ("+", seconds)
    parts = (seconds // 3600, seconds % 3600 // 60, seconds % 60)[: len(layout.replace(":", "")) // 2]
    return sign + (":" if ":" in layout else "").join(f"{part:02d}" for part in parts)


_PARTS: dict[str, Callable[[datetime], str]] = {
    "January": lambda at: _MONTHS[at.month - 1],
    "Jan": lambda at: _MONTHS[at.month - 1][:3],
    "Monday": lambda at: _DAYS[at.weekday()],
    "Mon": lambda at: _DAYS[at.weekday()][:3],
    "MST": lambda at: at.tzname() or "UTC",
    "2006": lambda at: f"{at.year:04d}",
    "06": lambda at: f"{at.year % 100:02d}",
    "01": lambda at: f"{at.month:02d}",
    "1": lambda at: f"{at.month}",
    "02": lambda at: f"{at.day:02d}",
    "_2": lambda at: f"{at.day:2d}",
    "2": lambda at: f"{at.day}",
    "002": lambda at: f"{at.timetuple().tm_yday:03d}",
    "__2": lambda at: f"{at.timetuple().tm_yday:3d}",
    "15": lambda at: f"{at.hour:02d}",
    "03": lambda at: f"{at.hour % 12 or 12:02d}",
    "3": lambda at: f"{at.hour % 12 or 12}",
    "04": lambda at: f"{at.minute:02d}",
    "4": lambda at: f"{at.minute}",
    "05": lambda at: f"{at.second:02d}",
    "5": lambda at: f"{at.second}",
    "PM": lambda at: "PM" if at.hour >= 12 else "AM",
    "pm": lambda at: "pm" if at.hour >= 12 else "am",
}


def format_time(at: datetime, layout: str) -> str:
    """`Mon Jan 2 15:04:05 MST 2006` says how: each of its parts stands for itself."""
    return _LAYOUT.sub(lambda found: _part(at, found.group()), layout)


def _part(at: datetime, text: str) -> str:
    if text[0] in "-Z":
        return _zone(at, text)
    if text[0] not in ".,":
        return _PARTS[text](at)
    digits = f"{at.microsecond:06d}000"[: len(text) - 1]
    if text[1] == "9":
        digits = digits.rstrip("0")
    return text[0] + digits if digits else ""


def _text(value: Struct) -> str:
    return format_time(value.values[0], "2006-01-02 15:04:05.999999999 -0700 MST")


def _named(name: str, names: tuple[str, ...], first: int) -> GoType:
    shown = Method(function_type((), kinds.STRING), lambda value: names[value.value - first])
    return GoType(name, Kind.INT, named=True, methods={"String": shown})


_MONTH = _named("time.Month", _MONTHS, 1)
_WEEKDAY = _named("time.Weekday", (_DAYS[6], *_DAYS[:6]), 0)


def _asked(result: GoType, ask: Callable[[datetime], Value]) -> Method:
    return Method(function_type((), result), lambda value: ask(value.values[0]))


_METHODS = {
    "String": Method(function_type((), kinds.STRING), _text),
    "Format": Method(
        function_type((kinds.STRING,), kinds.STRING), lambda at, layout: format_time(at.values[0], layout)
    ),
    "Year": _asked(kinds.INT, lambda at: at.year),
    "Month": _asked(_MONTH, lambda at: Typed(_MONTH, at.month)),
    "Day": _asked(kinds.INT, lambda at: at.day),
    "Hour": _asked(kinds.INT, lambda at: at.hour),
    "Minute": _asked(kinds.INT, lambda at: at.minute),
    "Second": _asked(kinds.INT, lambda at: at.second),
    "Nanosecond": _asked(kinds.INT, lambda at: at.microsecond * 1000),
    "YearDay": _asked(kinds.INT, lambda at: at.timetuple().tm_yday),
    "Weekday": _asked(_WEEKDAY, lambda at: Typed(_WEEKDAY, at.isoweekday() % 7)),
    "Unix": _asked(kinds.INT64, lambda at: Typed(kinds.INT64, int(at.timestamp()))),
    "UnixNano": _asked(kinds.INT64, lambda at: Typed(kinds.INT64, int(at.timestamp() * 1_000_000) * 1000)),
    "UTC": Method(function_type((), kinds.ANY), lambda value: time_value(value.values[0].astimezone(UTC))),
}
TIME = GoType("time.Time", Kind.STRUCT, named=True, fields=(("wall", kinds.ANY),), methods=_METHODS)


def time_value(at: datetime) -> Struct:
    """A moment; `at` knows its zone."""
    return Struct(TIME, (at,))
