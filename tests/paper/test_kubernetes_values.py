"""What the API server keeps, made readable: held to Kubernetes' own code, to protobuf's, and to arbitrary bytes."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given, settings
from hypothesis import strategies as st

from etcdpilot.rendering.kubernetes import read_stored, without_secrets
from etcdpilot.rendering.kubernetes.decode import decode
from etcdpilot.rendering.kubernetes.schema import type_of
from etcdpilot.rendering.kubernetes.wire import Malformed, by_number, fields

OBJECTS = Path(__file__).parents[1] / "data" / "kubernetes" / "objects.jsonl"
MAGIC = b"k8s\x00"


def examples() -> list[dict[str, Any]]:
    return [json.loads(line) for line in OBJECTS.read_text().splitlines()]


def stored(example: dict[str, Any]) -> bytes:
    return base64.b64decode(example["stored"])


def test_every_object_reads_as_kubernetes_itself_shows_it() -> None:
    found = examples()
    assert len(found) >= 200 and len({each["kind"] for each in found}) >= 39
    for each in found:
        read = read_stored(stored(each))
        assert read is not None and read.whole and read.kind == each["kind"]
        assert read.body == {"apiVersion": each["apiVersion"], "kind": each["kind"]} | each["object"]


def test_the_name_and_the_namespace_are_told() -> None:
    pod = next(each for each in examples() if each["kind"] == "Pod" and each["object"]["metadata"].get("namespace"))
    read = read_stored(stored(pod))
    assert read is not None
    assert (read.name, read.namespace) == (
        pod["object"]["metadata"].get("name", ""),
        pod["object"]["metadata"]["namespace"],
    )


def test_the_tables_name_only_types_they_have() -> None:
    from etcdpilot.rendering.kubernetes import schema
    from etcdpilot.rendering.kubernetes.decode import WORDS

    for name in schema._types():
        for rule in schema.rules_of(name).values():
            assert schema.is_type(rule.kind) or rule.kind in WORDS or rule.kind in ("int", "bool"), (name, rule)


def length_delimited(number: int, raw: bytes) -> bytes:
    size, head = len(raw), bytes((number << 3 | 2,))
    while size >= 0x80:
        head, size = head + bytes((size & 0x7F | 0x80,)), size >> 7
    return head + bytes((size,)) + raw


def envelope(api_version: str, kind: str, raw: bytes) -> bytes:
    of_type = length_delimited(1, api_version.encode()) + length_delimited(2, kind.encode())
    return MAGIC + length_delimited(1, of_type) + length_delimited(2, raw)


def test_a_kind_nobody_knows_still_tells_its_metadata_and_its_fields_by_number() -> None:
    metadata = length_delimited(1, b"thing") + length_delimited(3, b"space")
    raw = length_delimited(1, metadata) + length_delimited(2, length_delimited(4, b"inner")) + b"\x18\x07"
    read = read_stored(envelope("example.org/v1", "Thing", raw))
    assert read is not None and not read.whole
    assert (read.kind, read.name, read.namespace) == ("Thing", "thing", "space")
    assert read.body is not None and read.body["#2"] == {"#4": "inner"} and read.body["#3"] == 7


def test_a_field_from_a_newer_kubernetes_is_shown_by_its_number() -> None:
    raw = length_delimited(1, length_delimited(1, b"a")) + length_delimited(15, b"new")
    read = read_stored(envelope("v1", "ConfigMap", raw))
    assert read is not None and read.body is not None
    assert read.body["#15"] == "new" and read.name == "a"


def test_a_custom_resource_is_json_and_shown_whole() -> None:
    body = {"apiVersion": "example.org/v1", "kind": "Thing", "metadata": {"name": "a"}, "spec": {"n": 1}}
    read = read_stored(json.dumps(body).encode())
    assert read is not None and read.body == body and read.stored_as == "json" and read.name == "a"


def test_plain_json_and_plain_text_are_nothing_of_kubernetes() -> None:
    for value in (b"", b"text", b"{}", b'{"kind": 1, "apiVersion": "v1"}', b"[1]", b"k8s", b"{" * 100_000):
        assert read_stored(value) is None


def test_a_value_encrypted_at_rest_says_so_and_by_whom() -> None:
    read = read_stored(b"k8s:enc:aescbc:v1:key1:\x00\x01")
    assert read is not None and read.body is None and "aescbc:v1:key1" in read.note


SECRETS = [each for each in examples() if each["kind"] == "Secret"]


def test_of_a_secret_only_keys_and_lengths_are_shown() -> None:
    applied = {"kubectl.kubernetes.io/last-applied-configuration": "s3cret"}
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "a", "annotations": {"mine": "x"} | applied},
        "data": {"password": base64.b64encode(b"s3cret").decode()},
        "stringData": {"other": "s3cret"},
        "somethingNew": "s3cret",
    }
    read = read_stored(json.dumps(body).encode())
    assert read is not None
    shown = without_secrets(read).body
    assert shown is not None
    assert shown["data"] == {"password": "hidden, 6 bytes"}
    assert "s3cret" not in str(shown) and "x" in str(shown["metadata"])


@pytest.mark.parametrize("number", range(len(SECRETS)))
def test_no_value_of_a_stored_secret_is_shown(number: int) -> None:
    read = read_stored(stored(SECRETS[number]))
    assert read is not None
    shown = without_secrets(read).body
    for key, value in (SECRETS[number]["object"].get("data") or {}).items():
        assert shown is not None and shown["data"][key] == f"hidden, {len(base64.b64decode(value))} bytes"


@given(st.binary(max_size=300))
@settings(max_examples=500, deadline=None)
def test_arbitrary_bytes_never_crash_the_reader(raw: bytes) -> None:
    for value in (raw, MAGIC + raw, envelope("v1", "Pod", raw), envelope("x/v1", "Y", raw)):
        read = read_stored(value)
        if read is not None:
            json.dumps(read.body)
            json.dumps(without_secrets(read).body)


@given(st.data())
@settings(max_examples=500, deadline=None)
def test_damaged_objects_never_crash_the_reader(data: st.DataObject) -> None:
    value = bytearray(stored(data.draw(st.sampled_from(examples()))))
    for _ in range(data.draw(st.integers(1, 4))):
        value[data.draw(st.integers(4, len(value) - 1))] = data.draw(st.integers(0, 255))
    read = read_stored(bytes(value[: data.draw(st.integers(4, len(value)))]))
    assert read is not None
    json.dumps(read.body)


def test_a_message_in_a_message_a_thousand_times_ends() -> None:
    raw = b"x"
    for _ in range(1000):
        raw = length_delimited(1, raw)
    json.dumps(by_number(raw))
    json.dumps(read_stored(envelope("x/v1", "Y", raw)).body)  # type: ignore[union-attr]


def lease_of_protobuf() -> Any:
    """A Lease's own message class, made by Google's protobuf from three fields of its public definition."""
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="lease.proto", package="t", syntax="proto2")
    spec = file.message_type.add(name="Spec")
    for number, name, kind in ((1, "holder", kinds.TYPE_STRING), (2, "seconds", kinds.TYPE_INT32)):
        spec.field.add(name=name, number=number, type=kind, label=kinds.LABEL_OPTIONAL)
    lease = file.message_type.add(name="Lease")
    lease.field.add(name="spec", number=2, type=kinds.TYPE_MESSAGE, type_name=".t.Spec", label=kinds.LABEL_OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)  # type: ignore[no-untyped-call]
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("t.Lease"))


@given(st.text(max_size=20), st.integers(-(2**31), 2**31 - 1))
@settings(max_examples=100, deadline=None)
def test_what_protobuf_writes_is_read(holder: str, seconds: int) -> None:
    message = lease_of_protobuf()()
    message.spec.holder, message.spec.seconds = holder, seconds
    body = decode(str(type_of("coordination.k8s.io/v1", "Lease")), message.SerializeToString())
    assert body["spec"] == {"holderIdentity": holder, "leaseDurationSeconds": seconds}


@pytest.mark.parametrize("raw", [b"\x0a\xff\x01", b"\x0a", b"\x0b", b"\x00\x00", b"\x08" + b"\xff" * 10, b"\x09\x00"])
def test_bytes_that_are_no_message_are_called_that(raw: bytes) -> None:
    with pytest.raises(Malformed):
        list(fields(raw))
