"""The verbs that hand over to etcd's own tools: ctl and env."""

from __future__ import annotations

import os
import shlex
import sys

import click

from etcdpilot.cli.choosing import Chosen, choose, with_file
from etcdpilot.model.errors import SpecError
from etcdpilot.stores.etcdctl import Access, Etcdctl, environment_for, find_etcdctl, leave_to_user, require_v2


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
def env(file: str | None, state: str | None) -> None:
    """Print the exports that make a bare etcdctl work: eval "$(etcdpilot env)" """
    chosen = choose(file, state)
    click.echo(
        "# A flag of the same meaning now clashes with these: etcdctl refuses --endpoints beside ETCDCTL_ENDPOINTS."
    )
    for name, value in environment_for(access(chosen), second=False).items():
        click.echo(f"export {name}={shlex.quote(value)}")
    tool = find_etcdctl_or_none(chosen)
    if tool is not None:
        click.echo(f"# etcdctl of this cluster's version: {tool.path}")


def access(chosen: Chosen) -> Access:
    return Access(chosen.wanted.client_urls, chosen.state.absolute() if chosen.wanted.encrypted else None)


def find_etcdctl_or_none(chosen: Chosen) -> Etcdctl | None:
    try:
        return find_etcdctl(chosen.wanted)
    except SpecError:
        return None
