"""`pki request` and `pki import`: certificates that somebody else signs."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from etcdpilot.cli.choosing import Chosen, choose, with_file, with_output
from etcdpilot.cli.views.text import clean
from etcdpilot.model.errors import SpecError
from etcdpilot.stores.lock import locked
from etcdpilot.stores.state import StateFolder
from etcdpilot.stores.writing import write_private

if TYPE_CHECKING:
    from etcdpilot.applying.requesting import Import, Request
    from etcdpilot.model.cluster import ClusterSpec

WHERE = click.Path(path_type=Path)


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@with_file
@with_output
@click.option("--out", type=WHERE, metavar="DIR", help="Copy the requests there.")
def request(names: tuple[str, ...], file: str | None, state: str | None, output: str, out: Path | None) -> None:
    """Make keys, and the requests that somebody else signs.

    Keys are made once and stay in the state folder, for you alone. With NAME, a member's or `operator`, its
    certificates are asked for anew, under new keys.
    """
    from etcdpilot.applying.requesting import make_requests

    chosen = choose(file, state)
    with locked(StateFolder(chosen.state), "pki request", datetime.now(UTC)):
        made = make_requests(asyncio.run(settled(chosen)), chosen.state, names)
    if out is not None:
        made = tuple(copied(each, out) for each in made)
    click.echo(requests_as_json(made) if output == "json" else requests_as_text(made))


@click.command("import")
@click.argument("files", nargs=-1, type=WHERE, metavar="[FILE]...")
@with_file
@with_output
@click.option("--ca", type=WHERE, help="Whom to trust: the authority that signed, or the intermediate below it.")
@click.option("--peer-ca", type=WHERE, help="The same among peers, where it is another one.")
def import_(
    files: tuple[Path, ...], file: str | None, state: str | None, output: str, ca: Path | None, peer_ca: Path | None
) -> None:
    """Take in certificates that somebody else signed. They are judged first; with anything wrong, none is taken.

    FILE holds one or several certificates, and intermediates if there are any. Which is whose is told by its key.
    """
    from etcdpilot.applying.requesting import take_in

    if not files and ca is None and peer_ca is None:
        raise click.UsageError("Name the files that came back, or an authority with --ca.")
    chosen, now = choose(file, state), datetime.now(UTC)
    texts = [(str(path), read(path)) for path in files]
    trusted = [read(path) if path else None for path in (ca, peer_ca)]
    with locked(StateFolder(chosen.state), "pki import", now):
        taken = take_in(asyncio.run(settled(chosen)), chosen.state, texts, trusted[0], trusted[1], now)
    click.echo(import_as_json(taken) if output == "json" else import_as_text(taken))


async def settled(chosen: Chosen) -> ClusterSpec:
    """The cluster with the addresses that its members have, as everything else sees it."""
    from etcdpilot import pilot

    async with pilot.opened(chosen.wanted, chosen.state, chosen.warnings) as site:
        return site.wanted


def copied(made: Request, folder: Path) -> Request:
    from dataclasses import replace

    to = folder / made.path.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_private(to, made.path.read_bytes(), 0o644)
    except OSError as error:
        raise SpecError(f"{to} cannot be written.", why=f"{error.strerror}.") from None
    return replace(made, path=to)


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SpecError(f"{path} cannot be read.", why=f"{error.strerror}.") from None


def requests_as_text(made: tuple[Request, ...]) -> str:
    if not made:
        return "Nothing waits for a signature. To ask anew for somebody, name it: etcdpilot pki request etcd-0"
    lines = [
        f"{clean(str(each.path))}  {clean(each.spec.common_name)}"
        + (f" for {clean(', '.join(each.spec.hosts))}" if each.spec.hosts else ", a client")
        + (f"  ({clean(each.why)})" if each.why else "  (it waits already)")
        for each in made
    ]
    after = "Have them signed, then bring back what you get:\n    etcdpilot pki import --ca CA.crt FILES…"
    return "\n".join([*lines, "", after])


def requests_as_json(made: tuple[Request, ...]) -> str:
    rows = [
        {
            "name": each.name,
            "path": str(each.path),
            "common_name": each.spec.common_name,
            "hosts": list(each.spec.hosts),
            "usages": list(each.spec.extended_usages),
            "made": each.why or None,
        }
        for each in made
    ]
    return json.dumps({"requests": rows}, indent=2)


def import_as_text(taken: Import) -> str:
    lines = [f"! {Path(each.where).stem} {each.what}. {each.why}" for each in taken.warnings]
    said = [*(f"the certificate of {name}" for name in taken.names), *taken.authorities]
    lines.append(f"Taken in: {', '.join(said)}.")
    if taken.missing:
        lines.append(f"Still missing: {', '.join(taken.missing)}.")
    else:
        lines.append("Nothing is missing. To install them:\n    etcdpilot apply")
    return "\n".join(clean(line) if "\n" not in line else line for line in lines)


def import_as_json(taken: Import) -> str:
    document = {
        "imported": list(taken.names),
        "authorities": list(taken.authorities),
        "missing": list(taken.missing),
        "warnings": [
            {"rule": each.rule, "name": Path(each.where).stem, "what": each.what, "why": each.why}
            for each in taken.warnings
        ],
    }
    return json.dumps(document, indent=2)
