"""Messages to JSON, by the tables: what `kubectl get -o json` shows of the same bytes, and unknown fields by number."""

from __future__ import annotations

import base64
from collections.abc import Callable

from etcdpilot.rendering.kubernetes.schema import FieldRule, is_type, rules_of
from etcdpilot.rendering.kubernetes.wire import BYTES, VARINT, Field, Malformed, fields, shown, signed
from etcdpilot.rendering.kubernetes.words import duration, int_or_string, micro_time, quantity, raw_json, time

Document = dict[str, object]

WORDS: dict[str, Callable[[bytes], object]] = {
    "string": lambda raw: raw.decode("utf-8", errors="replace"),
    "bytes": lambda raw: base64.b64encode(raw).decode(),
    "time": time,
    "microtime": micro_time,
    "duration": duration,
    "quantity": quantity,
    "intorstring": int_or_string,
    "json": raw_json,
}
EMPTY: dict[str, object] = {"string": "", "int": 0, "bool": False, "quantity": "0", "intorstring": 0, "duration": "0s"}


def decode(type_name: str, message: bytes) -> Document:
    """A message of this type; Malformed where the bytes make no sense as a message at all."""
    rules = rules_of(type_name)
    seen: dict[int, object] = {}
    strange: Document = {}
    for field in fields(message):
        rule = rules.get(field.number)
        if rule is None or not _fits(rule, field):
            _strange(strange, field)
        else:
            _take(seen, rule, field)
    found: Document = {}
    for rule in rules.values():
        _put(found, rule, seen)
    return found | strange


def _fits(rule: FieldRule, field: Field) -> bool:
    number = rule.kind in ("int", "bool") and rule.shape != "map"
    return field.wire_type == (VARINT if number else BYTES)


def _strange(found: Document, field: Field) -> None:
    name, value = f"#{field.number}", shown(field)
    if name in found:
        before = found[name]
        value = [*before, value] if isinstance(before, list) else [before, value]
    found[name] = value


def _take(seen: dict[int, object], rule: FieldRule, field: Field) -> None:
    match rule.shape:
        case "list":
            items = seen.setdefault(rule.number, [])
            assert isinstance(items, list)
            items.append(_value(rule.kind, field.value))
        case "map":
            entries = seen.setdefault(rule.number, {})
            assert isinstance(entries, dict)
            entries.update([_entry(rule, field)])
        case _:
            seen[rule.number] = _value(rule.kind, field.value)


def _entry(rule: FieldRule, field: Field) -> tuple[str, object]:
    """A map is written as messages of a key (1) and a value (2)."""
    key, value = "", _default(rule.kind)
    for part in fields(_raw(field.value)):
        if part.number == 1 and isinstance(part.value, bytes):
            key = part.value.decode("utf-8", errors="replace")
        elif part.number == 2 and (part.wire_type == VARINT) == (rule.kind in ("int", "bool")):
            value = _value(rule.kind, part.value)
    return key, value


def _value(kind: str, value: int | bytes) -> object:
    if kind == "int":
        return signed(value) if isinstance(value, int) else 0
    if kind == "bool":
        return bool(value)
    if is_type(kind):
        return decode(kind, _raw(value))
    return WORDS[kind](_raw(value))


def _raw(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise Malformed("a number where a message belongs")
    return value


def _put(found: Document, rule: FieldRule, seen: dict[int, object]) -> None:
    """A field as Go's JSON shows it: one that may be left out is, where it is empty; else emptiness has a form."""
    if rule.number in seen:
        value = seen[rule.number]
        if rule.omit_empty and not rule.pointer and _is_nothing(rule, value):
            return
    elif rule.omit_empty and (rule.nullable or not _is_struct(rule.kind)):
        return
    else:
        value = None if rule.nullable else _default(rule.kind)
    if rule.inline and isinstance(value, dict):
        found.update(value)
    elif not (rule.inline and value is None):
        found[rule.name] = value


def _is_struct(kind: str) -> bool:
    """Go never leaves out a struct for being empty; these words are structs there."""
    return is_type(kind) or kind in ("time", "microtime", "duration", "quantity", "intorstring", "json")


def _is_nothing(rule: FieldRule, value: object) -> bool:
    if rule.shape == "one" and _is_struct(rule.kind):
        return False
    return value in ("", 0, False, None) or value == [] or value == {}


def _default(kind: str) -> object:
    return decode(kind, b"") if is_type(kind) else EMPTY.get(kind)
