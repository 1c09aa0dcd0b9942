"""Changes, for people: the plan before it is carried out, and each step as it comes."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import click

from etcdpilot.cli.views.looks import quorum_text
from etcdpilot.cli.views.text import clean, mark, plural
from etcdpilot.model.cluster import ClusterSpec
from etcdpilot.model.events import Done, Event, Failed, Planned, Stale, Started, Waiting
from etcdpilot.model.membership import MemberState
from etcdpilot.model.plans import FileChange, Plan, Refusal
from etcdpilot.model.steps import listed


def plan_text(plan: Plan, refusals: tuple[Refusal, ...] | None = None) -> str:
    """The steps, each with the quorum it leaves; then what stands in the way."""
    lines = [f"! {clean(warning)}" for warning in plan.warnings]
    if plan.changes_nothing:
        down = tuple(name for name, state in plan.start.states if state is MemberState.DOWN)
        said = f"Nothing can be done now about {listed(down)}, down." if down else ""
        return "\n".join([*lines, said or f"Nothing to do: {plan.cluster} is as its file says."])
    lines.append(f"{plan.cluster}: {plural(len(plan.steps), 'step')}    now {quorum_text(plan.start.quorum)}")
    for number, each in enumerate(plan.steps, 1):
        lines.append(f"{number:>3}. {clean(str(each.step))}")
        if each.leaves != each.relies_on:
            lines.append(f"     {each.leaves}    {quorum_text(each.leaves.quorum)}")
    lines += [line for change in plan.changes for line in change_lines(change)]
    lines += [line for refusal in (plan.refusals if refusals is None else refusals) for line in refusal_lines(refusal)]
    return "\n".join(lines)


def agreement_text(plan: Plan) -> str:
    """The plan as it is shown before it is carried out: its first refusal is left to the error that follows."""
    return plan_text(plan, plan.refusals[1:])


def change_lines(change: FileChange) -> list[str]:
    """What is new is named with its step; what changes is shown."""
    if change.what == "new":
        return []
    return [
        f"  {change.member} {clean(change.path)}: {clean(change.what)}",
        *map(diff_line, change.diff.splitlines()[2:]),
    ]


def diff_line(line: str) -> str:
    colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
    return "    " + (click.style(clean(line), fg=colour) if colour else clean(line))


def refusal_lines(refusal: Refusal) -> list[str]:
    number = f" [{refusal.invariant}]" if refusal.invariant else ""
    details = [line for part in (refusal.why, refusal.remedy) for line in part.splitlines()]
    return [click.style(f"✗ {clean(refusal.what)}{number}", fg="red"), *(f"  {clean(line)}" for line in details)]


def built_text(wanted: ClusterSpec, state: Path) -> str:
    """After a first apply: what is nowhere else now, and what to type next."""
    lines = ["", "Prove it:    etcdpilot health", "Use it:      etcdpilot ctl -- put hello world"]
    if wanted.encrypted:
        lines += [
            "",
            f"The only keys of its certificate authorities are in {clean(str(state))}: without them no",
            "member can be added and no certificate renewed. Keep a copy elsewhere:",
            "    etcdpilot state export FILE",
        ]
    return "\n".join(lines)


class Progress:
    """Prints events as they come: a line a step; a wait is shown in place on a terminal, and now and then elsewhere."""

    def __init__(self) -> None:
        self.total = 0
        self.terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self.last_wait = 0.0

    def show(self, event: Event) -> None:
        match event:
            case Planned(steps):
                self.total = steps
            case Started(number, step):
                if self.terminal:
                    click.echo(f"\r\x1b[K… [{number}/{self.total}] {clean(str(step))}", nl=False)
            case Waiting(_, _, on):
                self.wait(on)
            case Done(number, step, seconds):
                self.line(f"{mark(True)} [{number}/{self.total}] {clean(str(step))}  {seconds:.2f} s")
            case Failed(number, step, _):
                self.line(f"{mark(False)} [{number}/{self.total}] {clean(str(step))}")
            case Stale(number, step, relied_on, seen):
                self.line(f"{mark(False)} [{number}/{self.total}] {clean(str(step))}")
                click.echo(f"  It relied on  {relied_on}\n  and there is  {seen}")

    def line(self, text: str) -> None:
        click.echo(f"\r\x1b[K{text}" if self.terminal else text)

    def wait(self, on: str) -> None:
        if self.terminal:
            click.echo(f"\r\x1b[K… {clean(on)}"[:200], nl=False)
        elif time.monotonic() - self.last_wait > 5:
            self.last_wait = time.monotonic()
            click.echo(f"… {clean(on)}")


async def show_all(events: AsyncIterator[Event]) -> Stale | None:
    """Print every event; returns the one that says the plan is stale, if there was one."""
    progress = Progress()
    stale: Stale | None = None
    async for event in events:
        progress.show(event)
        stale = event if isinstance(event, Stale) else stale
    return stale
