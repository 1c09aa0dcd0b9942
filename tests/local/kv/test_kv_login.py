"""A cluster whose own auth is on, reached by somebody who has a password."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from etcdpilot.etcd.client import Client
from etcdpilot.model.answers import Access
from etcdpilot.testing.local_cluster import LocalCluster
from tests.local.kv.helping import command, environment, on

pytestmark = pytest.mark.local


@pytest.fixture
def guarded(etcd_cluster: LocalCluster) -> Iterator[LocalCluster]:
    """`writer`, whose password is `secret`, may write below open/ and nothing else."""
    on(etcd_cluster, guard)
    yield etcd_cluster
    on(etcd_cluster, unguard)


async def guard(client: Client) -> None:
    auth = client.auth
    await auth.add_user("root")
    await auth.grant_role("root", "root")
    await auth.add_role("change")
    await auth.permit("change", Access.READWRITE, "open/", prefix=True)
    await auth.add_user("writer", "secret")
    await auth.grant_role("writer", "change")
    await auth.enable()


async def unguard(client: Client) -> None:
    auth = client.auth
    await auth.disable()
    for user in ("writer", "root"):
        await auth.delete_user(user)
    await auth.delete_role("change")
    await client.kv.delete("open/", prefix=True)


def kv(cluster: LocalCluster, *words: str, password: str | None = None) -> subprocess.CompletedProcess[str]:
    said = environment() | ({"ETCDPILOT_PASSWORD": password} if password is not None else {})
    asked = [os.fsdecode(word) for word in command(cluster, "kv", *words)]
    return subprocess.run(
        asked, capture_output=True, text=True, env=said, timeout=60, stdin=subprocess.DEVNULL, check=False
    )


def test_a_user_logs_in_with_a_password_from_the_environment_or_as_etcdctl_takes_it(guarded: LocalCluster) -> None:
    assert kv(guarded, "put", "--user", "writer", "open/a", "1", password="secret").returncode == 0
    assert kv(guarded, "get", "--user", "writer:secret", "open/a").stdout.splitlines()[-1].strip() == "1"


def test_a_user_may_do_no_more_than_its_roles_say(guarded: LocalCluster) -> None:
    refused = kv(guarded, "put", "--user", "writer", "shut/a", "1", password="secret")
    assert refused.returncode == 6 and "permission denied" in refused.stderr.lower()
    assert kv(guarded, "put", "shut/a", "1").returncode == 0  # the operator's certificate says root
    assert kv(guarded, "del", "shut/a").returncode == 0


def test_a_wrong_password_and_none_at_all_are_told_apart(guarded: LocalCluster) -> None:
    wrong = kv(guarded, "get", "--user", "writer", "open/a", password="guess")
    assert wrong.returncode == 6 and "invalid user ID or password" in wrong.stderr
    missing = kv(guarded, "get", "--user", "writer", "open/a")
    assert missing.returncode == 2 and "ETCDPILOT_PASSWORD" in missing.stderr
    assert "Traceback" not in wrong.stderr + missing.stderr
