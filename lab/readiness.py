"""Whether test hosts can run here; if not, the reason that a skipped test shows."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from lab import cgroups, ledger
from lab.base import base_folder
from lab.commands import LabError, run, succeeds

# tool: the package that brings it
TOOLS = {
    "systemd-nspawn": "systemd-container",
    "debootstrap": "debootstrap",
    "ip": "iproute2",
    "nft": "nftables",
    "ssh-keygen": "openssh-client",
    "dnsmasq": "dnsmasq-base",
    "strace": "strace",
    "mkfs.ext4": "e2fsprogs",
    "nsenter": "util-linux",
}


def why_not() -> str | None:
    """The first reason why hosts cannot be booted on this machine, with what to do about it; None when they can."""
    if (reason := why_never()) is not None:
        return reason
    if missing := missing_tools():
        return f"{', '.join(missing)} missing: run lab/prepare"
    if not base_folder().is_dir():
        return "the base image of the test hosts is not built: run lab/prepare"
    return None


def why_never() -> str | None:
    """A reason that `lab/prepare` cannot mend."""
    if sys.platform != "linux":
        return "test hosts are systemd machines in network namespaces: they need Linux"
    if os.geteuid() != 0:
        return "test hosts need root (namespaces, mounts, cgroups): run as root"
    return _no_cgroups() or _no_namespaces() or _no_overlay()


def missing_tools() -> list[str]:
    """Names of tools that are not on PATH."""
    return [tool for tool in TOOLS if shutil.which(tool) is None]


def _no_cgroups() -> str | None:
    root = Path("/sys/fs/cgroup")
    if not (root / "cgroup.controllers").exists() and not (root / "systemd").is_dir():
        return (
            "no control groups for systemd here: neither /sys/fs/cgroup/cgroup.controllers nor /sys/fs/cgroup/systemd"
        )
    try:
        cgroups.make_cgroup("lab-probe")
        cgroups.remove_cgroup("lab-probe")
    except OSError as problem:
        return f"control groups cannot be made here (a container without delegation?): {problem}"
    return None


def _no_namespaces() -> str | None:
    if not succeeds(["unshare", "--net", "--mount", "--pid", "--uts", "--ipc", "true"]):
        return "namespaces cannot be made here (a container without privileges?): `unshare --net --mount --pid` fails"
    return None


def _no_overlay() -> str | None:
    """Tried, not asked: the state folder itself may lie on an overlay, which carries no second one."""
    ledger.state_folder().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="probe-", dir=ledger.state_folder()) as name:
        lower, upper, work, root = (Path(name) / part for part in ("lower", "upper", "work", "root"))
        for part in (lower, upper, work, root):
            part.mkdir()
        try:
            run(
                [
                    "mount",
                    "-t",
                    "overlay",
                    "overlay",
                    "-o",
                    f"lowerdir={lower},upperdir={upper},workdir={work}",
                    str(root),
                ]
            )
        except LabError as problem:
            return f"no overlay mounts in {ledger.state_folder()} (ETCDPILOT_LAB_STATE names another place): {problem}"
        run(["umount", str(root)])
    return None
