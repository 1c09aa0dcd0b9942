"""The verbs about space in the database: `defrag`, and `recover nospace`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import click

from etcdpilot.cli.change import agree, require_no_refusals, show
from etcdpilot.cli.choosing import Chosen, choose, with_file
from etcdpilot.cli.member import EVENTS, YES
from etcdpilot.cli.views import changes, document
from etcdpilot.model.errors import SpecError

if TYPE_CHECKING:
    from etcdpilot.model.plans import Plan
    from etcdpilot.pilot import Site

MEBIBYTE = 2**20
NOTHING = "No database has enough free space in it to be worth the pause; --all defragments every member."


@click.command()
@with_file
@click.option("--member", "names", multiple=True, metavar="NAME", help="Only these. May be repeated.")
@click.option(
    "--min-share",
    default=45,
    show_default=True,
    type=click.IntRange(0, 100),
    help="Only databases of which so many percent are free inside.",
)
@click.option("--min-free", default=100, show_default=True, type=click.IntRange(0), help="And at least so many MiB.")
@click.option("--all", "every", is_flag=True, help="Every member, whatever it would give back.")
@YES
@EVENTS
def defrag(
    file: str | None,
    state: str | None,
    names: tuple[str, ...],
    min_share: int,
    min_free: int,
    every: bool,
    yes: bool,
    events: bool,
) -> None:
    """Give free space in the databases back to the disks: one member at a time, the leader last, all in good health."""
    chosen = choose(file, state)
    if unknown := [name for name in names if name not in chosen.wanted.names]:
        raise SpecError(
            f"There is no member {unknown[0]}.", remedy=f"Members: {', '.join(sorted(chosen.wanted.names))}."
        )

    async def plan(site: Site) -> Plan:
        from etcdpilot import upkeep
        from etcdpilot.planning.space import Worth

        worth = Worth(0, 0) if every else Worth(min_share / 100, min_free * MEBIBYTE)
        return await upkeep.defragment(site, worth, frozenset(names))

    asyncio.run(plan_and_do(chosen, "defrag", plan, yes=yes, events=events, nothing=NOTHING))


async def plan_and_do(
    chosen: Chosen,
    doing: str,
    plan: Callable[[Site], Awaitable[Plan]],
    *,
    yes: bool,
    events: bool,
    nothing: str = "Nothing to do.",
) -> None:
    """Show the plan, ask, and carry it out, holding the lock from before it was made."""
    from etcdpilot import pilot

    async with pilot.opened(chosen.wanted, chosen.state) as site, pilot.at_work(site, doing):
        agreed = await plan(site)
        if agreed.changes_nothing:
            click.echo(document.line(document.plan_document(agreed)) if events else nothing)
            return
        click.echo(document.line(document.plan_document(agreed)) if events else changes.agreement_text(agreed))
        require_no_refusals(agreed)
        if not yes:
            agree(f"Carry out these {len(agreed.steps)} steps on {chosen.wanted.name}?")
        await show(pilot.apply(site, agreed), events=events)
