"""Members come and go on real hosts: services, data, and a machine that is not there any more."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import Lab
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
