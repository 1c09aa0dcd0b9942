"""Text that becomes an endpoint, and the ranges that prefixes stand for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcdpilot.etcd.endpoints import Endpoint
from etcdpilot.etcd.keys import key_range, prefix_end
from etcdpilot.model.errors import SpecError


@pytest.mark.parametrize(
    ("text", "address", "secure"),
    [
        ("https://10.0.0.1:2379", "10.0.0.1:2379", True),
        ("http://10.0.0.1:4001/", "10.0.0.1:4001", False),
        ("https://[::1]:2379", "[::1]:2379", True),
        ("https://etcd-0.example", "etcd-0.example:2379", True),
        ("127.0.0.1:2379", "127.0.0.1:2379", False),
        (" https://a:1 ", "a:1", True),
    ],
)
def test_a_client_url_is_read(text: str, address: str, secure: bool) -> None:
    endpoint = Endpoint.parse(text)
    assert (endpoint.address, endpoint.secure) == (address, secure)
    assert Endpoint.parse(str(endpoint)) == endpoint


def test_a_bare_address_is_secure_where_certificates_were_given() -> None:
    assert Endpoint.parse("a:1", secure=True).secure
    assert not Endpoint.parse("http://a:1", secure=True).secure


@pytest.mark.parametrize(
    "text",
    ["", "https://", "ftp://a:1", "https://a:99999", "https://a:x", "https://a:1/v3", "https://u:p@a:1", "a b:1"],
)
def test_what_is_no_endpoint_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(SpecError) as caught:
        Endpoint.parse(text)
    assert repr(text) in caught.value.what and caught.value.why and "https://HOST:PORT" in caught.value.remedy


@given(st.binary(min_size=1), st.binary())
def test_a_prefix_s_range_holds_its_keys_and_no_others(prefix: bytes, key: bytes) -> None:
    start, end = key_range(prefix, True, b"")
    inside = start <= key and (end == b"\0" or key < end)
    assert inside == key.startswith(prefix)
    assert start <= prefix + key and (end == b"\0" or prefix + key < end)


def test_the_empty_prefix_is_every_key() -> None:
    assert key_range("", True, b"") == (b"\0", b"\0")
    assert prefix_end(b"\xff\xff") == b"\0"
    assert prefix_end(b"a\xff") == b"b"
