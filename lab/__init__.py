"""Test hosts: real systemd machines on one box, each with its own PID 1, sshd, journal, address and file system.

They are booted by systemd-nspawn inside network namespaces, so whatever concerns SSH, systemd, files, addresses and
partitions is tested on the real thing. Needs root on Debian or Ubuntu; `lab/prepare` installs what is missing.

    with Lab.up(3) as lab:
        lab.host("h1").run("systemctl is-system-running")
        lab.controller(["etcdpilot", "apply", "--yes"])
        lab.isolate("h2")

Read `laboratory.py` first, then `host.py`.
"""

from __future__ import annotations

from lab.commands import LabError
from lab.host import Host
from lab.laboratory import Lab
from lab.names import Address, Service, Text
from lab.readiness import why_not

__all__ = ["Address", "Host", "Lab", "LabError", "Service", "Text", "why_not"]
