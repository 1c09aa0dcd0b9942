"""The lab from a terminal: `lab/up`, `lab/reset`, `lab/list`, `lab/sh`, `lab/down`.

There is one such lab at a time; tests have labs of their own beside it. It lives until `lab/down`, held by a sleeping
keeper process, for a run whose owner is gone is cleared away by the next.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from lab import ledger
from lab.commands import LabError
from lab.laboratory import Lab
from lab.readiness import why_not

_PURPOSE = "terminal"


def up(arguments: Sequence[str]) -> int:
    """lab/up [N]: so many clean hosts, 3 unless said; a lab that is up already is made clean and that large."""
    count = int(arguments[0]) if arguments else 3
    began = time.monotonic()
    ledger.clear_leftovers()
    if (record := _record()) is not None:
        Lab.existing(record).clean(count)
    else:
        _up_anew(count)
    print(f"{count} hosts up in {time.monotonic() - began:.1f} s", file=sys.stderr)
    return show([])


def down(arguments: Sequence[str]) -> int:
    """lab/down: removes the lab, and what killed runs have left behind."""
    for prefix in ledger.clear_leftovers():
        print(f"cleared {prefix}, whose owner is gone")
    if (record := _record()) is not None:
        with suppress(ProcessLookupError):
            os.kill(record.owner.pid, signal.SIGKILL)
        ledger.demolish(record)
    return 0


def reset(arguments: Sequence[str]) -> int:
    """lab/reset: every host clean and booted, the network whole."""
    began = time.monotonic()
    lab = _lab()
    lab.clean()
    print(f"{len(lab.hosts)} clean hosts in {time.monotonic() - began:.1f} s", file=sys.stderr)
    return 0


def show(arguments: Sequence[str]) -> int:
    """lab/list: every run on this machine, its hosts, and how to reach them."""
    for record in ledger.runs():
        lab = Lab.existing(record)
        print(f"{record.prefix}  {record.purpose}, owner {record.owner.pid}{'' if record.owner.lives else ' (gone)'}")
        for host in lab.hosts:
            print(f"  {host.name:4} {host.address:12} {host.address6:14} {'on' if host.on else 'off'}")
        print(f"  {'ctl':4} HOME={lab.home} {' '.join(lab.controller_argv(['COMMAND', '…']))}")
    return 0


def sh(arguments: Sequence[str]) -> int:
    """lab/sh HOST [COMMAND …]: a root shell in a host, past SSH; in `ctl`, where the product would run."""
    if not arguments:
        raise LabError("which host? lab/sh HOST [COMMAND …]")
    lab, (name, *command) = _lab(), arguments
    if name == "ctl":
        os.execvpe("ip", lab.controller_argv(command or ["/bin/sh"]), lab.environment())
    argv = lab.host(name).shell_argv(command)
    os.execvpe(argv[0], argv, {**os.environ, "HOME": "/root"})


def main(command: Callable[[Sequence[str]], int]) -> int:
    """Exit code of one command; what goes wrong is one line."""
    if sys.argv[1:2] in (["-h"], ["--help"]):
        print(command.__doc__)
        return 0
    if (reason := why_not()) is not None:
        print(f"lab: {reason}", file=sys.stderr)
        return 1
    try:
        return command(sys.argv[1:])
    except (LabError, ValueError, OSError) as problem:
        print(f"lab: {problem}", file=sys.stderr)
        return 1


def _up_anew(count: int) -> None:
    sleep = shutil.which("sleep") or "/bin/sleep"
    nothing = subprocess.DEVNULL
    keeper = subprocess.Popen(
        [sleep, "infinity"], stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True
    )
    try:
        Lab.up(count, owner=keeper.pid, purpose=_PURPOSE)
    except BaseException:
        keeper.kill()
        raise


def _record() -> ledger.Run | None:
    return next((record for record in ledger.runs() if record.purpose == _PURPOSE and record.owner.lives), None)


def _lab() -> Lab:
    record = _record()
    if record is None:
        raise LabError("no lab is up: lab/up")
    return Lab.existing(record)
