"""Members come and go on real hosts: services, data, and a machine that is not there any more."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from etcdpilot.testing.load import Beside
from lab import Lab
from lab.network import node_of
from tests.etcd_versions import all_versions
from tests.hosts.site import ETCDPILOT, Site


@pytest.fixture
def site(five_hosts: Lab, tmp_path: Path) -> Site:
    made = Site(five_hosts, tmp_path / "site")
    made.init(*(host.address for host in five_hosts.hosts[:3])).apply()
    made.ctl("put", "kept", "from the beginning")
    return made


def states(site: Site) -> dict[str, str]:
    return {row["name"]: row["state"] for row in site.says("status")["members"]}


def test_a_host_joins_and_a_removed_one_is_stopped_disabled_and_keeps_its_data_aside(site: Site) -> None:
    site.run("member", "add", "etcd-3", site.lab.hosts[3].address, "--yes")
    assert set(states(site).values()) == {"voting"} and len(states(site)) == 4
    site.run("member", "remove", "etcd-1", "--yes")
    gone = site.member("etcd-1")
    assert gone.show("etcd", "ActiveState") == "inactive"
    assert gone.show("etcd", "UnitFileState") == "disabled"
    assert "aside-" in gone.says("ls /var/lib")
    assert site.settled() and site.healthy()
    assert site.ctl("get", "kept", "--print-value-only") == "from the beginning\n"


def test_with_restart_always_a_removed_member_is_not_started_again(site: Site) -> None:
    """It exits with status 0, and systemd would start it for ever."""
    gone = site.member("etcd-2")
    gone.run("mkdir -p /etc/systemd/system/etcd.service.d")
    gone.run("printf '[Service]\\nRestart=always\\n' >/etc/systemd/system/etcd.service.d/always.conf")
    gone.run("systemctl daemon-reload")
    site.run("member", "remove", "etcd-2", "--yes")
    before = gone.show("etcd", "NRestarts")
    assert site.settled()
    assert (gone.show("etcd", "ActiveState"), gone.show("etcd", "NRestarts")) == ("inactive", before)


def test_a_member_whose_machine_is_gone_is_replaced_on_another(site: Site) -> None:
    site.member("etcd-1").power_cut()
    site.run("member", "replace", "etcd-1", "--host", site.lab.hosts[4].address, "--yes")
    assert set(states(site).values()) == {"voting"} and len(states(site)) == 3
    assert site.healthy()
    assert site.ctl("get", "kept", "--print-value-only") == "from the beginning\n"


@pytest.mark.skipif(os.environ.get("ETCDPILOT_LONG") != "1", reason="the long form (ETCDPILOT_LONG=1) runs it on hosts")
def test_a_member_that_does_not_come_up_with_another_release_gets_the_one_before_and_the_run_stops(
    site: Site, tmp_path: Path
) -> None:
    broken, before = tmp_path / "broken", site.file.read_text()
    broken.mkdir()
    for program in etcd_of("3.5.35").iterdir():
        # It tells its version, and finds its data nowhere: the name of that option is another one.
        (broken / program.name).write_bytes(program.read_bytes().replace(b"data-dir", b"data-dix"))
        (broken / program.name).chmod(0o755)
    running = {name: site.member(name).says("readlink /usr/local/bin/etcd") for name in states(site)}
    failed = site.run("upgrade", "3.5.35", "--etcd-dir", str(broken), "--yes", code=6).stderr
    assert "did not come up with what was changed. It has what it had before, and answers again" in failed
    assert {name: site.member(name).says("readlink /usr/local/bin/etcd") for name in running} == running
    assert set(states(site).values()) == {"voting"} and site.ctl("get", "kept", "--print-value-only")
    site.write(before)
    assert site.settled() and site.healthy()


def test_a_member_whose_machine_is_gone_can_be_removed(site: Site) -> None:
    site.member("etcd-2").power_cut()
    site.run("member", "remove", "etcd-2", "--yes")
    assert states(site) == {"etcd-0": "voting", "etcd-1": "voting"}


def closed_port(site: Site, number: int, port: int, source: str = "0.0.0.0/0") -> None:
    """A firewall in front of one host: what comes for this port vanishes, all else passes."""
    chain = f"type filter hook input priority 0\nip saddr {source} tcp dport {port} drop\n"
    rules = f"table inet fire {{\nchain in {{\n{chain}}}\n}}\n"
    space = node_of(f"h{number + 1}").namespace(site.lab.prefix)
    subprocess.run(["ip", "netns", "exec", space, "nft", "-f", "-"], input=rules, text=True, check=True)


def opened_port(site: Site, number: int) -> None:
    space = node_of(f"h{number + 1}").namespace(site.lab.prefix)
    subprocess.run(["ip", "netns", "exec", space, "nft", "delete", "table", "inet", "fire"], check=True)


@pytest.mark.skipif(os.environ.get("ETCDPILOT_LONG") != "1", reason="the long form (ETCDPILOT_LONG=1) runs it on hosts")
def test_a_host_whose_peer_port_is_closed_is_not_registered_and_joins_once_it_is_open(site: Site) -> None:
    new = site.lab.hosts[3]
    closed_port(site, 3, 2380)
    said = site.run("member", "add", "etcd-3", new.address, "--yes", code=5).stderr
    assert f"does not reach etcd-3 at {new.address}, port 2380" in said and "Nothing was registered" in said
    assert len(site.ctl("member", "list").splitlines()) == 3
    assert new.pids("etcd") == [] and "probe" not in new.says("ls /var/lib")
    opened_port(site, 3)
    closed_port(site, 1, 2380, source=new.address)  # the other direction: a joining member speaks to all others
    said = site.run("member", "add", "etcd-3", new.address, "--yes", code=5).stderr
    assert f"etcd-3 does not reach etcd-1 at {site.lab.hosts[1].address}, port 2380" in said
    assert len(site.ctl("member", "list").splitlines()) == 3
    opened_port(site, 1)
    site.run("member", "add", "etcd-3", new.address, "--yes")
    assert set(states(site).values()) == {"voting"} and len(states(site)) == 4


def test_wrong_wishes_are_refused_on_real_members_and_nothing_is_touched(site: Site, tmp_path: Path) -> None:
    before = site.file.read_text()
    other = Site(site.lab, tmp_path / "other", name="other")
    other.init(*(host.address for host in site.lab.hosts[2:5]))
    said = other.apply(code=3)
    assert "The host of etcd-0 belongs to the cluster prod" in said, "a host already in another cluster"
    spare = site.lab.hosts[3]
    spare.run("mkdir -p /var/lib/etcd && echo dear diary >/var/lib/etcd/letters.txt")
    said = site.run("member", "add", "etcd-3", spare.address, "--yes", code=3).stderr
    assert "holds files that are not etcd's" in said and spare.read("/var/lib/etcd/letters.txt") == "dear diary"
    two_away = site.run("upgrade", "3.7.3", "--etcd-dir", str(etcd_of("3.7.3")), "--yes", code=3).stderr
    assert "cannot become 3.7.3 in one go" in two_away and "Go to 3.6 first" in two_away
    back = site.run("upgrade", "3.4.23", "--etcd-dir", str(etcd_of("3.4.23")), "--yes", code=3).stderr
    assert "cannot go back to 3.4.23" in back
    site.member("etcd-1").power_cut()
    site.edit(
        ("members:\n", f"members:\n  - {{name: etcd-4, host: {site.lab.hosts[4].address}}}\n"),
    )
    spare.run("rm -r /var/lib/etcd")
    site.edit(("members:\n", f"members:\n  - {{name: etcd-3, host: {spare.address}}}\n"))
    said = site.apply(code=3)
    assert "etcd-4" in said and ("would let quorum hang on it" in said or "would lose quorum" in said), said
    site.write(before)
    said = site.run("member", "remove", "etcd-2", "--yes", code=3).stderr
    assert "Remove etcd-2" in said and "2 of 3 voters answer, 2 are needed" in said, "it holds the quorum"
    assert site.file.read_text() == before
    assert len(site.ctl("member", "list").splitlines()) == 3


def etcd_of(version: str) -> Path:
    return next(each.directory for each in all_versions() if each.version == version)


def test_of_two_controllers_in_different_places_one_works_and_the_other_names_it(site: Site, tmp_path: Path) -> None:
    """The second has the first one's state: a copy of its folder on another machine."""
    second = Site(site.lab, tmp_path / "second")
    shutil.copytree(site.folder, second.folder, dirs_exist_ok=True)
    first = site.lab.start([ETCDPILOT, "restart", "--yes"], cwd=site.folder, stdout=subprocess.DEVNULL)
    try:
        until(lambda: holds_the_lock(site))
        said = second.run("restart", "--yes", code=3).stderr
        assert "restart" in said and "since" in said, said
    finally:
        assert first.wait(100) == 0
    second.run("restart", "--yes")
    assert site.healthy()


def holds_the_lock(site: Site) -> bool:
    return any(host.run("ls -d /run/etcdpilot/*.lock", check=False).returncode == 0 for host in site.lab.hosts[:3])


def until(holds: Callable[[], bool], within: float = 60) -> None:
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.skipif(os.environ.get("ETCDPILOT_LONG") != "1", reason="the long form (ETCDPILOT_LONG=1) runs it on hosts")
@pytest.mark.parametrize("version", ["3.4.23", "3.7.3"])
def test_http_becomes_https_and_goes_back_under_a_writer(three_hosts: Lab, tmp_path: Path, version: str) -> None:
    site = Site(three_hosts, tmp_path / "site").init(etcd=version)
    secret = site.file.read_text()
    plain = re.sub(r"(?m)^tls:.*\n(?:[ #].*\n)*", "tls: {mode: off}\n", secret)
    site.write(plain).apply()
    site.write(secret)
    assert site.dying("before:2", "apply", "--yes").returncode, "the authorities are made, and nothing else"
    site.forget_the_dead()
    rolled_under_a_writer(site, tmp_path / "there.json")
    assert {row["client_urls"][0].split(":")[0] for row in site.says("status")["members"]} == {"https"}
    site.write(plain)
    rolled_under_a_writer(site, tmp_path / "back.json")
    assert {row["client_urls"][0].split(":")[0] for row in site.says("status")["members"]} == {"http"}
    assert site.healthy() and site.settled()


def rolled_under_a_writer(site: Site, into: Path) -> None:
    """Clients know both URLs of every member."""
    urls = [f"{scheme}://{host.address}:2379" for host in site.lab.hosts for scheme in ("http", "https")]
    beside = Beside(urls, into, keys=site.state, rate=100).begin(site.lab.start)
    try:
        assert "tolerance -" not in site.apply()
        seen = beside.end()
    finally:
        beside.kill()
    assert not seen["lost"] and not seen["given_up"] and not seen["not_watched"] and not seen["watched_twice"], seen
