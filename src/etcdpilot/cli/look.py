"""The verbs that only look: status and health. They know two exit codes, 0 and 1."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from etcdpilot.cli.choosing import choose, with_file, with_output
from etcdpilot.cli.views import document, human
from etcdpilot.model.errors import ClusterFailed, HostFailed, SpecError

if TYPE_CHECKING:
    from etcdpilot.model.health import Health
    from etcdpilot.model.status import Status

Seen = TypeVar("Seen")

ENDPOINTS = (
    click.option(
        "--endpoints", help="Client URLs of a cluster that etcdpilot did not build, with commas between them."
    ),
    click.option(
        "--cacert", type=click.Path(exists=True, dir_okay=False), help="Who signed its servers' certificates."
    ),
    click.option("--cert", type=click.Path(exists=True, dir_okay=False), help="The client certificate to show."),
    click.option("--key", type=click.Path(exists=True, dir_okay=False), help="The key of --cert."),
)


@click.command()
@with_file
@with_output
@ENDPOINTS[0]
@ENDPOINTS[1]
@ENDPOINTS[2]
@ENDPOINTS[3]
def status(
    file: str | None,
    state: str | None,
    output: str,
    endpoints: str | None,
    cacert: str | None,
    cert: str | None,
    key: str | None,
) -> None:
    """How every member does; a dead one is a row that says why. Writes nothing."""
    found = looked(look_at_status(file, state, endpoints, cacert, cert, key))
    click.echo(document.dump(document.status_document(found)) if output == "json" else human.status_text(found))
    sys.exit(0 if found.healthy else 1)


@click.command()
@with_file
@with_output
@ENDPOINTS[0]
@ENDPOINTS[1]
@ENDPOINTS[2]
@ENDPOINTS[3]
def health(
    file: str | None,
    state: str | None,
    output: str,
    endpoints: str | None,
    cacert: str | None,
    cert: str | None,
    key: str | None,
) -> None:
    """Prove it: a linearizable read through each voter, a write and its delete, equal hashes of keys on all."""
    found = looked(look_at_health(file, state, endpoints, cacert, cert, key))
    click.echo(document.dump(document.health_document(found)) if output == "json" else human.health_text(found))
    sys.exit(0 if found.healthy else 1)


def looked(looking: Coroutine[Any, Any, Seen]) -> Seen:
    """Nobody answers: for these verbs that is a finding like any other, exit 1."""
    try:
        return asyncio.run(looking)
    except (ClusterFailed, HostFailed) as error:
        from etcdpilot.cli.views.errors import show

        show(error)
        sys.exit(1)


async def look_at_status(
    file: str | None, state: str | None, endpoints: str | None, cacert: str | None, cert: str | None, key: str | None
) -> Status:
    from etcdpilot import pilot

    if endpoints:
        return await pilot.status_of_strangers(split(endpoints), *pem(cacert, cert, key))
    chosen = choose(file, state)
    async with pilot.opened(chosen.wanted, chosen.state) as site:
        return await pilot.status(site)


async def look_at_health(
    file: str | None, state: str | None, endpoints: str | None, cacert: str | None, cert: str | None, key: str | None
) -> Health:
    from etcdpilot import pilot

    if endpoints:
        return await pilot.health_of_strangers(split(endpoints), *pem(cacert, cert, key))
    chosen = choose(file, state)
    async with pilot.opened(chosen.wanted, chosen.state) as site:
        return await pilot.health(site)


def split(endpoints: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in endpoints.split(",") if each.strip())


def pem(cacert: str | None, cert: str | None, key: str | None) -> tuple[bytes | None, bytes | None, bytes | None]:
    if (cert is None) != (key is None):
        raise SpecError("--cert and --key belong together.", remedy="Give both, or neither.")
    return read(cacert), read(cert), read(key)


def read(path: str | None) -> bytes | None:
    return Path(path).read_bytes() if path else None
