"""From bare hosts to a proved cluster: every way to reach them, and everything that may go wrong on the way."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from etcdpilot.model.identity import as_hex, cluster_id, member_id
from lab import Lab
from lab.names import Address
from lab.probes import until
from tests.hosts.site import ETCDPILOT, Site, fingerprint, pid

LONG = bool(os.environ.get("ETCDPILOT_LONG"))
# Every process of the host, over and over while an apply runs; `ps` of one moment would miss what lives for milliseconds.
WATCH_ARGUMENTS = """
while [ ! -e /run/enough ]; do cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' >>/run/arguments; sleep 0.02; done
"""


@pytest.fixture
def site(three_hosts: Lab, tmp_path: Path) -> Site:
    return Site(three_hosts, tmp_path / "site")


def test_two_commands_make_three_bare_hosts_a_proved_cluster(site: Site) -> None:
    watched = site.lab.hosts[0]
    watched.run(f"( {WATCH_ARGUMENTS} ) >/dev/null 2>&1 &")
    site.init()
    said = site.apply()
    watched.run("touch /run/enough")
    assert site.healthy()
    found = site.says("status")
    assert [row["state"] for row in found["members"]] == ["voting"] * 3
    # The IDs are those that etcd reckons from addresses and token, so they were known before anything ran.
    identity = json.loads((site.state / "identity.json").read_text())
    ids = [member_id([f"https://{host.address}:2380"], identity["token"]) for host in site.lab.hosts]
    assert found["cluster"]["id"] == as_hex(cluster_id(ids)) == identity["cluster_id"]
    assert site.ctl("put", "hello", "world") == "OK\n"
    assert site.ctl("get", "hello", "--print-value-only") == "world\n"
    assert "only" in said and str(site.state) in said, said  # where the only CA keys are
    arguments = watched.read("/run/arguments")
    assert "guard.sh" in arguments
    for secret in secrets_of(site):
        assert secret not in arguments
    before = [fingerprint(host) for host in site.lab.hosts]
    assert site.settled()
    assert [fingerprint(host) for host in site.lab.hosts] == before


def secrets_of(site: Site) -> list[str]:
    """A line of every private key there is, on the controller and on the hosts."""
    keys = [path.read_text() for path in site.state.rglob("*.key")]
    keys += [host.read(f"/etc/etcd/tls/{name}.key") for host in site.lab.hosts for name in ("server", "peer")]
    lines = [line for key in keys for line in key.splitlines()[1:2]]
    assert len(lines) >= 9 and all(len(line) > 40 for line in lines)
    return [*lines, "PRIVATE KEY"]


# Ways to reach hosts


def test_names_are_told_and_addresses_listened_to(site: Site) -> None:
    site.lab.dns([Address(f"{host.name}.lab.test", host.address, reverse=True) for host in site.lab.hosts])
    site.init(*(f"{host.name}.lab.test" for host in site.lab.hosts)).apply()
    assert site.healthy()
    urls = [row["client_urls"] for row in site.says("status")["members"]]
    assert urls == [[f"https://{host.name}.lab.test:2379"] for host in site.lab.hosts]
    assert 'ETCD_LISTEN_PEER_URLS="https://0.0.0.0:2380"' in site.lab.hosts[0].read("/etc/etcd/etcd.env")


def test_ipv6_in_a_folder_with_spaces(three_hosts: Lab, tmp_path: Path) -> None:
    site = Site(three_hosts, tmp_path / "my cluster files, née $(x) 'prod'")
    site.init(*(host.address6 for host in three_hosts.hosts)).apply()
    assert site.healthy()
    assert site.says("status")["members"][0]["peer_urls"] == [f"https://[{three_hosts.hosts[0].address6}]:2380"]
    assert site.settled()


def test_a_user_with_sudo_on_another_port(site: Site) -> None:
    for host in site.lab.hosts:
        host.listen_ssh_on(2222)
    site.init(*(f"{host.address}:2222" for host in site.lab.hosts), options=("--user", "admin")).apply()
    assert site.healthy()
    assert site.settled()


def test_hosts_behind_a_jump_host_are_reached_through_it_and_so_are_their_members(site: Site) -> None:
    for name in ("h2", "h3"):
        site.lab.behind(name, "h1")
    site.init().apply()
    assert site.healthy()
    assert site.settled()
    assert [row["state"] for row in site.says("status")["members"]] == ["voting"] * 3


def test_a_slow_network_only_takes_longer(site: Site) -> None:
    site.lab.latency(12.5)
    site.init().apply()
    assert site.healthy()


@pytest.mark.parametrize("count", [5, *([7] if LONG else [])])
def test_larger_clusters(lab: Lab, tmp_path: Path, count: int) -> None:
    lab.clean(count)
    site = Site(lab, tmp_path).init()
    site.apply()
    assert site.healthy()
    assert site.says("status")["cluster"]["quorum"] == {
        "voters": count,
        "answering": count,
        "needed": count // 2 + 1,
        "holds": True,
    }


def test_an_address_is_read_from_an_interface_and_kept(site: Site) -> None:
    site.init()
    for host in site.lab.hosts:
        site.edit((f"host: {host.address}}}", f"host: {host.address}, interface: eth0}}"))
    crowded = site.lab.hosts[1]
    crowded.run("ip addr add 10.77.0.201/24 dev eth0")
    said = site.apply(code=3)
    assert f"eth0 of {crowded.address} has several addresses: {crowded.address}, 10.77.0.201" in said, said
    crowded.run("ip addr del 10.77.0.201/24 dev eth0")
    site.apply()
    assert site.healthy() and site.ctl("put", "a", "b") == "OK\n"
    urls = [row["client_urls"] for row in site.says("status")["members"]]
    assert urls == [[f"https://{host.address}:2379"] for host in site.lab.hosts]
    # A cluster keeps the addresses that it was built with, and asking it needs no host.
    crowded.run("ip addr add 10.77.0.201/24 dev eth0")
    assert site.settled() and site.healthy()


# What goes wrong on the way


def test_a_first_apply_with_one_host_unreachable_touches_nothing_and_names_it(site: Site) -> None:
    site.init()
    site.lab.hosts[2].power_cut()
    said = site.apply(code=3)
    assert "etcd-2" in said and site.lab.hosts[2].address in said, said
    for host in site.lab.hosts[:2]:
        assert host.run("ls /etc/etcd /var/lib/etcd /usr/local/lib/etcdpilot", check=False).stdout == ""
        assert host.show("etcd", "LoadState") == "not-found"
    site.lab.hosts[2].power_on()
    site.apply()
    assert site.healthy()


def begin(site: Site) -> subprocess.Popen[str]:
    return site.lab.start([ETCDPILOT, "apply", "--yes"], cwd=site.folder, stdout=-1, stderr=-2, text=True)


def journal(site: Site) -> str:
    path = site.state / "journal.jsonl"
    return path.read_text() if path.exists() else ""


@pytest.mark.parametrize("loss", ["connection", "power"])
def test_a_host_lost_in_the_middle_is_named_and_running_again_finishes(site: Site, loss: str) -> None:
    site.init()
    going = begin(site)
    lost = site.lab.hosts[1]
    assert until(lambda: lost.run("ls -d /usr/local/lib/etcdpilot/*.new/etcd", check=False).returncode == 0, 30)
    going.send_signal(signal.SIGSTOP)  # so that the rest of what is sent is still to come
    if loss == "power":
        lost.power_cut()
    else:
        lost.drop_ssh()
    going.send_signal(signal.SIGCONT)
    said, _ = going.communicate(timeout=60)
    assert going.returncode == 5, said
    assert f"etcd-1 ({lost.address}) failed while" in said and "Traceback" not in said, said
    assert loss == "power" or ("The connection was lost" in said and "Done there before: " in said), said
    if loss == "power":
        lost.power_on()
    site.apply()
    assert site.healthy()


MOMENTS = 30 if LONG else 6


@pytest.mark.timeout(1800 if LONG else 400)
def test_a_controller_killed_at_any_moment_of_a_first_apply_leaves_a_cluster_that_running_again_finishes(
    lab: Lab, tmp_path: Path
) -> None:
    lab.clean(3)
    began = time.monotonic()
    Site(lab, tmp_path / "whole").init().apply()
    whole = time.monotonic() - began  # how long it takes here today, so that the moments spread over all of it
    for moment in range(MOMENTS):
        lab.clean(3)
        site = Site(lab, tmp_path / str(moment)).init()
        going = begin(site)
        with contextlib.suppress(subprocess.TimeoutExpired):
            going.wait(whole * (moment + 0.5) / MOMENTS)
        going.kill()
        going.communicate()
        # The dead controller's lock on the hosts frees itself; nobody need wait for that here.
        for host in lab.hosts:
            host.run("rm -rf /run/etcdpilot/prod.lock")
        site.apply()
        assert site.healthy(), f"killed after {whole * (moment + 0.5) / MOMENTS:.2f} s"
        token = json.loads((site.state / "identity.json").read_text())["cluster_id"]
        assert site.says("status")["cluster"]["id"] == token
        assert site.settled()


def test_a_taken_port_is_named_before_anything_is_touched(site: Site) -> None:
    site.init()
    site.lab.hosts[1].run("systemd-run --quiet --unit=other systemd-socket-activate -l 2380 /bin/cat")
    assert until(lambda: ":094C" in site.lab.hosts[1].read("/proc/net/tcp6"))
    said = site.apply(code=3)
    assert "Port 2380" in said and "etcd-1 wants to listen there" in said, said
    assert site.lab.hosts[0].show("etcd", "LoadState") == "not-found"


def cause_of_a_failed_start(site: Site, code: int = 6) -> str:
    began = time.monotonic()
    said = site.apply(code=code)
    # Told after three tries of systemd, not after the 90 s that a unit's start may take.
    assert time.monotonic() - began < 60, said
    return said


def with_addresses_of_nobody(site: Site, *which: int) -> Site:
    """Members that advertise, and shall listen at, an address that their hosts do not have."""
    for number in which:
        host = site.lab.hosts[number].address
        site.edit((f"host: {host}}}", f"host: {host}, address: 10.77.0.9{number}}}"))
    return site


def test_a_wrong_peer_url_is_named_before_anything_is_touched(site: Site) -> None:
    said = with_addresses_of_nobody(site.init(), 2).apply(code=3)
    address = site.lab.hosts[2].address
    told = f"The connections of etcd-2 to its peers come from {address}, which its certificate does not name. [I13]"
    assert said.count(told) == 1, said
    assert site.lab.hosts[0].show("etcd", "LoadState") == "not-found"


@pytest.mark.parametrize("wrong", [(1, 2), *([(2,)] if LONG else [])], ids=len)
def test_wrong_peer_urls_that_only_etcd_notices_are_named_without_waiting_for_what_cannot_come(
    site: Site, wrong: tuple[int, ...]
) -> None:
    """Without certificates; with two such members of three the third has come up, and waits for them."""
    said = cause_of_a_failed_start(with_addresses_of_nobody(site.init().edit(("mode: mutual", "mode: off")), *wrong))
    for number in wrong:
        assert f"etcd-{number}: the address 10.77.0.9{number}:23" in said, said
    assert f"waiting for quorum ({3 - len(wrong)}/3) — etcd-" in said and "is not one of this host" in said, said


def test_a_name_missing_in_a_certificate_is_named(site: Site) -> None:
    site.init().apply()
    one, address = site.lab.hosts[0], site.lab.hosts[2].address
    tls = "/etc/etcd/tls"
    # A certificate of the cluster's own authority that names etcd-0's address, shown by etcd-2.
    for name in ("peer.crt", "peer.key"):
        source = one.root / f"{tls}/{name}".lstrip("/")
        site.lab.hosts[2].put(source, f"{tls}/{name}", 0o600)
    site.lab.hosts[2].run(f"chown etcd: {tls}/peer.*; systemctl restart --no-block etcd")
    assert until(lambda: site.says("status")["cluster"]["tolerance"] == 0, 30)
    plan = site.run("plan").stdout
    assert f"etcd-2 /etc/etcd/tls/peer.crt: made anew: it does not name {address}" in plan, plan
    site.apply()
    assert site.healthy() and address in site.says("status")["members"][2]["peer_urls"][0]


# Controllers that meet


def test_the_second_of_two_controllers_is_told_who_is_at_work(site: Site, tmp_path: Path) -> None:
    site.init()
    second = Site(site.lab, tmp_path / "second").write(site.file.read_text())
    going = begin(site)
    assert until(lambda: site.lab.hosts[0].run("ls /run/etcdpilot/prod.lock/owner", check=False).returncode == 0)
    said = second.apply(code=3)
    assert f"apply, process {going.pid} of" in said and "since" in said, said
    going.communicate(timeout=60)
    assert going.returncode == 0 and site.healthy()


def test_the_lock_of_a_dead_controller_is_taken_over_once_it_gave_no_sign(site: Site) -> None:
    site.init()
    going = begin(site)
    assert until(lambda: '"started", "step": "install' in journal(site), 30)
    going.kill()
    going.communicate()
    said = site.apply(code=3)
    assert f"process {going.pid} of" in said and "30 s after its last sign" in said, said
    for host in site.lab.hosts:  # half a minute passes
        host.run("touch -d '-31 seconds' /run/etcdpilot/prod.lock/owner")
    site.apply()
    assert site.healthy()
    assert f'"lock taken over", "step": "from apply, process {going.pid}' in journal(site)


def test_a_controller_with_the_file_alone_is_refused_and_with_the_imported_state_goes_on(
    site: Site, tmp_path: Path
) -> None:
    site.init().apply()
    second = Site(site.lab, tmp_path / "second").write(site.file.read_text())
    said = second.apply(code=3)
    for way in ("state import FILE", "--state DIR", "state export FILE"):
        assert way in said, said
    secret = {"env": {"ETCDPILOT_PASSPHRASE": "correct horse battery staple"}}
    site.run("state", "export", "state.bin", **secret)
    exported = (site.folder / "state.bin").read_bytes()
    assert (site.folder / "state.bin").stat().st_mode & 0o777 == 0o600
    assert b"PRIVATE" not in exported and b"prod" not in exported
    wrong = second.run("state", "import", str(site.folder / "state.bin"), code=2, env={"ETCDPILOT_PASSPHRASE": "wrong"})
    assert "passphrase" in wrong.stderr
    second.run("state", "import", str(site.folder / "state.bin"), **secret)
    assert second.settled()
    assert second.healthy()
    for path in second.state.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0 or path.name == ".gitignore", path


# What was there before


def test_a_unit_that_a_package_brought_is_stopped_and_overridden(site: Site) -> None:
    site.init()
    unit = "[Service]\\nExecStart=/bin/sleep infinity\\n[Install]\\nWantedBy=multi-user.target\\nAlias=etcd2.service\\n"
    for host in site.lab.hosts:
        host.run(f"printf '{unit}' >/lib/systemd/system/etcd.service; mkdir -p /var/lib/etcd/default/member/wal")
        host.run("systemctl daemon-reload; systemctl enable --now etcd")
    theirs = [pid(host) for host in site.lab.hosts]
    assert "0" not in theirs
    # The package's own data lies in our data directory: that is a stranger's, and is said, not started on.
    said = site.apply(code=3)
    assert "holds files that are not etcd's" in said, said
    for host in site.lab.hosts:
        host.run("mv /var/lib/etcd /var/lib/etcd.package")
    site.apply()
    assert site.healthy()
    for host, before in zip(site.lab.hosts, theirs, strict=True):
        assert host.show("etcd", "FragmentPath") == "/etc/systemd/system/etcd.service"
        assert host.run(f"test -d /proc/{before}", check=False).returncode == 1
        assert host.says("systemctl is-enabled etcd") == "enabled"
        assert host.run("ls /var/lib/etcd.package/default").returncode == 0
