"""The verbs that roll through all members: restart and upgrade."""

from __future__ import annotations

import asyncio

import click

from etcdpilot.cli.change import Consent, agree, require_no_refusals, show
from etcdpilot.cli.choosing import Chosen, choose, with_file
from etcdpilot.cli.member import EVENTS, YES, change
from etcdpilot.cli.views import changes
from etcdpilot.model.cluster import HostKind
from etcdpilot.model.errors import SpecError


@click.command()
@with_file
@YES
@EVENTS
def restart(file: str | None, state: str | None, yes: bool, events: bool) -> None:
    """Restart every member, one at a time, the leader last and after it has handed over. Edits nothing."""
    asyncio.run(restart_all(choose(file, state), yes=yes, events=events))


async def restart_all(chosen: Chosen, *, yes: bool, events: bool) -> None:
    from etcdpilot import pilot

    async with pilot.opened(chosen.wanted, chosen.state) as site, pilot.at_work(site, "restart"):
        agreed = await pilot.restart(site)
        if not events:
            click.echo(changes.agreement_text(agreed))
        require_no_refusals(agreed)
        if not yes:
            agree(f"Restart {chosen.wanted.name}?")
        await show(pilot.apply(site, agreed), events=events)


@click.command()
@click.argument("version")
@click.option("--etcd-dir", default=None, help="For clusters whose source is a directory: the one that holds VERSION.")
@with_file
@YES
@EVENTS
def upgrade(version: str, etcd_dir: str | None, file: str | None, state: str | None, yes: bool, events: bool) -> None:
    """Take every member to VERSION: a snapshot first, one member at a time, one minor release at a time. Also back."""
    chosen = choose(file, state)
    if chosen.wanted.kind is HostKind.LOCAL and etcd_dir is None:
        raise SpecError(
            "A local cluster runs a binary where it stands.", remedy="Name where VERSION is: --etcd-dir DIR"
        )

    def edit(text: str, file_name: str, folder: str) -> str:
        from etcdpilot.spec.edit import set_source_directory, set_version

        text = set_source_directory(text, etcd_dir, file_name=file_name, folder=folder) if etcd_dir else text
        return set_version(text, version, file_name=file_name, folder=folder)

    change(chosen, edit, state, Consent(yes), events, f"upgrade {version}")
