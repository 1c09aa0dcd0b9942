"""A host over SSH: no agent on it, one connection, one script a look, one tar stream a write or an install."""

from __future__ import annotations

import asyncio
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

import asyncssh

from etcdpilot.hosts import copying, install, look, moving, restoring, snapshots, write
from etcdpilot.hosts.lock import ACQUIRE, KEEP, RELEASE, STALE_SECONDS, Lock
from etcdpilot.hosts.login import Login
from etcdpilot.hosts.port import Answer, Binaries, Question, Restoration
from etcdpilot.hosts.shell import Shell
from etcdpilot.hosts.together import together
from etcdpilot.hosts.tunnel import Tunnel
from etcdpilot.model.cluster import MemberSpec
from etcdpilot.model.errors import HostFailed
from etcdpilot.model.files import FileToWrite

LOOK_SECONDS = 30.0
INSTALL_SECONDS = 600.0  # 60 MB over a slow line
MOVE_SECONDS = 1800.0  # 8 GiB to another disk
# systemd kills what does not stop within 90 s; this lets it.
STOP_SECONDS = 120.0

# $1 what to do, $2 the unit. What is not there does not run.
STOP = r"""
systemctl -q $1 -- "$2" || [ "$(systemctl show --value -p LoadState -- "$2")" = not-found ]
"""

# $1 the unit. Not until it is ready, which it may never be; only until the process of before is gone.
RESTART = r"""
before=$(systemctl show --value -p MainPID -- "$1") || exit
systemctl restart --no-block -- "$1" || exit
turns=0
while [ "${before:-0}" != 0 ] && [ "$turns" -lt 5000 ]; do
    now=$(systemctl show --value -p MainPID -- "$1")
    [ "$now" != "$before" ] && break
    sleep 0.02
    turns=$((turns + 1))
done
exit 0
"""

# $1 the unit. By force: where a package of the system enabled its own unit, the link of that name leads there. systemd
# need not read all its files again for it, unless it has already noted that the unit is disabled.
ENABLE = r"""
systemctl enable --quiet --force --no-reload -- "$1" || exit
case $(systemctl show --value -p UnitFileState -- "$1") in
enabled*) ;;
*) systemctl daemon-reload ;;
esac
"""


def full_name(unit: str) -> str:
    """A unit is a service unless it says that it is a timer."""
    return unit if unit.endswith(".timer") else f"{unit}.service"


async def connect(member: MemberSpec) -> SshHost:
    """A host that is logged in to; HostFailed says why it is not."""
    host = SshHost(member.name, Login.of(member.host, member.ssh))
    await host.shell.open()
    return host


class SshHost:
    """One machine, reached over one connection; `shell` counts what it cost."""

    def __init__(self, name: str, login: Login) -> None:
        self.name = name
        self.shell = Shell(name, login)
        self._architecture = ""
        self._tunnels: list[Tunnel] = []

    async def tunnel(self, host: str, port: int) -> int:
        """A port of this machine's loopback that leads to `host:port` as this host reaches it, until it is closed."""
        made = Tunnel(self.shell, host, port)
        self._tunnels.append(made)
        return await made.open()

    async def why_it_does_not_reach(self, host: str, port: int, seconds: float) -> str | None:
        """Empty when a connection from there stands; None when its sshd makes none for us."""
        connection = await self.shell.open()
        try:
            async with asyncio.timeout(seconds):
                _, to = await connection.open_connection(host, port)
        except TimeoutError:
            return f"no answer within {seconds:g} s"
        except asyncssh.ChannelOpenError as error:
            return None if error.code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED else error.reason
        to.close()
        return ""

    async def look(self, question: Question) -> Answer:
        printed = await self.shell.run(
            "looking at it", look.LOOK, *look.arguments(question), patience=LOOK_SECONDS, changes=False
        )
        try:
            seen = look.answer(question, printed)
        except (ValueError, LookupError) as error:
            raise self._failed("its answer could not be read", f"{error}.") from error
        self._architecture = seen.machine.architecture
        return seen

    async def write(self, files: Sequence[FileToWrite], *, user: str, data: str = "") -> None:
        if files:
            doing = f"writing {len(files)} files" if len(files) > 1 else f"writing {files[0].path}"
            await self.shell.run(doing, write.WRITE, *write.arguments(files, user, data), stdin=write.stream(files))

    async def architecture(self) -> str:
        if not self._architecture:
            said = await self.shell.run("asking for its architecture", "uname -m", changes=False)
            self._architecture = install.architecture_named(said.decode().strip())
        return self._architecture

    async def install(self, binaries: Binaries) -> None:
        """Nothing is sent when the same bytes are there; then only the symlinks are looked at."""
        await self._check_architecture(binaries)
        doing = f"installing etcd {binaries.version}"
        folder = f"{binaries.library}/etcd-{binaries.version}"
        manifest = await asyncio.to_thread(install.manifest, binaries.directory)
        programs = install.programs(binaries.directory)
        names = [path.name for path in programs]
        if await self.shell.run(doing, install.PREPARE, folder, manifest, *names) == install.SEND:
            await together(*(self._send(path, f"{folder}.new/{path.name}") for path in programs))
        await self.shell.run(doing, install.FINISH, folder, binaries.bin, manifest, binaries.version, *names)

    async def point_to(self, programs: str, bin: str) -> None:
        await self.shell.run(f"going back to {programs}", install.POINT_TO, programs, bin)

    async def _send(self, program: Path, place: str) -> None:
        arguments = (place, str(program.stat().st_size))
        await self.shell.run(
            f"bringing {program.name}",
            install.RECEIVE,
            *arguments,
            stdin=install.pieces(program),
            patience=INSTALL_SECONDS,
        )

    async def enable(self, unit: str) -> None:
        await self.shell.run(f"enabling {unit}", ENABLE, full_name(unit))

    async def start(self, unit: str) -> None:
        await self._systemctl(f"starting {unit}", "start", "--no-block", "--", full_name(unit))

    async def restart(self, unit: str) -> None:
        await self.shell.run(f"restarting {unit}", RESTART, full_name(unit), patience=STOP_SECONDS)

    async def stop(self, unit: str) -> None:
        await self.shell.run(f"stopping {unit}", STOP, "stop", full_name(unit), patience=STOP_SECONDS)

    async def disable(self, unit: str) -> None:
        """Stops it too."""
        await self.shell.run(f"disabling {unit}", STOP, "disable --now", full_name(unit), patience=STOP_SECONDS)

    async def move_aside(self, path: str, stamp: str) -> str:
        return (await self.shell.run(f"moving {path} aside", write.MOVE_ASIDE, path, stamp)).decode()

    async def move_data(self, before: str, path: str, stamp: str, *, user: str) -> None:
        doing = f"moving the data in {before} to {path}"
        await self.shell.run(doing, moving.MOVE_DATA, before, path, stamp, user, patience=MOVE_SECONDS)

    async def snapshots(self, directory: str) -> tuple[snapshots.Listed, ...]:
        return snapshots.listed(await self.shell.run("listing snapshots", snapshots.LIST, directory, changes=False))

    async def fetch(self, path: str, into: Callable[[bytes], None]) -> None:
        doing = f"fetching {path}"
        if not await self.shell.pour(doing, snapshots.FETCH, path, into=into, absent=snapshots.ABSENT):
            raise FileNotFoundError(path)

    async def copy_data(self, path: str, into: Path) -> None:
        unpacking = copying.Unpacking(into)
        try:
            await self.shell.pour("copying its data", copying.COPY, path, into=unpacking.feed)
            await asyncio.to_thread(unpacking.end)
        except (OSError, tarfile.TarError) as error:
            raise self._failed("the copy of its data did not arrive", f"{error}.") from error

    async def prepare_data(self, wish: Restoration) -> None:
        await self.shell.run(
            "restoring the snapshot",
            restoring.PREPARE,
            *restoring.arguments(wish),
            stdin=install.pieces(Path(wish.snapshot)),
            patience=restoring.PREPARE_SECONDS,
        )

    async def place_data(self, path: str, mark: str, *, user: str) -> None:
        await self.shell.run("putting the restored data in place", restoring.PLACE, path, mark, user)

    async def acquire(self, lock: Lock) -> str:
        """From now on nothing is changed here without it; what is returned tells whether it was got."""
        stale = str(STALE_SECONDS)
        said = await self.shell.run(
            "taking the lock", ACQUIRE, lock.cluster, lock.owner, stale, patience=LOOK_SECONDS, changes=False
        )
        self.shell.lock = lock
        return said.decode(errors="replace").strip()

    async def keep(self, lock: Lock) -> None:
        await self.shell.run("keeping the lock", KEEP, lock.cluster, lock.owner, patience=LOOK_SECONDS, changes=False)

    async def release(self, lock: Lock) -> None:
        self.shell.lock = None
        await self.shell.run(
            "giving the lock back", RELEASE, lock.cluster, lock.owner, patience=LOOK_SECONDS, changes=False
        )

    async def close(self) -> None:
        for tunnel in self._tunnels:
            tunnel.close()
        await self.shell.close()

    async def _systemctl(self, doing: str, *words: str) -> None:
        await self.shell.run(doing, 'exec systemctl "$@"', *words)

    async def _check_architecture(self, binaries: Binaries) -> None:
        found = install.programs(binaries.directory)
        if not found or found[0].name != "etcd":
            raise self._failed("there is no etcd to install", f"{binaries.directory} holds none.")
        here, there = await self.architecture(), install.architecture_of(found[0])
        if here != there:
            raise self._failed(
                f"etcd {binaries.version} does not run there",
                f"The host is {here}, {found[0]} is for {there or 'nothing'}.",
            )

    def _failed(self, what: str, why: str) -> HostFailed:
        return HostFailed(self.name, f"{self.name} ({self.shell.login.host}): {what}.", why=why)
