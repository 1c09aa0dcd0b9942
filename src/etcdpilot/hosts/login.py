"""Logging in: what the cluster file, ~/.ssh/config and the agent say together.

Nothing is ever asked of a terminal. An encrypted key is used through the agent, or with $ETCDPILOT_SSH_PASSPHRASE.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncssh

from etcdpilot.hosts.trust import DEFAULT_FILE, SYSTEM_FILE, KeyChanged, Trust, known_hosts
from etcdpilot.model.cluster import HostKeys, Ssh

CONNECT_SECONDS = 15
# Three unanswered questions, five seconds apart: a host that fell silent is given up after fifteen seconds.
KEEPALIVE_SECONDS, KEEPALIVE_QUESTIONS = 5, 3
PASSPHRASE = "ETCDPILOT_SSH_PASSPHRASE"
CONFIGS = (Path("~/.ssh/config"), Path("/etc/ssh/ssh_config"))  # as for OpenSSH, the first to say something is heard
SSH_PORT = 22
# Before the others: 68 MB cost 80 ms of the processor's time with these and 150 ms with chacha20 (measured).
QUICK_CIPHERS = "^aes128-gcm@openssh.com,aes256-gcm@openssh.com"


@dataclass(frozen=True, slots=True)
class Login:
    """A place to log in to. An empty user, identity or jump, and port 22, leave the choice to ~/.ssh/config."""

    host: str
    user: str = ""
    port: int = SSH_PORT
    identity: str = ""
    keys: HostKeys = HostKeys.STRICT
    jump: str = ""

    @classmethod
    def of(cls, host: str, ssh: Ssh) -> Login:
        return cls(host, ssh.user, ssh.port, ssh.identity, ssh.host_keys, ssh.jump)

    def through(self, jump: str) -> Login:
        """The jump host `[user@]host[:port]`, with the identity and the trust of the host behind it."""
        user, _, place = jump.rpartition("@")
        host, port = place, ""
        if place.startswith("["):
            host, _, port = place[1:].partition("]")
        elif place.count(":") == 1:
            host, _, port = place.partition(":")
        return replace(self, host=host, user=user, port=int(port.lstrip(":") or SSH_PORT), jump="")


async def log_in(login: Login, tunnel: asyncssh.SSHClientConnection | None = None) -> asyncssh.SSHClientConnection:
    """A connection, through the jump hosts that it needs. Raises what asyncssh and sockets raise."""
    said = await said_in_config(login)
    jumps = await jumps_of(login) if login.jump or tunnel is None else []
    for jump in jumps:
        tunnel = await through(tunnel, login.through(jump))
    return await through(tunnel, login, said)


async def jumps_of(login: Login) -> list[str]:
    """The jump hosts on the way, by the cluster file or else by ~/.ssh/config."""
    jumps = login.jump or str((await said_in_config(login)).get("ProxyJump") or "")
    return [each.strip() for each in jumps.split(",") if each.strip() not in ("", "none")]


async def through(
    tunnel: asyncssh.SSHClientConnection | None, login: Login, said: asyncssh.config.SSHConfig | None = None
) -> asyncssh.SSHClientConnection:
    """One hop. When it ends or fails, the hop before it ends too."""
    said = said or await said_in_config(login)
    files = known_files(said)
    known = known_hosts(files)
    trust = Trust(login.keys, known, files[0], str(said.get("HostKeyAlias") or ""))
    try:
        connection = await asyncssh.connect(
            login.host,
            login.port if login.port not in (0, SSH_PORT) else (),
            tunnel=tunnel,
            known_hosts=known,
            client_factory=lambda: trust,
            **identity(login),
            **({} if said.get("Ciphers") else {"encryption_algs": QUICK_CIPHERS}),
            **MANNERS,
        )
    except BaseException as error:
        if tunnel is not None:
            tunnel.close()
        if trust.changed:
            raise KeyChanged(str(files[0])) from error
        raise
    if tunnel is not None:
        connection.set_tunnel(tunnel)
    return connection


MANNERS: dict[str, Any] = {
    "connect_timeout": CONNECT_SECONDS,
    "login_timeout": CONNECT_SECONDS,
    "keepalive_interval": KEEPALIVE_SECONDS,
    "keepalive_count_max": KEEPALIVE_QUESTIONS,
    "password_auth": False,
    "kbdint_auth": False,
}


def identity(login: Login) -> dict[str, Any]:
    """Who logs in, and with which keys: the one named, or those of ~/.ssh/config and of the agent."""
    chosen: dict[str, Any] = {"config": configs(), "ignore_encrypted": PASSPHRASE not in os.environ}
    if login.user:
        chosen["username"] = login.user
    if login.identity:
        chosen["client_keys"] = [Path(login.identity).expanduser()]
    if PASSPHRASE in os.environ:
        chosen["passphrase"] = os.environ[PASSPHRASE]
    return chosen


def configs() -> list[Path]:
    return [path for each in CONFIGS if os.access(path := each.expanduser(), os.R_OK)]


async def said_in_config(login: Login) -> asyncssh.config.SSHConfig:
    """What ~/.ssh/config says of this host; no key is read for it."""
    port = login.port if login.port not in (0, SSH_PORT) else ()
    user = {"username": login.user} if login.user else {}
    options = await asyncssh.SSHClientConnectionOptions.construct(
        None, config=configs(), host=login.host, port=port, client_keys=None, agent_path=None, **user
    )
    config: asyncssh.config.SSHConfig = options.config
    return config


def known_files(said: asyncssh.config.SSHConfig) -> list[Path]:
    """Where host keys are looked up; the first is where a new one is written. A config that says `none` is not heard:
    it would let anybody be the host."""
    users, systems = said.get("UserKnownHostsFile"), said.get("GlobalKnownHostsFile")
    users = users if isinstance(users, list) and users else [DEFAULT_FILE]
    systems = systems if isinstance(systems, list) else [SYSTEM_FILE]
    return [Path(str(path)).expanduser() for path in (*users, *systems)]
