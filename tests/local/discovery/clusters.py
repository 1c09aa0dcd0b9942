"""A cluster file of local members that find each other through something, and what is true of it once it has formed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from etcdpilot.spec.write import LocalMember, local_file
from tests.etcd_versions import Etcd
from tests.local.commands import Ended, Folder
from tests.local.raw_etcd import free_ports

PATIENCE = 60.0


def write_cluster(folder: Folder, etcd: Etcd, bootstrap: str, *, members: int = 3, name: str = "dev") -> Path:
    """`bootstrap`: one line of YAML. Beside its own state, as `apply` has it."""
    ports = free_ports(2 * members)
    who = [LocalMember(f"etcd-{n}", ports[2 * n], ports[2 * n + 1], "127.0.0.1") for n in range(members)]
    text = local_file(
        name, who, version=etcd.version, etcd_dir=str(etcd.directory), timers="loopback", tls=True, options=None
    )
    path = folder.path / "cluster.yaml"
    path.write_text(f"{text}\nbootstrap: {bootstrap}\n")
    return path


def apply(folder: Folder, code: int | None = 0) -> Ended:
    return folder.run("apply", "--yes", code=code)


def require_formed(folder: Folder, members: int = 3) -> None:
    """Proved healthy, settled, and every argument of every member lists its peers as those of an existing cluster."""
    folder.run("health")
    status = folder.run("-o", "json", "status").document
    assert [row["state"] for row in status["members"]] == ["voting"] * members
    assert "Nothing to do" in apply(folder).out


def require_it_starts_alone(folder: Folder) -> None:
    """Every member killed, and all of them brought back by `apply`; whoever helped them to meet is gone by now."""
    for pid in folder.members().values():
        os.kill(pid, signal.SIGKILL)
    until(lambda: not folder.members(), "the members end")
    said = apply(folder)
    assert len(folder.members()) == 3, said.out
    folder.run("health")
    for pid in folder.members().values():
        words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        assert "--initial-cluster-state=existing" in words
        assert not any(word.startswith("--discovery") for word in words)
        assert next(word for word in words if word.startswith("--initial-cluster=")).count("=http") == 3


def until(true: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.05)
