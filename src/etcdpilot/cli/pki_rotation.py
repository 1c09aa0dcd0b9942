"""`pki renew`, `pki rotate-ca`, `pki rescue`: certificates changed in a cluster that runs, or that is dark."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from etcdpilot.cli.change import TIMES, agree, require_name, require_no_refusals, show
from etcdpilot.cli.choosing import Chosen, choose, with_file, with_output
from etcdpilot.cli.views import changes, document
from etcdpilot.model.cluster import HostKind
from etcdpilot.model.errors import Refused, Stale
from etcdpilot.model.rotation import Phase

if TYPE_CHECKING:
    from etcdpilot.model.plans import Plan
    from etcdpilot.pilot import Site

YES = click.option("--yes", is_flag=True, help="Do not ask.")
EVENTS = click.option("--events", is_flag=True, help="One JSON event a line.")
PHASES = {"trusted": Phase.TRUSTING, "issued": Phase.ISSUING, "done": Phase.SETTLED}
Planner = Callable[["Site"], Awaitable["Plan"]]
Question = Callable[["Site"], None]


@click.command()
@with_file
@with_output
@YES
@EVENTS
def renew(file: str | None, state: str | None, output: str, yes: bool, events: bool) -> None:
    """Issue every leaf certificate anew, whatever time it has left. Restarts nobody.

    Those with less than a third of their life left are renewed by every `apply` without being asked.
    """
    from etcdpilot import certifying

    events = events or output == "json"
    chosen = choose(file, state)

    def ask(site: Site) -> None:
        if not yes:
            agree(f"Renew the certificates of {site.wanted.name}?")

    asyncio.run(carry_out(chosen, "pki renew", [certifying.renew], ask, events=events))


@click.command("rotate-ca")
@with_file
@with_output
@click.option("--until", type=click.Choice(list(PHASES)), default=None, help="Stop after that phase.  [default: done]")
@click.option("--yes", is_flag=True, help="Do not ask; without --until, go through all phases in one run.")
@click.option("--again", is_flag=True, help="Also when the last rotation ended less than a day ago.")
@EVENTS
def rotate_ca(
    file: str | None, state: str | None, output: str, until: str | None, yes: bool, again: bool, events: bool
) -> None:
    """Replace the certificate authorities without a pause. Cut off anywhere, the same command finishes it.

    \b
    trusted   both authorities are trusted by every member; give clients the new ca.crt
    issued    the new one has signed every certificate; give clients new ones (pki client)
    done      the old one is trusted by nobody any more

    It asks before each phase, so that clients can follow.
    """
    from etcdpilot import certifying

    chosen = choose(file, state)
    whole = [PHASES[until]] if until else [Phase.SETTLED] if yes else list(PHASES.values())

    def up_to(phase: Phase) -> Planner:
        return lambda site: certifying.rotate(site, phase, again=again)

    def ask(site: Site) -> None:
        if not yes:
            agree(f"Carry this out on {site.wanted.name}?")

    events = events or output == "json"
    asyncio.run(carry_out(chosen, "pki rotate-ca", [up_to(phase) for phase in whole], ask, events=events))
    if not events:
        click.echo(rotated_text(chosen))


@click.command()
@with_file
@with_output
@click.option("--new-ca", is_flag=True, help="From a new authority: the old one has ended, or its key is lost.")
@YES
@click.option(
    "--yes-i-mean",
    "meant",
    default=None,
    metavar="NAME",
    help="The name of a cluster on real hosts whose keys are lost.",
)
@EVENTS
def rescue(
    file: str | None, state: str | None, output: str, new_ca: bool, yes: bool, meant: str | None, events: bool
) -> None:
    """Bring back a cluster whose certificates have all ended: stop, write, start together. Data is not touched."""
    from etcdpilot import certifying

    events = events or output == "json"
    chosen = choose(file, state)

    async def planned(site: Site) -> Plan:
        return await certifying.rescue(site, new_authority=new_ca)

    async def what_is_left(site: Site) -> Plan:
        return await certifying.rescue(site, new_authority=False)

    def ask(site: Site) -> None:
        ask_for_rescue(site, lost=certifying.is_lost(site), yes=yes, meant=meant)

    # A certificate of our own that has ended is renewed first, and alone: with it the cluster may turn out to be well.
    asyncio.run(carry_out(chosen, "pki rescue", [planned, what_is_left], ask, events=events))
    if not events:
        click.echo(rescued_text(chosen, new_ca=new_ca))


def ask_for_rescue(site: Site, *, lost: bool, yes: bool, meant: str | None) -> None:
    """Without its keys nobody can tell from here whether a cluster is dark: on real hosts its name is said aloud."""
    name = site.wanted.name
    if not lost or site.wanted.kind is HostKind.LOCAL:
        if not yes and meant != name:
            agree(f"Stop every member of {name}, write its certificates, and start it again?")
        return
    refused = Refused(
        f"{name} was not touched.",
        why="Its keys are not here, so nobody can tell whether it is dark; a rescue stops it for a moment.",
        remedy=f"Say it:\n    etcdpilot pki rescue --new-ca --yes-i-mean {name}",
    )
    require_name(site.wanted, meant, stopping="", refused=refused)


async def carry_out(chosen: Chosen, doing: str, planners: list[Planner], ask: Question, *, events: bool) -> None:
    """One plan after the other, each shown and asked for; what is done already is passed over in silence."""
    from etcdpilot import pilot

    async with pilot.opened(chosen.wanted, chosen.state, chosen.warnings) as site, pilot.at_work(site, doing):
        did = 0
        for place, planner in enumerate(planners, 1):
            did += await follow(site, planner, ask, last=place == len(planners) and not did, events=events)


async def follow(site: Site, planner: Planner, ask: Question, *, last: bool, events: bool) -> int:
    """How many steps were taken. Planned afresh where the ground moved: members come up while we work."""
    from etcdpilot import pilot

    for time in range(1, TIMES + 1):
        agreed = await planner(site)
        if agreed.changes_nothing and not last:
            return 0
        click.echo(document.line(document.plan_document(agreed)) if events else changes.agreement_text(agreed))
        require_no_refusals(agreed)
        if agreed.changes_nothing:
            return 0
        if time == 1:
            ask(site)
        try:
            await show(pilot.apply(site, agreed), events=events)
            return len(agreed.steps)
        except Stale:
            if time == TIMES:
                raise
    raise AssertionError("unreachable")


def rotated_text(chosen: Chosen) -> str:
    from etcdpilot.stores.state import StateFolder

    rotation = StateFolder(chosen.state).rotation()
    trusted = Path(chosen.state) / "ca.crt"
    match rotation.phase if rotation else None:
        case Phase.TRUSTING:
            words = [
                "Every member trusts both authorities; the old one still signs.",
                f"Give every client what it must trust now: {trusted}",
                "Then:    etcdpilot pki rotate-ca --until issued",
            ]
        case Phase.ISSUING:
            words = [
                "The new authority has signed every member's certificates; both are trusted.",
                "Give every client a new certificate:    etcdpilot pki client NAME --out DIR",
                "Then:    etcdpilot pki rotate-ca",
            ]
        case None:
            words = [
                "The old authorities are trusted by nobody any more; their keys are kept in "
                f"{Path(chosen.state) / 'authorities' / 'retired'}.",
                f"What clients must trust: {trusted}",
                "Keep a copy of the new keys elsewhere:    etcdpilot state export FILE",
            ]
        case _:
            words = ["It goes on from here:    etcdpilot pki rotate-ca"]
    return "\n".join(["", *words])


def rescued_text(chosen: Chosen, *, new_ca: bool) -> str:
    lines = ["", "Prove it:    etcdpilot health"]
    if new_ca:
        lines += [
            f"Every client must trust the new authority ({Path(chosen.state) / 'ca.crt'}), and needs a certificate of it:",
            "    etcdpilot pki client NAME --out DIR",
            "Keep a copy of its keys elsewhere:    etcdpilot state export FILE",
        ]
    return "\n".join(lines)
