"""The verb for a cluster whose majority is lost for good."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from etcdpilot.cli.choosing import Chosen, choose, with_file
from etcdpilot.cli.restore import LOST, MEANT, Consent, after_text, at_work_on, carry_out
from etcdpilot.cli.views.text import columns
from etcdpilot.model.errors import Refused
from etcdpilot.model.survivors import Survivor

if TYPE_CHECKING:
    from etcdpilot.recovering import Wish

VERB = "recover quorum"


@click.command()
@with_file
@LOST
@click.option("--member", default=None, help="Rebuild from this survivor's data, not from the most advanced.")
@click.option("--keep-revisions", is_flag=True, help="Do not bump the revision: nobody watches this cluster.")
@click.option("--yes", is_flag=True, help="Do not ask. Enough for a cluster on this machine alone.")
@MEANT
@click.option("--events", is_flag=True, help="One JSON event a line.")
def quorum(
    file: str | None,
    state: str | None,
    lost: tuple[str, ...],
    member: str | None,
    keep_revisions: bool,
    yes: bool,
    meant: str | None,
    events: bool,
) -> None:
    """The majority is lost for good: look at every survivor's data, and rebuild the whole cluster from the most advanced.

    Do not restart a survivor that runs before this. Members that are merely down are started by `apply`, and lose nothing.
    """
    from etcdpilot.recovering import Wish

    wish = Wish(VERB, lost, keep_revisions)
    asyncio.run(recover(choose(file, state), wish, Consent(yes, meant), member, events=events))


async def recover(chosen: Chosen, wish: Wish, consent: Consent, member: str | None, *, events: bool) -> None:
    from etcdpilot import recovering

    async with at_work_on(chosen, wish) as site:
        before = recovering.last(site)
        if before is not None and before.verb != VERB and not before.done:
            raise Refused(
                f"The restore from {before.source.name} is not finished.", remedy="Finish it:\n    etcdpilot restore"
            )
        if before is not None and not before.done:
            await carry_out(site, None, wish, consent, events=events)
        else:
            gathering = await recovering.look_for_survivors(site, wish)
            async for said in gathering.gather():
                if not events:
                    click.echo(f"… {said}")
            chosen_one = recovering.chosen_of(gathering, member)
            if not events:
                click.echo(survivors_text(gathering.found, chosen_one, gathering.failed))
            await carry_out(site, chosen_one.source, wish, consent, events=events)
    if not events:
        click.echo(after_text(chosen))


def survivors_text(found: Iterable[Survivor], chosen: Survivor, failed: Iterable[str]) -> str:
    """Who is left and how far each has come; and what nobody who is left can know."""
    rows = [
        (
            each.name,
            "runs" if each.running else "is down",
            str(each.index),
            str(each.source.revision),
            "taken" if each is chosen else f"{chosen.source.revision - each.source.revision} revisions behind",
        )
        for each in found
    ]
    lines = ["", columns(("survivor", "", "last change applied", "revision", ""), rows), ""]
    lines += [f"! {each.name}: {each.note}" for each in found if each.note]
    lines += [f"! {each}" for each in failed]
    lines.append(
        f"Whatever was acknowledged after change {chosen.index} and had not reached {chosen.name} is lost; nobody who is "
        "left can tell how much. If a backup is newer than this, restore it instead."
    )
    return "\n".join([*lines, ""])
