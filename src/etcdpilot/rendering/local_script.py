"""The script that a local member is started by: all options as flags, one a line, for a person to read and to run."""

from __future__ import annotations

import shlex

from etcdpilot.model.cluster import MemberSpec
from etcdpilot.rendering.guard import guard_path
from etcdpilot.rendering.options import Options, flag

HEADER = "#!/bin/sh\n# Written by etcdpilot from the cluster file. Starts one member in the foreground.\n"


def script_path(member: MemberSpec) -> str:
    return f"{member.paths.config}/run"


def local_script(member: MemberSpec, options: Options) -> str:
    """Its text; ends by becoming etcd, so that the process that was started is the member."""
    wal = dict(member.options).get("wal-dir", "")
    guard = (guard_path(member), member.paths.data, member.paths.marker, member.name, *([wal] if wal else []))
    words = [shlex.quote(flag(option, value)) for option, value in options.items()]
    start = " \\\n  ".join((f"exec {shlex.quote(f'{member.paths.bin}/etcd')}", *words))
    return f"{HEADER}/bin/sh {shlex.join(guard)} || exit 1\n{start}\n"
