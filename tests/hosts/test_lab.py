"""The test hosts are what they claim: whole machines, apart from each other, breakable and mendable."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab import Address, Host, Lab, LabError, Service, Text
from lab.ledger import state_folder

ROOT = Path(__file__).resolve().parents[2]

# Writes and syncs for ever, and says in /run/syncs how often it has done so.
SYNCER = r"""[Service]
ExecStart=/usr/bin/perl -MIO::Handle -e 'open F, ">", "/var/lib/synced"; while (1) { \
  F->printflush("x"); F->sync or die "sync: $!"; $n++; open N, ">", "/run/syncs.new"; print N $n; close N; \
  rename "/run/syncs.new", "/run/syncs" }'
"""

SLEEPER = """[Service]
ExecStart=/bin/sleep infinity
[Install]
WantedBy=multi-user.target
"""


def test_three_hosts_are_booted_machines_with_their_own_names_and_nothing_failed(three_hosts: Lab) -> None:
    for host in three_hosts.hosts:
        assert host.says("hostname") == host.name
        assert host.says("cat /proc/1/comm") == "systemd"
        assert host.says("systemctl is-system-running") == "running"
    assert len({host.says("cat /etc/machine-id") for host in three_hosts.hosts}) == 3


def test_hosts_offer_no_tool_that_a_bare_server_may_lack(three_hosts: Lab) -> None:
    found = three_hosts.host("h1").run("for t in curl wget rsync python3 jq; do command -v $t; done", check=False)
    assert found.stdout == ""


@pytest.mark.parametrize("user", ["root", "admin", "clerk"])
def test_every_user_logs_in_over_ssh_with_a_known_host_key(three_hosts: Lab, user: str) -> None:
    for host in three_hosts.hosts:
        assert ssh(three_hosts, host, "id -un", user=user).stdout == f"{user}\n"


def test_ssh_goes_over_ipv6_with_the_same_known_key(three_hosts: Lab) -> None:
    argv = three_hosts.ssh_argv("h2", "hostname", ipv6=True)
    assert subprocess.run(argv, capture_output=True, text=True, check=True, timeout=30).stdout == "h2\n"


def test_admin_becomes_root_without_a_password_and_clerk_does_not(three_hosts: Lab) -> None:
    assert ssh(three_hosts, "h1", "sudo -n id -un", user="admin").stdout == "root\n"
    refused = ssh(three_hosts, "h1", "sudo -n id -un", user="clerk")
    assert refused.returncode != 0
    assert "password" in refused.stderr


def test_ssh_answers_on_another_port_and_no_longer_on_22(three_hosts: Lab) -> None:
    three_hosts.host("h2").listen_ssh_on(2222)
    assert ssh(three_hosts, "h2", "hostname", port=2222).stdout == "h2\n"
    assert ssh(three_hosts, "h2", "hostname").returncode == 255


def test_an_unknown_host_key_is_refused(three_hosts: Lab) -> None:
    key = "/etc/ssh/ssh_host_ed25519_key"
    three_hosts.host("h1").run(f"rm {key}; ssh-keygen -q -t ed25519 -N '' -f {key}; systemctl restart ssh.service")
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in ssh(three_hosts, "h1", "true").stderr


def test_stopping_a_service_on_one_host_leaves_the_same_service_of_the_others_running(three_hosts: Lab) -> None:
    for host in three_hosts.hosts:
        install_sleeper(host)
    first, *others = three_hosts.hosts
    first.run("systemctl stop sleeper")
    assert first.show("sleeper", "ActiveState") == "inactive"
    assert first.pids("sleep") == []
    for host in others:
        assert host.show("sleeper", "ActiveState") == "active"
        assert len(host.pids("sleep")) == 1


def test_a_killed_process_is_killed_on_its_host_alone_and_systemd_says_by_what(three_hosts: Lab) -> None:
    for host in three_hosts.hosts:
        install_sleeper(host)
    assert three_hosts.host("h2").kill("sleep") == 1
    until(lambda: three_hosts.host("h2").show("sleeper", "ActiveState") == "failed")
    assert three_hosts.host("h2").show("sleeper", "ExecMainStatus") == str(int(signal.SIGKILL))
    assert three_hosts.host("h1").show("sleeper", "ActiveState") == "active"


def test_a_cut_host_hears_nobody_until_it_is_healed(three_hosts: Lab) -> None:
    three_hosts.isolate("h2")
    assert not reaches(three_hosts, "ctl", "h2")
    assert not reaches(three_hosts, "h1", "h2")
    assert not reaches(three_hosts, "h2", "h3")
    assert reaches(three_hosts, "h1", "h3")
    three_hosts.heal()
    assert reaches(three_hosts, "ctl", "h2")
    assert reaches(three_hosts, "h2", "h3")


def test_a_cut_covers_ipv6_too(three_hosts: Lab) -> None:
    assert reaches(three_hosts, "h1", "h2", ipv6=True)
    three_hosts.cut("h1", "h2")
    assert not reaches(three_hosts, "h1", "h2", ipv6=True)


def test_an_isolated_host_may_be_left_to_the_controller(three_hosts: Lab) -> None:
    three_hosts.isolate("h2", keep=["ctl"])
    assert reaches(three_hosts, "ctl", "h2")
    assert not reaches(three_hosts, "h1", "h2")


def test_groups_of_a_partition_hear_only_themselves(three_hosts: Lab) -> None:
    three_hosts.partition(["h1"], ["h2", "h3"])
    assert not reaches(three_hosts, "h1", "h2")
    assert not reaches(three_hosts, "h3", "h1")
    assert reaches(three_hosts, "h2", "h3")
    assert reaches(three_hosts, "ctl", "h1")


def test_a_cut_in_one_direction_lets_the_other_pass(three_hosts: Lab) -> None:
    three_hosts.cut("h1", "h2", both_ways=False)
    with listening(three_hosts, "h2") as to_h2, listening(three_hosts, "h1") as to_h1:
        say(three_hosts, "h2", to_h1)
        assert heard(to_h1)
        say(three_hosts, "h1", to_h2)
        assert not heard(to_h2)


def test_a_dropped_ssh_connection_ends_at_once_and_the_next_one_opens(three_hosts: Lab) -> None:
    argv = three_hosts.ssh_argv("h1", "echo ready; sleep 60")
    connection = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert connection.stdout is not None
    assert connection.stdout.readline() == b"ready\n"
    assert three_hosts.host("h1").drop_ssh() > 0
    assert connection.wait(timeout=10) == 255
    assert ssh(three_hosts, "h1", "hostname").stdout == "h1\n"


def test_a_cut_silences_a_connection_that_stood_already(three_hosts: Lab) -> None:
    with three_hosts.connect(three_hosts.host("h1").address, 22) as connection:
        assert connection.recv(4) == b"SSH-"
        three_hosts.cut("ctl", "h1")
        connection.settimeout(0.3)
        connection.recv(4096)  # the rest of the greeting had arrived
        connection.sendall(b"SSH-2.0-test\r\n")
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_an_unplugged_host_sees_its_carrier_go(three_hosts: Lab) -> None:
    host = three_hosts.host("h3")
    host.unplug()
    assert "NO-CARRIER" in host.says("ip link show eth0")
    assert not reaches(three_hosts, "ctl", "h3")
    host.replug()
    assert until(lambda: reaches(three_hosts, "ctl", "h3"))


def test_latency_delays_each_direction_and_ends_with_heal(three_hosts: Lab) -> None:
    plain = round_trip(three_hosts, "h1")
    three_hosts.latency(40)
    slow = round_trip(three_hosts, "h1")
    three_hosts.heal()
    mended = round_trip(three_hosts, "h1")
    assert plain < 0.04
    assert 0.08 <= slow < 0.4
    assert mended < 0.04


def test_latency_leaves_large_copies_whole(three_hosts: Lab, tmp_path: Path) -> None:
    three_hosts.latency(10)
    payload = tmp_path / "payload"
    payload.write_bytes(os.urandom(20_000_000))
    with payload.open("rb") as stream:
        sent = subprocess.run(
            three_hosts.ssh_argv("h1", "cat > /root/payload; sha256sum < /root/payload"),
            stdin=stream,
            capture_output=True,
            text=True,
            check=True,
        )
    wanted = subprocess.run(["sha256sum"], stdin=payload.open("rb"), capture_output=True, text=True, check=True)
    assert sent.stdout == wanted.stdout


def test_loss_drops_a_share_of_the_packets(three_hosts: Lab) -> None:
    three_hosts.loss(50)
    with listening(three_hosts, "h1") as ear:
        for _ in range(200):
            say(three_hosts, "ctl", ear)
        arrived = count_heard(ear)
    assert 40 < arrived < 160


def test_a_reboot_keeps_files_and_starts_what_is_enabled(three_hosts: Lab) -> None:
    host = three_hosts.host("h1")
    install_sleeper(host)
    before = host.says("cat /proc/sys/kernel/random/boot_id")
    host.run("echo kept > /var/lib/kept")
    host.reboot()
    assert host.says("cat /proc/sys/kernel/random/boot_id") != before
    assert host.read("/var/lib/kept") == "kept"
    assert host.show("sleeper", "ActiveState") == "active"
    assert ssh(three_hosts, host, "hostname").stdout == "h1\n"


def test_a_power_cut_runs_no_stop_command_and_keeps_files(three_hosts: Lab) -> None:
    host = three_hosts.host("h1")
    install_sleeper(host, "ExecStop=/bin/sh -c 'echo stopped > /var/lib/stopped'\n")
    host.run("echo kept > /var/lib/kept; sync")
    host.power_cut()
    assert not host.on
    assert not reaches(three_hosts, "ctl", "h1")
    host.power_on()
    assert host.read("/var/lib/kept") == "kept"
    assert host.run("test -e /var/lib/stopped", check=False).returncode == 1
    assert host.show("sleeper", "ActiveState") == "active"


def test_all_hosts_lose_power_at_once_and_come_back(three_hosts: Lab) -> None:
    three_hosts.power_cut_all()
    assert not any(host.on for host in three_hosts.hosts)
    three_hosts.power_on_all()
    assert all(reaches(three_hosts, "ctl", host.name) for host in three_hosts.hosts)


def test_a_host_that_reboots_itself_stays_off_until_it_is_powered_on(three_hosts: Lab) -> None:
    host = three_hosts.host("h1")
    host.run("systemctl reboot --no-block")
    assert until(lambda: not host.on)
    host.power_on()
    assert host.says("hostname") == "h1"


def test_a_clean_host_has_nothing_of_the_host_before(three_hosts: Lab) -> None:
    host = three_hosts.host("h1")
    clean = survey(host)
    install_sleeper(host)
    host.run("useradd --system etcd; mkdir -p /var/lib/etcd /etc/etcd; echo x > /etc/etcd/x; echo y > /usr/local/bin/y")
    assert survey(host) != clean
    three_hosts.clean()
    assert survey(host) == clean
    assert host.pids("sleep") == []


def test_a_small_disk_fills_with_enospc_and_survives_a_power_cut(three_hosts: Lab) -> None:
    host = three_hosts.host("h1")
    host.disk("/var/lib/etcd", 8)
    host.run("echo kept > /var/lib/etcd/kept")
    host.fill_disk("/var/lib/etcd")
    full = host.run("cat /etc/passwd > /var/lib/etcd/more", check=False)
    assert full.returncode != 0
    assert "No space left on device" in full.stderr
    host.run("echo elsewhere > /var/lib/elsewhere")
    host.power_cut()
    host.power_on()
    host.empty_disk("/var/lib/etcd")
    host.run("echo more > /var/lib/etcd/more")
    assert host.read("/var/lib/etcd/kept") == "kept"
    three_hosts.clean()
    assert host.run("test -e /var/lib/etcd", check=False).returncode == 1


def test_a_slow_disk_slows_the_named_process_until_the_fault_is_lifted(three_hosts: Lab) -> None:
    host = three_hosts.host("h1")
    install_syncer(host)
    host.slow_disk("perl", 200)
    slow = five_syncs_take(host)
    host.stop_injecting()
    mended = five_syncs_take(host)
    assert slow >= 0.8
    assert mended < slow / 2


def test_a_failing_disk_gives_the_process_an_error_of_its_own(three_hosts: Lab) -> None:
    host = three_hosts.host("h1")
    install_syncer(host)
    host.failing_disk("perl", "EIO")
    assert until(lambda: host.show("syncer", "ActiveState") == "failed")
    assert "Input/output error" in host.says("journalctl -u syncer --no-pager")


def test_names_of_the_lab_resolve_everywhere_and_others_nowhere(three_hosts: Lab) -> None:
    three_hosts.dns(
        [
            Address("etcd-1.lab.test", three_hosts.host("h1").address),
            Address("etcd-1.lab.test", three_hosts.host("h1").address6),
            Service("_etcd-server-ssl._tcp.lab.test", "etcd-1.lab.test", 2380),
            Text("lab.test", "v=lab"),
        ]
    )
    lookup = [sys.executable, "-c", "import socket, sys; print(socket.gethostbyname(sys.argv[1]))"]
    assert three_hosts.controller([*lookup, "etcd-1.lab.test"]).stdout == "10.77.0.11\n"
    assert three_hosts.controller([*lookup, "elsewhere.test"], check=False).returncode != 0
    assert "10.77.0.11" in three_hosts.host("h3").says("getent ahostsv4 etcd-1.lab.test")
    named = three_hosts.controller(["ssh", "-F", three_hosts.home / ".ssh/config", "etcd-1.lab.test", "hostname"])
    assert named.stdout == "h1\n"
    three_hosts.freeze_dns()
    with pytest.raises(subprocess.TimeoutExpired):
        three_hosts.controller([*lookup, "etcd-1.lab.test"], timeout=1)
    three_hosts.clean()
    assert three_hosts.controller([*lookup, "etcd-1.lab.test"], check=False).returncode != 0


def test_a_host_behind_a_jump_host_is_reached_only_through_it(three_hosts: Lab) -> None:
    three_hosts.behind("h3", "h1")
    assert not reaches(three_hosts, "ctl", "h3")
    assert ssh(three_hosts, "h3", "hostname").stdout == "h3\n"


def test_commands_of_the_controller_see_the_hosts_and_nothing_of_the_caller(
    three_hosts: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETCDCTL_ENDPOINTS", "https://elsewhere:2379")
    seen = three_hosts.controller(["sh", "-c", "echo $HOME; echo $ETCDCTL_ENDPOINTS; ip -br addr show eth0"]).stdout
    assert seen.splitlines()[:2] == [str(three_hosts.home), ""]
    assert "10.77.0.1/24" in seen


def test_a_command_that_fails_says_so_with_its_output(three_hosts: Lab) -> None:
    with pytest.raises(LabError, match="boom"):
        three_hosts.controller(["sh", "-c", "echo boom >&2; exit 3"])


def test_a_thread_inside_the_controller_comes_back_to_its_own_network(three_hosts: Lab) -> None:
    before = Path("/proc/thread-self/ns/net").readlink()
    with three_hosts.inside_controller():
        assert Path("/proc/thread-self/ns/net").readlink() != before
        socket.create_connection((three_hosts.host("h1").address, 22), timeout=2).close()
    assert Path("/proc/thread-self/ns/net").readlink() == before


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


def test_a_port_of_a_host_can_be_taken_from_outside(three_hosts: Lab) -> None:
    host = three_hosts.host("h1")
    with three_hosts.inside_host("h1"), socket.create_server((host.address, 2380)):
        assert f"{host.address}:2380" in host.says("ss -Hltn")


def test_a_file_put_into_a_host_replaces_a_running_program(three_hosts: Lab, tmp_path: Path) -> None:
    host = three_hosts.host("h1")
    host.put(Path("/bin/sleep"), "/usr/local/bin/program", 0o755)
    host.run("printf '[Service]\nExecStart=/usr/local/bin/program 600\n' > /etc/systemd/system/program.service")
    host.run("systemctl daemon-reload; systemctl start program")
    (tmp_path / "other").write_text("#!/bin/sh\necho other\n", encoding="ascii")
    host.put(tmp_path / "other", "/usr/local/bin/program", 0o755)
    assert host.says("/usr/local/bin/program") == "other"
    host.run("systemctl restart program")
    assert until(lambda: host.journal("program").count("other") == 1)


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


def test_a_host_that_is_off_says_so(three_hosts: Lab) -> None:
    three_hosts.host("h1").power_cut()
    with pytest.raises(LabError, match="h1 is off"):
        three_hosts.host("h1").run("true")


# What the sentences above are made of


def ssh(
    lab: Lab, host: Host | str, command: str, *, user: str = "root", port: int = 22
) -> subprocess.CompletedProcess[str]:
    argv = lab.ssh_argv(host, command, user=user, port=port)
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False)


def install_sleeper(host: Host, more: str = "") -> None:
    unit = SLEEPER.replace("[Install]", f"{more}[Install]")
    host.run(f"cat > /etc/systemd/system/sleeper.service <<'END'\n{unit}END")
    host.run("systemctl daemon-reload; systemctl enable --quiet --now sleeper")


def install_syncer(host: Host) -> None:
    host.run(f"cat > /etc/systemd/system/syncer.service <<'END'\n{SYNCER}END")
    host.run("systemctl daemon-reload; systemctl start syncer")
    assert until(lambda: (host.root / "run/syncs").exists())


def five_syncs_take(host: Host) -> float:
    def syncs() -> int:
        return int((host.root / "run/syncs").read_text(encoding="ascii"))

    began, first = time.monotonic(), syncs()
    assert until(lambda: syncs() >= first + 5)
    return time.monotonic() - began


def until(condition: Callable[[], bool], within: float = 15) -> bool:
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def reaches(lab: Lab, source: str, target: str, *, ipv6: bool = False) -> bool:
    """Whether a connection to the target's SSH port opens: a cut keeps it waiting."""
    where = lab.inside_controller() if source == "ctl" else lab.inside_host(source)
    host = lab.host(target)
    with where:
        try:
            socket.create_connection((host.address6 if ipv6 else host.address, 22), timeout=0.5).close()
        except OSError:
            return False
    return True


def listening(lab: Lab, name: str) -> socket.socket:
    """A datagram socket at a host's address, on a port of the kernel's choice."""
    with lab.inside_host(name):
        ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        ear.bind((lab.host(name).address, 0))
    return ear


def say(lab: Lab, source: str, ear: socket.socket) -> None:
    where = lab.inside_controller() if source == "ctl" else lab.inside_host(source)
    with where, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth:
        mouth.sendto(b"word", ear.getsockname())


def heard(ear: socket.socket) -> bool:
    ear.settimeout(0.5)
    try:
        return ear.recv(16) == b"word"
    except TimeoutError:
        return False


def count_heard(ear: socket.socket) -> int:
    count = 0
    while heard(ear):
        count += 1
    return count


def round_trip(lab: Lab, name: str) -> float:
    """The shortest of a few TCP handshakes: one round trip each."""
    took = []
    for _ in range(5):
        began = time.monotonic()
        lab.connect(lab.host(name).address, 22).close()
        took.append(time.monotonic() - began)
    return min(took)


def survey(host: Host) -> str:
    return host.says(
        "systemctl list-unit-files --no-legend; getent passwd; find /etc /usr/local /var/lib /opt /root -xdev "
        r"-not -path '*/systemd/*' -not -path '/var/lib/private*' | sort"
    )


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
