"""A folder to run commands in, for one test; what runs there is ended with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.commands import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    here = Folder.at(tmp_path)
    yield here
    here.close()
