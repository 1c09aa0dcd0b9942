"""This machine as a host: members are child processes in sessions of their own, which outlive the command.

A "unit" here is the script that a member is started by; its output goes to a file beside it, never to the caller.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import platform
import pwd
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from etcdpilot.hosts.data import look_at_data
from etcdpilot.hosts.lock import Lock
from etcdpilot.hosts.port import Answer, Binaries, Question, Restoration
from etcdpilot.hosts.processes import environment_of, processes_of, started_at
from etcdpilot.hosts.snapshots import Listed
from etcdpilot.model.errors import HostFailed
from etcdpilot.model.files import FileSeen, FileToWrite
from etcdpilot.model.observation import Machine, Process, ServiceSeen

STOP_SECONDS = 10.0
LOG_LINES = 40
MARGINAL_BYTES = 65536


class LocalHost:
    """One local member. `home` is its folder: the script `run`, the log `etcd.log`, its certificates."""

    def __init__(self, name: str, home: str, data: str) -> None:
        self.name, self.home, self.data = name, Path(home), data

    @property
    def script(self) -> Path:
        return self.home / "run"

    @property
    def log(self) -> Path:
        return self.home / "etcd.log"

    async def look(self, question: Question) -> Answer:
        process = self._process()
        return Answer(
            machine=this_machine(question.data),
            files=tuple(seen for path in question.files if (seen := look_at_file(path, path in question.texts))),
            version="",
            service=self._service(process),
            process=process,
            data=look_at_data(Path(question.data)),
            busy_ports=() if process else tuple(port for port in question.ports if is_taken(port)),
            interface_addresses=(),
        )

    async def write(self, files: Sequence[FileToWrite], *, user: str, data: str = "") -> None:
        try:
            for file in files:
                write_beside(file)
            if data:
                make_private(Path(data))
        except OSError as error:
            raise self._failed(f"{error.filename or self.home} could not be written", error) from error

    async def architecture(self) -> str:
        return this_architecture()

    async def install(self, binaries: Binaries) -> None:
        """Nothing to do: a local member runs the binary where it stands."""

    async def point_to(self, programs: str, bin: str) -> None:
        """Nothing to do: its script names the binary."""

    async def enable(self, unit: str) -> None:
        """Nothing to do: local members do not outlive a restart of the machine; `up` brings them back."""

    async def start(self, unit: str) -> None:
        if self._process() is not None:
            return
        # The shell puts the member into the background and ends, so that no child of ours is left to be waited for.
        command = 'exec /bin/sh "$0" >>"$1" 2>&1 </dev/null &'
        try:
            self.log.touch(mode=0o600)
            subprocess.run(
                ["/bin/sh", "-c", command, str(self.script), str(self.log)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=without_etcd_settings(os.environ),
                cwd=self.home,
                start_new_session=True,
                check=True,
            )
        except (OSError, subprocess.CalledProcessError) as error:
            raise self._failed("etcd could not be started", error) from error

    async def restart(self, unit: str) -> None:
        await self.stop(unit)
        await self.start(unit)

    async def stop(self, unit: str) -> None:
        for number, patience in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
            if await self._signal(number, patience):
                return
        raise HostFailed(
            self.name,
            f"etcd of {self.name} does not stop.",
            why="It still runs after SIGTERM and SIGKILL.",
            remedy=f"Look at its log: {self.log}",
        )

    async def disable(self, unit: str) -> None:
        await self.stop(unit)

    async def move_aside(self, path: str, stamp: str) -> str:
        if not os.path.lexists(path):
            return ""
        aside = f"{path}.{stamp}"
        os.rename(path, aside)
        return aside

    async def move_data(self, before: str, path: str, stamp: str, *, user: str) -> None:
        if not os.path.lexists(f"{path}/member"):
            os.makedirs(path, 0o700, exist_ok=True)
            os.rename(f"{before}/member", f"{path}/member")

    async def snapshots(self, directory: str) -> tuple[Listed, ...]:
        """None: members of this machine have no timers of their own."""
        return ()

    async def fetch(self, path: str, into: Callable[[bytes], None]) -> None:
        try:
            into(Path(path).read_bytes())
        except FileNotFoundError:
            raise
        except OSError as error:
            raise self._failed(f"{path} could not be read", error) from error

    async def copy_data(self, path: str, into: Path) -> None:
        from etcdpilot.hosts.copying import copy_here

        try:
            await asyncio.to_thread(copy_here, Path(path), into)
        except OSError as error:
            raise self._failed(f"The data of {self.name} could not be copied", error) from error

    async def prepare_data(self, wish: Restoration) -> None:
        from etcdpilot.hosts.restoring import prepare_here

        try:
            await prepare_here(wish)
        except (OSError, RuntimeError) as error:
            raise self._failed(f"The data of {self.name} could not be restored", error) from error

    async def place_data(self, path: str, mark: str, *, user: str) -> None:
        from etcdpilot.hosts.restoring import place_here

        try:
            place_here(Path(path), mark)
        except (OSError, RuntimeError) as error:
            raise self._failed(f"The restored data of {self.name} could not be put in place", error) from error

    async def acquire(self, lock: Lock) -> str:
        """The lock on the state folder is the lock on this machine's members."""
        return "ours"

    async def keep(self, lock: Lock) -> None:
        """Nothing to keep."""

    async def release(self, lock: Lock) -> None:
        """Nothing to give back."""

    async def close(self) -> None:
        """Nothing is held open."""

    def kill(self, number: int) -> None:
        """Send a signal to the member's process, if it runs. For tests that kill, pause and continue members."""
        for process in processes_of(str(self.script), self.data):
            os.kill(process.pid, number)

    async def _signal(self, number: int, patience: float) -> bool:
        deadline = time.monotonic() + patience
        self.kill(number)
        while self._process() is not None:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.01)
        return True

    def _process(self) -> Process | None:
        found = processes_of(str(self.script), self.data)
        if not found:
            return None
        one = found[0]
        return Process(one.pid, one.executable, one.arguments, environment_of(one.pid), started_at(one.pid))

    def _service(self, process: Process | None) -> ServiceSeen:
        fragment = str(self.script) if self.script.exists() else ""
        if process is not None:
            return ServiceSeen(fragment, True, "active", "success", 0, ())
        return ServiceSeen(fragment, True, "inactive", "", 0, last_lines(self.log))

    def _failed(self, what: str, error: Exception) -> HostFailed:
        why = getattr(error, "strerror", None) or str(error)
        return HostFailed(
            self.name,
            f"{what}.",
            why=f"{why}.",
            remedy="Free some space or choose another place with --dir, then run this again; it goes on where it stopped.",
        )


def look_at_file(path: str, with_text: bool) -> FileSeen | None:
    try:
        status = os.stat(path)
        data = Path(path).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    text = data.decode(errors="replace") if with_text else ""
    mode, owner = status.st_mode & 0o7777, owner_name(status.st_uid)
    return FileSeen(path, mode, owner, len(data), hashlib.sha256(data).hexdigest(), text, status.st_mtime)


def owner_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def make_private(directory: Path) -> None:
    """A directory and its missing parents, all of them for this user alone whatever the umask."""
    if not directory.is_dir():
        make_private(directory.parent)
        directory.mkdir(mode=0o700, exist_ok=True)


def write_beside(file: FileToWrite) -> None:
    path = Path(file.path)
    make_private(path.parent)
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, file.mode)
    try:
        os.fchmod(handle, file.mode)
        with os.fdopen(handle, "wb") as stream:
            stream.write(file.data)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def is_taken(port: int) -> bool:
    """Whether somebody listens on this port of any loopback address."""
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.settimeout(0.2)
            try:
                probe.connect((address, port))
            except OSError:
                continue
            # A connection to a free port can meet itself when the kernel draws the same number for both ends.
            return bool(probe.getsockname() != probe.getpeername())
    return False


def without_etcd_settings(environment: os._Environ[str]) -> dict[str, str]:
    """What the caller exported for etcd or etcdctl is not meant for these members; a proxy neither."""
    dropped = ("ETCD_", "ETCDCTL_", "ETCDUTL_", "ETCDPILOT_")  # ours may hold passphrases
    proxies = ("http_proxy", "https_proxy", "all_proxy")
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith(dropped) and name.lower() not in proxies
    }


def this_machine(data: str) -> Machine:
    return Machine(
        architecture=this_architecture(),
        system=platform.system(),
        systemd=0,
        cores=os.cpu_count() or 1,
        memory=0,
        clock=time.time(),
        rotating_disk=False,
        shares_disk_with=(),
        free_bytes=free_bytes(Path(data)),
    )


def this_architecture() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def free_bytes(path: Path) -> int:
    while not path.exists() and path != path.parent:
        path = path.parent
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize


def last_lines(log: Path) -> tuple[str, ...]:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - MARGINAL_BYTES))
            return tuple(file.read().decode(errors="replace").splitlines()[-LOG_LINES:])
    except OSError:
        return ()
