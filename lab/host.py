"""One test host: what a test asks of it and does to it, past SSH."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from lab import disks, injection, network
from lab.commands import LabError
from lab.identity import give_identity
from lab.machine import Machine

_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
}
_QUIET: dict[str, Any] = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True}


class Host:
    """A booted systemd machine `name`, with `address` (IPv4) and `address6`.

    Users with the run's key: root, admin (sudo without a password), clerk (sudo asks for one)."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.name = machine.node.name
        self.address = machine.node.address
        self.address6 = machine.node.address6
        self._injections: list[injection.Injection] = []

    def __repr__(self) -> str:
        return f"Host({self.name}, {self.address}, {'on' if self.on else 'off'})"

    # Looking

    @property
    def on(self) -> bool:
        return self._machine.on

    @property
    def root(self) -> Path:
        """Its whole file system as the box sees it, /run and /tmp included. An absolute symbolic link on the way would
        lead to the box's own files: use `run` for such paths."""
        return Path(f"/proc/{self._leader()}/root")

    def run(self, script: str, *, check: bool = True, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Runs `script` by the host's own sh as root, past SSH: for what a test asserts or breaks."""
        argv = self.shell_argv(["/bin/sh", "-c", script])
        done = subprocess.run(argv, env=_ENVIRONMENT, timeout=timeout, check=False, **_QUIET)
        if check and done.returncode != 0:
            raise LabError(f"{self.name}: `{script}` ended with {done.returncode}: {done.stderr.strip()}")
        return done

    def shell_argv(self, command: Sequence[str]) -> list[str]:
        """The command line that runs a command (a shell, when there is none) inside, as root."""
        leader = self._leader()
        return [
            "nsenter",
            f"--target={leader}",
            "--all",
            "--root",
            f"--wd=/proc/{leader}/root",
            *(command or ["/bin/sh"]),
        ]

    def says(self, script: str) -> str:
        """What a command that succeeds prints, without the last newline."""
        return self.run(script).stdout.rstrip("\n")

    def show(self, unit: str, name: str) -> str:
        """One property of a systemd unit."""
        return self.says(f"systemctl show --value --property={name} {unit}")

    @property
    def installed(self) -> bool:
        """Whether it has a root to boot from: hosts that a smaller lab does not use have none."""
        return self._machine.installed

    def write_offline(self, path: str, text: str) -> None:
        """Writes below its root, whether it is on or not; `path` has no leading slash."""
        (self._machine.mount / path).write_text(text, encoding="utf-8")

    def read(self, path: str) -> str:
        return self.says(f"cat '{path}'")

    def journal(self, unit: str) -> str:
        """What a unit has said since the host is clean, without time stamps."""
        return self.says(f"journalctl --no-pager --output=cat --unit={unit}")

    def put(self, source: Path, path: str, mode: int = 0o644) -> None:
        """Copies a file of the box into the running host, in place of what is there."""
        target = self.root / path.removeprefix("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name}.new")
        shutil.copyfile(source, beside)
        beside.chmod(mode)
        beside.rename(target)

    def files(self, below: str, pattern: str) -> dict[int, str]:
        """Files of its disk by their inode numbers, whether it is on or not: a renamed one keeps its own."""
        top = self._machine.mount / below
        return {path.stat().st_ino: str(path.relative_to(self._machine.mount)) for path in top.rglob(pattern)}

    def runs(self, command: str) -> bool:
        """Whether a process of this name runs in it; False for one that is off."""
        return any(_command_of(pid) == command for pid in self._machine.processes())

    def pids(self, command: str) -> list[int]:
        """Processes of this name in the host, by the box's own numbers."""
        leader = self._leader()
        space = Path(f"/proc/{leader}/ns/pid").readlink()
        found = []
        for comm in Path("/proc").glob("[0-9]*/comm"):
            with suppress(OSError):
                if comm.read_text(encoding="utf-8").strip() == command and (comm.parent / "ns/pid").readlink() == space:
                    found.append(int(comm.parent.name))
        return found

    # Power

    def power_on(self, within: float = 90) -> None:
        """Boots what is on its disk, and returns once it has booted and answers on SSH."""
        self._machine.power_on()
        self.wait_until_up(within)

    def power_cut(self) -> None:
        """Every process dies at once by SIGKILL; its files stay as they were, even those it had not synced: the box
        itself keeps its power, so what a real cut does to unsynced data is not shown by this one."""
        self.stop_injecting()
        self._machine.power_cut()

    def power_off(self, within: float = 90) -> None:
        """An orderly shutdown."""
        self.stop_injecting()
        os.kill(self._leader(), signal.SIGRTMIN + 4)  # to systemd: start poweroff.target
        self._machine.wait_until_off(within)

    def reboot(self, within: float = 90) -> None:
        """An orderly reboot; returns once the host is back."""
        self.power_off(within)
        self.power_on(within)

    def start_booting(self) -> None:
        """As `power_on`, without the wait."""
        self._machine.power_on()

    def wait_until_up(self, within: float = 90) -> None:
        """Until sshd sends its banner and systemd has no job left of the boot."""
        deadline = time.monotonic() + within
        while not self._answers_ssh():
            self._machine.check_booting()
            if time.monotonic() > deadline:
                raise LabError(f"{self.name} did not answer on SSH within {within:.0f} s: {self._machine.console()}")
            time.sleep(0.01)
        self.run("systemctl is-system-running --wait", check=False, timeout=within)

    def become_empty(self) -> None:
        """Off, without a root: not part of the lab until it is made clean."""
        self.power_cut()
        self._machine.remove()

    def become_clean(self) -> None:
        """The host as it was before anybody touched it, still to be booted."""
        self.become_empty()
        self._machine.install()
        self.replug()
        record = self._machine.record
        give_identity(self._machine.mount, self._machine.node, record.prefix, record.folder / "keys")

    def freeze(self, place: Path) -> None:
        """Keeps what is on its disk below `place` (of the box), and leaves the host off and empty."""
        self.power_cut()
        self._machine.freeze(place)

    def thaw(self, place: Path, *, small: tuple[str, int] | None = None) -> None:
        """As it was when it was frozen, still to be booted; `small` is a path with an empty disk of so many MB."""
        self.become_empty()
        self._machine.thaw(place)
        self.replug()
        if small is not None:
            disks.add_disk(self._machine.folder, *small)

    def restore(self, place: Path, paths: Sequence[str], unit: str) -> None:
        """These paths as they were when it was frozen, without a boot; the unit runs again if it had been enabled."""
        self.stop_injecting()
        self.run(f"systemctl kill -s KILL {unit}; systemctl stop {unit}; systemctl reset-failed {unit}", check=False)
        self._machine.restore(place, paths)
        self.run(f"systemctl daemon-reload; systemctl is-enabled -q {unit} && systemctl start --no-block {unit}; true")

    @property
    def has_disks(self) -> bool:
        """Whether a small disk of its own is somewhere in it."""
        return bool(disks.disks(self._machine.folder))

    # Faults

    def kill(self, command: str, sent: signal.Signals = signal.SIGKILL) -> int:
        """Signals every process of this name; returns how many there were."""
        pids = self.pids(command)
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, sent)
        return len(pids)

    def drop_ssh(self) -> int:
        """Ends every SSH connection to it, and not the listener; returns how many processes that took."""
        sessions = [pid for pid in self.pids("sshd") if b"[listener]" not in Path(f"/proc/{pid}/cmdline").read_bytes()]
        for pid in sessions:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(sessions)

    def unplug(self) -> None:
        """Pulls the network cable: the host sees its carrier go. For silence with the carrier up, `Lab.isolate`."""
        network.set_link(self._machine.record.prefix, self._machine.node, "down")

    def replug(self) -> None:
        network.set_link(self._machine.record.prefix, self._machine.node, "up")

    def disk(self, path: str, megabytes: int) -> None:
        """Reboots with a small, empty ext4 disk of its own at `path`, which stays until the host is clean again."""
        self.power_off()
        disks.add_disk(self._machine.folder, path, megabytes)
        self.power_on()

    def fill_disk(self, path: str) -> None:
        """Writes `<path>/.filler` until the file system of `path` has no byte left."""
        filler = f"'{path}/.filler'"
        self.run(f"dd if=/dev/zero of={filler} bs=1M; dd if=/dev/zero bs=512 >>{filler}; sync", check=False)

    def empty_disk(self, path: str) -> None:
        """Takes the filler away."""
        self.run(f"rm -f '{path}/.filler'")

    def slow_disk(self, command: str, milliseconds: int) -> None:
        """Every fdatasync and fsync of the processes of this name takes so much longer, until `stop_injecting` or until
        they end: a restarted process has a fast disk again."""
        self.inject(command, f"fdatasync,fsync:delay_enter={milliseconds * 1000}")

    def failing_disk(self, command: str, error: str = "EIO") -> None:
        """Every fdatasync and fsync of the processes of this name fails with `error`."""
        self.inject(command, f"fdatasync,fsync:error={error}")

    def inject(self, command: str, fault: str) -> None:
        """A fault as strace's `-e inject=` spells it, into every process of this name."""
        pids = self.pids(command)
        if not pids:
            raise LabError(f"{self.name}: no process {command!r} to inject {fault} into")
        self._injections += [injection.inject(pid, fault) for pid in pids]

    def stop_injecting(self) -> None:
        while self._injections:
            self._injections.pop().stop()

    # SSH

    def listen_ssh_on(self, *ports: int) -> None:
        """sshd leaves port 22 for these; known_hosts knows 22 and 2222."""
        lines = "".join(f"Port {port}\\n" for port in ports)
        self.run(f"printf '{lines}' > /etc/ssh/sshd_config.d/port.conf && systemctl restart ssh.service")

    def _answers_ssh(self) -> bool:
        with network.inside(network.CONTROLLER.namespace(self._machine.record.prefix)):
            return network.sends_banner(self.address)

    def _leader(self) -> int:
        leader = self._machine.leader()
        if leader is None:
            raise LabError(f"{self.name} is off")
        return leader


def _command_of(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    return ""
