"""A live cluster goes from http to https and back, member by member, while somebody writes; cut off anywhere, resumed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.etcd_versions import Etcd, all_versions
from tests.local.changing import KILLED, Cluster

pytestmark = [pytest.mark.local, pytest.mark.timeout(240)]
CHOSEN = [each for each in all_versions() if each.version in ("3.4.23", "3.5.30")] + all_versions()[-1:]
LONG = os.environ.get("ETCDPILOT_LONG") == "1"
USUAL = CHOSEN if LONG else CHOSEN[:1]
NAMES = ("etcd-0", "etcd-1", "etcd-2")


@pytest.fixture(params=USUAL, ids=str)
def etcd(request: pytest.FixtureRequest) -> Etcd:
    return request.param


@pytest.fixture
def cluster(tmp_path: Path):
    here = Cluster.at(tmp_path)
    yield here
    here.close()


def plain(cluster: Cluster, etcd: Etcd) -> Cluster:
    return cluster.begin_with(3, "--no-tls", "--etcd", str(etcd.directory / "etcd"))


def both_urls(cluster: Cluster) -> list[str]:
    """Clients are told both URLs of every member before it begins."""
    return [f"{scheme}://127.0.0.1:{client}" for client, _ in cluster.ports[:3] for scheme in ("http", "https")]


def schemes(cluster: Cluster) -> set[str]:
    here = [row for row in cluster.rows().values() if row["state"] == "voting"]
    return {url.split(":")[0] for row in here for url in (*row["peer_urls"], *row["client_urls"])}


def test_http_becomes_https_and_goes_back_under_a_writer_without_losing_a_voter(cluster: Cluster, etcd: Etcd):
    plain(cluster, etcd)
    cluster.edit("mode: off", "mode: mutual")
    # The authorities come first of all: from then on clients can be given their certificates.
    assert cluster.dying("before:2", "apply", "--yes").code == KILLED
    with cluster.under_load(both_urls(cluster)) as seen:
        shown = cluster.run("apply", "--yes").out
    assert "each answers https alone" in shown, "clients are told what is to come"
    assert "tolerance 0" not in shown and seen["longest_gap"] < 3
    assert schemes(cluster) == {"https"}
    cluster.is_settled(*NAMES)
    cluster.edit("mode: mutual", "mode: off")
    with cluster.under_load(both_urls(cluster)) as seen:
        shown = cluster.run("apply", "--yes").out
    assert "everybody who reaches a port" in shown and seen["longest_gap"] < 3
    assert schemes(cluster) == {"http"}
    cluster.is_settled(*NAMES)
    arguments = b"".join(Path(f"/proc/{pid}/cmdline").read_bytes() for pid in cluster.members().values())
    assert b"cert-file" not in arguments, "what is not used any more is not named either"


@pytest.mark.skipif(not LONG, reason="the long form (ETCDPILOT_LONG=1) cuts the way at every step")
@pytest.mark.parametrize("towards", ["https", "http"])
def test_cut_off_at_any_step_the_same_command_finishes_it(cluster: Cluster, towards: str):
    cluster.begin_with(3, *(("--no-tls",) if towards == "https" else ()))
    old, new = ("off", "mutual") if towards == "https" else ("mutual", "off")
    if towards == "https":
        cluster.edit(f"mode: {old}", f"mode: {new}")
    else:
        cluster.edit("members:\n", "tls: {mode: off}\nmembers:\n")
    cluster.in_pieces("apply", "--yes", moments=("after:1+0.01", "before:2"))
    assert schemes(cluster) == {towards}
    cluster.is_settled(*NAMES)


def test_turned_round_half_way_it_comes_back(cluster: Cluster):
    """The file is put back while some members speak https already: nothing remembers the way, everything is seen."""
    cluster.begin_with(3, "--no-tls")
    before = cluster.file.read_text()
    cluster.edit("mode: off", "mode: mutual")
    assert cluster.dying("before:24", "apply", "--yes").code == KILLED
    assert schemes(cluster) == {"http", "https"}
    assert set(cluster.states().values()) == {"voting"}, "status finds each where it answers"
    cluster.file.write_text(before)
    cluster.run("apply", "--yes")
    assert schemes(cluster) == {"http"}
    cluster.is_settled(*NAMES)


def test_one_thing_at_a_time_nobody_joins_on_the_way(cluster: Cluster):
    cluster.begin_with(3, "--no-tls")
    cluster.edit("mode: off", "mode: mutual")
    cluster.name_members(0, 1, 2, 3)
    refused = cluster.run("apply", "--yes", code=3).err
    assert "does not go to https while etcd-3 joins or leaves" in refused
    assert schemes(cluster) == {"http"}
