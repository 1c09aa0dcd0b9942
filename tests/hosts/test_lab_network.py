"""What joins the test hosts: SSH, addresses, names; cuts in any direction, loss and latency."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab import Address, Lab, LabError, Service, Text
from lab.probes import reaches, ssh, until


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
    assert slow >= 0.08
    assert plain < slow / 2
    assert mended < slow / 2


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


def test_a_port_of_a_host_can_be_taken_from_outside(three_hosts: Lab) -> None:
    host = three_hosts.host("h1")
    with three_hosts.inside_host("h1"), socket.create_server((host.address, 2380)):
        assert f"{host.address}:2380" in host.says("ss -Hltn")


# What the sentences above are made of


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
