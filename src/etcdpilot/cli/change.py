"""The verbs that change a cluster to what its file says: plan and apply."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from etcdpilot.cli.choosing import Chosen, choose, with_file, with_output
from etcdpilot.cli.views import changes, document
from etcdpilot.model.cluster import ClusterSpec
from etcdpilot.model.errors import HostFailed, Refused, SpecError
from etcdpilot.model.errors import Stale as StaleError
from etcdpilot.model.events import Event, Stale
from etcdpilot.model.plans import Plan
from etcdpilot.model.saved_plans import first_difference, plan_from_document, plan_to_document
from etcdpilot.model.steps import WriteFiles, listed
from etcdpilot.stores.writing import write_private

if TYPE_CHECKING:
    from etcdpilot.pilot import Site


@click.command()
@with_file
@with_output
@click.option("--exit-code", is_flag=True, help="Exit 1 when changes wait.")
@click.option("--out", metavar="FILE", help="Write the plan there; `apply FILE` carries out exactly that one.")
def plan(file: str | None, state: str | None, output: str, exit_code: bool, out: str | None) -> None:
    """Show what apply would do, step by step, with the quorum that each step leaves. Changes no host."""
    found = asyncio.run(make_plan(choose(file, state)))
    if out is not None:
        save_plan(Path(out), found)
    click.echo(document.dump(document.plan_document(found)) if output == "json" else changes.plan_text(found))
    sys.exit(3 if found.refusals else 1 if exit_code and not found.changes_nothing else 0)


@click.command()
@click.argument("saved", required=False, metavar="[PLAN.JSON]")
@with_file
@with_output
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--remove", multiple=True, metavar="NAME", help="A voter that the file dropped may go; --yes does not say so."
)
@click.option("--events", is_flag=True, help="One JSON event a line.")
@click.option("--allow-thin", is_flag=True, help="A live member may leave before the one that replaces it has come.")
def apply(
    saved: str | None,
    file: str | None,
    state: str | None,
    output: str,
    yes: bool,
    remove: tuple[str, ...],
    events: bool,
    allow_thin: bool,
) -> None:
    """Make the cluster what its file says. Cut off at any point, running it again finishes.

    With a plan that `plan --out` wrote, do exactly that, or nothing when it is stale (exit 4).
    """
    before = read_plan(Path(saved)) if saved is not None else None
    consent = Consent(yes, frozenset(remove), waived(allow_thin=allow_thin), before)
    asyncio.run(carry_out(choose(file, state), consent, events=events or output == "json"))


def waived(*, allow_thin: bool) -> frozenset[str]:
    return frozenset({"thin"} if allow_thin else ())


async def make_plan(chosen: Chosen, waived: frozenset[str] = frozenset()) -> Plan:
    from etcdpilot import pilot

    async with pilot.opened(chosen.wanted, chosen.state, chosen.warnings) as site:
        site.waived = waived
        return await pilot.plan(site)


@dataclass(frozen=True, slots=True)
class Consent:
    """What was said beforehand: that nobody need be asked, and which voters may be given up; and the plan that was read."""

    yes: bool
    remove: frozenset[str] = frozenset()
    waived: frozenset[str] = frozenset()
    before: Plan | None = None


TIMES = 3  # as often as a plan is made afresh for somebody who said --yes


async def carry_out(chosen: Chosen, consent: Consent, *, events: bool, doing: str = "apply") -> None:
    from etcdpilot import pilot

    async with pilot.opened(chosen.wanted, chosen.state, chosen.warnings) as site, pilot.at_work(site, doing):
        site.waived = consent.waived
        for time in range(1, TIMES + 1):
            try:
                agreed = await plan_and_do(site, consent, events=events)
                break
            except StaleError:
                # Members of a start that was cut off come up while we work: with --yes that is no reason to stop.
                if time == TIMES or not consent.yes or consent.before is not None:
                    raise
        if agreed.start.quorum.voters and agreed.steps:
            await note_down(site, events=events)  # of a first start everything was foretold
        require_whole(site.wanted, agreed)
    if not events and agreed.steps and agreed.start.quorum.voters == 0:
        click.echo(changes.built_text(chosen.wanted, chosen.state))


async def plan_and_do(site: Site, consent: Consent, *, events: bool) -> Plan:
    """The plan that was carried out; one without steps where there was nothing to do."""
    from etcdpilot import pilot, planning

    agreed = await pilot.plan(site)
    if consent.before is not None:
        require_the_same(consent.before, agreed)
    click.echo(document.line(document.plan_document(agreed)) if events else changes.agreement_text(agreed))
    require_no_refusals(agreed)
    if agreed.changes_nothing:
        if not planning.unfinished(site.wanted, agreed):
            pilot.note_machines(site)
        return agreed
    require_said(agreed, consent)
    if not consent.yes:
        agree(f"Carry out these {len(agreed.steps)} steps on {site.wanted.name}?")
    await show(pilot.apply(site, agreed), events=events)
    return agreed


async def note_down(site: Site, *, events: bool) -> None:
    """What is known only afterwards, such as the ID of a member that joined, goes into the files of the others."""
    from etcdpilot import pilot

    rest = await pilot.plan(site)
    if rest.steps and not rest.refusals and all(isinstance(each.step, WriteFiles) for each in rest.steps):
        await show(pilot.apply(site, rest), events=events)


def require_whole(wanted: ClusterSpec, agreed: Plan) -> None:
    from etcdpilot import planning

    if names := planning.unfinished(wanted, agreed):
        raise HostFailed(
            names[0],
            f"{listed(names)} {'does' if len(names) == 1 else 'do'} not answer, and what is missing there is not known.",
            why="Everything else is as the cluster file says; on hosts that cannot be reached nothing was done.",
            remedy="Bring them back and run this again; or, where a machine is gone for good:\n"
            f"    etcdpilot member replace {names[0]} --host HOST",
        )


def require_said(agreed: Plan, consent: Consent) -> None:
    """A voter that only the file dropped is given up when its name is said aloud, never by --yes."""
    from etcdpilot.planning import voters_given_up

    unsaid = [name for name in voters_given_up(agreed) if name not in consent.remove]
    if unsaid:
        raise Refused(
            f"{', '.join(unsaid)} would leave the cluster, because the file does not name it any more.",
            why="A line that is missing by mistake must not cost a voter; --yes does not cover it.",
            remedy="Say it:\n    etcdpilot apply " + " ".join(f"--remove {name}" for name in unsaid),
        )


async def show(events_of: AsyncIterator[Event], *, events: bool, quiet: bool = False) -> None:
    """Show every event; errors.Stale when the ground of a step had moved."""
    stale: Stale | None = None
    if events or quiet:
        async for event in events_of:
            if events:
                click.echo(document.event_line(event))
            stale = event if isinstance(event, Stale) else stale
    else:
        stale = await changes.show_all(events_of)
    if stale is not None:
        raise StaleError(
            f"The cluster moved before step {stale.number}.",
            why=f"The step relied on {stale.relied_on}; there is {stale.seen}.",
            remedy="Run it again: it plans afresh from what is there now.",
        )


def require_no_refusals(plan_: Plan) -> None:
    if plan_.refusals:
        first = plan_.refusals[0]
        number = f" [{first.invariant}]" if first.invariant else ""
        raise Refused(first.what + number, why=first.why, remedy=first.remedy)


def save_plan(path: Path, found: Plan) -> None:
    """For its owner alone: it tells much about hosts, though no secret."""
    text = json.dumps(plan_to_document(found), indent=1) + "\n"
    try:
        write_private(path, text.encode())
    except OSError as error:
        raise SpecError(f"{path} cannot be written.", why=f"{error.strerror}.") from error


def read_plan(path: Path) -> Plan:
    try:
        return plan_from_document(json.loads(path.read_bytes()))
    except OSError as error:
        raise SpecError(f"{path} cannot be read.", why=f"{error.strerror}.") from error
    except ValueError as error:
        again = "Write one with this etcdpilot:\n    etcdpilot plan --out plan.json"
        raise SpecError(f"{path} holds no plan that can be carried out.", why=f"{error}.", remedy=again) from error


def require_the_same(before: Plan, now: Plan) -> None:
    if difference := first_difference(before, now):
        raise StaleError(
            "The plan is stale; nothing was done.",
            why=f"Since it was made, {difference}.",
            remedy="Make a new one, and read it:\n    etcdpilot plan --out plan.json",
        )


def agree(question: str) -> None:
    """Ask at a terminal; Refused without one."""
    if not sys.stdin.isatty():
        raise Refused("Nobody can be asked: there is no terminal.", remedy="Say it beforehand with --yes.")
    if not click.confirm(question):
        raise Refused("Not carried out.", why="It was declined.")


def require_name(wanted: ClusterSpec, meant: str | None, *, stopping: str, refused: Refused) -> None:
    """On real hosts the cluster's name is said: by --yes-i-mean, or typed at a terminal. Otherwise: refused.

    `stopping` completes "This stops NAME on N real hosts".
    """
    if meant is None and sys.stdin.isatty():
        question = f"This stops {wanted.name} on {len(wanted.members)} real hosts{stopping}. Type its name"
        meant = click.prompt(question, default="")
    if meant != wanted.name:
        raise refused
