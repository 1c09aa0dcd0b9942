"""Members known by the address of an interface: which address is taken, and when it is not guessed."""

from __future__ import annotations

import pytest

from etcdpilot.model.errors import Refused
from etcdpilot.model.interfaces import address_on, unread, with_addresses
from tests.paper.clusters import cluster, member


def on_interface(number: int):
    urls = {
        key: (f"https://etcd-{number}.interface.invalid:{port}",)
        for key, port in (("listen_peer_urls", 2380), ("advertise_peer_urls", 2380), ("advertise_client_urls", 2379))
    }
    clients = (f"https://etcd-{number}.interface.invalid:2379", "https://127.0.0.1:2379")
    return member(number, interface="eth0", listen_client_urls=clients, **urls)


WANTED = cluster(on_interface(0), on_interface(1), member(2))


def test_urls_name_the_address_once_it_is_read() -> None:
    assert [each.name for each in unread(WANTED)] == ["etcd-0", "etcd-1"]
    found = with_addresses(WANTED, {"etcd-0": ("eth0", "10.1.0.1"), "etcd-1": ("eth0", "fd00::1")})
    assert unread(found) == ()
    assert found.member("etcd-0").listen_client_urls == ("https://10.1.0.1:2379", "https://127.0.0.1:2379")
    assert found.member("etcd-1").advertise_peer_urls == ("https://[fd00::1]:2380",)
    assert found.member("etcd-2") == WANTED.member("etcd-2")


def test_the_address_of_another_interface_is_not_taken() -> None:
    assert len(unread(with_addresses(WANTED, {"etcd-0": ("eth1", "10.1.0.1")}))) == 2


def test_two_hosts_with_one_address_are_refused() -> None:
    with pytest.raises(Refused, match="same address"):
        with_addresses(WANTED, {"etcd-0": ("eth0", "172.17.0.1"), "etcd-1": ("eth0", "172.17.0.1")})


def test_one_address_is_taken_and_ipv4_before_ipv6() -> None:
    seen = (("eth0", "10.1.0.1"), ("eth0", "fd00::1"), ("eth1", "10.2.0.1"))
    assert address_on(on_interface(0), seen) == "10.1.0.1"
    assert address_on(on_interface(0), seen[1:]) == "fd00::1"


def test_several_are_refused_with_the_list() -> None:
    with pytest.raises(Refused, match=r"several addresses: 10\.1\.0\.1, 10\.1\.0\.2"):
        address_on(on_interface(0), (("eth0", "10.1.0.1"), ("eth0", "10.1.0.2")))


def test_none_is_refused_with_what_there_is() -> None:
    with pytest.raises(Refused) as refused:
        address_on(on_interface(0), (("eth1", "10.2.0.1"),))
    assert "10.2.0.1 on eth1" in refused.value.why
