r"""A value of the API server: `k8s\0` and an envelope around protobuf, or JSON with an apiVersion and a kind.

The envelope is runtime.Unknown: 1 the type (1 apiVersion, 2 kind), 2 the object, 3 its encoding, 4 its media type.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from etcdpilot.rendering.kubernetes.decode import Document, decode
from etcdpilot.rendering.kubernetes.schema import OBJECT_META, type_of
from etcdpilot.rendering.kubernetes.wire import BYTES, Field, Malformed, by_number, fields

MAGIC = b"k8s\x00"
ENCRYPTED = b"k8s:enc:"


@dataclass(frozen=True, slots=True)
class KubernetesObject:
    """`body` is the object as JSON, or None with `note` saying why it cannot be shown; `whole` is False where fields
    stand by number. `stored_as` is "protobuf", "json" or "encrypted".
    """

    api_version: str
    kind: str
    name: str
    namespace: str
    body: Document | None
    stored_as: str
    whole: bool = True
    note: str = ""


def read_stored(value: bytes) -> KubernetesObject | None:
    """None where the value is nothing of the API server's."""
    if value.startswith(MAGIC):
        return _from_envelope(value[len(MAGIC) :])
    if value.startswith(ENCRYPTED):
        provider = ":".join(value[len(ENCRYPTED) : 200].decode("ascii", errors="replace").split(":")[:3])
        note = f"encrypted at rest by the API server: {provider}"
        return KubernetesObject("", "", "", "", None, "encrypted", whole=False, note=note)
    return _from_json(value) if value[:1] == b"{" else None


def _from_json(value: bytes) -> KubernetesObject | None:
    try:
        body = json.loads(value)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict) or not all(isinstance(body.get(word), str) for word in ("apiVersion", "kind")):
        return None
    return _object(body["apiVersion"], body["kind"], body, "json")


def _from_envelope(envelope: bytes) -> KubernetesObject:
    try:
        parts = _last(envelope)
        kind = _last(parts.get(1, b""))
    except Malformed as wrong:
        note = f"the envelope cannot be read: {wrong}"
        return KubernetesObject("", "", "", "", None, "protobuf", whole=False, note=note)
    words = [kind.get(number, b"").decode("utf-8", errors="replace") for number in (1, 2)]
    return _of_kind(words[0], words[1], parts.get(2, b""))


def _last(message: bytes) -> dict[int, bytes]:
    """The parts of a message that are bytes, by number."""
    return {field.number: field.value for field in fields(message) if isinstance(field.value, bytes)}


def _of_kind(api_version: str, kind: str, raw: bytes) -> KubernetesObject:
    if raw[:1] == b"{" and (held := _from_json(raw)) is not None:
        return held
    known = type_of(api_version, kind)
    try:
        body = decode(known, raw) if known else _with_metadata(raw)
    except Malformed as wrong:
        return _object(api_version, kind, None, "protobuf", note=f"the object cannot be read: {wrong}")
    note = "" if known else "a kind without a table: fields by number"
    return _object(api_version, kind, body, "protobuf", whole=known is not None, note=note)


def _with_metadata(raw: bytes) -> Document:
    """Every object of Kubernetes has its metadata in field 1; of the others only the numbers are known."""
    body: Document = by_number(raw)
    first = next((field for field in fields(raw) if field.number == 1), None)
    metadata = _metadata(first) if first else None
    if metadata is not None:
        body = {"metadata": metadata} | {name: value for name, value in body.items() if name != "#1"}
    return body


def _metadata(field: Field) -> Document | None:
    if field.wire_type != BYTES or not isinstance(field.value, bytes):
        return None
    try:
        return decode(OBJECT_META, field.value)
    except Malformed:
        return None


def _object(
    api_version: str, kind: str, body: Document | None, stored_as: str, *, whole: bool = True, note: str = ""
) -> KubernetesObject:
    metadata = body.get("metadata") if body else None
    name, namespace = _text(metadata, "name"), _text(metadata, "namespace")
    if body is not None:
        body = {"apiVersion": api_version, "kind": kind} | body
    return KubernetesObject(api_version, kind, name, namespace, body, stored_as, whole and body is not None, note)


def _text(metadata: object, name: str) -> str:
    found = metadata.get(name) if isinstance(metadata, dict) else None
    return found if isinstance(found, str) else ""
