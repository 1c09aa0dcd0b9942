"""Views for people."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import click

from etcdpilot.cli.views.text import clean, columns, mark, plural, size
from etcdpilot.model.cluster import ClusterSpec
from etcdpilot.model.events import Done, Event, Failed, Planned, Stale, Started, Waiting
from etcdpilot.model.health import Health
from etcdpilot.model.membership import MemberState, Quorum
from etcdpilot.model.plans import FileChange, Plan, Refusal
from etcdpilot.model.status import Backups, MemberRow, Status
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


def quorum_text(quorum: Quorum) -> str:
    if quorum.voters == 0:
        return "no cluster yet"
    return (
        f"{quorum.answering} of {quorum.voters} voters answer, {quorum.needed} are needed, tolerance {quorum.tolerance}"
    )


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


def status_text(status: Status) -> str:
    rows = [member_cells(row) for row in status.members]
    head = ("member", "state", "leader", "version", "db size", "revision of raft", "certificate", "client URL")
    lines = [summary(status), columns(head, rows)]
    lines += [f"{mark(False)} {clean(row.name)}: {clean(error)}" for row in status.members for error in row.errors]
    lines += [f"{mark(False)} alarm: {clean(alarm)}" for alarm in status.alarms]
    if any("NOSPACE" in alarm for alarm in status.alarms):
        lines.append("  Writes are refused. The way out: etcdpilot recover nospace")
    if status.backups and (status.backups.newest or status.backups.wanted_every):
        lines.append(backups_text(status.backups))
    return "\n".join(lines)


def backups_text(backups: Backups) -> str:
    sign = "!" if backups.overdue else " "
    if backups.newest is None or backups.age is None:
        return f"{sign} no proved backup is known here; take one with: etcdpilot backup save"
    newest = backups.newest
    return f"{sign} newest proved backup: {ago(backups.age)} old, revision {newest.revision}, {clean(newest.where)}"


def ago(age: timedelta) -> str:
    """`3 h`, `2 d`: whole units of the largest that fits."""
    seconds = max(0, round(age.total_seconds()))
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def summary(status: Status) -> str:
    words = [
        clean(status.name),
        "healthy" if status.healthy else "NOT HEALTHY",
        quorum_text(status.quorum),
        f"etcd {status.version or '?'}",
        f"revision {'?' if status.revision is None else status.revision}",
        f"cluster ID {status.id or '?'}",
    ]
    return f"{mark(status.healthy)} " + "    ".join(words)


def member_cells(row: MemberRow) -> tuple[str, ...]:
    ends = row.certificate_expires.strftime("until %Y-%m-%d") if row.certificate_expires else "-"
    leader = "?" if row.is_leader is None else "leader" if row.is_leader else ""
    index = "?" if row.raft_index is None else f"{row.raft_index}"
    return (row.name, row.state, leader, row.version or "?", size(row.db_size), index, ends, ",".join(row.client_urls))


def health_text(health: Health) -> str:
    lines = []
    for proof in health.proofs:
        what = f"{proof.what} through {proof.where}" if proof.where else proof.what
        lines.append(f"{mark(proof.holds)} {clean(what)}" + (f": {clean(proof.why)}" if proof.why else ""))
    return "\n".join([*lines, "healthy, proved" if health.healthy else "NOT healthy"])


async def show_all(events: AsyncIterator[Event]) -> Stale | None:
    """Print every event; returns the one that says the plan is stale, if there was one."""
    progress = Progress()
    stale: Stale | None = None
    async for event in events:
        progress.show(event)
        stale = event if isinstance(event, Stale) else stale
    return stale
