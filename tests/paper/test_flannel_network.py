"""flannel's network file is judged before it is written, with flannel's own reasons."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcdpilot.model.errors import SpecError
from etcdpilot.spec.flannel_network import read_network


def test_the_tutorials_network_is_taken() -> None:
    raw = b'{"Network":"172.16.0.0/16","SubnetLen":24,"Backend":{"Type":"vxlan","VNI":1}}\n'
    network = read_network(raw, "flanneld.json")
    assert (network.network, network.subnet_length, network.backend) == ("172.16.0.0/16", 24, "vxlan")
    assert (network.first, network.last) == ("172.16.1.0/24", "172.16.255.0/24")


@pytest.mark.parametrize(("prefix", "length"), [(8, 24), (22, 24), (23, 25), (28, 30)])
def test_the_length_of_a_subnet_is_chosen_as_flannel_does(prefix: int, length: int) -> None:
    assert read_network(json.dumps({"network": f"10.0.0.0/{prefix}"}).encode(), "f").subnet_length == length


WRONG = [
    ({}, "please define it"),
    ({"Network": "10.0.0.0"}, "no length"),
    ({"Network": "10.0.0.0/29"}, "too small"),
    ({"Network": "10.0.0.0/16", "SubnetLen": 31}, "less than /31"),
    ({"Network": "10.0.0.0/24", "SubnetLen": 25}, "at least four subnets"),
    ({"Network": "10.0.0.0/16", "SubnetMin": "10.1.0.0"}, "not in the range"),
    ({"Network": "10.0.0.0/16", "SubnetMax": "10.0.0.7"}, "boundary"),
    ({"Network": "10.0.0.0/16", "SubnetMin": "10.0.9.0", "SubnetMax": "10.0.3.0"}, "no subnet"),
    ({"Network": "10.0.0.0/16", "Backend": {"Type": "vxlam"}}, "no backend"),
    ({"Network": "10.0.0.0/16", "Backend": "vxlan"}, "an object"),
    ({"Network": "10.0.0.0/16", "SubnetLen": "24"}, "number of bits"),
    ({"EnableIPv4": False, "EnableIPv6": True, "IPv6Network": "fc00::/125"}, "too small"),
]


@pytest.mark.parametrize(("fields", "why"), WRONG)
def test_an_impossible_network_is_refused_with_the_reason(fields: dict[str, object], why: str) -> None:
    with pytest.raises(SpecError) as refused:
        read_network(json.dumps(fields).encode(), "f")
    assert why in str(refused.value)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_what_is_no_json_object_is_refused(raw: bytes) -> None:
    with pytest.raises(SpecError):
        read_network(raw, "f")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12), lambda inner: st.lists(inner, max_size=3)
)
NAMES = st.sampled_from(
    ["Network", "SubnetLen", "SubnetMin", "SubnetMax", "EnableIPv6", "EnableIPv4", "IPv6Network", "Backend"]
)


@given(st.dictionaries(NAMES, JSON))
def test_any_json_is_taken_or_refused_and_nothing_else(fields: dict[str, object]) -> None:
    try:
        read_network(json.dumps({"Network": "10.0.0.0/16", **fields}).encode(), "f")
    except SpecError:
        pass
