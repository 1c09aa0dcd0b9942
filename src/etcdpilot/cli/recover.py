"""The verbs that bring a cluster back which lost what it needs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from etcdpilot.cli.choosing import choose, with_file
from etcdpilot.cli.groups import Verbs
from etcdpilot.cli.member import EVENTS, YES
from etcdpilot.cli.quorum import quorum
from etcdpilot.cli.space import plan_and_do

if TYPE_CHECKING:
    from etcdpilot.model.plans import Plan
    from etcdpilot.pilot import Site


@click.group(cls=Verbs)
def recover() -> None:
    """Bring a cluster back that takes no more writes."""


recover.add_command(quorum)


@recover.command()
@with_file
@click.option(
    "--keep-revisions",
    "keep",
    default=1000,
    show_default=True,
    type=click.IntRange(0),
    help="History to keep for whoever still reads it; 0 cancels watches that have not read the very last change.",
)
@YES
@EVENTS
def nospace(file: str | None, state: str | None, keep: int, yes: bool, events: bool) -> None:
    """The database is full: back up, compact, defragment one by one, disarm, and prove a write.

    The history before the last revisions goes, and can be read from the backup alone. Keys stay as they are.
    """

    async def plan(site: Site) -> Plan:
        from etcdpilot import upkeep

        return await upkeep.make_room(site, keep)

    asyncio.run(plan_and_do(choose(file, state), "recover nospace", plan, yes=yes, events=events))
