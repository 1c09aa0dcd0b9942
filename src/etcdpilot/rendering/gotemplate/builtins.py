"""The functions that every template has."""

from __future__ import annotations

from collections.abc import Mapping

from etcdpilot.rendering.gotemplate import comparing, escaping, indexing
from etcdpilot.rendering.gotemplate.functions import functions
from etcdpilot.rendering.gotemplate.printf import sprintf
from etcdpilot.rendering.gotemplate.printing import sprint, sprintln
from etcdpilot.rendering.gotemplate.values import Func, Value, truth


def _never(*_: Value) -> Value:
    raise AssertionError("and, or and call are carried out by the executor itself")


BUILTINS: Mapping[str, Func] = functions(
    {
        "and": ("value, ...value -> value", _never),
        "or": ("value, ...value -> value", _never),
        "call": ("value, ...value -> value", _never),
        "not": ("value -> bool", lambda value: not truth(value)),
        "html": ("...any -> string", escaping.html),
        "js": ("...any -> string", escaping.js),
        "urlquery": ("...any -> string", escaping.urlquery),
        "index": ("value, ...value -> value", indexing.index),
        "slice": ("value, ...value -> value", indexing.slice_),
        "len": ("value -> int", indexing.length),
        "print": ("...any -> string", lambda *values: sprint(values)),
        "printf": ("string, ...any -> string", lambda template, *values: sprintf(template, values)),
        "println": ("...any -> string", lambda *values: sprintln(values)),
        "eq": ("value, ...value -> bool", comparing.eq),
        "ne": ("value, value -> bool", comparing.ne),
        "lt": ("value, value -> bool", comparing.lt),
        "le": ("value, value -> bool", comparing.le),
        "gt": ("value, value -> bool", comparing.gt),
        "ge": ("value, value -> bool", comparing.ge),
    }
)
