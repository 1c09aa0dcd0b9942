"""Which cluster a command is about, and in which words it answers: -f, $ETCDPILOT_FILE, ./cluster.yaml, .etcdpilot/*."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from click import get_current_context

from etcdpilot.model.cluster import ClusterSpec
from etcdpilot.model.errors import Problem, SpecError
from etcdpilot.model.interfaces import with_addresses
from etcdpilot.stores.state import StateFolder, state_root

LOCAL_FOLDER = Path(".etcdpilot")
Command = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A cluster file that was read, and where its state stands."""

    file: Path
    wanted: ClusterSpec
    state: Path
    warnings: tuple[Problem, ...]


def with_output(command: Command) -> Command:
    """`-o json` may stand before the verb or after it; the command gets `output`."""

    @click.option(
        "-o", "--output", "own_output", type=click.Choice(["human", "json"]), default=None, help="How to speak."
    )
    @functools.wraps(command)
    def wrapped(own_output: str | None, **arguments: Any) -> Any:
        ctx = get_current_context()
        return ctx.invoke(command, output=own_output or ctx.obj["output"] or "human", **arguments)

    return wrapped


def with_file(command: Command) -> Command:
    """`-f` and `--state`, before the verb or after it; the command gets `file` and `state`."""

    @click.option("-f", "--file", "own_file", metavar="FILE", default=None, help="The cluster file.")
    @click.option("--state", "own_state", metavar="DIR", default=None, help="The state folder.")
    @functools.wraps(command)
    def wrapped(own_file: str | None, own_state: str | None, **arguments: Any) -> Any:
        ctx = get_current_context()
        file, state = own_file or ctx.obj["file"], own_state or ctx.obj["state"]
        return ctx.invoke(command, file=file, state=state, **arguments)

    return wrapped


def choose(file: str | None, state: str | None) -> Chosen:
    """Find and read the cluster file; SpecError when there is none, or several and none was named."""
    path = Path(file) if file else find_file()
    wanted, warnings = read(path)
    root = Path(state) if state else default_state(path, wanted)
    return Chosen(path, with_addresses(wanted, StateFolder(root).addresses()), root, warnings)


def find_file() -> Path:
    here = Path("cluster.yaml")
    if here.exists():
        return here
    found = sorted(LOCAL_FOLDER.glob("*/cluster.yaml"))
    if len(found) == 1:
        return found[0]
    if found:
        raise SpecError(
            f"There are {len(found)} clusters here: {', '.join(path.parent.name for path in found)}.",
            remedy="Say which:\n    " + "\n    ".join(f"etcdpilot -f {path} …" for path in found),
        )
    raise SpecError(
        "There is no cluster file here.",
        why="Looked for ./cluster.yaml and .etcdpilot/*/cluster.yaml.",
        remedy="Make a cluster on this machine:\n    etcdpilot up\nOr write a file for hosts of yours:\n"
        "    etcdpilot init HOST1 HOST2 HOST3 > cluster.yaml",
    )


def default_state(path: Path, wanted: ClusterSpec) -> Path:
    """A local cluster's file stands inside its state folder; any other's state stands beside the file."""
    if path.parent.parent.name == LOCAL_FOLDER.name and path.parent.name == wanted.name:
        return path.parent.absolute()
    if (path.parent / "identity.json").exists():
        return path.parent.absolute()
    return state_root(path.parent, wanted.name)


def read(path: Path) -> tuple[ClusterSpec, tuple[Problem, ...]]:
    from etcdpilot.pilot import read_file

    return read_file(path)
