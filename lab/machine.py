"""One machine's life below its operating system: an overlay over the base, a control group, and systemd-nspawn.

`power_on` boots what is on the mount, `power_cut` is a SIGKILL to its PID 1, `remove` and `install` make the mount the
clean base again. Everything about a running machine is asked of the kernel (its control group), never remembered.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lab import cgroups
from lab.base import base_folder
from lab.commands import LabError, run, succeeds
from lab.disks import disks, remove_disks
from lab.ledger import Run
from lab.network import Node

LIBRARY = "usr/local/lib/etcdpilot"  # where the product keeps programs, each version in a folder of its own

# Enters its control groups, then becomes the machine's supervisor.
_ENTER_AND_EXEC = 'while [ "$1" != -- ]; do echo $$ > "$1" || exit 1; shift; done; shift; exec "$@"'


@dataclass(slots=True)
class Machine:
    """What `Host` stands on."""

    record: Run
    node: Node
    _supervisor: subprocess.Popen[bytes] | None = None

    @property
    def group(self) -> str:
        return self.node.namespace(self.record.prefix)

    @property
    def folder(self) -> Path:
        return self.record.folder / self.node.name

    @property
    def mount(self) -> Path:
        """Its root, as the box sees it, whether it runs or not."""
        return self.folder / "root"

    @property
    def on(self) -> bool:
        return self.leader() is not None

    def leader(self) -> int | None:
        """The machine's PID 1 by the box's own number."""
        return next((pid for pid in cgroups.processes(self.group) if _own_number(pid) == "1"), None)

    def processes(self) -> set[int]:
        """All of its processes, by the box's own numbers."""
        return cgroups.processes(self.group)

    @property
    def installed(self) -> bool:
        return self.mount.is_dir()

    def remove(self) -> None:
        """Nothing that was ever written is left."""
        if self.installed:
            succeeds(["umount", "--lazy", str(self.mount)])
        remove_disks(self.folder)
        _discard(self.folder)

    def install(self) -> None:
        """The clean base, ready to boot."""
        for name in ("upper", "work", "root"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        layers = f"lowerdir={base_folder()},upperdir={self.folder}/upper,workdir={self.folder}/work"
        run(["mount", "-t", "overlay", "overlay", "-o", layers, str(self.mount)])

    def freeze(self, place: Path) -> None:
        """What was written since it was clean, into `place`; the machine must be off, and is removed by that."""
        succeeds(["umount", "--lazy", str(self.mount)])
        place.mkdir(parents=True)
        (self.folder / "upper").rename(place / "upper")
        if (place / "upper" / LIBRARY).is_dir():
            (place / "upper" / LIBRARY).rename(place / "library")
        self.remove()

    def thaw(self, place: Path) -> None:
        """The clean base with what was frozen; programs, which are never written over, are shared and not copied."""
        self.folder.mkdir(parents=True)
        run(["cp", "-a", "--sparse=auto", str(place / "upper"), str(self.folder / "upper")])
        if (place / "library").is_dir():
            run(["cp", "-al", str(place / "library"), str(self.folder / "upper" / LIBRARY)])
        self.install()

    def restore(self, place: Path, paths: Sequence[str]) -> None:
        """These paths, which may be patterns, as they were when it was frozen; the machine may be on."""
        for path in (found for pattern in paths for found in self.mount.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        for path in (found for pattern in paths for found in (place / "upper").glob(pattern)):
            target = self.mount / path.relative_to(place / "upper")
            target.parent.mkdir(parents=True, exist_ok=True)
            run(["cp", "-a", "--sparse=auto", str(path), str(target)])
        self._restore_programs(place / "library")

    def _restore_programs(self, kept: Path) -> None:
        """A version that is there is whole: the product renames it to its place."""
        there, wanted = (
            {path.name: path for path in folder.glob("*")} if folder.is_dir() else {}
            for folder in (self.mount / LIBRARY, kept)
        )
        for name in there.keys() - wanted.keys():
            shutil.rmtree(there[name])
        for name in wanted.keys() - there.keys():
            (self.mount / LIBRARY).mkdir(parents=True, exist_ok=True)
            run(["cp", "-a", str(wanted[name]), str(self.mount / LIBRARY / name)])

    def power_on(self) -> None:
        """Starts booting; the caller waits for what it needs."""
        if self.on:
            return
        # A supervisor that was killed with its machine leaves this behind, and the next one refuses to clear it.
        shutil.rmtree(Path("/run/systemd/nspawn/propagate") / self.group, ignore_errors=True)
        groups = map(str, cgroups.make_cgroup(self.group))
        with (self.folder / "console").open("ab") as console:
            self._supervisor = subprocess.Popen(
                ["/bin/sh", "-c", _ENTER_AND_EXEC, "boot", *groups, "--", *self._nspawn()],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
                cwd="/",
            )

    def power_cut(self) -> None:
        """Everything in it dies at once, and nothing is flushed that had not been."""
        if (leader := self.leader()) is not None:
            with suppress(ProcessLookupError):
                os.kill(leader, signal.SIGKILL)
        cgroups.kill_all(self.group)
        self._forget()

    def wait_until_off(self, within: float) -> None:
        deadline = time.monotonic() + within
        while cgroups.processes(self.group):
            if time.monotonic() > deadline:
                raise LabError(f"{self.node.name} did not shut down within {within:.0f} s; left: {self._left()}")
            time.sleep(0.01)
        self._forget()

    def console(self) -> str:
        """What the boot said, for the error of a machine that does not come up."""
        with suppress(OSError):
            return (self.folder / "console").read_text(encoding="utf-8", errors="replace")[-2000:]
        return ""

    def check_booting(self) -> None:
        """Raises when the supervisor ended instead of booting."""
        if self._supervisor is not None and (code := self._supervisor.poll()) is not None:
            said = f"{self.node.name} did not boot: systemd-nspawn ended with {code}: {self.console()}"
            raise LabError(f"{said} {no_more_watches()}".strip())

    def _left(self) -> str:
        """Who still runs and what each waits for in the kernel."""
        left = []
        for pid in sorted(cgroups.processes(self.group)):
            with suppress(OSError):
                about = Path(f"/proc/{pid}")
                command = about.joinpath("cmdline").read_text(encoding="utf-8").replace("\0", " ").strip()
                left.append(f"{command} ({about.joinpath('wchan').read_text(encoding='ascii')})")
        return ", ".join(left)

    def _forget(self) -> None:
        if self._supervisor is not None:
            self._supervisor.wait(timeout=10)
            self._supervisor = None
        cgroups.remove_cgroup(self.group)

    def _nspawn(self) -> list[str]:
        return [
            "systemd-nspawn",
            "--quiet",
            "--settings=no",
            f"--directory={self.mount}",
            "--register=no",
            "--keep-unit",
            f"--network-namespace-path=/run/netns/{self.group}",
            f"--machine={self.group}",
            f"--hostname={self.node.name}",
            "--resolv-conf=off",
            "--timezone=off",
            "--link-journal=no",
            "--console=pipe",
            *(f"--bind={outside}:{inside}" for outside, inside in disks(self.folder)),
            "--boot",
        ]


def _own_number(pid: int) -> str | None:
    """A process's number inside its machine; None for the supervisor, and for whoever is gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("NSpid:"):
                numbers = line.split()[1:]
                return numbers[-1] if len(numbers) == 2 else None
    return None


def _discard(folder: Path) -> None:
    """Renamed at once, deleted behind our back: a reset does not wait for 100 MB of unlinking."""
    if not folder.exists():
        return
    aside = folder.with_name(f".discarded-{folder.name}-{time.monotonic_ns()}")
    folder.rename(aside)
    threading.Thread(target=shutil.rmtree, args=(aside,), kwargs={"ignore_errors": True}, daemon=True).start()


def no_more_watches() -> str:
    """Every systemd keeps some five inotify instances, and the kernel gives a user few: many labs at once use them up."""
    made = ctypes.CDLL(None, use_errno=True).inotify_init1(os.O_CLOEXEC)
    if made >= 0:
        os.close(made)
        return ""
    if ctypes.get_errno() != errno.EMFILE:
        return ""
    return (
        "No inotify instance is left for this user: sysctl fs.inotify.max_user_instances=1024, or fewer labs at once."
    )
