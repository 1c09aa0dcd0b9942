"""etcd's programs out of a distribution's packages, the distribution's own service, and etcdctl behind a jump host."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import Lab
from lab.host import Host
from lab.network import CONTROLLER
from tests.etcd_versions import all_versions
from tests.hosts.site import Site, pid

OLD = next((each for each in all_versions() if each.version == "3.4.23"), None)
pytestmark = pytest.mark.skipif(OLD is None, reason="needs etcd 3.4.23 (lab/binaries)")


@pytest.fixture
def site(three_hosts: Lab, tmp_path: Path) -> Site:
    return Site(three_hosts, tmp_path / "site")


# Packages


@pytest.fixture
def mirror(three_hosts: Lab, tmp_path: Path) -> Iterator[Path]:
    """A mirror of packages as Debian lays them out, named by the controller's own apt sources and by nothing else."""
    if shutil.which("dpkg-deb") is None or shutil.which("apt-get") is None:
        pytest.skip("needs apt-get and dpkg-deb")
    assert OLD is not None
    folder = tmp_path / "debian"
    folder.mkdir()
    for package, program in (("etcd-server", "etcd"), ("etcd-client", "etcdctl")):
        package_of(OLD.directory / program, package, folder)
    index = subprocess.run(["dpkg-scanpackages", "."], cwd=folder, capture_output=True, text=True, check=True).stdout
    (folder / "Packages").write_text(index)
    sources = Path("/etc/netns") / CONTROLLER.namespace(three_hosts.prefix) / "apt"
    shutil.copytree("/etc/apt", sources, symlinks=True)
    shutil.rmtree(sources / "sources.list.d", ignore_errors=True)
    (sources / "sources.list").write_text(f"deb [trusted=yes] file:{folder} ./\n")
    yield folder
    shutil.rmtree(sources)


def package_of(program: Path, name: str, folder: Path) -> None:
    """As Debian's: the program in /usr/bin, and a unit of its own that must never be taken along."""
    root = folder / f"{name}.root"
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN" / "control").write_text(
        f"Package: {name}\nVersion: 3.4.23+dfsg-4\nArchitecture: amd64\nMaintainer: Nobody <nobody@example.test>\n"
        "Description: one of etcd's programs\n"
    )
    (root / "usr" / "bin").mkdir(parents=True)
    shutil.copy2(program, root / "usr" / "bin" / program.name)
    (root / "lib" / "systemd" / "system").mkdir(parents=True)
    (root / "lib" / "systemd" / "system" / "etcd.service").write_text("[Service]\nExecStart=/usr/bin/etcd\n")
    subprocess.run(["dpkg-deb", "-Znone", "--build", str(root), str(folder / f"{name}_3.4.23_amd64.deb")], check=True)
    shutil.rmtree(root)


def test_packages_are_fetched_and_unpacked_on_the_controller_and_installed_nowhere(
    site: Site, mirror: Path, tmp_path: Path
) -> None:
    assert OLD is not None
    site.init(etcd=OLD.version)
    text = site.file.read_text()
    begin, end = text.index("  source:\n"), text.index("  # etcd's own options")
    source = "  source: {package: {names: [etcd-server, etcd-client]}}\n"
    site.write(f"{text[:begin]}{source}{text[end:]}")
    fresh = {"env": {"XDG_CACHE_HOME": str(tmp_path / "cache")}}
    site.edit(("version: 3.4.23", "version: 3.5.30"))
    refused = site.apply(code=2, **fresh)
    assert "etcd-server is not offered in version 3.5.30" in refused and "3.4.23+dfsg-4" in refused
    site.edit(("version: 3.5.30", "version: 3.4.23"))
    site.apply(**fresh)
    assert site.healthy() and site.says("status")["cluster"]["version"] == "3.4.23"
    for host in site.lab.hosts:
        assert sorted(host.says("ls /usr/local/lib/etcdpilot/etcd-3.4.23").split()) == ["SHA256SUMS", "etcd", "etcdctl"]
        assert host.run("ls /usr/bin/etcd /lib/systemd/system/etcd.service", check=False).returncode != 0
    kept = tmp_path / "cache" / "etcdpilot" / "etcd" / "3.4.23-amd64"
    assert sorted(each.name for each in kept.iterdir()) == ["etcd", "etcdctl"]
    assert (kept / "etcd").read_bytes() == (OLD.directory / "etcd").read_bytes()
    for archive in mirror.glob("*.deb"):
        archive.unlink()
    assert site.settled()  # out of the cache, whatever becomes of the mirror


# The distribution's own service

# What Debian's package brings: it starts by itself, on loopback, as soon as it is installed.
DEBIANS = r"""[Unit]
Description=etcd - highly-available key value store
After=network.target
Wants=network-online.target

[Service]
Environment=DAEMON_ARGS=
Environment=ETCD_NAME=%H
Environment=ETCD_DATA_DIR=/var/lib/etcd/default
EnvironmentFile=-/etc/default/etcd
Type=notify
User=etcd
PermissionsStartOnly=true
ExecStart=/usr/bin/etcd $DAEMON_ARGS
Restart=on-abnormal
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
Alias=etcd2.service
"""


def as_debian_installs_it(host: Host) -> str:
    """The number of the process that runs then."""
    assert OLD is not None
    host.put(OLD.directory / "etcd", "/usr/bin/etcd", 0o755)
    host.run(f"cat >/lib/systemd/system/etcd.service <<'END'\n{DEBIANS}\nEND")
    host.run("useradd --system --home-dir /var/lib/etcd etcd && install -d -o etcd -g etcd /var/lib/etcd")
    host.run("install -d -o etcd -g etcd -m 0700 /var/lib/etcd/default && echo 127.0.0.1 localhost >/etc/hosts")
    host.run("systemctl daemon-reload && systemctl enable --now etcd")
    assert "etcd" in host.says(f"cat /proc/{pid(host)}/comm")
    return pid(host)


@pytest.mark.skipif(not os.environ.get("ETCDPILOT_LONG"), reason="the long form: set ETCDPILOT_LONG=1")
def test_the_service_that_debians_package_started_is_stopped_and_stays_overridden(site: Site) -> None:
    theirs = [as_debian_installs_it(host) for host in site.lab.hosts]
    site.init()
    said = site.apply(code=3)
    assert "holds files that are not etcd's" in said and "/var/lib/etcd" in said, said
    assert [pid(host) for host in site.lab.hosts] == theirs  # refused before anything was touched
    text = site.file.read_text()
    site.write(re.sub(r"data: /var/lib/etcd\b", "data: /var/lib/etcd/prod", text))
    assert "/var/lib/etcd/prod" in site.file.read_text(), text
    site.apply()
    assert site.healthy() and site.settled()
    for host, before in zip(site.lab.hosts, theirs, strict=True):
        assert host.show("etcd", "FragmentPath") == "/etc/systemd/system/etcd.service"
        assert host.run(f"test -d /proc/{before}", check=False).returncode == 1
        assert host.read("/lib/systemd/system/etcd.service").startswith("[Unit]\nDescription=etcd - highly")
        assert host.run("test -d /var/lib/etcd/default/member/wal").returncode == 0  # their data stays where it is
        assert host.says("systemctl is-enabled etcd") == "enabled"
    site.lab.power_cut_all()
    site.lab.power_on_all()
    assert site.healthy()
    assert {host.show("etcd", "FragmentPath") for host in site.lab.hosts} == {"/etc/systemd/system/etcd.service"}


# Behind a jump host


def test_etcdctl_reaches_members_behind_a_jump_host(site: Site) -> None:
    for name in ("h2", "h3"):
        site.lab.behind(name, "h1")
    site.init().apply()
    assert site.ctl("put", "way", "through") == "OK\n"
    assert site.ctl("get", "way", "--print-value-only") == "through\n"
    assert site.ctl("put", "given", input="two\nlines\n") == "OK\n"
    assert site.ctl("get", "given", "--print-value-only") == "two\nlines\n\n"
    health = site.run("ctl", "--", "endpoint", "health")
    assert (health.stdout + health.stderr).count("is healthy: successfully committed proposal") == 3
    assert site.ctl("member", "list").count(", started, ") == 3
    assert site.run("ctl", "--", "get", code=None).returncode not in (0, None)  # etcdctl's own code
    printed = site.run("env").stdout
    assert "etcdpilot ctl" in printed
    for host in site.lab.hosts:
        assert f"https://{host.address}:2379" in printed
    assert os.path.isfile(re.search(r"ETCDCTL_CACERT=(\S+)", printed)[1])  # type: ignore[index]
