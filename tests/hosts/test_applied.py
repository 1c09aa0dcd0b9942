"""A cluster that stands: what its hosts hold, what brings it back, and what is done about changes by hand."""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path

import pytest

from lab import Lab
from lab.host import Host
from lab.probes import until
from tests.hosts.site import Site, fingerprint, pid


@pytest.fixture(scope="module")
def prod(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """One cluster for this whole file; each test leaves it well."""
    lab.clean(3)
    site = Site(lab, tmp_path_factory.mktemp("prod")).init()
    site.apply()
    assert site.healthy()
    site.ctl("put", "kept", "through everything")
    return site


def keeps_its_data(site: Site) -> bool:
    return site.ctl("get", "kept", "--print-value-only") == "through everything\n"


# What the hosts hold


def test_no_authoritys_key_leaves_the_controller(prod: Site) -> None:
    for host in prod.lab.hosts:
        keys = host.says(
            "grep -rlIsF 'PRIVATE KEY' /etc /var /usr/local /home /root /run /tmp /srv || true"
        ).splitlines()
        ssh = [path for path in keys if path.startswith("/etc/ssh/") or "/.ssh/" in path]
        assert sorted(set(keys) - set(ssh)) == ["/etc/etcd/tls/peer.key", "/etc/etcd/tls/server.key"]
        assert host.says("stat -c '%a %U' /etc/etcd/tls/*.key") == "600 etcd\n600 etcd"
    for key in prod.state.glob("authorities/*.key"):
        assert key.stat().st_mode & 0o777 == 0o600
    assert {path.name for path in prod.state.glob("authorities/*.key")} == {"client-ca.key", "peer-ca.key"}


def test_nothing_secret_is_in_any_journal(prod: Site) -> None:
    keys = [path.read_text() for path in prod.state.rglob("*.key")]
    keys += [host.read(f"/etc/etcd/tls/{name}.key") for host in prod.lab.hosts for name in ("server", "peer")]
    secrets = ["PRIVATE KEY", *(key.splitlines()[1] for key in keys)]
    journals = [host.says("journalctl --no-pager --output=export | tr -d '\\000'") for host in prod.lab.hosts]
    for text in (*journals, (prod.state / "journal.jsonl").read_text()):
        assert "etcd" in text
        for secret in secrets:
            assert secret not in text


def test_each_certificate_names_exactly_what_it_must(prod: Site) -> None:
    for host in prod.lab.hosts:
        for role, loopback in (("server", ["127.0.0.1", "0:0:0:0:0:0:0:1", "localhost"]), ("peer", [])):
            said = subprocess.run(
                ["openssl", "x509", "-noout", "-ext", "subjectAltName"],
                input=host.read(f"/etc/etcd/tls/{role}.crt"),
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            names = [part.strip().partition(":")[2] for part in said.splitlines()[1].split(",")]
            assert sorted(names) == sorted([host.address, *loopback]), (role, names)


def test_the_service_is_boxed_in_and_enabled(prod: Site) -> None:
    for host in prod.lab.hosts:
        exposure = host.says("systemd-analyze security --no-pager etcd | tail -n 1")
        assert float(exposure.split(":")[1].split()[0]) <= 1.5, exposure
        assert host.says("systemctl is-enabled etcd") == "enabled"
        assert (host.show("etcd", "Type"), host.show("etcd", "Restart")) == ("notify", "on-failure")
        # Once formed, a wiped disk can never start a cluster of its own.
        assert 'ETCD_INITIAL_CLUSTER_STATE="existing"' in host.read("/etc/etcd/etcd.env")


def test_a_marker_on_every_host_says_whose_it_is_and_holds_no_secret(prod: Site) -> None:
    identity = json.loads((prod.state / "identity.json").read_text())
    for number, host in enumerate(prod.lab.hosts):
        text = host.read("/etc/etcd/etcdpilot.json")
        marker = json.loads(text)
        assert (marker["cluster"], marker["member"]) == ("prod", f"etcd-{number}")
        assert marker["cluster_id"] == identity["cluster_id"] and marker["member_ids"] == dict(identity["member_ids"])
        assert identity["token"] not in text


def test_a_plan_in_a_file_is_carried_out_exactly_or_is_stale(prod: Site) -> None:
    before = prod.file.read_text()
    prod.edit(("auto-compaction-retention: 1h", "auto-compaction-retention: 2h"))
    shown = prod.run("plan", "--out", "plan.json").stdout
    text = (prod.folder / "plan.json").read_text()
    token = json.loads((prod.state / "identity.json").read_text())["token"]
    assert token not in text and token not in shown and "PRIVATE" not in text
    assert '+ETCD_AUTO_COMPACTION_RETENTION="2h' in shown, shown
    prod.lab.hosts[1].run("chmod 0644 /etc/etcd/etcd.env")
    stale = prod.run("apply", "--yes", "plan.json", code=4)
    assert "The plan is stale; nothing was done." in stale.stderr
    prod.lab.hosts[1].run("chmod 0600 /etc/etcd/etcd.env")
    done = prod.run("apply", "--yes", "plan.json").stdout
    assert done.count("✓") == shown.count("\n  ") - shown.count("\n   ") or "✓" in done
    assert 'AUTO_COMPACTION_RETENTION="2h' in prod.lab.hosts[2].read("/etc/etcd/etcd.env")
    assert prod.run("apply", "--yes", "plan.json", code=4).returncode == 4
    assert prod.run("apply", "--yes", "cluster.yaml", code=2).returncode == 2
    prod.write(before)
    prod.apply()
    assert prod.healthy()


# Changes by hand


class Writer(threading.Thread):
    """Writes through the real etcdctl, key after key, while something is done to the cluster."""

    def __init__(self, site: Site) -> None:
        super().__init__(daemon=True)
        self.site, self.failed, self.written, self.enough = site, [], 0, threading.Event()

    def run(self) -> None:
        while not self.enough.is_set():
            done = self.site.run("ctl", "--", "put", f"w/{self.written}", "x", code=None)
            self.written += 1
            if done.returncode:
                self.failed.append(done.stderr)


def by_hand(prod: Site, kind: str) -> tuple[Host, str]:
    """Changes something on the leader's host; returns the host, and what the plan must say of it."""
    leader = prod.leader()
    host = prod.member(leader)
    match kind:
        case "env file":
            host.run("sed -i s/COMPACTION_MODE=.*/COMPACTION_MODE=revision/ /etc/etcd/etcd.env")
            return host, "-ETCD_AUTO_COMPACTION_MODE=revision"
        case "unit":
            host.run(
                "sed -i s/LimitNOFILE=.*/LimitNOFILE=1024/ /etc/systemd/system/etcd.service; systemctl daemon-reload"
            )
            return host, "-LimitNOFILE=1024"
        case "disabled":
            host.run("systemctl disable --quiet etcd")
            return host, f"enable {leader} at boot"
        case "binary":
            other = next(
                path for path in Path.home().glob(".cache/etcdpilot-lab/etcd/3.5.*/etcd") if "3.5.30" not in str(path)
            )
            host.put(other, "/usr/local/bin/etcd", 0o755)
            return host, f"install etcd 3.5.30 on {leader}"
        case "same binary, other bytes":
            host.run("cd /usr/local/lib/etcdpilot/etcd-3.5.30; cp etcd x; printf x >>x; sleep 0.01; mv x etcd")
            return host, f"install etcd 3.5.30 on {leader}"
        case "running flags":
            host.run("cp -p /etc/etcd/etcd.env /root/kept; sed -i s/RETENTION=.*/RETENTION=9h/ /etc/etcd/etcd.env")
            host.run("systemctl restart etcd; cp -p /root/kept /etc/etcd/etcd.env")
            return host, f"restart {leader}, because it runs with another auto-compaction-retention"
        case "mode of a key":
            host.run("chmod 0644 /etc/etcd/tls/server.key")
            return host, "server.key"
        case "authority":
            host.run("cat /etc/etcd/tls/peer-ca.crt >>/etc/etcd/tls/client-ca.crt")
            return host, "client-ca.crt"
    raise AssertionError(kind)


@pytest.mark.parametrize(
    "kind",
    [
        "env file",
        "unit",
        "disabled",
        "binary",
        "same binary, other bytes",
        "running flags",
        "mode of a key",
        "authority",
    ],
)
def test_a_change_by_hand_is_found_shown_and_put_back(prod: Site, kind: str) -> None:
    others = {host.name: fingerprint(host) for host in prod.lab.hosts}
    host, expected = by_hand(prod, kind)
    if kind == "running flags":
        assert until(prod.healthy, 20)
    shown = prod.run("plan", "--exit-code", code=1).stdout
    assert expected in shown, shown
    prod.apply()
    assert prod.settled()
    assert prod.healthy() and keeps_its_data(prod)
    assert host.show("etcd", "LimitNOFILE") == "65536" and host.says("systemctl is-enabled etcd") == "enabled"
    for other in prod.lab.hosts:
        if other is not host:
            assert fingerprint(other) == others[other.name]


def test_a_change_of_all_members_rolls_one_at_a_time_the_leader_last_and_every_write_succeeds(prod: Site) -> None:
    leader = prod.leader()
    for host in prod.lab.hosts:
        host.run("sed -i s/RETENTION=.*/RETENTION=7h/ /etc/etcd/etcd.env; :")
    prod.edit(("auto-compaction-retention: 1h", "auto-compaction-retention: 3h"))
    shown = prod.run("plan").stdout
    restarts = [line.split("restart ")[1].split(",")[0] for line in shown.splitlines() if ". restart " in line]
    assert sorted(restarts) == ["etcd-0", "etcd-1", "etcd-2"] and restarts[-1] == leader, shown
    assert f"hand the leadership of {leader}" in shown
    writer = Writer(prod)
    writer.start()
    prod.apply()
    writer.enough.set()
    writer.join()
    assert writer.written > 3 and not writer.failed, writer.failed
    assert prod.leader() != leader
    prod.edit(("auto-compaction-retention: 3h", "auto-compaction-retention: 1h"))
    prod.apply()


# What brings it back


def test_a_killed_etcd_is_brought_back_by_systemd_alone(prod: Site) -> None:
    host = prod.lab.hosts[1]
    restarts = int(host.show("etcd", "NRestarts"))
    assert host.show("etcd", "RestartUSec") == "5s"
    before = pid(host)
    assert host.kill("etcd") == 1
    assert until(lambda: host.show("etcd", "ActiveState") == "active" and pid(host) not in ("0", before), 20)
    assert int(host.show("etcd", "NRestarts")) == restarts + 1
    assert until(prod.healthy) and keeps_its_data(prod)
    assert prod.settled()


def test_a_reboot_of_one_host_is_served_through_and_it_returns(prod: Site) -> None:
    host = prod.lab.hosts[2]
    host.power_off()
    found = prod.says("status")
    assert found["cluster"]["tolerance"] == 0 and found["members"][2]["state"] == "down"
    assert prod.ctl("put", "meanwhile", "yes") == "OK\n"
    host.power_on()
    assert until(prod.healthy, 30) and keeps_its_data(prod)


def test_a_power_cut_of_all_hosts_at_once_loses_nothing(prod: Site) -> None:
    prod.ctl("put", "last", "word")
    prod.lab.power_cut_all()
    prod.lab.power_on_all()
    assert until(prod.healthy, 40)
    assert keeps_its_data(prod) and prod.ctl("get", "last", "--print-value-only") == "word\n"
    assert prod.settled()


def test_down_wants_the_clusters_name_and_apply_brings_it_back_with_its_data(prod: Site) -> None:
    for words in (("down",), ("down", "--yes"), ("down", "--yes-i-mean", "other")):
        refused = prod.run(*words, code=3)
        assert "--yes-i-mean prod" in refused.stderr
    assert prod.healthy()
    prod.run("down", "--yes-i-mean", "prod")
    assert [host.show("etcd", "ActiveState") for host in prod.lab.hosts] == ["inactive"] * 3
    assert prod.run("status", code=1).returncode == 1
    prod.apply()
    assert prod.healthy() and keeps_its_data(prod)


def test_a_member_whose_data_is_gone_is_not_started_but_its_replacement_is_told(prod: Site) -> None:
    host = prod.lab.hosts[0]
    host.run("systemctl stop etcd; mv /var/lib/etcd /var/lib/etcd.lost")
    said = prod.apply(code=3)
    assert "etcdpilot member replace etcd-0" in said, said
    assert host.show("etcd", "ActiveState") == "inactive"
    host.run("mv /var/lib/etcd.lost /var/lib/etcd")
    prod.apply()
    assert prod.healthy() and keeps_its_data(prod)
