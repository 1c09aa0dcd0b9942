"""Changing who is a member."""

from __future__ import annotations

import asyncio

import pytest

from etcdpilot.etcd.client import Client
from etcdpilot.etcd.errors import NotFound, NotYet, Rejected, Unavailable
from etcdpilot.model.answers import MemberAdded
from tests.local.etcd.helping import eventually
from tests.local.raw_etcd import RawCluster


async def test_a_fourth_member_learns_is_promoted_and_leaves_again(cluster: RawCluster, client: Client) -> None:
    fourth = cluster.new_member("d")
    try:
        added = await _added(client, fourth.peer_url)
        assert added.member.is_learner and not added.member.name and added.member.id in {m.id for m in added.members}
        with pytest.raises(NotYet, match="in sync with leader"):
            await client.cluster.promote(added.member.id)
        with pytest.raises(Rejected, match="already exist"):
            await client.cluster.add([fourth.peer_url])

        fourth.start(cluster.initial_cluster, "existing")
        await fourth.up()
        await _a_learner_answers_what_a_learner_may(client, fourth.client_url)
        await eventually(lambda: _promoted(client, added.member.id))

        await eventually(lambda: _voters(client, 4))
        await client.kv.put("four", "4")
        await eventually(lambda: _reads(client, fourth.client_url))
        new_url = fourth.peer_url.replace("127.0.0.1", "localhost")
        changed = await client.cluster.update(added.member.id, [new_url])
        assert {m.peer_urls for m in changed.members if m.id == added.member.id} == {(new_url,)}
        left = await client.cluster.remove(added.member.id)
        assert added.member.id not in {member.id for member in left.members}
        with pytest.raises(NotFound):
            await client.cluster.remove(added.member.id)
    finally:
        fourth.kill()
        del cluster.members["d"]
    await eventually(lambda: _reads(client, cluster.endpoints[0]))


async def _added(client: Client, peer_url: str) -> MemberAdded:
    """etcd wants its members to have been in contact for five seconds before it changes them."""
    added: list[MemberAdded] = []

    async def accepted() -> bool:
        try:
            added.append(await client.cluster.add_learner([peer_url]))
        except NotYet as wait:
            assert "unhealthy cluster" in wait.text
        return bool(added)

    await eventually(accepted)
    return added[0]


async def _a_learner_answers_what_a_learner_may(client: Client, url: str) -> None:
    learner = client.at(url)

    async def learns() -> bool:
        status = await learner.maintenance.status()
        return status.is_learner and not status.is_leader

    await eventually(learns)
    with pytest.raises(Unavailable, match="not supported for learner"):
        await learner.kv.get("a")
    # With others to ask, nobody notices.
    async with Client([url, *(str(endpoint) for endpoint in client.endpoints)], client._connections._tls) as wide:
        await wide.kv.put("a", "1")


async def _voters(client: Client, number: int) -> bool:
    """3.4 answers out of what the asked member has applied so far."""
    return sum(not member.is_learner for member in (await client.cluster.list()).members) == number


async def _promoted(client: Client, member_id: int) -> bool:
    return not any(m.is_learner for m in (await client.cluster.promote(member_id)).members if m.id == member_id)


async def _reads(client: Client, url: str) -> bool:
    await client.at(url).kv.get("four", timeout=1)
    return True


async def test_every_member_lists_the_same_members(cluster: RawCluster, client: Client) -> None:
    lists = await asyncio.gather(
        *(client.at(url).cluster.list(linearizable=linear) for url in cluster.endpoints for linear in (True, False))
    )
    assert len({frozenset(one.members) for one in lists}) == 1
    assert {member.name for member in lists[0].members} == {"a", "b", "c"}
    assert {member.client_urls for member in lists[0].members} == {(url,) for url in cluster.endpoints}
    assert {member.peer_urls for member in lists[0].members} == {(m.peer_url,) for m in cluster.members.values()}
