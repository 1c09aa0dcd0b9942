"""flannel's network file in etcd: byte for byte, in the second store too where it is served."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from etcdpilot.testing.local_cluster import LocalCluster
from tests.etcd_versions import all_versions
from tests.local.kv.helping import ctl, kv, run

pytestmark = pytest.mark.local
NETWORK = b'{"Network":"172.16.0.0/16","SubnetLen":24,"Backend":{"Type":"vxlan","VNI":1}}\n'
WITH_V2 = [each for each in all_versions() if each.line == (3, 5)][-1:]


def test_the_file_stands_in_etcd_as_it_is(etcd_cluster: LocalCluster, tmp_path: Path) -> None:
    file = tmp_path / "flanneld.json"
    file.write_bytes(NETWORK)
    kv(etcd_cluster, "flannel", str(file), "--prefix", "/k8s/network")
    assert kv(etcd_cluster, "get", "/k8s/network/config", "--raw") == NETWORK
    assert ctl(etcd_cluster, "get", "/k8s/network/config", "--print-value-only") == NETWORK + b"\n"


def test_an_impossible_network_never_reaches_etcd(etcd_cluster: LocalCluster, tmp_path: Path) -> None:
    file = tmp_path / "flanneld.json"
    file.write_text('{"Network": "10.0.0.0/30"}')
    assert b"too small" in run(etcd_cluster, "kv", "flannel", str(file), "--prefix", "/none", code=2).stderr
    assert kv(etcd_cluster, "get", "--prefix", "/none") == b""


@pytest.mark.skipif(not WITH_V2, reason="no etcd 3.5 here: lab/binaries fetches one")
def test_where_the_second_store_is_served_it_holds_the_file_too(new_etcd_cluster: Any, tmp_path: Path) -> None:
    cluster = new_etcd_cluster(members=1, etcd=str(WITH_V2[0].directory / "etcd"), options={"enable-v2": "true"})
    file = tmp_path / "flanneld.json"
    file.write_bytes(NETWORK)
    assert json.loads(kv(cluster, "flannel", str(file), "--prefix", "/k8s/network", "-o", "json"))["v2"] is True
    assert kv(cluster, "get", "/k8s/network/config", "--raw") == NETWORK
    settings = {**cluster.environment, "ETCDCTL_API": "2"}
    words = {"ETCDCTL_CACERT": "--ca-file", "ETCDCTL_CERT": "--cert-file", "ETCDCTL_KEY": "--key-file"}
    flags = [word for name, flag in words.items() for word in (flag, settings.pop(name))]
    flags += ["--endpoints", settings.pop("ETCDCTL_ENDPOINTS")]
    told = subprocess.run(
        [cluster.etcdctl, *flags, "get", "/k8s/network/config"], env=settings, capture_output=True, check=True
    )
    assert told.stdout == NETWORK + b"\n"
