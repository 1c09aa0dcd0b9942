"""The whole road on real binaries under a writer, with the gates that must fire, and back as far as etcd allows."""

from __future__ import annotations

import os
import re
import ssl
import urllib.request
from pathlib import Path

import pytest

from tests.etcd_versions import all_versions
from tests.local.changing import Cluster

pytestmark = [pytest.mark.local, pytest.mark.timeout(400)]
THERE = {each.version: each.directory for each in all_versions()}
ROAD = ("3.4.23", "3.5.30", "3.5.35", "3.6.16", "3.7.3")
NAMES = ("etcd-0", "etcd-1", "etcd-2")
LONG = pytest.mark.skipif(
    os.environ.get("ETCDPILOT_LONG") != "1", reason="the long form (ETCDPILOT_LONG=1) goes the other roads too"
)


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


@LONG
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


def v2(cluster: Cluster, method: str, key: str, value: str = "") -> int:
    """One request of the v2 API, which etcdctl of today does not speak. Returns the status."""
    context = ssl.create_default_context(cafile=str(cluster.state / "ca.crt"))
    context.load_cert_chain(cluster.state / "client.crt", cluster.state / "client.key")
    url = f"https://127.0.0.1:{cluster.ports[0][0]}/v2/keys/{key}"
    body = f"value={value}".encode() if value else None
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    asked = urllib.request.Request(url, data=body, method=method, headers=form)
    with urllib.request.urlopen(asked, context=context, timeout=10) as answer:
        return int(answer.status)


def options(cluster: Cluster, *pairs: str) -> None:
    """These options and no others, rolled out."""
    text = re.sub(r"  options: .*\n", "", cluster.file.read_text())
    line = f"  options: {{{', '.join(pairs)}}}\n" if pairs else ""
    cluster.file.write_text(text.replace("etcd:\n", f"etcd:\n{line}"))
    cluster.run("apply", "--yes")


@LONG
def test_what_the_v2_api_has_left_closes_the_way_to_3_6_until_it_is_gone(cluster: Cluster):
    require("3.5.35", "3.6.16")
    began_with(cluster, "3.5.35")
    options(cluster, "enable-v2: true")
    assert v2(cluster, "PUT", "seeded", "yes") == 201
    served = upgrade(cluster, "3.6.16", code=2).err
    assert "enable-v2 — is gone since etcd 3.6" in served
    v2(cluster, "DELETE", "seeded")
    options(cluster)
    # Deleted, and not served any more; the log still tells of it.
    left = upgrade(cluster, "3.6.16", code=6).err
    assert "still holds what was stored through the v2 API" in left and "WAL records" in left
    assert versions(cluster) == {"3.5.35"}, "nobody was touched"
    cluster.edit("3.6.16", "3.5.35")
    options(cluster, "snapshot-count: 1")
    for number in range(8):
        cluster.run("ctl", "--", "put", f"key-{number}", "value")
    options(cluster)
    upgrade(cluster, "3.6.16")
    assert versions(cluster) == {"3.6.16"}
    cluster.is_settled(*NAMES)


@LONG
def test_voters_that_the_disk_calls_learners_close_the_way_to_3_6_until_they_are_restarted(cluster: Cluster):
    """3.5.1 does not write down that a learner was promoted; 3.6 would make it one again."""
    require("3.5.1", "3.5.35", "3.6.16")
    cluster.begin_with(1, "--etcd", str(THERE["3.5.1"] / "etcd"))
    cluster.add(1)
    cluster.add(2)
    upgrade(cluster, "3.5.35")
    refused = upgrade(cluster, "3.6.16", code=6).err
    assert "is a learner there" in refused and "etcdpilot restart" in refused
    assert versions(cluster) == {"3.5.35"}
    cluster.run("restart", "--yes")
    assert versions(cluster) == {"3.5.35"}, "the file wants 3.6 already, and a restart is no upgrade"
    upgrade(cluster, "3.6.16")
    assert versions(cluster) == {"3.6.16"}
    cluster.is_settled(*NAMES)
