"""The pytest fixtures that come with etcdpilot.

    def test_something(etcd_cluster):
        etcd_cluster.kill(etcd_cluster.members[0].name)

`etcd_cluster` is one TLS cluster of three for the whole session; `new_etcd_cluster` makes others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from etcdpilot.testing.local_cluster import LocalCluster


@pytest.fixture(scope="session")
def etcd_cluster() -> Iterator[LocalCluster]:
    """Three members, mutual TLS, loopback timers, proved healthy; skips where no etcd binary is found."""
    from etcdpilot.testing.local_cluster import LocalCluster

    require_etcd(None)
    with LocalCluster() as cluster:
        yield cluster


@pytest.fixture
def new_etcd_cluster() -> Iterator[Any]:
    """Call it with LocalCluster's arguments: a cluster of the test's own, closed when the test ends."""
    from etcdpilot.testing.local_cluster import LocalCluster

    made: list[LocalCluster] = []

    def make(**wishes: Any) -> LocalCluster:
        require_etcd(wishes.get("etcd"))
        cluster = LocalCluster(**wishes)
        made.append(cluster)
        cluster.start()
        return cluster

    yield make
    for cluster in made:
        cluster.close()


def require_etcd(named: str | None) -> None:
    from etcdpilot.model.errors import SpecError
    from etcdpilot.stores.local_binaries import newest

    if named is None:
        try:
            newest()
        except SpecError as error:
            pytest.skip(f"{error.what} {error.remedy}")
