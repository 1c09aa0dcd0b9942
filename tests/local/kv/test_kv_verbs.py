"""The kv verbs on a real TLS cluster of three."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from etcdpilot.testing.local_cluster import LocalCluster
from tests.local.kv.helping import ctl, emptied, kv, on, run

pytestmark = pytest.mark.local
PAIRS = {
    "foo": "bar",
    "testjson": '{"PublishedPort":"11111","Labels":[{"com.test.env":"dev"}]}',
    "/docker/node/n01": "192.168.100.111",
    "/docker/node/n02": "192.168.100.112",
    "/docker/node/n03": "192.168.100.113",
    "/docker/service/s01": "1005",
    "/docker/service/s02": "1007",
}


@pytest.fixture
def cluster(etcd_cluster: LocalCluster) -> Iterator[LocalCluster]:
    emptied(etcd_cluster)
    yield etcd_cluster
    emptied(etcd_cluster)


def as_etcdctl(prefix: str) -> bytes:
    return "".join(f"{key}\n{value}\n" for key, value in sorted(PAIRS.items()) if key.startswith(prefix)).encode()


def test_the_tutorials_keys_through_ctl_byte_for_byte(cluster: LocalCluster) -> None:
    for key, value in PAIRS.items():
        assert ctl(cluster, "put", key, value) == b"OK\n"
    assert ctl(cluster, "get", "foo") == b"foo\nbar\n"
    assert ctl(cluster, "get", "missing") == b""
    for prefix in ("/docker", "/docker/node", "/docker/service", ""):
        assert ctl(cluster, "get", "--prefix", prefix) == as_etcdctl(prefix)
    told = json.loads(ctl(cluster, "get", "-w", "json", "foo"))
    assert list(told) == ["header", "kvs", "count"]
    assert list(told["header"]) == ["cluster_id", "member_id", "revision", "raft_term"]


def test_the_tutorials_keys_through_kv(cluster: LocalCluster) -> None:
    for key, value in PAIRS.items():
        kv(cluster, "put", key, value)
    for key, value in PAIRS.items():
        assert kv(cluster, "get", key, "--raw") == value.encode()
    for prefix in ("/docker", "/docker/node", "/docker/service", ""):
        told = json.loads(kv(cluster, "get", "--prefix", prefix, "-o", "json"))
        assert {each["key_text"]: each["value_text"] for each in told["kvs"]} == {
            key: value for key, value in PAIRS.items() if key.startswith(prefix)
        }
        assert told["kvs"] == sorted(told["kvs"], key=lambda each: base64.b64decode(each["key"]))
    pretty = kv(cluster, "get", "testjson").decode()
    assert '    "PublishedPort": "11111",' in pretty


def test_json_has_etcdctls_own_fields_with_its_values(cluster: LocalCluster) -> None:
    kv(cluster, "put", "foo", "bar")
    theirs, ours = json.loads(ctl(cluster, "get", "-w", "json", "foo")), json.loads(kv(cluster, "get", "foo", "-ojson"))
    assert {name: ours["kvs"][0][name] for name in theirs["kvs"][0]} == theirs["kvs"][0]
    assert ours["count"] == theirs["count"] and set(ours["header"]) == set(theirs["header"])
    assert ours["header"]["cluster_id"] == theirs["header"]["cluster_id"]


def test_surplus_words_are_refused_and_nothing_is_written(cluster: LocalCluster) -> None:
    split = ("testjson", "PublishedPort:11111", "Labels:[{com.test.env:dev}]")
    ended = run(cluster, "kv", "put", *split, code=2)
    assert b"quotes" in ended.stderr and b"3 words" in ended.stderr
    assert kv(cluster, "get", "testjson", code=1) == b""


def test_a_value_from_standard_input_keeps_every_byte(cluster: LocalCluster) -> None:
    for value in (bytes(range(256)) * 9, b"", b"a\n", b'{"Network":"172.16.0.0/16"}\n'):
        kv(cluster, "put", "/in", stdin=value)
        assert kv(cluster, "get", "/in", "--raw") == value
        assert ctl(cluster, "get", "/in", "--print-value-only") == value + b"\n"


def test_a_key_of_arbitrary_bytes_is_written_and_shown(cluster: LocalCluster) -> None:
    kv(cluster, "put", b"/b\xff\x01\x1b[31m", b"\x80")
    told = json.loads(kv(cluster, "get", "--prefix", "/b", "-o", "json"))["kvs"][0]
    assert base64.b64decode(told["key"]) == b"/b\xff\x01\x1b[31m" and told["key_text"] is None
    assert b"\x1b[31m" not in kv(cluster, "get", "--prefix", "/b")


def test_put_over_a_revision_writes_only_over_that(cluster: LocalCluster) -> None:
    kv(cluster, "put", "a", "1", "--if-revision", "0")
    run(cluster, "kv", "put", "a", "2", "--if-revision", "0", code=3)
    revision = json.loads(kv(cluster, "get", "a", "-o", "json"))["kvs"][0]["mod_revision"]
    kv(cluster, "put", "a", "3", "--if-revision", str(revision))
    assert kv(cluster, "get", "a", "--raw") == b"3"


def test_ls_counts_and_sizes_what_is_below(cluster: LocalCluster) -> None:
    for key, value in PAIRS.items():
        kv(cluster, "put", key, value)
    root = json.loads(kv(cluster, "ls", "/docker", "-o", "json", "--depth", "1"))
    assert (root["keys"], root["size"]) == (5, sum(len(k + v) for k, v in PAIRS.items() if k[0] == "/"))
    assert [(each["name"], each["keys"]) for each in root["below"]] == [("/node", 3), ("/service", 2)]
    assert b"/docker/node" not in kv(cluster, "ls", "/docker") and b"/n01" in kv(cluster, "ls", "/docker")


def test_history_shows_every_revision_still_kept(cluster: LocalCluster) -> None:
    for value in ("1", "2"):
        kv(cluster, "put", "h", value)
    kv(cluster, "del", "h")
    kv(cluster, "put", "h", "3")
    kv(cluster, "put", "hh", "not this one")

    def seen() -> list[tuple[str, str | None]]:
        events = json.loads(kv(cluster, "history", "h", "-o", "json"))
        return [(event["type"], event["kv"].get("value_text")) for event in events]

    assert seen() == [("PUT", "1"), ("PUT", "2"), ("DELETE", None), ("PUT", "3")]
    kept = json.loads(kv(cluster, "history", "h", "-o", "json"))
    on(cluster, lambda client: client.kv.compact(kept[1]["kv"]["mod_revision"]))
    assert seen() == [("PUT", "2"), ("DELETE", None), ("PUT", "3")]
    kv(cluster, "del", "h")
    assert seen() == [("PUT", "2"), ("DELETE", None), ("PUT", "3"), ("DELETE", None)]
    assert kv(cluster, "history", "never", code=1) == b""


def test_history_has_a_value_older_than_the_compaction(cluster: LocalCluster) -> None:
    kv(cluster, "put", "old", "value")
    revision = on(cluster, lambda client: client.kv.put("other", "x")).header.revision
    on(cluster, lambda client: client.kv.compact(revision))
    assert b"value" in kv(cluster, "history", "old")


def test_deleting_everything_wants_to_be_meant(cluster: LocalCluster) -> None:
    kv(cluster, "put", "a", "1")
    run(cluster, "kv", "del", "--prefix", "", code=3)
    assert kv(cluster, "get", "a", "--raw") == b"1"
    kv(cluster, "del", "--prefix", "", "--yes")
    assert kv(cluster, "get", "--prefix", "") == b""


def test_a_cluster_that_was_not_built_here_is_reached_by_its_endpoints(cluster: LocalCluster, tmp_path: Path) -> None:
    from etcdpilot.stores.state import StateFolder

    kv(cluster, "put", "foo", "bar")
    state = StateFolder(cluster.directory)
    files = ("--cacert", state.client_ca, "--cert", state.operator_certificate, "--key", state.operator_key)
    where = ("--endpoints", ",".join(cluster.endpoints), *map(str, files))
    ended = run(cluster, "-f", str(tmp_path / "none"), "kv", "get", "foo", "--raw", *where)
    assert ended.stdout == b"bar"


OBJECTS = Path(__file__).parents[2] / "data" / "kubernetes" / "objects.jsonl"


def put_objects(cluster: LocalCluster, kind: str) -> list[dict[str, object]]:
    objects = [each for each in map(json.loads, OBJECTS.read_text().splitlines()) if each["kind"] == kind]

    async def write(client: object) -> None:
        for number, each in enumerate(objects):
            await client.kv.put(f"/registry/{kind.lower()}s/ns/n{number}", base64.b64decode(each["stored"]))  # type: ignore[attr-defined]

    on(cluster, write)
    return objects


def test_what_kubernetes_keeps_is_shown_as_the_object(cluster: LocalCluster) -> None:
    pods = put_objects(cluster, "Pod")
    told = json.loads(kv(cluster, "get", "--prefix", "/registry/pods", "-o", "json"))["kvs"]
    assert [each["kubernetes"]["object"] for each in told] == [
        {"apiVersion": "v1", "kind": "Pod"} | pod["object"]
        for pod in pods  # type: ignore[operator]
    ]
    assert base64.b64decode(told[0]["value"]) == base64.b64decode(str(pods[0]["stored"]))
    assert b"v1 Pod" in kv(cluster, "get", "/registry/pods/ns/n1")


def test_the_values_of_secrets_are_shown_when_asked_alone(cluster: LocalCluster) -> None:
    secrets = put_objects(cluster, "Secret")
    values = [value for each in secrets for value in (each["object"].get("data") or {}).values() if len(value) > 3]  # type: ignore[attr-defined]
    assert values
    for words in (
        ("get", "--prefix", "/registry/secrets", "-o", "json"),
        ("get", "--prefix", "/registry/secrets"),
        ("history", "/registry/secrets/ns/n1"),
    ):
        out = kv(cluster, *words).decode()
        assert "hidden" in out and not any(value in out for value in values), words
    shown = kv(cluster, "get", "--prefix", "/registry/secrets", "--secrets").decode()
    assert all(value in shown for value in values)
