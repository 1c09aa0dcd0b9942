"""A discovery service of ours, for one test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.discovery.service import Service
from tests.local.raw_etcd import free_ports


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    found = Service(tmp_path, free_ports(1)[0]).start()
    yield found
    found.end()
