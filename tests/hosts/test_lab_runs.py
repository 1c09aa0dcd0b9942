"""Labs come and go whole: beside each other, of any size, and after a kill nothing of them stays."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

from lab import Lab
from lab.ledger import state_folder
from lab.probes import reaches, ssh

ROOT = Path(__file__).resolve().parents[2]


def test_two_labs_stand_beside_each_other_with_the_same_addresses(three_hosts: Lab) -> None:
    with Lab.up(1) as other:
        other.host("h1").run("echo other > /var/lib/mine")
        assert three_hosts.host("h1").run("test -e /var/lib/mine", check=False).returncode == 1
        assert ssh(other, "h1", "cat /var/lib/mine").stdout == "other\n"
    assert reaches(three_hosts, "ctl", "h1")


def test_leftovers_of_a_killed_run_are_cleared_by_the_next_one(three_hosts: Lab) -> None:
    script = f"""
        import sys, time
        sys.path.insert(0, {str(ROOT)!r})
        from lab import Lab
        lab = Lab.up(1)
        lab.latency(1)
        lab.host("h1").disk("/var/lib/etcd", 8)
        print(lab.prefix, flush=True)
        time.sleep(600)
    """
    killed = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True)
    assert killed.stdout is not None
    prefix = killed.stdout.readline().strip()
    assert prefix
    killed.kill()
    killed.wait()
    assert traces(prefix)
    with Lab.up(1):
        assert traces(prefix) == []
    assert reaches(three_hosts, "ctl", "h1")


def test_a_lab_grows_to_seven_and_shrinks_again(seven_hosts: Lab) -> None:
    assert [host.name for host in seven_hosts.hosts] == ["h1", "h2", "h3", "h4", "h5", "h6", "h7"]
    assert reaches(seven_hosts, "h7", "h1")
    seven_hosts.clean(3)
    assert len(seven_hosts.hosts) == 3
    assert not seven_hosts.host("h7").on


def test_the_commands_of_the_terminal_boot_clean_enter_and_remove_a_lab(tmp_path: Path) -> None:
    def command(name: str, *arguments: str) -> str:
        own_state = {**os.environ, "ETCDPILOT_LAB_STATE": str(tmp_path)}
        argv = [sys.executable, str(ROOT / "lab" / name), *arguments]
        done = subprocess.run(argv, env=own_state, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    prefix = command("up", "2").split()[0]
    try:
        assert "h2   10.77.0.12" in command("list")
        assert command("sh", "h2", "hostname") == "h2\n"
        command("sh", "h2", "touch", "/var/lib/dirt")
        command("reset")
        assert "dirt" not in command("sh", "h2", "ls", "/var/lib")
        assert "10.77.0.1/24" in command("sh", "ctl", "ip", "addr")
    finally:
        command("down")
    assert traces(prefix) == []


# What the sentences above are made of


def traces(prefix: str) -> list[str]:
    """All that a run may leave in the kernel and on disk."""
    mounts = [line for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines() if prefix in line]
    spaces = [str(path) for place in ("/run/netns", "/etc/netns") for path in Path(place).glob(f"{prefix}*")]
    groups = [str(path) for path in Path("/sys/fs/cgroup").glob(f"**/{prefix}-*")]
    folder = [str(state_folder() / prefix)] if (state_folder() / prefix).exists() else []
    processes = [
        path.parent.name for path in Path("/proc").glob("[0-9]*/cmdline") if prefix.encode() in _bytes_of(path)
    ]
    return [*mounts, *spaces, *groups, *folder, *processes]


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
