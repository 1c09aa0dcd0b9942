"""A verb that has verbs of its own, with help that is never cut off."""

from __future__ import annotations

import click


class Verbs(click.Group):
    """click ends a line of help with dots where it does not fit; a reader wants the end of the sentence."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        named = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [(name, command.get_short_help_str(limit=400)) for name, command in named if command is not None]
        with formatter.section("Verbs"):
            formatter.write_dl(rows)
