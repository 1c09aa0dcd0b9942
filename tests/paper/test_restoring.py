"""A restore on paper: cut off anywhere, with its answer heard or not, the next run plans exactly the rest of the way."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etcdpilot.applying.engine import carry_out
from etcdpilot.model.cluster import ClusterSpec
from etcdpilot.model.errors import ClusterFailed
from etcdpilot.model.membership import MemberState
from etcdpilot.model.plans import Plan
from etcdpilot.model.restoring import Restore, Restored, Source, can_bump, identity_of, restore_flags
from etcdpilot.model.snapshots import KeysHash
from etcdpilot.model.steps import BeginAnew, MoveDataAside, PrepareData, StartMembers
from etcdpilot.model.versions import Version
from etcdpilot.planning.restoring import restore_plan
from etcdpilot.testing.paper_cluster import PaperCluster
from etcdpilot.testing.scenario import Scenario

SOURCE = Source("/s.db", "s.db", 1 << 20, "ab" * 32, 7, KeysHash(1, 7, -1), etcd="3.5.0")


def plain(names: str) -> ClusterSpec:
    scenario = Scenario()
    scenario.names = tuple(names)
    return scenario.wanted()


def restore_of(cluster: PaperCluster, *lost: str, token: str = "new", source: Source = SOURCE) -> Restore:
    members = tuple(
        Restored(each.name, each.advertise_peer_urls) for each in cluster.wanted.members if each.name not in lost
    )
    cluster_id, ids = identity_of(members, token)
    return Restore("restore", source, token, cluster_id, ids, 0, "2026-01-01T00:00:00+00:00", lost)


def begun(names: str = "abc", *, built: bool = True) -> PaperCluster:
    cluster = PaperCluster(plain(names))
    if built:
        asyncio.run(carried_out(cluster, cluster.plan()))
    cluster.restore = restore_of(cluster)
    return cluster


def plan(cluster: PaperCluster) -> Plan:
    assert cluster.restore is not None
    return restore_plan(cluster.wanted, cluster.seen(), cluster.memory, cluster.restore, cluster.now())


async def carried_out(cluster: PaperCluster, agreed: Plan) -> None:
    async for _ in carry_out(agreed, cluster):
        pass


def is_restored(cluster: PaperCluster) -> None:
    assert cluster.restore is not None
    assert {name: cluster.state_of(name) for name in cluster.entries} == dict.fromkeys(
        cluster.restore.members, MemberState.VOTING
    )
    assert all(cluster.host(name).data_of == cluster.restored_identity(name) for name in cluster.restore.members)


@pytest.mark.parametrize("built", [True, False])
def test_a_restore_goes_through_on_a_running_cluster_and_on_bare_hosts(built: bool) -> None:
    cluster = begun(built=built)
    agreed = plan(cluster)
    assert not agreed.refusals
    asyncio.run(carried_out(cluster, agreed))
    is_restored(cluster)
    assert [type(each.step).__name__ for each in plan(cluster).steps] == ["ProveRestored"]


@settings(deadline=None, max_examples=40)
@given(
    names=st.sampled_from(["a", "abc", "abcde"]),
    built=st.booleans(),
    down=st.sets(st.sampled_from("abcde")),
    cuts=st.lists(st.tuples(st.integers(0, 12), st.booleans()), max_size=4),
)
def test_cut_off_anywhere_the_rest_of_the_way_is_planned_and_does_no_harm(names, built, down, cuts) -> None:
    cluster = begun(names, built=built)
    for name in down & set(names):
        cluster.dies(name)
    for after, unheard in cuts:
        agreed = plan(cluster)
        cluster.cut_after, cluster.unheard = len(cluster.taken) + after, unheard
        done = len(cluster.taken)
        try:
            asyncio.run(carried_out(cluster, agreed))
        except ClusterFailed:
            rest = [each.step for each in agreed.steps[len(cluster.taken) - done :]]
            cluster.mend()
            left = [each.step for each in plan(cluster).steps]
            assert left[len(left) - len(rest) :] == rest
        cluster.mend()
    asyncio.run(carried_out(cluster, plan(cluster)))
    is_restored(cluster)


@settings(deadline=None, max_examples=40)
@given(when=st.integers(1, 8), who=st.sampled_from("abc"))
def test_an_old_member_that_comes_up_in_the_middle_is_stopped_again(when, who) -> None:
    """A host that restarts brings its service back; on data that are not the restore's it may not stay."""
    cluster = begun()
    agreed = plan(cluster)
    cluster.cut_after = len(cluster.taken) + when
    with pytest.raises(ClusterFailed):
        asyncio.run(carried_out(cluster, agreed))
    cluster.mend()
    host = cluster.host(who)
    ghost = host.has_data and host.data_of != cluster.restored_identity(who)
    host.running = host.running or ghost
    again = plan(cluster)
    assert any(isinstance(each.step, BeginAnew) and who in each.step.stopping for each in again.steps) is ghost
    asyncio.run(carried_out(cluster, again))
    is_restored(cluster)


def test_nothing_is_stopped_before_everything_is_ready_beside_it() -> None:
    steps = [type(each.step) for each in plan(begun()).steps]
    assert steps.index(PrepareData) < steps.index(BeginAnew) < steps.index(MoveDataAside) < steps.index(StartMembers)
    assert steps.count(MoveDataAside) == 3


def test_a_host_that_nobody_reaches_stands_in_the_way_until_it_is_said_to_be_gone() -> None:
    cluster = begun()
    cluster.host("c").unreachable = "no route"
    refused = plan(cluster).refusals
    assert [each.invariant for each in refused] == ["I18"] and "--lost c" in refused[0].remedy
    cluster.restore = restore_of(cluster, "c")
    cluster.dies("c")
    agreed = plan(cluster)
    assert not agreed.refusals and any("stay out" in each for each in agreed.warnings)
    asyncio.run(carried_out(cluster, agreed))
    is_restored(cluster)
    assert set(cluster.entries) == {"a", "b"}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (replace(SOURCE, etcd="3.6.0"), "written by etcd 3.6"),
        (replace(SOURCE, auth_enabled=True), "no TLS"),
    ],
)
def test_what_this_cluster_could_not_read_or_nobody_could_prove_is_refused(source: Source, said: str) -> None:
    cluster = begun()
    cluster.restore = restore_of(cluster, source=source)
    refused = plan(cluster).refusals
    assert len(refused) == 1 and said in refused[0].what


def test_a_snapshot_larger_than_the_quota_is_warned_about() -> None:
    cluster = begun()
    cluster.restore = restore_of(cluster, source=replace(SOURCE, size=2 << 30))
    assert any("quota-backend-bytes" in each for each in plan(cluster).warnings)


@pytest.mark.parametrize(
    ("version", "can"),
    [("3.4.26", False), ("3.4.27", True), ("3.5.9", False), ("3.5.10", True), ("3.6.0", True), ("3.7.3", True)],
)
def test_which_release_can_bump_the_revision(version: str, can: bool) -> None:
    assert can_bump(Version.parse(version)) is can


def test_a_copied_database_is_restored_without_its_missing_checksum_and_only_then() -> None:
    cluster = begun()
    peers = tuple((each.name, each.advertise_peer_urls) for each in cluster.wanted.members)
    plain = restore_of(cluster)
    assert "--skip-hash-check=true" not in restore_flags(plain, "a", peers)
    copied = replace(plain, source=replace(SOURCE, has_checksum=False), bump=5)
    flags = restore_flags(copied, "a", peers)
    assert {"--skip-hash-check=true", "--bump-revision=5", "--mark-compacted=true", "--name=a"} <= set(flags)
