"""The verbs about etcdpilot itself: schema and version."""

from __future__ import annotations

import json

import click

from etcdpilot import __version__
from etcdpilot.cli.choosing import choose, with_file, with_output
from etcdpilot.cli.views.text import clean


@click.command()
def schema() -> None:
    """Print the JSON schema of the cluster file: etcdpilot schema > etcdpilot.schema.json"""
    from etcdpilot.spec.schema_document import json_schema

    click.echo(json.dumps(json_schema(), indent=2))


@click.command()
@with_file
@with_output
@click.option("--last", type=click.IntRange(1), default=50, show_default=True, help="How many entries.")
def journal(file: str | None, state: str | None, output: str, last: int) -> None:
    """What was done to the cluster, when, and by whom; a step that began and never ended was cut off."""
    from dataclasses import asdict

    from etcdpilot.stores.journal import entries
    from etcdpilot.stores.state import StateFolder

    found = list(entries(StateFolder(choose(file, state).state).journal))[-last:]
    if output == "json":
        click.echo(json.dumps([asdict(entry) for entry in found], indent=2))
        return
    for entry in found:
        why = f" — {entry.why}" if entry.why else ""
        click.echo(f"{entry.at}  {entry.by}  {entry.run}  {entry.event:<8}{clean(entry.step)}{clean(why)}")


@click.command()
@with_output
def version(output: str) -> None:
    """Print the version."""
    click.echo(json.dumps({"version": __version__}) if output == "json" else f"etcdpilot {__version__}")
