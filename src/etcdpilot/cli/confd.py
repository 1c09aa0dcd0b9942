"""The verb confd: confd's own flags, with one dash or two, and its exit codes."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click import get_current_context

from etcdpilot.cli.choosing import choose
from etcdpilot.model.confd import Settings
from etcdpilot.model.errors import EtcdpilotError, SpecError
from etcdpilot.stores.state import StateFolder

_OTHER_FOLDERS = ("cluster.yaml", ".etcdpilot")


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False, "help_option_names": []},
    add_help_option=False,
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def confd(arguments: tuple[str, ...]) -> None:
    """Keep files equal to what templates make of keys in etcd; takes confd's flags: etcdpilot confd -onetime -watch …"""
    from etcdpilot.spec.confd_settings import USAGE, UsageError, read_flags

    try:
        line = read_flags(arguments)
    except UsageError as wrong:
        click.echo(wrong.what, err=True)
        get_current_context().exit(2)
    if line.wants == "help":
        click.echo(USAGE, err=True)
    elif line.wants == "version":
        from etcdpilot import __version__

        click.echo(f"etcdpilot {__version__} (takes confd 0.16's resources, templates and flags)")
    else:
        get_current_context().exit(_run(line))


def _run(line: object) -> int:
    import asyncio

    from etcdpilot.serving.confd.log import Log
    from etcdpilot.serving.confd.loops import one_line
    from etcdpilot.serving.confd.running import run, settings_of
    from etcdpilot.spec.confd_settings import CommandLine

    assert isinstance(line, CommandLine)
    try:
        settings = _of_cluster(settings_of(line, os.environ))
        return asyncio.run(run(settings, Log(settings.log_level)))
    except EtcdpilotError as error:
        Log().fatal(one_line(error))
        return 1


def _of_cluster(settings: Settings) -> Settings:
    """In a cluster's folder its nodes and certificates need not be said again."""
    from etcdpilot.serving.confd.running import with_cluster

    asked = get_current_context().obj or {}
    if settings.compat or not (asked.get("file") or any(Path(name).exists() for name in _OTHER_FOLDERS)):
        return settings
    try:
        chosen = choose(asked.get("file"), asked.get("state"))
    except SpecError:
        # A folder with several clusters, or a file that cannot be read: of no matter unless it was asked for.
        if asked.get("file") or not settings.nodes:
            raise
        return settings
    folder = StateFolder(chosen.state.absolute()) if chosen.wanted.encrypted else None
    certificates = (folder.client_ca, folder.operator_certificate, folder.operator_key) if folder else None
    return with_cluster(settings, chosen.wanted.client_urls, certificates)
