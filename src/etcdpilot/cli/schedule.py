"""Backups that come by themselves: `backup schedule` and `backup collect`."""

from __future__ import annotations

import asyncio
import os
import sys
import zlib
from typing import TYPE_CHECKING, Any

import click

from etcdpilot.cli.backup import Where, backup, find_where, let_go, note_proved, policy_of, with_store
from etcdpilot.cli.choosing import Chosen, choose, with_file, with_output
from etcdpilot.cli.member import EVENTS, YES
from etcdpilot.cli.space import plan_and_do
from etcdpilot.cli.views import backups as views
from etcdpilot.cli.views import document
from etcdpilot.cli.views.text import clean, mark
from etcdpilot.model.cluster import HostKind
from etcdpilot.model.errors import SpecError

if TYPE_CHECKING:
    from etcdpilot.applying.scheduling import Installed
    from etcdpilot.model.plans import Plan
    from etcdpilot.pilot import Site
    from etcdpilot.rendering.schedule import Job

__all__ = ["backup"]


@backup.command()
@with_file
@click.option("--every", "schedule_", default=None, metavar="SCHEDULE", help="hourly, daily, weekly, or such as 6h.")
@click.option("--cron", is_flag=True, help="Print a line for crontab; install nothing.")
@click.option(
    "--on-members", "there", is_flag=True, help="A timer on every member's host, which needs nothing but etcdctl."
)
@click.option("--remove", "removing", is_flag=True, help="End it; what was saved stays.")
@YES
@EVENTS
def schedule(
    file: str | None,
    state: str | None,
    schedule_: str | None,
    cron: bool,
    there: bool,
    removing: bool,
    yes: bool,
    events: bool,
) -> None:
    """Have backups taken by themselves: by a systemd timer here, by cron, or by the members.

    Here every backup is proved and goes into the store. What members take of themselves waits on their hosts for
    `backup collect`.
    """
    chosen = choose(file, state)
    if there and schedule_:
        raise SpecError(
            "What members do stands in the cluster file.",
            remedy=f"Write it there: backup: {{on-members: {{schedule: {schedule_}}}}}",
        )
    if there:
        asyncio.run(schedule_there(chosen, removing=removing, yes=yes, events=events))
        return
    if removing:
        asyncio.run(unschedule_here(own_unit(chosen)))
        return
    job = own_job(chosen, schedule_)
    if cron:
        click.echo(cron_text(job))
    else:
        asyncio.run(schedule_here(job))


async def schedule_there(chosen: Chosen, *, removing: bool, yes: bool, events: bool) -> None:
    if chosen.wanted.kind is HostKind.LOCAL:
        raise SpecError(
            "Members on this machine have no hosts of their own.",
            remedy="Schedule here:\n    etcdpilot backup schedule",
        )

    async def plan(site: Site) -> Plan:
        from etcdpilot import upkeep

        return await upkeep.schedule_on_members(site, remove=removing)

    await plan_and_do(chosen, "backup schedule", plan, yes=yes, events=events)


def own_job(chosen: Chosen, schedule_: str | None) -> Job:
    """`backup save` of this very file and state; secrets go into a file that root alone may read."""
    from etcdpilot.applying import scheduling
    from etcdpilot.model.backups import DAILY, interval_of
    from etcdpilot.rendering.schedule import Job

    wish = chosen.wanted.backup
    wanted = schedule_ or (wish.schedule if wish else DAILY)
    try:
        interval_of(wanted)
    except ValueError as error:
        raise SpecError(f"{error}.") from None
    words = [
        scheduling.own_command(),
        "-f",
        str(chosen.file.absolute()),
        "--state",
        str(chosen.state),
        "backup",
        "save",
    ]
    if wish is not None and wish.keep is not None:
        words.append("--prune")
    unit = own_unit(chosen)
    secret = needs_credentials(chosen) and scheduling.credentials(os.environ)
    return Job(
        unit=unit,
        cluster=chosen.wanted.name,
        command=tuple(words),
        schedule=wanted,
        user=scheduling.owner_of(chosen.state) if chosen.state.exists() else "",
        environment_file=str(scheduling.SECRETS / f"{unit}.env") if secret else "",
    )


def own_unit(chosen: Chosen) -> str:
    return f"etcdpilot-backup-{chosen.wanted.name}"


def needs_credentials(chosen: Chosen) -> bool:
    """SpecError where an object store's credentials would be gone when the timer runs."""
    from etcdpilot.applying.scheduling import credentials

    wish = chosen.wanted.backup
    if wish is None or not wish.store.startswith("s3://") or "credentials-file" in dict(wish.options):
        return False
    if "AWS_SECRET_ACCESS_KEY" not in credentials(os.environ):
        raise SpecError(
            f"Nobody says with which credentials to write to {wish.store}.",
            remedy="Name a file of 0600 in the cluster file as `backup: {credentials-file: …}`, or export "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for this command.",
        )
    return True


def cron_text(job: Job) -> str:
    from etcdpilot.rendering.schedule import cron_line

    if job.environment_file:
        raise SpecError(
            "A line for cron cannot carry credentials.",
            remedy="Name a file of 0600 in the cluster file as `backup: {credentials-file: …}`.",
        )
    try:
        return cron_line(job, zlib.crc32(job.unit.encode()) % 60)
    except ValueError as error:
        raise SpecError(f"{error}.") from None


async def schedule_here(job: Job) -> None:
    from etcdpilot.applying import scheduling

    scheduling.require_systemd()
    secrets = scheduling.credentials(os.environ) if job.environment_file else {}
    click.echo(installed_text(await scheduling.install(job, secrets)))


def installed_text(installed: Installed) -> str:
    when = f", next at {installed.next}" if installed.next else ""
    lines = [f"{mark(True)} {installed.timer} runs{when}", *(f"  wrote {file}" for file in installed.files)]
    service = installed.timer.replace(".timer", ".service")
    return "\n".join([*lines, f"  To take one now: systemctl start {service}    Its words: journalctl -u {service}"])


async def unschedule_here(unit: str) -> None:
    from etcdpilot.applying import scheduling

    scheduling.require_systemd()
    gone = await scheduling.remove(unit)
    click.echo("\n".join(f"  removed {each}" for each in gone) or "There was no timer.")


@backup.command()
@with_file
@with_output
@with_store
@click.option("--prune", "pruning", is_flag=True, help="Then let go of what the cluster file's `keep` does not keep.")
def collect(file: str | None, state: str | None, output: str, url: str | None, pruning: bool) -> None:
    """Fetch the snapshots that members took of themselves, prove each, and keep it in the store. Exit 1 if one is not
    kept."""
    where = find_where(file, state, url)
    kept, failed = asyncio.run(collect_all(where, quiet=output == "json"))
    if pruning:
        asyncio.run(let_go(where, policy_of(where, None), yes=True))
    if output == "json":
        wrong = [{"member": each.member, "name": each.name, "why": each.why} for each in failed]
        click.echo(document.dump({"kept": [views.saved_document(each) for each in kept], "failed": wrong}))
    elif not kept and not failed:
        click.echo("Nothing new: every snapshot of the members is in the store.")
    sys.exit(1 if failed else 0)


async def collect_all(where: Where, *, quiet: bool) -> tuple[list[Any], list[Any]]:
    from etcdpilot import pilot, upkeep
    from etcdpilot.applying.backups import Saved

    kept: list[Any] = []
    failed: list[Any] = []
    chosen = where.chosen
    assert chosen is not None
    async with pilot.opened(chosen.wanted, chosen.state) as site:
        async for each in upkeep.collect(site, where.store):
            if isinstance(each, Saved):
                kept.append(each)
                manifest = each.manifest
                note_proved(chosen, manifest.name, each.where, manifest.revision, manifest.taken_at)
                text = views.saved_text(each)
            else:
                failed.append(each)
                text = f"{mark(False)} {clean(each.member)} {clean(each.name)}: {clean(each.why)}".replace(" :", ":")
            if not quiet:
                click.echo(text)
    return kept, failed
