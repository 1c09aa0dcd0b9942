"""The lines of an export: a head, a line for each lease and each key, and an end that proves nothing is missing.

{"etcdpilot": "keys", "version": 1, "prefix": "/app", "revision": 7, "keys": 2}
{"lease": "694d7c3b", "granted_ttl": 60}
{"key": "/app/a", "value": "text", "lease": "694d7c3b"}
{"key": "/app/b", "value_base64": "AAE="}
{"end": true, "keys": 2}
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass

from etcdpilot.model.errors import SpecError

FORMAT, VERSION = "keys", 1


@dataclass(frozen=True, slots=True)
class Head:
    prefix: bytes
    revision: int
    keys: int


@dataclass(frozen=True, slots=True)
class LeaseLine:
    """A lease that keys of this export had: its ID there, and the seconds it was granted for (-1 where it had ended)."""

    lease: int
    granted_ttl: int


@dataclass(frozen=True, slots=True)
class Pair:
    """`lease` is that of the exported cluster; 0 without one."""

    key: bytes
    value: bytes
    lease: int = 0

    @property
    def size(self) -> int:
        return len(self.key) + len(self.value)


@dataclass(frozen=True, slots=True)
class End:
    keys: int


Line = Head | LeaseLine | Pair | End


def write_line(line: Line) -> str:
    match line:
        case Head(prefix, revision, keys):
            fields = {"etcdpilot": FORMAT, "version": VERSION, **_of_bytes("prefix", prefix)}
            fields |= {"revision": revision, "keys": keys}
        case LeaseLine(lease, granted_ttl):
            fields = {"lease": f"{lease & (1 << 64) - 1:x}", "granted_ttl": granted_ttl}
        case Pair(key, value, lease):
            named = {"lease": f"{lease & (1 << 64) - 1:x}"} if lease else {}
            fields = {**_of_bytes("key", key), **_of_bytes("value", value), **named}
        case End(keys):
            fields = {"end": True, "keys": keys}
    return json.dumps(fields, ensure_ascii=False)


def read_line(text: bytes, number: int, source: str) -> Line:
    """SpecError that names the line where it is none of an export's."""
    try:
        return _line(json.loads(text))
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error) as wrong:
        raise SpecError(
            f"{source}:{number} is not a line of an export.",
            why=str(wrong) or type(wrong).__name__,
            remedy="Exports are made by:\n    etcdpilot kv export PREFIX > FILE",
        ) from None


def _line(fields: dict[str, object]) -> Line:
    if fields.get("etcdpilot") == FORMAT:
        if fields["version"] != VERSION:
            raise ValueError(f"version {fields['version']} of the format; this etcdpilot reads {VERSION}")
        return Head(_bytes(fields, "prefix"), _number(fields, "revision"), _number(fields, "keys"))
    if fields.get("end") is True:
        return End(_number(fields, "keys"))
    if "granted_ttl" in fields:
        return LeaseLine(_lease(fields), _number(fields, "granted_ttl"))
    return Pair(_bytes(fields, "key"), _bytes(fields, "value"), _lease(fields) if "lease" in fields else 0)


def _of_bytes(name: str, raw: bytes) -> dict[str, object]:
    """As text where they are text, and else as base64: either way the same bytes come back."""
    try:
        return {name: raw.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(raw).decode()}


def _bytes(fields: dict[str, object], name: str) -> bytes:
    text = fields.get(name)
    if isinstance(text, str):
        return text.encode()
    encoded = fields.get(f"{name}_base64")
    if not isinstance(encoded, str):
        raise ValueError(f"there is neither {name} nor {name}_base64")
    return base64.b64decode(encoded, validate=True)


def _number(fields: dict[str, object], name: str) -> int:
    value = fields[name]
    if not isinstance(value, int):
        raise ValueError(f"{name} is not a number")
    return value


def _lease(fields: dict[str, object]) -> int:
    """etcd's leases are signed; they are written in hex, as etcdctl does."""
    value = int(str(fields["lease"]), 16)
    return value - (1 << 64) if value >= 1 << 63 else value
