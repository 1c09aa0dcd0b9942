"""What tells one clean machine from another: host name, machine ID, SSH host key, and who may log in."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from lab.base import USERS
from lab.network import Node


def give_identity(root: Path, node: Node, run_prefix: str, keys: Path) -> None:
    """Written into a freshly mounted root, before its first boot."""
    (root / "etc/hostname").write_text(f"{node.name}\n", encoding="ascii")
    # An empty machine ID would make this a first boot, which enables every unit anew and takes a second longer.
    number = f"{run_prefix.removeprefix('lab-')}{node.number:02x}"
    (root / "etc/machine-id").write_text(f"{number:0>32}\n", encoding="ascii")
    _install(keys / node.name, root / "etc/ssh/ssh_host_ed25519_key")
    _install(keys / f"{node.name}.pub", root / "etc/ssh/ssh_host_ed25519_key.pub", mode=0o644)
    for home in USERS.values():
        owner = (root / home).stat()
        authorized = root / home / ".ssh/authorized_keys"
        _install(keys / "client.pub", authorized)
        os.chown(authorized, owner.st_uid, owner.st_gid)


def _install(source: Path, target: Path, mode: int = 0o600) -> None:
    shutil.copy(source, target)
    target.chmod(mode)
