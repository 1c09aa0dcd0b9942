"""What other programs are told of the cluster."""

from __future__ import annotations

import pytest
import yaml

from etcdpilot.model.versions import Version
from etcdpilot.rendering.consumers import Access, Consumer, consumer_lines, too_old_for

URLS = ("https://10.0.1.10:2379", "https://10.0.1.11:2379")
SECURE = Access(URLS, "/pki/ca.crt", "/pki/client.crt", "/pki/client.key")


def test_kube_apiserver_gets_all_servers_and_the_certificate_parameters():
    assert consumer_lines(Consumer.KUBE_APISERVER, SECURE) == (
        "--etcd-servers=https://10.0.1.10:2379,https://10.0.1.11:2379",
        "--etcd-cafile=/pki/ca.crt",
        "--etcd-certfile=/pki/client.crt",
        "--etcd-keyfile=/pki/client.key",
    )


def test_flannel_gets_its_prefix_too():
    lines = consumer_lines(Consumer.FLANNEL, SECURE)
    assert lines[0].startswith("--etcd-endpoints=") and "--etcd-prefix=/k8s/network" in lines
    assert len(lines) == 5


def test_without_tls_there_are_no_certificate_parameters():
    assert consumer_lines(Consumer.KUBE_APISERVER, Access(("http://127.0.0.1:2379",))) == (
        "--etcd-servers=http://127.0.0.1:2379",
    )


def test_patroni_gets_a_section_that_yaml_reads():
    section = yaml.safe_load("\n".join(consumer_lines(Consumer.PATRONI, SECURE)))["etcd3"]
    assert section["hosts"] == ["10.0.1.10:2379", "10.0.1.11:2379"]
    assert (section["protocol"], section["cacert"], section["key"]) == ("https", "/pki/ca.crt", "/pki/client.key")


@pytest.mark.parametrize(
    ("etcd", "kubernetes", "warned"),
    [
        ("3.1.8", "1.10", True),
        ("3.1.18", "1.10", False),
        ("3.4.21", "1.29", True),
        ("3.4.23", "1.29", False),
        ("3.5.1", "v1.29.3", True),
        ("3.5.30", "1.29", False),
        ("3.4.23", "1.31", True),
        ("3.5.10", "1.31", True),
        ("3.5.16", "1.34", False),
        ("3.5.16", "1.35", True),
        ("3.4.45", "1.35", True),
        ("3.6.16", "1.36", False),
        ("3.7.3", "1.34", False),
    ],
)
def test_a_version_below_the_floor_of_that_kubernetes_is_warned_of(etcd: str, kubernetes: str, warned: bool):
    assert bool(too_old_for(Version.parse(etcd), kubernetes)) is warned


def test_a_release_that_is_none_is_said_to_be_none():
    with pytest.raises(ValueError, match=r"write 1\.29"):
        too_old_for(Version(3, 5, 30), "newest")
