"""Runs check and reload commands: through the shell, with an end in time, and with everything they started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from dataclasses import dataclass

_PLACE = re.compile(r"\{\{\s*\.(src|dest)\s*\}\}")
_KEPT_OUTPUT = 4096


@dataclass(frozen=True, slots=True)
class Ended:
    """`problem` is empty when the command did what it should, else what is wrong, in confd's words where it has any."""

    problem: str
    output: str


def filled(command: str, *, src: str, dest: str) -> str:
    """`{{.src}}` and `{{.dest}}` replaced. Nothing else is: other braces belong to the command."""
    return _PLACE.sub(lambda found: src if found.group(1) == "src" else dest, command)


async def run(command: str, seconds: float) -> Ended:
    """`seconds` 0 waits for ever. A command that takes longer is killed with all that it started."""
    process = await asyncio.create_subprocess_exec(
        "/bin/sh",
        "-c",
        command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    reading = asyncio.create_task(_read(process))
    try:
        async with asyncio.timeout(seconds or None):
            code = await process.wait()
    except TimeoutError:
        await _kill(process, reading)
        return Ended(f"no answer within {seconds:g} s", "")
    except asyncio.CancelledError:
        await _kill(process, reading)
        raise
    return Ended(_problem(code), await _rest(reading))


def _problem(code: int) -> str:
    if code < 0:
        return f"signal: {signal.strsignal(-code) or -code}".lower()
    return f"exit status {code}" if code else ""


async def _read(process: asyncio.subprocess.Process) -> str:
    """Drains what the command says, so that it never blocks, and keeps the beginning."""
    kept = b""
    if process.stdout is None:
        return ""
    while chunk := await process.stdout.read(65536):
        kept = (kept + chunk)[:_KEPT_OUTPUT]
    return kept.decode("utf-8", "replace").strip()


async def _rest(reading: asyncio.Task[str]) -> str:
    # A service that the reload left running in the background may hold the pipe open for ever.
    done, _ = await asyncio.wait({reading}, timeout=0.1)
    if done:
        return reading.result()
    reading.cancel()
    return ""


async def _kill(process: asyncio.subprocess.Process, reading: asyncio.Task[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    reading.cancel()
    await process.wait()
