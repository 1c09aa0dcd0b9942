"""The keys of a Kubernetes cluster through etcdctl and through kv: what the classic tutorial looks at."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from etcdpilot.testing.local_cluster import LocalCluster
from tests.etcd_versions import all_versions

pytestmark = pytest.mark.local
NAMESPACES = ("/registry/namespaces/autumn", "/registry/namespaces/default")
WITH_V2 = [each for each in all_versions() if each.line < (3, 6)][-1:]


@pytest.fixture(scope="module")
def cluster(etcd_cluster: LocalCluster) -> Iterator[LocalCluster]:
    for key in NAMESPACES:
        assert run(etcd_cluster, "ctl", "--", "put", key, "{}").stdout == "OK\n"
    yield etcd_cluster
    run(etcd_cluster, "kv", "del", "--prefix", "/registry/namespaces/")


def run(cluster: LocalCluster, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "etcdpilot", "-f", str(cluster.file), *words],
        env={**cluster.environment, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_an_unknown_key_is_a_header_alone_and_no_error(cluster: LocalCluster) -> None:
    got = run(cluster, "ctl", "--", "get", "/registryamespaces/default", "-w=json")
    assert got.returncode == 0 and list(json.loads(got.stdout)) == ["header"]


def test_a_prefix_lists_every_key_followed_by_an_empty_line(cluster: LocalCluster) -> None:
    got = run(cluster, "ctl", "--", "get", "/registry/namespaces/", "--prefix", "--keys-only")
    assert got.stdout == "".join(f"{key}\n\n" for key in NAMESPACES)


def test_a_command_run_together_with_its_argument_is_refused_by_etcdctl(cluster: LocalCluster) -> None:
    got = run(cluster, "ctl", "--", "get/", "--prefix", "--keys-only")
    assert got.returncode != 0 and 'unknown command "get/"' in got.stderr


@pytest.mark.parametrize("form", ["simple", "json", "fields"])
def test_w_chooses_the_form(cluster: LocalCluster, form: str) -> None:
    assert run(cluster, "ctl", "--", "get", NAMESPACES[0], "-w", form).returncode == 0


def test_table_is_no_form_of_get(cluster: LocalCluster) -> None:
    got = run(cluster, "ctl", "--", "get", NAMESPACES[0], "-w", "table")
    assert got.returncode == 4 and "table not supported as output format" in got.stderr


def test_keys_are_base64_in_etcdctls_json_and_words_in_kv(cluster: LocalCluster) -> None:
    theirs = json.loads(run(cluster, "ctl", "--", "get", NAMESPACES[0], "-w", "json").stdout)["kvs"][0]
    ours = json.loads(run(cluster, "kv", "get", NAMESPACES[0], "-o", "json").stdout)["kvs"][0]
    assert base64.b64decode(theirs["key"]).decode() == NAMESPACES[0]
    assert ours["key"] == theirs["key"] and NAMESPACES[0] in json.dumps(ours)


@pytest.mark.skipif(not WITH_V2, reason="no etcd with a v2 API here: run lab/binaries")
def test_a_key_of_one_store_is_invisible_in_the_other(new_etcd_cluster: Any) -> None:
    cluster = new_etcd_cluster(members=1, etcd=str(WITH_V2[0].directory), options={"enable-v2": "true"})
    run(cluster, "ctl", "--", "put", "/third", "v3")
    assert run(cluster, "ctl", "--", "set", "/second", "v2", ETCDCTL_API="2").stdout.strip() == "v2"
    found = run(cluster, "ctl", "--", "get", "/second")
    assert (found.returncode, found.stdout) == (0, "")
    assert "/third" not in run(cluster, "ctl", "--", "ls", "/", ETCDCTL_API="2").stdout
