"""Exports and imports: the same bytes on the other side, also when cut off, also where etcd takes little at a time."""

from __future__ import annotations

import json
import os
import random
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from etcdpilot.applying.keys import Import, Imported
from etcdpilot.etcd.client import Client
from etcdpilot.model.errors import Refused, SpecError
from etcdpilot.model.key_lines import End, Head, Line, Pair
from etcdpilot.testing.local_cluster import LocalCluster
from tests.local.kv.helping import command, emptied, environment, kv, on, run

pytestmark = pytest.mark.local
MANY = 100_000 if os.environ.get("ETCDPILOT_LONG") else 10_000


def pairs(count: int, largest: int = 60) -> list[Pair]:
    chance = random.Random(8)
    made = {b"/e/" + chance.randbytes(12): chance.randbytes(chance.randrange(largest)) for _ in range(count)}
    return [Pair(key, value) for key, value in sorted(made.items())]


async def lines(given: list[Pair], *, end: bool = True) -> AsyncIterator[Line]:
    yield Head(b"/e/", 1, len(given))
    for pair in given:
        yield pair
    if end:
        yield End(len(given))


def imported(cluster: LocalCluster, given: list[Pair], **how: Any) -> Imported:
    return on(cluster, lambda client: Import(client, **how).run(lines(given)))


def stored(cluster: LocalCluster, prefix: bytes = b"/e/") -> list[tuple[bytes, bytes]]:
    async def read(client: Client) -> list[tuple[bytes, bytes]]:
        return [(kv.key, kv.value) async for kv in client.kv.scan(prefix)]

    return on(cluster, read)


def test_export_piped_into_import_gives_the_same_keys_and_values(
    etcd_cluster: LocalCluster, new_etcd_cluster: Any
) -> None:
    emptied(etcd_cluster)
    given = pairs(MANY)
    assert imported(etcd_cluster, given).written == len(given)
    other = new_etcd_cluster(members=1)
    out = subprocess.Popen(command(etcd_cluster, "kv", "export", "/e/"), stdout=subprocess.PIPE, env=environment())
    into = subprocess.run(
        command(other, "kv", "import", "-"), stdin=out.stdout, capture_output=True, env=environment(), check=False
    )
    assert (out.wait(60), into.returncode) == (0, 0), into.stderr
    assert stored(other) == [(pair.key, pair.value) for pair in given]
    emptied(etcd_cluster)


def test_an_import_that_was_killed_is_finished_by_resume(new_etcd_cluster: Any, tmp_path: Path) -> None:
    cluster, given = new_etcd_cluster(members=1), pairs(20_000, 300)
    imported(cluster, given)
    file = tmp_path / "keys.jsonl"
    file.write_bytes(kv(cluster, "export", "/e/"))
    emptied(cluster)
    process = subprocess.Popen(command(cluster, "kv", "import", str(file)), env=environment())

    async def a_few(client: Client) -> int:
        count = 0
        while count < 500 and process.poll() is None:
            count = (await client.kv.range("/e/", prefix=True, count_only=True)).count
        process.kill()
        process.wait()
        return (await client.kv.range("/e/", prefix=True, count_only=True)).count

    there = on(cluster, a_few)
    assert 0 < there < len(given)
    told = json.loads(kv(cluster, "import", str(file), "--resume", "-o", "json"))
    assert (told["same"], told["written"]) == (there, len(given) - there)
    assert stored(cluster) == [(pair.key, pair.value) for pair in given]


def test_an_import_goes_on_while_a_member_dies(etcd_cluster: LocalCluster) -> None:
    given, name = pairs(5_000), etcd_cluster.members[0].name
    killed: list[int] = []

    def kill(done: Imported) -> None:
        if done.keys > 1_000 and not killed:
            killed.append(done.keys)
            etcd_cluster.kill(name)

    imported(etcd_cluster, given, progress=kill)
    etcd_cluster.restart(name)
    assert killed and stored(etcd_cluster) == [(pair.key, pair.value) for pair in given]
    emptied(etcd_cluster)


def test_a_member_that_takes_little_at_a_time_is_given_little(new_etcd_cluster: Any) -> None:
    cluster = new_etcd_cluster(members=1, options={"max-txn-ops": "5", "max-request-bytes": "20000"})
    given = pairs(300, 4_000)
    imported(cluster, given)
    assert stored(cluster) == [(pair.key, pair.value) for pair in given]
    assert imported(cluster, given, resume=True).same == len(given)
    with pytest.raises(Refused, match="too large"):
        imported(cluster, [Pair(b"/big", b"x" * 40_000)])


def test_an_export_that_was_cut_short_is_called_that(etcd_cluster: LocalCluster, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cut short"):
        on(etcd_cluster, lambda client: Import(client).run(lines(pairs(10), end=False)))
    kv(etcd_cluster, "put", "/e/x", "1")
    file = tmp_path / "cut"
    file.write_bytes(kv(etcd_cluster, "export", "/e/")[:-30])
    assert b"is not a line" in run(etcd_cluster, "kv", "import", str(file), code=2).stderr
    emptied(etcd_cluster)


def test_of_a_key_that_comes_twice_the_later_line_wins(etcd_cluster: LocalCluster) -> None:
    imported(etcd_cluster, [Pair(b"/e/a", b"1"), Pair(b"/e/b", b"1"), Pair(b"/e/a", b"2")])
    assert stored(etcd_cluster) == [(b"/e/a", b"2"), (b"/e/b", b"1")]
    emptied(etcd_cluster)


def test_leases_are_named_and_granted_anew_only_when_asked(etcd_cluster: LocalCluster, tmp_path: Path) -> None:
    async def leased(client: Client) -> int:
        lease = await client.leases.grant(600)
        for name in ("a", "b"):
            await client.kv.put(f"/e/{name}", "1", lease=lease.id)
        return lease.id

    lease = on(etcd_cluster, leased)
    file = tmp_path / "keys"
    file.write_bytes(kv(etcd_cluster, "export", "/e/"))
    assert f'"lease": "{lease & (1 << 64) - 1:x}"'.encode() in file.read_bytes()
    emptied(etcd_cluster)
    assert b"2 keys had a lease" in run(etcd_cluster, "kv", "import", str(file)).stderr
    assert all(each.lease == 0 for each in on(etcd_cluster, lambda client: client.kv.range("/e/", prefix=True)).kvs)
    kv(etcd_cluster, "import", str(file), "--leases")
    found = on(etcd_cluster, lambda client: client.kv.range("/e/", prefix=True)).kvs
    (new,) = {each.lease for each in found}
    assert new not in (0, lease)
    assert on(etcd_cluster, lambda client: client.leases.time_to_live(new)).granted_ttl == 600
    emptied(etcd_cluster)


def test_diff_tells_what_was_added_removed_and_changed(etcd_cluster: LocalCluster, tmp_path: Path) -> None:
    for key in ("/a/same", "/a/gone", "/a/other", "/b/same", "/b/new", "/b/other"):
        kv(etcd_cluster, "put", key, key if key.endswith("other") else "1")
    told = [json.loads(line) for line in kv(etcd_cluster, "diff", "/a", "/b", "-o", "json").splitlines()]
    assert [(each["change"], each["key_text"]) for each in told[:-1]] == [
        ("removed", "/gone"),
        ("added", "/new"),
        ("changed", "/other"),
    ]
    file = tmp_path / "a"
    file.write_bytes(kv(etcd_cluster, "export", "/a"))
    kv(etcd_cluster, "diff", str(file), "/a", "--exit-code")
    kv(etcd_cluster, "put", "/a/same", "2")
    assert b"~ /same" in kv(etcd_cluster, "diff", str(file), "/a", "--exit-code", code=1)
    emptied(etcd_cluster)
