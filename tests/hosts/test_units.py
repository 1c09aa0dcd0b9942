"""What is written for a member starts a real etcd on booted machines, boxed in, and keeps it from starting astray."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from etcdpilot.hosts.login import Login
from etcdpilot.hosts.port import Binaries, Question
from etcdpilot.hosts.ssh import SshHost
from etcdpilot.model.cluster import ClusterSpec, ServiceStyle
from etcdpilot.model.files import AuthorityBundle, FileToWrite, LeafCertificate, LeafKey, Text
from etcdpilot.model.identity import as_hex, cluster_id, member_id
from etcdpilot.model.observation import Marker
from etcdpilot.model.versions import Version
from etcdpilot.pki.authority import issue, make_authorities
from etcdpilot.rendering.certificate_files import certificate_files
from etcdpilot.rendering.member_files import member_files
from etcdpilot.rendering.options import InitialCluster, member_options
from etcdpilot.rendering.running import options_that_differ, running_options
from lab import Lab
from tests.etcd_versions import Etcd, every_line
from tests.paper.clusters import PATHS, SERVICE, cluster, member

VERSIONS = every_line()
NEWEST = VERSIONS[-1:]
EXPOSURE_BOUND = 1.5


class Cluster:
    """A cluster file on the lab's hosts, brought up with nothing but the rooms under test."""

    def __init__(self, lab: Lab, spec: ClusterSpec) -> None:
        self.lab, self.spec = lab, spec
        self.hosts = {each.name: SshHost(each.name, Login(each.host)) for each in spec.members}
        self.ids = {each.name: member_id(each.advertise_peer_urls, "token") for each in spec.members}
        peers = ((each.name, each.advertise_peer_urls) for each in spec.members)
        self.initial = InitialCluster("new", "token", tuple(peers))
        self.authorities = make_authorities("prod", datetime.now(UTC))

    def marker(self, name: str, *, formed: bool) -> Marker:
        ids = tuple((each, as_hex(number)) for each, number in self.ids.items())
        return Marker("prod", name, as_hex(cluster_id(self.ids.values())) if formed else "", ids, "", 0)

    def files(self, name: str, *, formed: bool = False) -> list[FileToWrite]:
        one = self.spec.member(name)
        wanted = certificate_files(self.spec, one) if not formed else ()
        wanted += member_files(self.spec, one, self.initial, self.marker(name, formed=formed))
        issued = {
            file.path: issue(self.authorities[file.content.spec.authority], file.content.spec, datetime.now(UTC))
            for file in wanted
            if isinstance(file.content, LeafCertificate)
        }

        def data(content: object) -> bytes:
            match content:
                case Text(text):
                    return text.encode()
                case LeafKey(path):
                    return issued[path].key_pem
                case AuthorityBundle((name,)):
                    return self.authorities[name].certificate_pem
            raise AssertionError(content)

        return [
            FileToWrite(
                file.path,
                file.mode,
                file.owner,
                issued[file.path].certificate_pem if file.path in issued else data(file.content),
            )
            for file in wanted
        ]

    async def bring_up(self, binaries: Binaries) -> None:
        async def one(name: str) -> None:
            host, spec = self.hosts[name], self.spec.member(name)
            await host.write(self.files(name), user="etcd", data=spec.paths.data)
            await host.install(binaries)
            await host.enable(spec.service.unit)
            await host.start(spec.service.unit)

        await asyncio.gather(*(one(name) for name in self.hosts))

    async def write_marker(self, name: str) -> None:
        await self.hosts[name].write(self.files(name, formed=True), user="etcd")

    async def active(self, name: str, within: float = 30) -> None:
        async with asyncio.timeout(within):
            while self.machine(name).show("etcd", "ActiveState") != "active":
                await asyncio.sleep(0.05)

    def machine(self, name: str):
        return self.lab.hosts[list(self.hosts).index(name)]

    def etcdctl(self, name: str, words: str) -> str:
        paths = self.spec.member(name).paths
        tls = f"--cacert={paths.tls}/client-ca.crt --cert={paths.tls}/server.crt --key={paths.tls}/server.key"
        endpoint = self.spec.member(name).advertise_client_urls[0]
        return self.machine(name).says(f"ETCDCTL_API=3 {paths.bin}/etcdctl --endpoints={endpoint} {tls} {words}")

    async def close(self) -> None:
        await asyncio.gather(*(host.close() for host in self.hosts.values()))


@pytest.fixture
def at_controller(three_hosts: Lab, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setenv("HOME", str(three_hosts.home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with three_hosts.inside_controller():
        yield three_hosts


def wanted(lab: Lab, etcd: Etcd, style: ServiceStyle = ServiceStyle.ENV_FILE, **changes: object) -> ClusterSpec:
    members = []
    for number, host in enumerate(lab.hosts):
        peer, client = f"https://{host.address}:2380", f"https://{host.address}:2379"
        members.append(
            member(
                number,
                host=host.address,
                service=replace(SERVICE, style=style),
                listen_peer_urls=(peer,),
                advertise_peer_urls=(peer,),
                listen_client_urls=(client, "https://127.0.0.1:2379"),
                advertise_client_urls=(client,),
                **changes,
            )
        )
    return cluster(*members, version=Version.parse(etcd.version))


def binaries(etcd: Etcd) -> Binaries:
    return Binaries(etcd.version, str(etcd.directory), PATHS.library, PATHS.bin)


@asynccontextmanager
async def running(lab: Lab, spec: ClusterSpec, etcd: Etcd) -> AsyncIterator[Cluster]:
    there = Cluster(lab, spec)
    try:
        await there.bring_up(binaries(etcd))
        for name in there.hosts:
            await there.active(name)
        yield there
    finally:
        await there.close()


def question(spec: ClusterSpec, name: str) -> Question:
    one = spec.member(name)
    return Question(one.service.unit, f"{one.paths.bin}/etcd", one.paths.data, (), (), (2379, 2380))


@pytest.mark.parametrize("etcd", VERSIONS, ids=str)
async def test_a_cluster_of_every_line_runs_boxed_in(at_controller: Lab, etcd: Etcd) -> None:
    async with running(at_controller, wanted(at_controller, etcd), etcd) as there:
        assert "is healthy" in there.etcdctl("etcd-0", "endpoint health 2>&1")
        assert there.etcdctl("etcd-1", "put a b") == "OK"
        for name in there.hosts:
            machine = there.machine(name)
            exposure = machine.says("systemd-analyze security --no-pager etcd | tail -n 1")
            assert float(exposure.split(":")[1].split()[0]) <= EXPOSURE_BOUND, exposure
            assert machine.show("etcd", "LimitNOFILE") == "65536"
            assert machine.says("stat -c %U /proc/$(systemctl show --value -p MainPID etcd)") == "etcd"
            journal = machine.says("journalctl -u etcd -o cat --no-pager")
            for trouble in ("permission", "not permitted", "unrecognized", "Unknown", "shadowed"):
                assert trouble not in journal, journal
            seen = await there.hosts[name].look(question(there.spec, name))
            options = member_options(there.spec, there.spec.member(name), there.initial)
            assert seen.process is not None and running_options(seen.process) == options
            assert options_that_differ(options, running_options(seen.process)) == ()
            assert seen.data.has_member and seen.service.enabled and seen.busy_ports == ()
            assert etcd.version in seen.version


@pytest.mark.parametrize("etcd", NEWEST, ids=str)
@pytest.mark.parametrize("style", [ServiceStyle.FLAGS, ServiceStyle.MIXED])
async def test_options_may_stand_in_the_unit(at_controller: Lab, etcd: Etcd, style: ServiceStyle) -> None:
    async with running(at_controller, wanted(at_controller, etcd, style), etcd) as there:
        seen = await there.hosts["etcd-0"].look(question(there.spec, "etcd-0"))
        assert seen.process is not None
        assert running_options(seen.process) == member_options(there.spec, there.spec.members[0], there.initial)
        assert bool(seen.process.environment) == (style is ServiceStyle.MIXED)


@pytest.mark.parametrize("etcd", NEWEST, ids=str)
@pytest.mark.parametrize("style", ServiceStyle)
async def test_odd_paths_and_values_reach_etcd_as_they_are(at_controller: Lab, etcd: Etcd, style: ServiceStyle) -> None:
    data = "/srv/my data/50% \"x\" $HOME 'y' \\ ;#*"
    paths = replace(
        PATHS, config="/etc/my etcd", data=data, env_file="/etc/my etcd/e[1]* %n.env", tls="/etc/my etcd/t l s"
    )
    spec = wanted(at_controller, etcd, paths=paths)
    members = [
        replace(each, service=replace(each.service, style=style, working_directory=data)) for each in spec.members
    ]
    async with running(at_controller, replace(spec, members=tuple(members)), etcd) as there:
        seen = await there.hosts["etcd-0"].look(question(there.spec, "etcd-0"))
        assert seen.process is not None and running_options(seen.process)["data-dir"] == data
        assert seen.data.has_member
        assert there.machine("etcd-0").says("readlink /proc/$(systemctl show --value -p MainPID etcd)/cwd") == data
        await there.write_marker("etcd-0")
        await there.hosts["etcd-0"].restart("etcd")
        await there.active("etcd-0")


@pytest.mark.parametrize("etcd", NEWEST, ids=str)
async def test_a_member_without_its_data_is_kept_from_starting_and_says_so(at_controller: Lab, etcd: Etcd) -> None:
    async with running(at_controller, wanted(at_controller, etcd), etcd) as there:
        host, machine = there.hosts["etcd-2"], there.machine("etcd-2")
        await there.write_marker("etcd-2")
        await host.stop("etcd")
        aside = await host.move_aside("/var/lib/etcd", "lost")
        await host.start("etcd")
        async with asyncio.timeout(20):
            while "member replace etcd-2" not in machine.says("journalctl -u etcd -o cat --no-pager"):
                await asyncio.sleep(0.05)
        seen = await host.look(question(there.spec, "etcd-2"))
        assert seen.service.active in ("activating", "failed") and seen.process is None
        assert any("its data directory /var/lib/etcd is missing" in line for line in seen.service.log_tail)
        machine.run(f"mv {aside} /var/lib/etcd")
        await there.active("etcd-2")  # by systemd alone, at its next try
        assert machine.run("test -e /var/lib/etcd/member").returncode == 0


@pytest.mark.parametrize("etcd", NEWEST, ids=str)
async def test_a_killed_etcd_is_brought_back_by_systemd_and_a_power_cut_by_the_boot(
    at_controller: Lab, etcd: Etcd
) -> None:
    async with running(at_controller, wanted(at_controller, etcd), etcd) as there:
        for name in there.hosts:
            await there.write_marker(name)
        machine = there.machine("etcd-1")
        assert machine.kill("etcd") == 1
        async with asyncio.timeout(20):
            while machine.show("etcd", "NRestarts") != "1" or machine.show("etcd", "ActiveState") != "active":
                await asyncio.sleep(0.05)
        at_controller.power_cut_all()
        at_controller.power_on_all()
        for name in there.hosts:
            await there.active(name)
        assert "is healthy" in there.etcdctl("etcd-0", "endpoint health 2>&1")
