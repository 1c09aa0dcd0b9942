"""Runs the product as a user does: its command, in a folder, with an environment, and what came of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etcdpilot.hosts.processes import all_processes
from tests.local.ports import own_ports

PATIENCE = 90


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@dataclass
class Folder:
    """A working directory of the test's own, and a cache of its own; everything started below it is ended by `close`."""

    path: Path
    environment: dict[str, str]

    @classmethod
    def at(cls, path: Path, **more: str) -> Folder:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ETCD", "PYTHONDONT"))}
        own = {"XDG_CACHE_HOME": str(path / "cache"), "TERM": "dumb"} | own_ports()
        return cls(path, kept | own | more)

    def run(self, *arguments: str, stdin: str = "", code: int | None = 0, **more: str) -> Ended:
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.path,
            env=self.environment | more,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        ended = Ended(done.returncode, done.stdout, done.stderr)
        assert code is None or ended.code == code, f"{arguments} ended with {ended.code}\n{ended.out}\n{ended.err}"
        assert "Traceback" not in ended.err, ended.err
        return ended

    def begin(self, *arguments: str, **more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.path,
            env=self.environment | more,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @staticmethod
    def command(*arguments: str) -> list[str]:
        return [sys.executable, "-m", "etcdpilot", *arguments]

    def members(self) -> dict[str, int]:
        """The etcd processes below this folder: member name, process number."""
        found = {}
        for process in all_processes():
            options = dict(word.lstrip("-").split("=", 1) for word in process.arguments if "=" in word)
            if options.get("data-dir", "").startswith(str(self.path)) and Path(process.executable).name == "etcd":
                found[options.get("name", "?")] = process.pid
        return found

    def close(self) -> None:
        for pid in self.members().values():
            os.kill(pid, signal.SIGKILL)

    def destroy(self) -> None:
        """End everything and leave nothing: a member lays out 128 MB of log."""
        self.close()
        shutil.rmtree(self.path, ignore_errors=True)
