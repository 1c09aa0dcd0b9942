"""The verbs that hand over to etcd's own tools: ctl and env."""

from __future__ import annotations

import os
import shlex
import sys

import click

from etcdpilot.cli.choosing import Chosen, choose, with_file
from etcdpilot.model.cluster import HostKind, MemberSpec
from etcdpilot.model.errors import Refused, SpecError
from etcdpilot.stores.etcdctl import Access, Etcdctl, environment_for, find_etcdctl, leave_to_user, require_v2
from etcdpilot.stores.state import StateFolder


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@with_file
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def ctl(file: str | None, state: str | None, arguments: tuple[str, ...]) -> None:
    """Run the real etcdctl with endpoints and certificates set: etcdpilot ctl -- get --prefix /"""
    chosen = choose(file, state)
    tool = find_etcdctl(chosen.wanted)
    second = os.environ.get("ETCDCTL_API") == "2"
    if second:
        require_v2(chosen.wanted, tool)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ETCD_", "ETCDCTL_", "ETCDUTL_"))}
    sys.stdout.flush()
    if may_be_behind_a_jump_host(chosen):
        import asyncio

        sys.exit(asyncio.run(run_through_hosts(chosen, [tool.path, *arguments], kept, second=second)))
    settings = leave_to_user(environment_for(access(chosen), second=second), arguments)
    # The process itself becomes etcdctl: its input, output and exit code are etcdctl's own.
    os.execve(tool.path, [tool.path, *arguments], {**kept, **settings})


def may_be_behind_a_jump_host(chosen: Chosen) -> bool:
    from etcdpilot.hosts.fleet import has_jump

    return chosen.wanted.kind is HostKind.SSH and any(has_jump(member) for member in chosen.wanted.members)


async def run_through_hosts(chosen: Chosen, argv: list[str], kept: dict[str, str], *, second: bool) -> int:
    """etcdctl as a child, while its connections are carried over those to the hosts; returns its exit code."""
    import asyncio
    from contextlib import suppress

    from etcdpilot import pilot

    async with pilot.opened(chosen.wanted, chosen.state, chosen.warnings) as site:
        urls = [
            through(url, site.fleet.ways.get(member.name)) for member in site.wanted.members for url in first(member)
        ]
        if site.fleet.ways:
            require_loopback_named(chosen)
        state = chosen.state.absolute() if chosen.wanted.encrypted else None
        settings = leave_to_user(environment_for(Access(tuple(urls), state), second=second), argv[1:])
        child = await asyncio.create_subprocess_exec(*argv, env={**kept, **settings})
        while True:
            # Ctrl-C reaches both: etcdctl ends by it in its own way, and its code is ours.
            with suppress(asyncio.CancelledError):
                return await child.wait()


def first(member: MemberSpec) -> tuple[str, ...]:
    return member.advertise_client_urls[:1]


def through(url: str, port: int | None) -> str:
    """A member's URL, or the port on this machine's loopback that leads to it."""
    return f"{url.partition('://')[0]}://127.0.0.1:{port}" if port else url


def require_loopback_named(chosen: Chosen) -> None:
    """etcdctl cannot be told which name to look for: it wants the one it connects to, which is 127.0.0.1 here."""
    tls = chosen.wanted.tls
    if chosen.wanted.encrypted and not tls.loopback_names and "127.0.0.1" not in tls.extra_names:
        raise Refused(
            "etcdctl cannot be used through a jump host with these certificates.",
            why="It would reach the members by way of 127.0.0.1, which their certificates do not name.",
            remedy="Use the verbs that know the way, such as `etcdpilot kv get`, or run etcdctl on one of the hosts.",
        )


@click.command()
@with_file
@click.option(
    "--for",
    "consumer",
    type=click.Choice(["kube-apiserver", "flannel", "patroni"]),
    default=None,
    help="The parameters of this program instead.",
)
@click.option("--kubernetes", default=None, metavar="1.29", help="Warn where etcd is too old for this Kubernetes.")
def env(file: str | None, state: str | None, consumer: str | None, kubernetes: str | None) -> None:
    """Print the exports that make a bare etcdctl work: eval "$(etcdpilot env)" """
    chosen = choose(file, state)
    if kubernetes is not None:
        warn_of_age(chosen, kubernetes)
    if consumer is not None:
        print_parameters(chosen, consumer)
        return
    click.echo(
        "# A flag of the same meaning now clashes with these: etcdctl refuses --endpoints beside ETCDCTL_ENDPOINTS."
    )
    if may_be_behind_a_jump_host(chosen):
        click.echo(
            "# Where members are behind a jump host, a bare etcdctl does not reach them: etcdpilot ctl -- … does."
        )
    for name, value in environment_for(access(chosen), second=False).items():
        click.echo(f"export {name}={shlex.quote(value)}")
    tool = find_etcdctl_or_none(chosen)
    if tool is not None:
        click.echo(f"# etcdctl of this cluster's version: {tool.path}")


def print_parameters(chosen: Chosen, consumer: str) -> None:
    """The operator's key opens everything: the comment says how to make one for the program alone."""
    from etcdpilot.rendering import consumers

    way, state = access(chosen), StateFolder(chosen.state.absolute())
    paths = (state.client_ca, state.operator_certificate, state.operator_key) if chosen.wanted.encrypted else ()
    for line in consumers.consumer_lines(
        consumers.Consumer(consumer), consumers.Access(way.endpoints, *map(str, paths))
    ):
        click.echo(line)
    if paths:
        click.echo("# These are the operator's files. Copy them to the program's host, or give it a pair of its own.")


def warn_of_age(chosen: Chosen, kubernetes: str) -> None:
    from etcdpilot.rendering.consumers import too_old_for

    if chosen.wanted.version is None:
        return
    try:
        why = too_old_for(chosen.wanted.version, kubernetes)
    except ValueError as error:
        raise SpecError(f"{error}.") from error
    if why:
        click.echo(f"! {why}", err=True)


def access(chosen: Chosen) -> Access:
    return Access(chosen.wanted.client_urls, chosen.state.absolute() if chosen.wanted.encrypted else None)


def find_etcdctl_or_none(chosen: Chosen) -> Etcdctl | None:
    try:
        return find_etcdctl(chosen.wanted)
    except SpecError:
        return None
