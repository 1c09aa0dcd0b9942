"""etcd's own auth: by certificate, by password, and with a token that is no longer good."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import pytest

from etcdpilot.etcd.client import Client
from etcdpilot.etcd.errors import Denied, NotFound, Unsupported
from etcdpilot.model.answers import Access, Permission, WatchEvent
from tests.local.etcd.helping import back, eventually, tls_of
from tests.local.raw_etcd import RawCluster


@pytest.fixture(scope="module")
async def root(cluster: RawCluster) -> AsyncIterator[Client]:
    """Auth is on; this client's certificate says root. `reader` has a certificate, `writer` a password."""
    assert cluster.pki is not None
    cluster.pki.write("reader", common_name="reader")
    cluster.pki.write("nobody", common_name="nobody")
    async with Client(cluster.endpoints, tls_of(cluster), timeout=10) as client:
        auth = client.auth
        await auth.add_user("root")
        await auth.grant_role("root", "root")
        await auth.add_role("see")
        await auth.permit("see", Access.READ, "seen/", prefix=True)
        await auth.add_user("reader")
        await auth.grant_role("reader", "see")
        await auth.add_role("change")
        await auth.permit("change", Access.READWRITE, "seen/", prefix=True)
        await auth.add_user("writer", "secret")
        await auth.grant_role("writer", "change")
        await auth.enable()
        await eventually(lambda: _root_reads(client))
        yield client
        await auth.disable()


async def _root_reads(client: Client) -> bool:
    await client.auth.users()
    return True


@pytest.fixture
async def writer(cluster: RawCluster, root: Client) -> AsyncIterator[Client]:
    """Comes with a certificate that is nobody's, so that only the token counts."""
    tls = tls_of(cluster, "nobody")
    async with Client(cluster.endpoints, tls, user="writer", password="secret", timeout=10) as client:
        yield client


async def test_users_roles_and_permissions_can_be_read_and_taken_back(root: Client) -> None:
    assert set(await root.auth.users()) == {"root", "reader", "writer"}
    assert set(await root.auth.roles()) - {"root"} == {"see", "change"}
    assert await root.auth.roles_of("reader") == ("see",)
    assert await root.auth.permissions_of("see") == (Permission(Access.READ, b"seen/", b"seen0"),)
    await root.auth.add_user("guest", "x")
    await root.auth.grant_role("guest", "see")
    await root.auth.revoke_role("guest", "see")
    await root.auth.change_password("guest", "y")
    await root.auth.add_role("extra")
    await root.auth.permit("extra", Access.WRITE, "k")
    await root.auth.forbid("extra", "k")
    assert await root.auth.permissions_of("extra") == ()
    await root.auth.delete_role("extra")
    await root.auth.delete_user("guest")
    with pytest.raises(NotFound):
        await root.auth.roles_of("guest")


async def test_whether_auth_is_on_can_be_asked_from_3_5_on(cluster: RawCluster, root: Client) -> None:
    if cluster.members["a"].binaries.line < (3, 5):
        with pytest.raises(Unsupported):
            await root.auth.status()
    else:
        assert (await root.auth.status()).enabled


async def test_a_certificate_s_name_decides_what_is_allowed(cluster: RawCluster, root: Client) -> None:
    await root.kv.put("seen/a", "1")
    async with Client(cluster.endpoints, tls_of(cluster, "reader"), timeout=10) as reader:
        assert await reader.kv.get("seen/a") is not None
        with pytest.raises(Denied, match="permission denied"):
            await reader.kv.put("seen/a", "2")
        with pytest.raises(Denied):
            await reader.kv.get("unseen")
        async with reader.watch("seen/", prefix=True) as events:
            await root.kv.put("seen/b", "1")
            assert (await anext(events)).revision
        with pytest.raises(Denied):
            async with reader.watch("unseen"):
                pass
    async with Client(cluster.endpoints, tls_of(cluster, "nobody"), timeout=10) as nobody:
        with pytest.raises(Denied):
            await nobody.kv.get("seen/a")


async def test_a_password_becomes_a_token(root: Client, writer: Client) -> None:
    await writer.kv.put("seen/w", "1")
    assert (await root.kv.get("seen/w")) is not None
    with pytest.raises(Denied):
        await writer.kv.put("elsewhere", "1")


async def test_a_wrong_password_is_denied(cluster: RawCluster, root: Client) -> None:
    tls = tls_of(cluster, "nobody")
    async with Client(cluster.endpoints, tls, user="writer", password="wrong", timeout=10) as wrong:
        with pytest.raises(Denied, match="invalid user ID or password"):
            await wrong.kv.get("seen/a")


async def _put(at: Client, text: str, lease: int) -> bool:
    """`eventually`: a channel may not have tried again yet since its member came back."""
    await at.kv.put("seen/t", text, lease=lease)
    return True


async def test_a_token_that_the_members_forgot_is_renewed(cluster: RawCluster, root: Client, writer: Client) -> None:
    """Members keep tokens in memory: each in turn is restarted under a client that has one."""
    async with writer.watch("seen/", prefix=True) as events, writer.leases.keep(10) as lease:
        for number, (name, member) in enumerate(cluster.members.items()):
            await writer.at(member.client_url).kv.put("seen/t", f"{number} before")
            member.kill()
            await back(cluster, root, name)
            text, at = f"{number} after", writer.at(member.client_url)
            await eventually(partial(_put, at, text, lease.id))
        values = []
        while len(values) < 6:
            event = await anext(events)
            assert isinstance(event, WatchEvent)
            values.append(event.kv.value.decode())
        assert values == [f"{number} {when}" for number in range(3) for when in ("before", "after")]
        assert not lease.lost.is_set()


async def test_a_watch_with_a_password_outlives_the_loss_of_all_members(
    cluster: RawCluster, root: Client, writer: Client
) -> None:
    async with writer.watch("seen/", prefix=True) as events:
        for member in cluster.members.values():
            member.kill()

        async def noticed() -> bool:
            return bool(events.trouble)

        await eventually(noticed)
        cluster.start()
        await cluster.up()
        await eventually(lambda: _root_reads(root))
        await root.kv.put("seen/again", "1")
        event = await anext(events)
        assert isinstance(event, WatchEvent) and event.kv.key == b"seen/again"


async def test_a_token_from_before_a_change_of_auth_is_renewed(root: Client, writer: Client) -> None:
    await writer.kv.put("seen/r", "1")
    await root.auth.add_role("newer")
    await writer.kv.put("seen/r", "2")
    await root.auth.delete_role("newer")
    assert (await writer.kv.get("seen/r")) is not None


async def test_a_token_nobody_knows_is_renewed_once_and_watches_and_snapshots_go_on(
    cluster: RawCluster, root: Client, writer: Client
) -> None:
    await writer.kv.put("seen/s", "1")
    assert writer._calls._login is not None
    writer._calls._login._token = "gone.1"
    async with writer.watch("seen/s") as events:
        await root.kv.put("seen/s", "2")
        assert isinstance(await anext(events), WatchEvent)
    writer._calls._login._token = "gone.2"
    await writer.kv.put("seen/s", "3")
    tls = tls_of(cluster, "nobody")
    async with Client(cluster.endpoints, tls, user="writer", password="secret", timeout=10) as other:
        other._calls._login._token = "gone.3"  # type: ignore[union-attr]
        with pytest.raises(Denied):  # snapshots are root's; the token was renewed, and the answer is about the role
            async for _ in other.maintenance.snapshot():
                pass
        assert other._calls._login._token != "gone.3"  # type: ignore[union-attr]


async def test_status_and_hashes_go_on_working_for_root(cluster: RawCluster, root: Client) -> None:
    for url in cluster.endpoints:
        assert (await root.at(url).maintenance.status()).version
        assert (await root.at(url).maintenance.hash_of_keys()).hash


async def test_a_user_given_to_a_cluster_without_auth_does_no_harm(cluster: RawCluster) -> None:
    async with Client(cluster.endpoints, tls_of(cluster), user="writer", password="secret") as client:
        assert (await client.cluster.list()).members
