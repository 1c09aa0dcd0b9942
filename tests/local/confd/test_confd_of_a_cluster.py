"""In the folder of a cluster, confd knows nodes and certificates by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.etcd_versions import Etcd, every_line
from tests.local.commands import Folder
from tests.local.confd import folders

pytestmark = pytest.mark.local


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    here = Folder.at(tmp_path)
    yield here
    here.close()


@pytest.mark.parametrize("etcd", every_line()[-1:], ids=str)
def test_nodes_and_certificates_come_from_the_cluster_file(folder: Folder, etcd: Etcd) -> None:
    dest = folders.Folder(folder.path).resource("x", '{{getv "/a"}}')
    folder.run("up", "--etcd", str(etcd.directory / "etcd"))
    folder.run("ctl", "--", "put", "/a", "secret")
    ended = folder.run("confd", "-onetime", "-confdir", ".")
    assert dest.read_text() == "secret"
    assert "https://127.0.0.1:" in ended.err


def test_nodes_that_are_named_win_over_the_cluster_file(folder: Folder) -> None:
    folders.Folder(folder.path).resource("x", "x")
    (folder.path / "cluster.yaml").write_text("name: other\nmembers: [{name: a, host: 10.0.0.1}]\n")
    ended = folder.run("confd", "-onetime", "-confdir", ".", "-node", "http://127.0.0.1:1", code=1)
    assert "Backend source(s) set to http://127.0.0.1:1" in ended.err
