"""The verb state: everything that only the controller has, as one encrypted file."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from etcdpilot.cli.choosing import choose, with_file
from etcdpilot.cli.groups import Verbs
from etcdpilot.model.errors import SpecError
from etcdpilot.stores.lock import locked
from etcdpilot.stores.state import StateFolder
from etcdpilot.stores.state_export import export_state, import_state, opened_export
from etcdpilot.stores.writing import write_private

PASSPHRASE = "ETCDPILOT_PASSPHRASE"


@click.group(cls=Verbs)
def state() -> None:
    """Take the keys of the authorities, the operator's certificate and the token elsewhere, encrypted."""


@state.command(name="export")
@with_file
@click.argument("target", metavar="FILE")
def export(file: str | None, state: str | None, target: str) -> None:
    """Write the state of this cluster into FILE, which a passphrase opens.

    The passphrase is asked for, or read from $ETCDPILOT_PASSPHRASE.
    """
    chosen = choose(file, state)
    path = Path(target)
    if path.exists():
        raise SpecError(f"{path} is already there.", remedy="Name another file: an export is never written over.")
    folder = StateFolder(chosen.state)
    sealed = export_state(folder, passphrase(confirm=True))
    try:
        write_private(path, sealed)
    except OSError as error:
        raise SpecError(f"{path} cannot be written.", why=f"{error.strerror}.") from error
    click.echo(f"{path} holds the keys of {chosen.wanted.name}'s authorities. Keep its passphrase apart from it.")


@state.command(name="import")
@with_file
@click.argument("source", metavar="FILE")
def import_(file: str | None, state: str | None, source: str) -> None:
    """Bring the state that `state export` wrote here, so that this controller can go on with the cluster."""
    chosen = choose(file, state)
    try:
        sealed = Path(source).read_bytes()
    except OSError as error:
        raise SpecError(f"{source} cannot be read.", why=f"{error.strerror}.") from error
    found = opened_export(sealed, passphrase(confirm=False), source)
    folder = StateFolder(chosen.state)
    with locked(folder, "state import", datetime.now(UTC)):
        import_state(folder, chosen.wanted.name, found, source)
    click.echo(f"{chosen.state} holds the state of {chosen.wanted.name} now. See what there is:\n    etcdpilot status")


def passphrase(*, confirm: bool) -> str:
    """From the environment, or from a terminal; never from the command line, where everybody could read it."""
    said = os.environ.get(PASSPHRASE)
    if said is None and sys.stdin.isatty():
        said = str(click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm))
    if not said:
        raise SpecError("There is no passphrase.", why="There is no terminal to ask at.", remedy=f"Set ${PASSPHRASE}.")
    return said
