"""The verbs that only look: status and health. They know two exit codes, 0 and 1."""

from __future__ import annotations

import asyncio
import functools
import os
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from etcdpilot.cli.choosing import choose, with_file, with_output
from etcdpilot.cli.views import document, looks
from etcdpilot.etcd.door import ClientConfig, Door, Keyring
from etcdpilot.model.errors import ClusterFailed, HostFailed, SpecError

if TYPE_CHECKING:
    from etcdpilot.model.health import Health
    from etcdpilot.model.status import Status

Seen = TypeVar("Seen")
Command = Callable[..., Any]
PASSWORD = "ETCDPILOT_PASSWORD"
FILE = click.Path(exists=True, dir_okay=False)


@dataclass(frozen=True, slots=True)
class Strangers:
    """A cluster that etcdpilot did not build: its client URLs, the files to reach them with, and who logs in."""

    endpoints: tuple[str, ...] = ()
    cacert: str | None = None
    cert: str | None = None
    key: str | None = None
    user: str | None = None

    def config(self) -> ClientConfig:
        """SpecError for half a pair, or a user whose password was not given."""
        if (self.cert is None) != (self.key is None):
            raise SpecError("--cert and --key belong together.", remedy="Give both, or neither.")
        user, password = self.login()
        return ClientConfig(self.endpoints, self.keyring(), user, password)

    def log_in(self, door: Door) -> None:
        """The same --user at a cluster of ours, whose endpoints and certificates are known."""
        user, password = self.login()
        if user:
            door.log_in_as(user, password)

    def keyring(self) -> Keyring | None:
        if not self.cacert and not self.cert:
            return None
        return Keyring(read(self.cacert) or b"", read(self.cert) or b"", read(self.key) or b"")

    def login(self) -> tuple[str | None, str]:
        """Of --user NAME:PASSWORD as etcdctl takes it, of NAME with $ETCDPILOT_PASSWORD, or asked of a terminal."""
        if not self.user:
            return None, ""
        name, colon, password = self.user.partition(":")
        if colon:
            return name, password
        if PASSWORD in os.environ:
            return name, os.environ[PASSWORD]
        if sys.stdin.isatty():
            return name, click.prompt(f"Password of {name}", hide_input=True, err=True)
        raise SpecError(f"There is no password for {name}.", remedy=f"Export it:\n    export {PASSWORD}=…")


def with_endpoints(command: Command) -> Command:
    """`--endpoints --cacert --cert --key --user`; the command gets `strangers`."""

    @click.option("--endpoints", default="", help="Client URLs of a cluster that etcdpilot did not build, by commas.")
    @click.option("--cacert", type=FILE, help="Who signed its servers' certificates.")
    @click.option("--cert", type=FILE, help="The client certificate to show.")
    @click.option("--key", type=FILE, help="The key of --cert.")
    @click.option("--user", metavar="NAME[:PASSWORD]", help=f"Log in so; the password better in ${PASSWORD}.")
    @functools.wraps(command)
    def wrapped(
        endpoints: str, cacert: str | None, cert: str | None, key: str | None, user: str | None, **arguments: Any
    ) -> Any:
        places = tuple(each.strip() for each in endpoints.split(",") if each.strip())
        return command(strangers=Strangers(places, cacert, cert, key, user), **arguments)

    return wrapped


@click.command()
@with_file
@with_output
@with_endpoints
def status(file: str | None, state: str | None, output: str, strangers: Strangers) -> None:
    """How every member does; a dead one is a row that says why. Writes nothing."""
    found = looked(look_at_status(file, state, strangers))
    click.echo(document.dump(document.status_document(found)) if output == "json" else looks.status_text(found))
    sys.exit(0 if found.healthy else 1)


@click.command()
@with_file
@with_output
@with_endpoints
def health(file: str | None, state: str | None, output: str, strangers: Strangers) -> None:
    """Prove it: a linearizable read through each voter, a write and its delete, equal hashes of keys on all."""
    found = looked(look_at_health(file, state, strangers))
    click.echo(document.dump(document.health_document(found)) if output == "json" else looks.health_text(found))
    sys.exit(0 if found.healthy else 1)


def looked(looking: Coroutine[Any, Any, Seen]) -> Seen:
    """Nobody answers: for these verbs that is a finding like any other, exit 1."""
    try:
        return asyncio.run(looking)
    except (ClusterFailed, HostFailed) as error:
        from etcdpilot.cli.views.errors import show

        show(error)
        sys.exit(1)


async def look_at_status(file: str | None, state: str | None, strangers: Strangers) -> Status:
    from etcdpilot import pilot

    if strangers.endpoints:
        return await pilot.status_of_strangers(strangers.config())
    chosen = choose(file, state)
    async with pilot.opened(chosen.wanted, chosen.state) as site:
        strangers.log_in(site.door)
        return await pilot.status(site)


async def look_at_health(file: str | None, state: str | None, strangers: Strangers) -> Health:
    from etcdpilot import pilot

    if strangers.endpoints:
        return await pilot.health_of_strangers(strangers.config())
    chosen = choose(file, state)
    async with pilot.opened(chosen.wanted, chosen.state) as site:
        strangers.log_in(site.door)
        return await pilot.health(site)


def read(path: str | None) -> bytes | None:
    return Path(path).read_bytes() if path else None
