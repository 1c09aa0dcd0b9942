"""What of a Secret may be shown: which keys it has and how long their values are, never the values."""

from __future__ import annotations

import base64
import binascii
from dataclasses import replace

from etcdpilot.rendering.kubernetes.stored import KubernetesObject

HELD = ("data", "stringData")
SHOWN = ("apiVersion", "kind", "metadata", "type", "immutable")
# `kubectl apply` leaves the whole Secret here once more.
APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
HIDDEN = "hidden"


def is_secret(found: KubernetesObject) -> bool:
    return found.kind == "Secret" and found.api_version == "v1"


def without_secrets(found: KubernetesObject) -> KubernetesObject:
    """The same object; of a Secret only what is no secret."""
    if not is_secret(found) or found.body is None:
        return found
    body = {name: found.body[name] for name in SHOWN if name in found.body}
    for name in HELD:
        held = found.body.get(name)
        if isinstance(held, dict):
            body[name] = {key: _length(value, encoded=name == "data") for key, value in held.items()}
    body["metadata"] = _metadata(body.get("metadata"))
    return replace(found, body=body)


def _metadata(metadata: object) -> object:
    """Annotations may hold anything; the one that is known to hold the Secret is hidden."""
    if not isinstance(metadata, dict):
        return HIDDEN
    annotations = metadata.get("annotations")
    known = {name: value for name, value in metadata.items() if not name.startswith("#")}
    if isinstance(annotations, dict) and APPLIED in annotations:
        known["annotations"] = annotations | {APPLIED: HIDDEN}
    return known


def _length(value: object, *, encoded: bool) -> str:
    if not isinstance(value, str):
        return HIDDEN
    try:
        length = len(base64.b64decode(value, validate=True)) if encoded else len(value.encode())
    except (binascii.Error, ValueError):
        return HIDDEN
    return f"{HIDDEN}, {length} bytes"
