"""The verbs about etcdpilot itself: schema and version."""

from __future__ import annotations

import json

import click

from etcdpilot import __version__
from etcdpilot.cli.choosing import with_output


@click.command()
def schema() -> None:
    """Print the JSON schema of the cluster file: etcdpilot schema > etcdpilot.schema.json"""
    from etcdpilot.spec.schema_document import json_schema

    click.echo(json.dumps(json_schema(), indent=2))


@click.command()
@with_output
def version(output: str) -> None:
    """Print the version."""
    click.echo(json.dumps({"version": __version__}) if output == "json" else f"etcdpilot {__version__}")
