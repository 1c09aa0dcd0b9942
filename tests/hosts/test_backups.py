"""Backups that members take by themselves, and space in their databases, on real hosts with systemd."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from lab import Lab
from tests.etcd_versions import all_versions, every_line
from tests.hosts.site import Site, pid

pytestmark = pytest.mark.timeout(400)
LONG = os.environ.get("ETCDPILOT_LONG") == "1"
CLASSIC = [each.version for each in all_versions() if each.version in ("3.4.23", "3.5.30")]
RUN = [*CLASSIC, *(each.version for each in every_line()[2:])] if LONG else [each.version for each in every_line()[-1:]]
THERE = "/srv/snapshots"


@pytest.fixture
def site(three_hosts: Lab, tmp_path: Path) -> Site:
    return Site(three_hosts, tmp_path / "site")


def save_there(site: Site) -> None:
    """What the timers would start when their moment comes; not within one second, for databases of the same bytes are one
    backup then."""
    for host in site.lab.hosts:
        host.run("systemctl start etcd-backup.service")
        time.sleep(1)


def snapshots(site: Site, number: int = 0) -> list[str]:
    return [name for name in site.lab.hosts[number].says(f"ls {THERE}").split() if name.endswith(".db")]


def listed(site: Site) -> list[dict[str, object]]:
    return list(site.says("backup", "list")["backups"])


@pytest.mark.parametrize("version", RUN)
def test_members_save_themselves_and_what_they_saved_is_collected_and_proved(site: Site, version: str) -> None:
    site.init(etcd=version).apply()
    wish = f"backup:\n  store: file://{site.folder}/store\n  on-members: {{directory: {THERE}, keep: 2}}\n"
    site.write(site.file.read_text() + wish)
    site.ctl("put", "kept", "in every snapshot")
    processes = [pid(host) for host in site.lab.hosts]
    assert (
        "start etcd-backup.timer on etcd-0, etcd-1, etcd-2"
        in site.run("backup", "schedule", "--on-members", "--yes").stdout
    )
    for host in site.lab.hosts:
        assert host.says("systemctl is-enabled etcd-backup.timer").strip() == "enabled"
        assert host.show("etcd-backup.timer", "ActiveState") == "active"
    save_there(site)
    assert len(site.says("backup", "collect")["kept"]) == 3
    assert {each["member"] for each in listed(site)} == {"etcd-0", "etcd-1", "etcd-2"}
    assert site.run("backup", "verify", "--live").stdout.count(": sound") == 3
    assert site.says("status")["backups"]["overdue"] is False
    assert site.run("backup", "collect").stdout.startswith("Nothing new")
    # Again: the files differ in nothing, so nothing is written, and nobody is restarted.
    assert "write" not in site.run("backup", "schedule", "--on-members", "--yes").stdout
    assert [pid(host) for host in site.lab.hosts] == processes and site.settled()

    save_there(site)
    first, second = site.lab.hosts[0], site.lab.hosts[1]
    first.run(f"printf X | dd of={THERE}/{snapshots(site)[-1]} bs=1 seek=5000 conv=notrunc status=none")
    second.run(f"truncate -s -4096 {THERE}/{snapshots(site, 1)[-1]}")
    collected = json.loads(site.run("-o", "json", "backup", "collect", code=1).stdout)
    assert {each["member"] for each in collected["failed"]} == {"etcd-0", "etcd-1"}
    assert [each["manifest"]["member"] for each in collected["kept"]] == ["etcd-2"] and len(listed(site)) == 4
    save_there(site)
    assert len(snapshots(site)) == 2, "the newest two stay"
    if LONG:
        first.power_cut()
        assert "etcd-0" in site.run("backup", "collect", code=1).stdout
        assert len(listed(site)) == 6
        first.power_on()
        assert first.show("etcd-backup.timer", "ActiveState") == "active"
    site.run("backup", "schedule", "--on-members", "--remove", "--yes")
    for host in site.lab.hosts:
        assert host.show("etcd-backup.timer", "ActiveState") == "inactive"
        assert host.run("systemctl is-enabled etcd-backup.timer", check=False).stdout.strip() == "disabled"
    assert len(snapshots(site)) == 2


@pytest.mark.parametrize("version", RUN)
def test_a_full_database_takes_writes_again_however_often_the_controller_dies(site: Site, version: str) -> None:
    site.init(etcd=version).edit(("quota-backend-bytes: 8GiB", "quota-backend-bytes: 16MiB")).apply()
    site.ctl("put", "kept", "as it was")
    for _ in range(60):
        if site.run("ctl", "--", "put", "over", code=None, input="x" * 1_000_000).returncode:
            break
    assert "NOSPACE" in site.run("status", code=1).stdout
    refused = site.run("restart", "--yes", code=3)
    assert "NOSPACE" in refused.stdout + refused.stderr
    words = ("recover", "nospace", "--keep-revisions", "2", "--yes")
    moments = (
        ("before:1", "after:2", "before:3", "after:5+0.05", "before:7", "after:7") if LONG else ("before:2", "after:4")
    )
    for moment in moments:
        if site.dying(moment, *words).returncode == 0:
            break
        site.free_the_locks()
    site.run(*words)
    assert site.healthy() and site.ctl("get", "kept", "--print-value-only") == "as it was\n"
    assert site.ctl("put", "new", "1") == "OK\n"
    sizes = [each["Status"]["dbSize"] for each in json.loads(site.ctl("endpoint", "status", "--cluster", "-w", "json"))]
    assert max(sizes) < 8 * 2**20
    shelf = site.says("backup", "list")
    assert shelf["backups"] and not shelf["without_snapshot"] and not shelf["unreadable"]
    site.run("backup", "verify")
    before = [pid(host) for host in site.lab.hosts]
    leader = site.leader()
    done = site.run("defrag", "--all", "--yes").stdout
    steps = [line for line in done.splitlines() if "✓" in line and "defragment" in line]
    assert len(steps) == 3 and leader in steps[-1] and f"hand the leadership of {leader}" in done
    assert [pid(host) for host in site.lab.hosts] == before and site.healthy()
    site.lab.hosts[2].power_cut()
    assert "another is down" in site.run("defrag", "--all", "--yes", code=3).stderr
