"""The verbs about members: each edits the cluster file, keeping its comments, then plans and applies."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import click

from etcdpilot.cli.change import Consent, carry_out, make_plan, require_no_refusals, waived
from etcdpilot.cli.choosing import Chosen, choose, with_file, with_output
from etcdpilot.cli.groups import Verbs
from etcdpilot.cli.look import Strangers, look_at_status
from etcdpilot.cli.views import document
from etcdpilot.cli.views.text import columns
from etcdpilot.model.cluster import Discovery, Dns, HostKind
from etcdpilot.model.errors import SpecError
from etcdpilot.stores.reading import read_text
from etcdpilot.stores.writing import write_private

Edit = Callable[[str, str, str], str]  # text, file name, folder
YES = click.option("--yes", is_flag=True, help="Do not ask.")
EVENTS = click.option("--events", is_flag=True, help="One JSON event a line.")


@click.group(cls=Verbs)
def member() -> None:
    """Add, remove, replace and move members, one safe step at a time."""


@member.command("list")
@with_file
@with_output
def list_(file: str | None, state: str | None, output: str) -> None:
    """The members, their IDs and URLs, and who leads."""
    status = asyncio.run(look_at_status(file, state, Strangers()))
    if output == "json":
        click.echo(json.dumps(document.status_document(status)["members"], indent=2))
        return
    rows = [
        (
            row.name,
            row.id or "?",
            row.state,
            "leader" if row.is_leader else "",
            ",".join(row.peer_urls),
            ",".join(row.client_urls),
        )
        for row in status.members
    ]
    click.echo(columns(("name", "id", "state", "", "peer URLs", "client URLs"), rows))


@member.command()
@click.argument("name")
@click.argument("host", required=False)
@with_file
@YES
@EVENTS
@click.option("--client-port", type=click.IntRange(1, 65535), default=None)
@click.option("--peer-port", type=click.IntRange(1, 65535), default=None)
@click.option(
    "--wait",
    "--wait-for-dns",
    "wait_for_dns",
    default=0.0,
    metavar="SECONDS",
    help="In a cluster of DNS: wait so long for its records first.",
)
def add(
    name: str,
    host: str | None,
    file: str | None,
    state: str | None,
    yes: bool,
    events: bool,
    client_port: int | None,
    peer_port: int | None,
    wait_for_dns: float,
) -> None:
    """A new member on HOST: as a learner first, promoted when it has caught up."""
    chosen = choose(file, state)
    entry: dict[str, str | int] = {"name": name}
    if chosen.wanted.kind is HostKind.LOCAL:
        client_port, peer_port = (client_port, peer_port) if client_port and peer_port else free_pair()
    elif host is None:
        raise SpecError(f"{name} needs a host.", remedy=f"Say which:\n    etcdpilot member add {name} HOST")
    else:
        entry["host"] = host
    entry |= {key: value for key, value in (("client-port", client_port), ("peer-port", peer_port)) if value}

    def edit(text: str, file_name: str, folder: str) -> str:
        from etcdpilot.spec.edit import add_member

        if name in chosen.wanted.names and host in (None, chosen.wanted.member(name).host):
            return text  # what an earlier run, which was cut off, had begun
        return add_member(text, entry, file_name=file_name, folder=folder)

    if isinstance(chosen.wanted.bootstrap, Discovery):
        click.echo(
            f"{name} finds the others by their list of members; the discovery token has no part in it.", err=True
        )
    if isinstance(chosen.wanted.bootstrap, Dns):
        from etcdpilot.cli.dns import announce

        after = edit(read_text(chosen.file), str(chosen.file), str(chosen.file.parent.absolute()))
        announce(chosen, after, name, wait_for_dns)
    change(chosen, edit, state, Consent(yes), events, f"member add {name}")


@member.command()
@click.argument("name")
@with_file
@YES
@EVENTS
def remove(name: str, file: str | None, state: str | None, yes: bool, events: bool) -> None:
    """Out of the cluster and the file; its service is disabled, its data moved aside."""
    chosen = choose(file, state)

    def edit(text: str, file_name: str, folder: str) -> str:
        from etcdpilot.spec.edit import remove_member

        if name not in chosen.wanted.names and was_a_machine(name, chosen):
            return text  # what an earlier run, which was cut off, had begun
        return remove_member(text, name, file_name=file_name, folder=folder)

    change(chosen, edit, state, Consent(yes, frozenset({name})), events, f"member remove {name}")


@member.command()
@click.argument("name")
@click.option("--host", default=None, help="Where the replacement stands, if not on the same machine.")
@with_file
@YES
@EVENTS
@click.option("--allow-thin", is_flag=True, help="Also when it is alive and its machine is not to change.")
def replace(
    name: str, host: str | None, file: str | None, state: str | None, yes: bool, events: bool, allow_thin: bool
) -> None:
    """A dead machine, or a member whose data is gone: the old one leaves, an empty one joins under its name."""
    chosen = choose(file, state)
    old = id_to_retire(name, chosen)

    def edit(text: str, file_name: str, folder: str) -> str:
        from etcdpilot.spec.edit import set_member

        text = set_member(text, name, "retire", old, file_name=file_name, folder=folder)
        return set_member(text, name, "host", host, file_name=file_name, folder=folder) if host else text

    consent = Consent(yes, waived=waived(allow_thin=allow_thin))
    change(chosen, edit, state, consent, events, f"member replace {name}")


@member.command()
@click.argument("name")
@click.option("--host", required=True, help="Where it is to stand.")
@with_file
@YES
@EVENTS
def update(name: str, host: str, file: str | None, state: str | None, yes: bool, events: bool) -> None:
    """A live member whose address changes: the cluster is told, then it is restarted there."""

    def edit(text: str, file_name: str, folder: str) -> str:
        from etcdpilot.spec.edit import set_member

        return set_member(text, name, "host", host, file_name=file_name, folder=folder)

    change(choose(file, state), edit, state, Consent(yes), events, f"member update {name}")


@member.command()
@with_file
@YES
@EVENTS
def promote(file: str | None, state: str | None, yes: bool, events: bool) -> None:
    """Finish what a cut-off left: a learner of the file is promoted when it has caught up."""
    asyncio.run(carry_out(choose(file, state), Consent(yes), events=events, doing="member promote"))


@member.command("move-leader")
@click.argument("name", required=False)
@with_file
def move_leader(name: str | None, file: str | None, state: str | None) -> None:
    """Hand the leadership to NAME, or to any other voter. Edits nothing."""
    chosen = choose(file, state)
    if name is not None and name not in chosen.wanted.names:
        raise SpecError(f"{name} is not in {chosen.file}.", remedy="See: etcdpilot member list")
    click.echo(asyncio.run(hand_over(chosen, name)))


async def hand_over(chosen: Chosen, name: str | None) -> str:
    from etcdpilot import pilot

    async with pilot.opened(chosen.wanted, chosen.state) as site, pilot.at_work(site, "member move-leader"):
        return await pilot.move_leader(site, name)


def change(chosen: Chosen, edit: Edit, state: str | None, consent: Consent, events: bool, doing: str) -> None:
    """Edit the file, and carry it out. A plan that is refused leaves the file as it was."""
    before = read_text(chosen.file)
    after = edit(before, str(chosen.file), str(chosen.file.parent.absolute()))
    mode = chosen.file.stat().st_mode & 0o777
    write_private(chosen.file, after.encode(), mode)
    try:
        asyncio.run(check(choose(str(chosen.file), state or str(chosen.state)), consent))
    except BaseException:
        write_private(chosen.file, before.encode(), mode)
        raise
    asyncio.run(carry_out(choose(str(chosen.file), state or str(chosen.state)), consent, events=events, doing=doing))


async def check(chosen: Chosen, consent: Consent) -> None:
    """Whether the edited file can be carried out at all."""
    require_no_refusals(await make_plan(chosen, consent.waived))


def id_to_retire(name: str, chosen: Chosen) -> str:
    """The ID of the voter; or, where an earlier run was cut off, of the one that was being replaced then."""
    status = asyncio.run(look_at_status(str(chosen.file), str(chosen.state), Strangers()))
    begun = next((each.retire for each in chosen.wanted.members if each.name == name), "")
    if begun and not any(row.name == name and row.state in ("voting", "down") for row in status.members):
        return begun
    found = next((row.id for row in status.members if row.name == name and row.id and row.state != "absent"), None)
    if found is None:
        raise SpecError(f"{name} is no member of {chosen.wanted.name}.", remedy="See: etcdpilot member list")
    return found


def was_a_machine(name: str, chosen: Chosen) -> bool:
    from etcdpilot.stores.state import StateFolder

    return any(machine.get("name") == name for machine in StateFolder(chosen.state).machines())


def free_pair() -> tuple[int, int]:
    from etcdpilot.stores.local_clusters import free_ports

    ports = free_ports("127.0.0.1")
    return next(ports), next(ports)
