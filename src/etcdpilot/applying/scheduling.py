"""A systemd timer on the machine where etcdpilot itself is installed. Everything that could keep it from ever running is
looked at before anything is written.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from etcdpilot import __version__
from etcdpilot.model.errors import HostFailed, Refused, SpecError
from etcdpilot.rendering.schedule import Job, service_text, timer_text
from etcdpilot.stores.writing import write_private

HERE = "this machine"
BOOTED = Path("/run/systemd/system")  # sd_booted(3)
UNITS = Path("/etc/systemd/system")
SECRETS = Path("/etc/etcdpilot")
# What obstore reads, and what says where the state and the store are.
CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
SECONDS = 30


@dataclass(frozen=True, slots=True)
class Installed:
    """What was written, and what systemd says of the timer."""

    timer: str
    files: tuple[str, ...]
    next: str


def own_command() -> str:
    """The path of the etcdpilot that runs; SpecError where it is not installed as a command, or is another one."""
    beside = Path(sys.executable).with_name("etcdpilot")
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("etcdpilot")
    if not found:
        raise SpecError(
            "There is no command etcdpilot that a timer could start.", remedy="Install it: pip install etcdpilot"
        )
    told = subprocess.run([found, "version"], capture_output=True, text=True, timeout=SECONDS, check=False)
    if told.returncode or __version__ not in told.stdout:
        raise SpecError(
            f"{found} is not the etcdpilot that runs now.",
            why=(told.stderr or told.stdout).strip()[:300] or f"It ended with status {told.returncode}.",
            remedy="Install this one where a timer finds it: pip install etcdpilot",
        )
    return found


def owner_of(path: Path) -> str:
    """Who the state folder belongs to, and so who shall write to it; empty for root."""
    uid = path.stat().st_uid
    return pwd.getpwuid(uid).pw_name if uid else ""


def credentials(environment: Mapping[str, str]) -> dict[str, str]:
    """What the environment gives for an object store; it would be gone when the timer runs."""
    return {name: environment[name] for name in CREDENTIALS if environment.get(name)}


def environment_text(secrets: Mapping[str, str]) -> str:
    """A file for EnvironmentFile=. SpecError for a value that it cannot carry."""
    for name, value in secrets.items():
        if any(character in value for character in '\n\r\0"\\'):
            raise SpecError(f"{name} holds a character that cannot stand in a file of systemd.")
    return "".join(f'{name}="{value}"\n' for name, value in secrets.items())


def require_systemd() -> None:
    if not BOOTED.is_dir() or shutil.which("systemctl") is None:
        raise SpecError(
            "There is no systemd here that could start backups.",
            why=f"{BOOTED} is missing.",
            remedy="Print a line for cron instead:\n    etcdpilot backup schedule --cron",
        )
    if os.geteuid():
        raise Refused(
            "Only root can install a timer of the system.",
            remedy="Run this as root, with -f and --state:\n    sudo etcdpilot -f FILE backup schedule\n"
            "Or print a line for your own crontab:\n    etcdpilot backup schedule --cron",
        )


async def install(job: Job, secrets: Mapping[str, str]) -> Installed:
    """Judged by systemd-analyze first, then written beside and renamed, then started."""
    return await asyncio.to_thread(_install, job, secrets)


def _install(job: Job, secrets: Mapping[str, str]) -> Installed:
    texts = {f"{job.unit}.service": service_text(job), f"{job.unit}.timer": timer_text(job)}
    written = []
    try:
        if secrets:
            SECRETS.mkdir(mode=0o700, exist_ok=True)
            write_private(Path(job.environment_file), environment_text(secrets).encode())
            written.append(job.environment_file)
        require_sound(texts)
        for name, text in texts.items():
            write_private(UNITS / name, text.encode())
            (UNITS / name).chmod(0o644)
            written.append(str(UNITS / name))
    except OSError as error:
        why = f"{error.filename}: {error.strerror}"
        raise HostFailed(HERE, "The timer could not be written.", why=why) from None
    timer = f"{job.unit}.timer"
    systemctl("daemon-reload")
    systemctl("enable", "--quiet", timer)
    systemctl("restart", timer)
    return Installed(timer, tuple(written), next_run(timer))


def require_sound(texts: Mapping[str, str]) -> None:
    """HostFailed with the words of `systemd-analyze verify`; a machine without it is told by systemctl later."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        return
    with tempfile.TemporaryDirectory(prefix="etcdpilot-") as folder:
        for name, text in texts.items():
            (Path(folder) / name).write_text(text)
        names = [str(Path(folder) / name) for name in texts]
        told = subprocess.run(
            [analyze, "verify", *names], capture_output=True, text=True, timeout=SECONDS, check=False, cwd=folder
        )
        # It also complains of units that stand on this machine already and are none of ours.
        ours = [line for line in told.stderr.splitlines() if any(name in line for name in texts)]
        if told.returncode and ours:
            raise HostFailed(HERE, "systemd does not take the timer.", why="\n".join(ours[:6]))


def systemctl(*words: str) -> str:
    told = subprocess.run(["systemctl", *words], capture_output=True, text=True, timeout=SECONDS, check=False)
    if told.returncode:
        raise HostFailed(HERE, f"systemctl {words[0]} failed.", why=told.stderr.strip()[:500])
    return told.stdout


def next_run(timer: str) -> str:
    """When it elapses next, in systemd's words; empty where it does not say."""
    return systemctl("show", "--value", "-p", "NextElapseUSecRealtime", timer).strip()


async def remove(unit: str) -> tuple[str, ...]:
    """Stop the timer and delete what was written for it; backups stay. What went."""
    return await asyncio.to_thread(_remove, unit)


def _remove(unit: str) -> tuple[str, ...]:
    places = (UNITS / f"{unit}.timer", UNITS / f"{unit}.service", SECRETS / f"{unit}.env")
    there = tuple(str(place) for place in places if place.exists())
    if (UNITS / f"{unit}.timer").exists():
        systemctl("disable", "--quiet", "--now", f"{unit}.timer")
    for place in there:
        Path(place).unlink()
    if there:
        systemctl("daemon-reload")
    return there
