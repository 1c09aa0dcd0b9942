"""Members come and go on real hosts: services, data, and a machine that is not there any more."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lab import Lab
from lab.network import node_of
from tests.hosts.site import Site


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
