"""Why a host could not be reached, in words: what asyncssh and the sockets raise, turned into HostFailed."""

from __future__ import annotations

import os
import socket

import asyncssh

from etcdpilot.hosts.login import CONNECT_SECONDS, PASSPHRASE, Login
from etcdpilot.hosts.trust import KeyChanged
from etcdpilot.model.errors import HostFailed

REACHING = (OSError, TimeoutError, asyncssh.Error, asyncssh.KeyImportError, KeyChanged, ValueError)


def unreachable(name: str, login: Login, error: BaseException) -> HostFailed:
    why, remedy = reason(login, error)
    return HostFailed(name, f"{name} ({place(login)}) could not be reached over SSH.", why=why, remedy=remedy)


def place(login: Login) -> str:
    user = f"{login.user}@" if login.user else ""
    return f"{user}{login.host}" if login.port in (0, 22) else f"{user}{login.host} port {login.port}"


def reason(login: Login, error: BaseException) -> tuple[str, str]:
    """Why, and what to do."""
    by_hand = f"Try by hand: {ssh_line(login)}"
    match error:
        case KeyChanged():
            return (
                f"It shows another host key than the one in {error}: somebody stands between, or it was installed anew.",
                f"If it was installed anew: ssh-keygen -R {known_name(login)}",
            )
        case asyncssh.HostKeyNotVerifiable():
            return (
                "Its host key is not in known_hosts.",
                f"Check and add it: {ssh_line(login)}\nor let the first key be believed: `ssh: {{host-keys: accept-new}}`.",
            )
        case asyncssh.PermissionDenied():
            return (
                "It accepted none of the keys that were offered.",
                f"{by_hand}\nAn encrypted key is used through the agent (ssh-add), or with ${PASSPHRASE}.",
            )
        case asyncssh.KeyImportError() | asyncssh.KeyEncryptionError():
            return f"A key cannot be used: {error}.", f"Add it to the agent (ssh-add), or set ${PASSPHRASE}."
        case asyncssh.ConfigParseError():
            return f"The SSH configuration cannot be read: {error}.", "Correct it."
        case socket.gaierror(errno=socket.EAI_AGAIN):
            return f"No name server answered for {login.host}.", "See to /etc/resolv.conf, or write the address."
        case socket.gaierror():
            return f"The name {login.host} is unknown here.", "Correct it, or write the address."
        case TimeoutError():
            return f"It did not answer within {CONNECT_SECONDS} s.", f"Is it on, and is the port open? {by_hand}"
        case asyncssh.Error():
            return f"{error.reason or error}.", by_hand
        case OSError():
            # asyncio words it by the address; the number says what it was.
            said = os.strerror(error.errno) if error.errno else str(error)
            return f"{said}{f': {error.filename}' if error.filename else ''}.", by_hand
        case _:
            return f"{error}.", by_hand


def ssh_line(login: Login) -> str:
    words = ["ssh"]
    words += ["-p", str(login.port)] if login.port not in (0, 22) else []
    words += ["-i", login.identity] if login.identity else []
    words += ["-J", login.jump] if login.jump else []
    return " ".join((*words, f"{login.user}@{login.host}" if login.user else login.host, "true"))


def known_name(login: Login) -> str:
    return login.host if login.port in (0, 22) else f"'[{login.host}]:{login.port}'"
