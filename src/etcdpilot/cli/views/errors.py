"""Shows an error: what happened, why, and what to type next. Control characters of others never reach the terminal."""

from __future__ import annotations

import errno
import json
import os
import sys

import click

from etcdpilot.cli.views.text import clean
from etcdpilot.model.errors import EtcdpilotError, HostFailed, Mistake, SpecError


def show(error: EtcdpilotError) -> None:
    if wants_json():
        print(json.dumps({"error": document(error)}, indent=2))
        return
    click.secho(f"✗ {clean(error.what)}", fg="red", err=True, color=False if os.environ.get("NO_COLOR") else None)
    if isinstance(error, SpecError):
        for problem in error.problems:
            click.echo(f"  {clean(str(problem))}", err=True)
    for part in (error.why, error.remedy):
        for line in part.splitlines():
            click.echo(f"  {clean(line)}", err=True)


NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def unforeseen(error: Exception) -> EtcdpilotError:
    """What nobody thought of: a full disk is the machine's turn, a closed file the user's, all else is our mistake."""
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return HostFailed(
            "this machine",
            f"{error.filename or 'A file'} could not be written.",
            why=f"{error.strerror}.",
            remedy="Free some space, then run this again; it goes on where it stopped.",
        )
    if isinstance(error, OSError) and error.filename is not None:
        return SpecError(
            f"{error.filename} cannot be used.",
            why=f"{error.strerror}.",
            remedy="Choose a place that this user can read and write.",
        )
    return Mistake(
        "etcdpilot itself is at fault.",
        why=f"{type(error).__name__}: {error}",
        remedy=f"How it came to that stands in {kept(error)}; please report it. Running the same again is safe.",
    )


def kept(error: Exception) -> str:
    """Writes the traceback to a file of its own; returns its path."""
    import tempfile
    import traceback

    try:
        with tempfile.NamedTemporaryFile("w", prefix="etcdpilot-", suffix=".txt", delete=False) as file:
            file.write("".join(traceback.format_exception(error)))
        return file.name
    except OSError as unwritable:
        return f"no file, because none could be written: {unwritable.strerror}"


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
