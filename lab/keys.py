"""SSH keys of a run: one client key pair, one host key per machine made beforehand, so that known_hosts is true from
the first connection on."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from lab.commands import run
from lab.network import Node

_PORTS = (22, 2222)


def make_key(path: Path, comment: str) -> None:
    """An unencrypted Ed25519 key pair at `path` and `path`.pub."""
    path.parent.mkdir(parents=True, exist_ok=True)
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)])


def make_run_keys(folder: Path, nodes: Iterable[Node]) -> None:
    """The client's key once, and the host key of every node that has none yet."""
    for name in ("client", *(node.name for node in nodes)):
        if not (folder / name).exists():
            make_key(folder / name, f"lab-{name}")


def known_hosts(folder: Path, nodes: Iterable[Node], also: Mapping[str, str]) -> str:
    """Lines for every address and name on the ports a host may listen on; `also` maps DNS names to addresses."""
    return "".join(_known_line(folder, node, also, port) for node in nodes for port in _PORTS)


def write_home(home: Path, folder: Path, known: str) -> None:
    """A fresh home for the controller: the client's key under its default name, known_hosts, and an ssh config that
    says the same to OpenSSH, which does not look at $HOME."""
    shutil.rmtree(home, ignore_errors=True)
    ssh = home / ".ssh"
    ssh.mkdir(parents=True, mode=0o700)
    shutil.copy(folder / "client", ssh / "id_ed25519")
    shutil.copy(folder / "client.pub", ssh / "id_ed25519.pub")
    (ssh / "known_hosts").write_text(known, encoding="utf-8")
    (ssh / "config").write_text(_config(ssh), encoding="utf-8")


def _known_line(folder: Path, node: Node, also: Mapping[str, str], port: int) -> str:
    addresses = (node.address, node.address6)
    names = (*addresses, node.name, *(name for name, address in also.items() if address in addresses))
    spelled = names if port == 22 else [f"[{name}]:{port}" for name in names]
    key = " ".join((folder / f"{node.name}.pub").read_text(encoding="ascii").split()[:2])
    return f"{','.join(spelled)} {key}\n"


def _config(ssh: Path) -> str:
    return f"""Host *
    User root
    BatchMode yes
    IdentityFile {ssh}/id_ed25519
    UserKnownHostsFile {ssh}/known_hosts
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
"""
