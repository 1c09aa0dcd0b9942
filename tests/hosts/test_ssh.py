"""Ways to a host over SSH, on booted machines: logging in, what is said when it does not work, losing it."""

from __future__ import annotations

import asyncio
import re
import subprocess
from pathlib import Path

import pytest

from etcdpilot.hosts.login import MANNERS
from etcdpilot.model.cluster import HostKeys
from etcdpilot.model.errors import HostFailed
from etcdpilot.model.files import FileToWrite
from lab import Lab
from tests.hosts.over_ssh import over_ssh, question, unit_file, until

# Logging in


async def test_a_user_who_may_use_sudo_does_all_that_root_does(at_controller: Lab) -> None:
    key = FileToWrite("/etc/etcd/k", 0o600, "etcd", b"k")
    async with over_ssh(at_controller, user="admin") as host:
        await host.write([key, unit_file()], user="etcd")
        await host.start("etcd")
        seen = await host.look(question(files=(key.path,)))
    assert seen.files[0].owner == "etcd" and len(seen.files[0].sha256) == 64


async def test_a_user_whose_sudo_wants_a_password_is_told_so_at_once(at_controller: Lab) -> None:
    async with over_ssh(at_controller, user="clerk") as host:
        with pytest.raises(HostFailed) as failed:
            await host.look(question())
    assert failed.value.host == "h1"
    assert "clerk may not become root without a password" in failed.value.why
    assert "NOPASSWD" in failed.value.remedy


async def test_another_port_is_used_as_the_file_says(at_controller: Lab) -> None:
    at_controller.host("h1").listen_ssh_on(2222)
    async with over_ssh(at_controller, port=2222) as host:
        assert (await host.look(question())).machine.system == "Linux"


async def test_another_port_is_used_as_the_ssh_config_says(at_controller: Lab) -> None:
    at_controller.host("h1").listen_ssh_on(2222)
    config = at_controller.home / ".ssh/config"
    config.write_text(f"Host db\n  HostName {at_controller.host('h1').address}\n  Port 2222\n" + config.read_text())
    async with over_ssh(at_controller, host="db") as host:
        assert (await host.look(question())).machine.system == "Linux"


@pytest.mark.parametrize("where", ["the ssh config", "the cluster file"])
async def test_a_host_behind_another_is_reached_through_it(at_controller: Lab, where: str) -> None:
    config = (at_controller.home / ".ssh/config").read_text()
    at_controller.behind("h2", "h1")
    jump = ""
    if where == "the cluster file":
        (at_controller.home / ".ssh/config").write_text(config)
        jump = f"root@{at_controller.host('h1').address}"
    async with over_ssh(at_controller, "h2", jump=jump) as host:
        assert (await host.look(question())).machine.system == "Linux"


async def test_an_address_of_ipv6_is_reached(at_controller: Lab) -> None:
    async with over_ssh(at_controller, host=at_controller.host("h1").address6) as host:
        assert (await host.look(question())).machine.system == "Linux"


async def test_an_unknown_host_key_is_refused_unless_the_first_one_is_to_be_believed(at_controller: Lab) -> None:
    known = at_controller.home / ".ssh/known_hosts"
    known.write_text("# by hand, without a last newline")
    async with over_ssh(at_controller) as host:
        with pytest.raises(HostFailed) as failed:
            await host.look(question())
    assert "not in known_hosts" in failed.value.why and "accept-new" in failed.value.remedy
    async with over_ssh(at_controller, keys=HostKeys.ACCEPT_NEW) as host:
        await host.look(question())
    assert re.search(rf"^{at_controller.host('h1').address} ssh-\S+ \S+$", known.read_text(), re.MULTILINE)
    async with over_ssh(at_controller) as host:
        await host.look(question())


@pytest.mark.parametrize("keys", HostKeys)
async def test_a_host_key_that_has_changed_is_never_believed(at_controller: Lab, keys: HostKeys) -> None:
    known = at_controller.home / ".ssh/known_hosts"
    other, own = (at_controller.host(name).address for name in ("h2", "h1"))
    line = next(line for line in known.read_text().splitlines() if line.startswith(other))
    known.write_text(f"{own} {line.split(' ', 1)[1]}\n")
    async with over_ssh(at_controller, keys=keys) as host:
        with pytest.raises(HostFailed) as failed:
            await host.look(question())
    assert "another host key" in failed.value.why and f"ssh-keygen -R {own}" in failed.value.remedy


async def test_a_key_that_nobody_knows_is_said_to_be_refused(at_controller: Lab, tmp_path: Path) -> None:
    import asyncssh

    asyncssh.generate_private_key("ssh-ed25519").write_private_key(tmp_path / "key")
    async with over_ssh(at_controller, identity=str(tmp_path / "key")) as host:
        with pytest.raises(HostFailed) as failed:
            await host.look(question())
    assert "none of the keys" in failed.value.why


async def test_an_encrypted_key_is_opened_by_the_passphrase_of_the_environment(
    at_controller: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncssh

    key = asyncssh.read_private_key(at_controller.home / ".ssh/id_ed25519")
    key.write_private_key(tmp_path / "key", passphrase="open sesame")
    async with over_ssh(at_controller, identity=str(tmp_path / "key")) as host:
        with pytest.raises(HostFailed) as failed:
            await host.look(question())
    assert "ETCDPILOT_SSH_PASSPHRASE" in failed.value.remedy
    monkeypatch.setenv("ETCDPILOT_SSH_PASSPHRASE", "open sesame")
    async with over_ssh(at_controller, identity=str(tmp_path / "key")) as host:
        assert (await host.look(question())).machine.system == "Linux"
    monkeypatch.setenv("ETCDPILOT_SSH_PASSPHRASE", "wrong")
    async with over_ssh(at_controller, identity=str(tmp_path / "key")) as host:
        with pytest.raises(HostFailed):
            await host.look(question())


async def test_an_encrypted_key_is_used_through_the_agent(
    at_controller: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = at_controller.home / ".ssh/id_ed25519"
    socket = tmp_path / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL) as agent:
        try:
            await until(socket.exists)
            monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
            subprocess.run(["ssh-add", "-q", str(key)], check=True, capture_output=True)
            subprocess.run(
                ["ssh-keygen", "-q", "-p", "-N", "open sesame", "-f", str(key)], check=True, capture_output=True
            )
            for login in ({}, {"identity": str(key)}):
                async with over_ssh(at_controller, **login) as host:
                    assert (await host.look(question())).machine.system == "Linux"
        finally:
            agent.terminate()


@pytest.mark.parametrize("user", ["a b", "$(touch /x)", "e\nu evil 0", "etcd;id", '"'])
async def test_a_user_of_a_hostile_name_is_not_made(at_controller: Lab, user: str) -> None:
    before = at_controller.host("h1").says("getent passwd; ls /")
    async with over_ssh(at_controller) as host:
        with pytest.raises(HostFailed, match="writing"):
            await host.write([FileToWrite("/etc/etcd/a", 0o644, "root", b"")], user=user)
    assert at_controller.host("h1").says("getent passwd; ls /") == before


@pytest.mark.parametrize(("login", "why"), [({"port": 1}, "refused"), ({"host": "no.such.invalid"}, "no.such.invalid")])
async def test_a_host_that_cannot_be_reached_is_named_with_the_cause(at_controller: Lab, login, why: str) -> None:
    async with over_ssh(at_controller, **login) as host:
        with pytest.raises(HostFailed, match=r"h1 .* could not be reached") as failed:
            await host.look(question())
    assert why in failed.value.why.lower()


async def test_a_missing_identity_is_said_to_be_missing(at_controller: Lab) -> None:
    async with over_ssh(at_controller, identity="/no/such/key") as host:
        with pytest.raises(HostFailed) as failed:
            await host.look(question())
    assert "No such file" in failed.value.why and "/no/such/key" in str(failed.value)


# Losing it


async def test_a_connection_that_is_lost_says_what_was_done_before_and_the_next_script_opens_another(
    at_controller: Lab,
) -> None:
    h1 = at_controller.host("h1")
    async with over_ssh(at_controller) as host:
        await host.write([FileToWrite("/etc/etcd/a", 0o644, "root", b"a")], user="")
        long = asyncio.ensure_future(host.shell.run("waiting", "touch /run/waiting; sleep 60"))
        await until(lambda: h1.run("test -e /run/waiting", check=False).returncode == 0)
        h1.drop_ssh()
        with pytest.raises(HostFailed, match="failed while waiting") as failed:
            await long
        assert "lost" in failed.value.why and "writing /etc/etcd/a" in failed.value.why
        assert "Run the same command again" in failed.value.remedy
        assert (await host.look(question())).machine.system == "Linux"
        assert host.shell.connections == 2


async def test_a_host_that_falls_silent_is_given_up(at_controller: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = {"keepalive_interval": 0.2, "keepalive_count_max": 2}
    monkeypatch.setattr("etcdpilot.hosts.login.MANNERS", {**MANNERS, **quick})
    async with over_ssh(at_controller) as host:
        await host.look(question())
        at_controller.isolate("h1")
        with pytest.raises(HostFailed) as failed:
            await host.look(question())
        at_controller.heal()
    assert "lost" in failed.value.why


async def test_a_script_that_takes_too_long_is_given_up(at_controller: Lab) -> None:
    async with over_ssh(at_controller) as host:
        with pytest.raises(HostFailed) as failed:
            await host.shell.run("sleeping", "sleep 60", patience=0.3)
        assert "longer than" in failed.value.why
        assert (await host.look(question())).machine.system == "Linux"


async def test_thirty_looks_at_once_share_one_connection(at_controller: Lab) -> None:
    async with over_ssh(at_controller) as host:
        seen = await asyncio.gather(*(host.look(question()) for _ in range(30)))
        assert host.shell.connections == 1
    assert len({answer.machine.memory for answer in seen}) == 1


async def test_where_sshd_allows_one_session_scripts_go_one_after_the_other(at_controller: Lab) -> None:
    h1 = at_controller.host("h1")
    h1.run("echo 'MaxSessions 1' >/etc/ssh/sshd_config.d/one.conf; systemctl restart ssh")
    try:
        async with over_ssh(at_controller) as host:
            for _ in range(5):
                await host.look(question())
            await host.write([FileToWrite("/etc/etcd/x", 0o644, "root", b"x")], user="etcd")
            await asyncio.gather(*(host.look(question()) for _ in range(4)))
            assert host.shell.connections == 1
    finally:
        h1.run("rm /etc/ssh/sshd_config.d/one.conf; systemctl restart ssh")
    assert h1.says("cat /etc/etcd/x") == "x"
