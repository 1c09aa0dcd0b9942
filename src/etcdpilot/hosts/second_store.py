"""What was once stored through the v2 API and is left in a member's log or raft snapshot, as its own etcdutl tells.

etcdutl wants a directory that nobody uses, and yet only reads: beside a running member its last record may be half
there, which is another error than the ones that are looked for.
"""

from __future__ import annotations

import asyncio
import subprocess

from etcdpilot.hosts.port import Host

# $1 etcdutl, then its flags. Prints `none`, `missing`, or what etcdutl found wrong.
CHECK = r"""
[ -x "$1" ] || { echo missing; exit 0; }
if said=$(env -u ETCDCTL_API "$@" 2>&1); then echo none; else printf '%s\n' "$said" | tail -n 1; fi
"""
NONE, MISSING, FOUND = "none", "missing", "detected custom"
SECONDS = 60.0  # it reads the whole log


async def left_of_second_store(host: Host, etcdutl: str, data: str, wal: str) -> str:
    """One of the words above, or etcdutl's own of why it could not tell."""
    flags = ("check", "v2store", f"--data-dir={data}", *((f"--wal-dir={wal}",) if wal else ()))
    from etcdpilot.hosts.ssh import SshHost

    if isinstance(host, SshHost):
        doing = "looking for what the v2 API has left"
        said = await host.shell.run(doing, CHECK, etcdutl, *flags, patience=SECONDS, changes=False)
        return said.decode(errors="replace").strip()
    done = await asyncio.to_thread(
        subprocess.run,
        ["/bin/sh", "-c", CHECK, "sh", etcdutl, *flags],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return done.stdout.strip()
