"""The IDs that etcd will give, foretold: held against IDs that real clusters printed, years ago and by other hands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcdpilot.model.identity import as_hex, cluster_id, member_id


@pytest.mark.parametrize(
    "address, printed",
    [
        ("10.10.6.201", "b10839f801cb056d"),
        ("10.10.4.12", "ec88b43e6657597d"),
        ("10.10.5.105", "3e021ee005d1d0d4"),
        ("10.19.0.55", "fb3e4a0d91e719a6"),
        ("10.19.0.56", "884de43739502011"),
        ("10.19.0.57", "2e433331257e2668"),
    ],
)
def test_members_of_two_published_clusters_get_the_ids_that_were_printed(address: str, printed: str):
    assert as_hex(member_id([f"https://{address}:2380"], "etcd-cluster-0")) == printed


def test_a_single_member_with_everything_at_its_default_gets_the_ids_that_were_printed():
    member = member_id(["http://localhost:2380"], "etcd-cluster")
    assert member == 10276657743932975437
    assert cluster_id([member]) == 14841639068965178418


@given(st.lists(st.sampled_from(["http://a:1", "http://b:2", "https://c:3"]), min_size=1, unique=True), st.randoms())
def test_the_order_of_urls_and_of_members_does_not_matter(urls: list[str], chance):
    mixed = list(urls)
    chance.shuffle(mixed)
    assert member_id(urls, "t") == member_id(mixed, "t")
    ids = [member_id([url], "t") for url in urls]
    assert cluster_id(ids) == cluster_id(member_id([url], "t") for url in mixed)


@given(st.text(min_size=1), st.text(min_size=1))
def test_another_token_is_another_cluster(one: str, other: str):
    same = member_id(["http://a:1"], one) == member_id(["http://a:1"], other)
    assert same == (one == other)
