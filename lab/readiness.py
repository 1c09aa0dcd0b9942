"""Whether test hosts can run here; if not, the reason that a skipped test shows."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from lab.base import base_folder

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
    if not _kernel_has("overlay"):
        return "this kernel has no overlay file system"
    if not Path("/sys/fs/cgroup").is_dir() or not os.access("/sys/fs/cgroup", os.W_OK):
        return "/sys/fs/cgroup is not writable here (a container without delegated cgroups?)"
    return None


def missing_tools() -> list[str]:
    """Names of tools that are not on PATH."""
    return [tool for tool in TOOLS if shutil.which(tool) is None]


def _kernel_has(filesystem: str) -> bool:
    listed = Path("/proc/filesystems").read_text(encoding="ascii").split()
    return filesystem in listed or shutil.which("modprobe") is not None
