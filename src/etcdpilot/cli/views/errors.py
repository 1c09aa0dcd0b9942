"""Shows an error: what happened, why, and what to type next. Control characters of others never reach the terminal."""

from __future__ import annotations

import json
import os
import sys

import click

from etcdpilot.cli.views.text import clean
from etcdpilot.model.errors import EtcdpilotError, SpecError


def show(error: EtcdpilotError) -> None:
    if wants_json():
        print(json.dumps({"error": document(error)}, indent=2))
        return
    click.secho(f"✗ {clean(error.what)}", fg="red", err=True)
    if isinstance(error, SpecError):
        for problem in error.problems:
            click.echo(f"  {clean(str(problem))}", err=True)
    for part in (error.why, error.remedy):
        for line in part.splitlines():
            click.echo(f"  {clean(line)}", err=True)


def document(error: EtcdpilotError) -> dict[str, object]:
    found: dict[str, object] = {
        "what": error.what,
        "why": error.why,
        "remedy": error.remedy,
        "exit_code": error.exit_code,
    }
    if isinstance(error, SpecError):
        found["problems"] = [
            {"file": each.file, "line": each.line, "column": each.column, "path": each.path, "what": each.what}
            for each in error.problems
        ]
    return found


def wants_json() -> bool:
    words = sys.argv[1 : sys.argv.index("--")] if "--" in sys.argv else sys.argv[1:]
    asked = any(
        word in ("-ojson", "--output=json") or (word == "json" and before in ("-o", "--output"))
        for before, word in zip(["", *words], words, strict=False)
    )
    return asked or os.environ.get("ETCDPILOT_OUTPUT") == "json"
