"""The whole road on real binaries under a writer, with the gates that must fire, and back as far as etcd allows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.etcd_versions import all_versions
from tests.local.changing import Cluster

pytestmark = [pytest.mark.local, pytest.mark.timeout(400)]
THERE = {each.version: each.directory for each in all_versions()}
ROAD = ("3.4.23", "3.5.30", "3.5.35", "3.6.16", "3.7.3")
NAMES = ("etcd-0", "etcd-1", "etcd-2")


def require(*versions: str) -> None:
    if missing := [version for version in versions if version not in THERE]:
        pytest.skip(f"no etcd {', '.join(missing)} on this machine; lab/binaries brings them")


@pytest.fixture
def cluster(tmp_path: Path):
    here = Cluster.at(tmp_path)
    yield here
    here.close()


def began_with(cluster: Cluster, version: str) -> None:
    cluster.begin_with(3, "--etcd", str(THERE[version] / "etcd"))


def upgrade(cluster: Cluster, version: str, code: int = 0):
    return cluster.run("upgrade", version, "--etcd-dir", str(THERE[version]), "--yes", code=code)


def versions(cluster: Cluster) -> set[str]:
    return {row["version"] for row in cluster.rows().values()}


def test_the_whole_road_is_gone_under_a_writer_and_the_forbidden_shortcuts_are_refused(cluster: Cluster):
    require(*ROAD)
    began_with(cluster, ROAD[0])
    with cluster.under_load() as seen:
        two_away = upgrade(cluster, "3.6.16", code=3).err
        assert "cannot become 3.6.16 in one go" in two_away and "Go to 3.5 first" in two_away
        upgrade(cluster, "3.5.30")
        assert versions(cluster) == {"3.5.30"}
        too_early = upgrade(cluster, "3.6.16", code=3).err
        assert "must not become 3.6.16 yet" in too_early and "etcdpilot upgrade 3.5.32" in too_early
        upgrade(cluster, "3.5.35")
        upgrade(cluster, "3.6.16")
        upgrade(cluster, "3.7.3")
    assert versions(cluster) == {"3.7.3"}
    assert seen["longest_gap"] < 3
    cluster.is_settled(*NAMES)
    assert len(list((cluster.state / "backups").rglob("*.db"))) >= 4, "a snapshot before every change of version"


def test_the_road_back_ends_where_etcd_ends_it(cluster: Cluster):
    require(*ROAD)
    began_with(cluster, "3.7.3")
    with cluster.under_load():
        two_back = upgrade(cluster, "3.5.35", code=3).err
        assert "cannot become 3.5.35 in one go" in two_back
        upgrade(cluster, "3.6.16")
        upgrade(cluster, "3.5.35")
        no_further = upgrade(cluster, "3.4.23", code=3).err
        assert "cannot go back to 3.4.23" in no_further
    assert versions(cluster) == {"3.5.35"}
    cluster.is_settled(*NAMES)


def test_a_bad_release_is_no_target(cluster: Cluster):
    require("3.4.23", "3.5.1")
    began_with(cluster, "3.4.23")
    refused = upgrade(cluster, "3.5.1", code=3).err
    assert "3.5.1" in refused and versions(cluster) == {"3.4.23"}
