"""Asks Go's own text/template, through a small program that is built when `go` is at hand."""

from __future__ import annotations

import base64
import functools
import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etcdpilot.rendering.gotemplate import ExecutionError, Limits, ParseError, Template
from etcdpilot.rendering.gotemplate.values import from_bytes, to_bytes
from tests.oracle.gotemplate.world import FUNCTIONS, from_json


@dataclass(frozen=True)
class Answer:
    """What came of a template: text, or an error of the stage `parse` or `exec`."""

    stage: str
    text: str


ENDLESS = Answer("endless", "")


@dataclass
class Oracle:
    program: Path
    process: subprocess.Popen[bytes] | None = None

    def ask(self, line: bytes) -> bytes:
        """The answer's line; empty when the program gave up because the template does not end."""
        if self.process is None or self.process.poll() is not None:
            self.process = subprocess.Popen([self.program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            self.process.wait(10)
        return answer

    def render(self, template: str, data: dict[str, Any]) -> Answer:
        asked = {"template": base64.b64encode(to_bytes(template)).decode(), "data": data}
        line = self.ask(json.dumps(asked).encode())
        if not line:
            return ENDLESS
        answer = json.loads(line)
        return Answer(answer.get("stage", ""), from_bytes(base64.b64decode(answer.get("error", answer.get("out", "")))))

    def close(self) -> None:
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait(10)


@functools.cache
def _built(go: str) -> Path:
    program = Path(tempfile.mkdtemp(prefix="gotemplate-")) / "oracle"
    subprocess.run([go, "build", "-o", program, "."], cwd=Path(__file__).parent, check=True)
    return program


def start() -> Oracle | None:
    """The oracle, or None without a Go that knows `else with` (1.23) and ranges over whole numbers (1.22)."""
    go = shutil.which("go")
    if go is None or _version(go) < (1, 23):
        return None
    return Oracle(_built(go))


def _version(go: str) -> tuple[int, ...]:
    text = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in text.strip().removeprefix("go").split(".")[:2])


_LIMITS = Limits(steps=150_000)


def ours(template: str, data: dict[str, Any]) -> Answer:
    """The same from our engine."""
    try:
        return Answer("", Template.parse("t.tmpl", template, FUNCTIONS).render(from_json(data), limits=_LIMITS))
    except ParseError as error:
        return Answer("parse", str(error))
    except ExecutionError as error:
        if str(error).endswith("steps"):
            return ENDLESS
        return Answer("exec", str(error))
