"""The live log: nothing lost when members die, and what compaction took is said."""

from __future__ import annotations

import json

import pytest

from etcdpilot.etcd.client import Client
from etcdpilot.etcd.errors import Unavailable, UnknownOutcome
from etcdpilot.etcd.txn import Aspect, If, Put
from etcdpilot.testing.local_cluster import LocalCluster
from tests.local.kv.helping import Running, on, run

pytestmark = pytest.mark.local


async def surely_once(client: Client, key: str) -> None:
    """A put whose outcome is unknown is done again only where there is no such key."""
    for _ in range(20):
        try:
            await client.kv.txn([If(key, Aspect.VERSION, "=", 0)], [Put(key, "x")], timeout=15)
            return
        except (UnknownOutcome, Unavailable):
            continue
    raise AssertionError(f"{key} could not be written")


def test_a_watch_survives_the_death_of_every_member_in_turn_without_losing_an_event(
    etcd_cluster: LocalCluster,
) -> None:
    first = on(etcd_cluster, lambda client: client.kv.put("/w/first", "0")).header.revision
    with Running.begin(etcd_cluster, "kv", "watch", "/w/", "--prefix", "--revision", str(first), "-o", "json") as seen:
        seen.until(lambda watch: len(watch.lines) == 1)
        for turn, member in enumerate(etcd_cluster.members):

            async def some(client: Client, turn: int = turn) -> None:
                for number in range(50):
                    await surely_once(client, f"/w/{turn}-{number}")

            etcd_cluster.kill(member.name)
            on(etcd_cluster, some)
            etcd_cluster.restart(member.name)
        seen.until(lambda watch: len(watch.lines) >= 151)
    keys = [json.loads(line)["kv"]["key_text"] for line in seen.lines]
    assert keys == ["/w/first", *(f"/w/{turn}-{number}" for turn in range(3) for number in range(50))]


def test_changes_that_are_compacted_away_are_said_and_the_rest_follows(etcd_cluster: LocalCluster) -> None:
    first = on(etcd_cluster, lambda client: client.kv.put("/c", "1")).header.revision
    second = on(etcd_cluster, lambda client: client.kv.put("/c", "2")).header.revision
    on(etcd_cluster, lambda client: client.kv.compact(second))
    with Running.begin(etcd_cluster, "kv", "watch", "/c", "--revision", str(first), "-o", "json") as seen:
        seen.until(lambda watch: len(watch.lines) >= 2)
    lost, event = map(json.loads, seen.lines[:2])
    assert lost == {"type": "COMPACTED", "from": first, "compact_revision": second}
    assert event["kv"]["value_text"] == "2"


def test_interrupting_says_where_to_go_on(etcd_cluster: LocalCluster) -> None:
    revision = on(etcd_cluster, lambda client: client.kv.put("/i", "1")).header.revision
    with Running.begin(etcd_cluster, "kv", "watch", "/i", "--revision", str(revision)) as seen:
        seen.until(lambda watch: len(watch.lines) == 1)
        assert seen.interrupt() == 130
    assert any(f"--revision {revision + 1}".encode() in line for line in seen.said)


def test_a_watch_without_a_key_is_refused(etcd_cluster: LocalCluster) -> None:
    assert b"Which key?" in run(etcd_cluster, "kv", "watch", code=2).stderr
