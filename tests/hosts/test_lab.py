"""The test hosts are what they claim: whole machines, apart from each other, breakable and mendable."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from lab import Host, Lab, LabError
from lab.probes import reaches, ssh, until

SLEEPER = """[Service]
ExecStart=/bin/sleep infinity
[Install]
WantedBy=multi-user.target
"""

# Writes and syncs for ever, and says in /run/syncs how often it has done so.
SYNCER = r"""[Service]
ExecStart=/usr/bin/perl -MIO::Handle -e 'open F, ">", "/var/lib/synced"; while (1) { \
  F->printflush("x"); F->sync or die "sync: $!"; $n++; open N, ">", "/run/syncs.new"; print N $n; close N; \
  rename "/run/syncs.new", "/run/syncs" }'
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


def test_a_host_that_is_off_says_so(three_hosts: Lab) -> None:
    three_hosts.host("h1").power_cut()
    with pytest.raises(LabError, match="h1 is off"):
        three_hosts.host("h1").run("true")


# What the sentences above are made of


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


def survey(host: Host) -> str:
    return host.says(
        "systemctl list-unit-files --no-legend; getent passwd; find /etc /usr/local /var/lib /opt /root -xdev "
        r"-not -path '*/systemd/*' -not -path '/var/lib/private*' | sort"
    )
