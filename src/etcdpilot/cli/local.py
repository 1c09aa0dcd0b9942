"""The verbs of a cluster on this machine: up and down."""

from __future__ import annotations

import asyncio
import json
import shlex
import shutil
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from etcdpilot.cli.change import require_name, require_no_refusals, show
from etcdpilot.cli.choosing import LOCAL_FOLDER, Chosen, choose, find_file, read, with_file, with_output
from etcdpilot.cli.views import document, looks
from etcdpilot.model.cluster import Directory, HostKind
from etcdpilot.model.errors import Refused, SpecError, Stale
from etcdpilot.stores.local_binaries import named
from etcdpilot.stores.local_clusters import Wish

if TYPE_CHECKING:
    from etcdpilot.model.plans import Plan
    from etcdpilot.pilot import Site

DEFAULT_NAME = "dev"


@click.command()
@click.argument("name", required=False)
@click.option("--members", type=click.IntRange(1, 7), default=None, help="How many members.  [default: 3]")
@click.option("--etcd", default=None, help="The etcd binary to run.  [default: the newest that is found]")
@click.option("--dir", "directory", default=None, help="Where everything stands.  [default: .etcdpilot/NAME]")
@click.option(
    "--port", type=click.IntRange(1, 65000), default=None, help="The first port.  [default: 2379, or free ones]"
)
@click.option("--address", default=None, help="The loopback address: 127.0.0.1 or ::1.  [default: 127.0.0.1]")
@click.option(
    "--timers",
    type=click.Choice(["loopback", "default"]),
    default=None,
    help="Short election timers, as fit one machine, or etcd's own.  [default: loopback]",
)
@click.option("--no-tls", is_flag=True, help="Plain http, for a quick look; not what a real cluster is.")
@click.option("--events", is_flag=True, help="One JSON event a line.")
@with_output
def up(
    name: str | None,
    members: int | None,
    etcd: str | None,
    directory: str | None,
    port: int | None,
    address: str | None,
    timers: str | None,
    no_tls: bool,
    events: bool,
    output: str,
) -> None:
    """Make a highly available TLS cluster on this machine, and prove it. Again: bring it back with its data."""
    from etcdpilot.pilot import begin_local

    called = name_of(name, directory)
    wish = Wish(called, members or 3, etcd, port, address or "127.0.0.1", timers or "loopback", not no_tls)
    folder = Path(directory).absolute() if directory else (LOCAL_FOLDER / wish.name).absolute()
    file = folder / "cluster.yaml"
    whence = "" if file.exists() else begin_local(file, wish)
    if whence:
        wanted, warnings = read(file)
        chosen = Chosen(file, wanted, folder, warnings)
    else:
        chosen = existing(file)
        require_as_asked(chosen, Asked(members, etcd, port, address, timers, no_tls))
    asyncio.run(bring_up(chosen, whence, output=output, events=events))


@click.command()
@click.argument("name", required=False)
@with_file
@with_output
@click.option("--yes", is_flag=True, help="Do not ask. For local clusters nobody is asked anyway.")
@click.option(
    "--yes-i-mean", "meant", default=None, metavar="NAME", help="The name of the cluster on real hosts to stop."
)
def down(name: str | None, file: str | None, state: str | None, output: str, yes: bool, meant: str | None) -> None:
    """Stop every member. Their data stays; `up` or `apply` brings them back."""
    chosen = choose(str(LOCAL_FOLDER / name / "cluster.yaml") if name else file, state)
    if chosen.wanted.kind is not HostKind.LOCAL:
        name = chosen.wanted.name
        refused = Refused(
            f"{name} was not stopped.",
            why="Stopping a cluster on real hosts wants its name.",
            remedy=f"Say it:\n    etcdpilot down --yes-i-mean {name}",
        )
        require_name(chosen.wanted, meant, stopping="", refused=refused)
    asyncio.run(bring_down(chosen, output=output))


def name_of(name: str | None, directory: str | None) -> str:
    """The name given; else that of the only local cluster here; else the default."""
    if name:
        return name
    if directory:
        return Path(directory).absolute().name
    if Path("cluster.yaml").exists() and not list(LOCAL_FOLDER.glob("*/cluster.yaml")):
        wanted, _ = read(Path("cluster.yaml"))
        if wanted.kind is not HostKind.LOCAL:
            raise SpecError(
                f"./cluster.yaml is the cluster {wanted.name} on real hosts, and up makes one on this machine.",
                remedy="To build that one:\n    etcdpilot apply\nTo have one on this machine beside it, give it a name:\n"
                f"    etcdpilot up {DEFAULT_NAME}",
            )
    found = sorted(LOCAL_FOLDER.glob("*/cluster.yaml"))
    return found[0].parent.name if len(found) == 1 else DEFAULT_NAME


def existing(file: Path) -> Chosen:
    wanted, warnings = read(file)
    return Chosen(file, wanted, file.parent, warnings)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says of a cluster that exists already; None where it says nothing."""

    members: int | None
    etcd: str | None
    port: int | None
    address: str | None
    timers: str | None
    no_tls: bool


def require_as_asked(chosen: Chosen, asked: Asked) -> None:
    """An option that the cluster's file contradicts is not passed over in silence."""
    wanted, first = chosen.wanted, chosen.wanted.members[0]
    held = {
        f"--members {asked.members}": asked.members in (None, len(wanted.members)),
        f"--etcd {asked.etcd}": asked.etcd is None or wanted.source == Directory(str(named(asked.etcd).directory)),
        f"--port {asked.port}": asked.port is None or any(f":{asked.port}" in url for url in first.listen_client_urls),
        f"--address {asked.address}": asked.address in (None, first.host),
        f"--timers {asked.timers}": asked.timers in (None, wanted.timers),
        "--no-tls": not (asked.no_tls and wanted.encrypted),
    }
    broken = next((option for option, holds in held.items() if not holds), None)
    if broken is not None:
        raise SpecError(
            f"{wanted.name} was made without {broken}.",
            why=f"It stands in {chosen.file}, which is the truth about it.",
            remedy=f"Change that file and run etcdpilot apply; or have another cluster beside it:\n"
            f"    etcdpilot up {wanted.name}-2 {broken}",
        )


async def bring_up(chosen: Chosen, whence: str, *, output: str, events: bool) -> None:
    from etcdpilot import pilot

    machine = events or output == "json"
    if whence and not machine:
        click.echo(whence)
    async with pilot.opened(chosen.wanted, chosen.state, chosen.warnings) as site:
        async with pilot.at_work(site, "up"):
            changed = await settle(site, pilot.plan, events=events, quiet=output == "json" and not events)
        found = await pilot.status(site)
    if output == "json" and not events:
        click.echo(document.dump(document.status_document(found)))
    elif not events:
        click.echo(looks.status_text(found))
        click.echo(what_next(chosen) if changed else f"Nothing to do: {chosen.wanted.name} is up and unchanged.")
    if not found.healthy:
        raise SystemExit(1)


async def settle(site: Site, make: Callable[[Site], Awaitable[Plan]], *, events: bool, quiet: bool) -> bool:
    """Plan and carry out; planned afresh where members of an `up` that was cut off came up meanwhile."""
    from etcdpilot import pilot

    for last in (False, False, True):
        agreed = await make(site)
        if not (events or quiet):
            for warning in agreed.warnings:
                click.echo(f"! {warning}")
        require_no_refusals(agreed)
        try:
            if agreed.steps:
                await show(pilot.apply(site, agreed), events=events, quiet=quiet)
            return bool(agreed.steps)
        except Stale:
            if last:
                raise
    raise AssertionError("unreachable")


def what_next(chosen: Chosen) -> str:
    option = f" -f {shlex.quote(str(chosen.file))}" if chosen.file.absolute() != find_default() else ""
    call = own_name() + option
    lines = {
        f"{call} ctl -- put hello world": "the real etcdctl, with everything set",
        f"{call} health": "prove it again",
        f'eval "$({call} env)"': "for a bare etcdctl, or your own program",
        f"{call} down": "stop it; up brings it back with its data",
    }
    width = max(map(len, lines))
    return "\n".join(["", "Try:", *(f"    {line:{width}}    {what}" for line, what in lines.items())])


def own_name() -> str:
    """What to type here: the name alone, or the path where the shell would not find it, as after `make up`."""
    called = Path(sys.argv[0])
    if shutil.which("etcdpilot") or called.name != "etcdpilot" or not called.exists():
        return "etcdpilot"
    path = called.absolute()
    return shlex.quote(str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path))


def find_default() -> Path | None:
    try:
        return find_file().absolute()
    except SpecError:
        return None


async def bring_down(chosen: Chosen, *, output: str) -> None:
    from etcdpilot import pilot

    async with pilot.opened(chosen.wanted, chosen.state) as site, pilot.at_work(site, "down"):
        stopped = await settle(site, pilot.stop, events=False, quiet=output == "json")
    if output == "json":
        click.echo(json.dumps({"cluster": chosen.wanted.name, "stopped": stopped}))
    else:
        click.echo("Its data stays; up brings it back." if stopped else f"{chosen.wanted.name} is not running.")
