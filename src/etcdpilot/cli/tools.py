"""The verbs that hand over to etcd's own tools: ctl and env."""

from __future__ import annotations

import os
import shlex
import sys

import click

from etcdpilot.cli.choosing import Chosen, choose, with_file
from etcdpilot.model.errors import SpecError
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
    settings = leave_to_user(environment_for(access(chosen), second=second), arguments)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ETCD_", "ETCDCTL_", "ETCDUTL_"))}
    sys.stdout.flush()
    # The process itself becomes etcdctl: its input, output and exit code are etcdctl's own.
    os.execve(tool.path, [tool.path, *arguments], {**kept, **settings})


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
