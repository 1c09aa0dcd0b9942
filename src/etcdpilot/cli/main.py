"""The command line. A verb's module is imported when the verb is used, so that `--help` costs nothing."""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from typing import NoReturn

import click
from click.exceptions import Abort, ClickException, Exit

from etcdpilot.model.errors import EtcdpilotError

# verb: (module below etcdpilot.cli, name of the command in it, one line of help). In the order of `--help`.
VERBS: dict[str, tuple[str, str, str]] = {
    "up": ("local", "up", "A proved three-member TLS cluster on this machine; again: bring it back."),
    "down": ("local", "down", "Stop every member; the data stays."),
    "init": ("start", "init", "Print a complete cluster file for hosts of yours."),
    "plan": ("change", "plan", "Show what apply would do."),
    "apply": ("change", "apply", "Make the cluster what its file says."),
    "status": ("look", "status", "How every member does. Exit 1 when something is wrong."),
    "health": ("look", "health", "Prove it: reads, a write, equal hashes. Exit 1 when a proof fails."),
    "backup": ("schedule", "backup", "Take backups, prove them, look into them, and let old ones go."),
    "restore": ("restore", "restore", "Bring the whole cluster back from a snapshot, proved."),
    "pki": ("pki", "pki", "Renew, rotate, issue and judge certificates; takes cfssl's JSON files too."),
    "confd": ("confd", "confd", "Keep files equal to templates over keys; takes confd's resources and flags."),
    "discovery": ("discovery", "discovery", "A discovery service of your own, and tokens."),
    "dns": ("dns", "dns", "Records for a bootstrap through DNS, and whether they are right."),
    "member": ("member", "member", "Add, remove, replace, move and list members."),
    "restart": ("rolling", "restart", "Restart every member, one at a time, the leader last."),
    "upgrade": ("rolling", "upgrade", "Take every member to another version, with its gates."),
    "defrag": ("space", "defrag", "Give free space in the databases back to the disks, one member at a time."),
    "recover": ("recover", "recover", "Bring a cluster back that takes no more writes."),
    "journal": ("about", "journal", "What was done, when, by whom."),
    "state": ("state", "state", "Export what only this controller has, encrypted, or import it on another one."),
    "kv": ("kv", "kv", "Read, write, watch, export and compare keys; Kubernetes' values decoded."),
    "ctl": ("tools", "ctl", "Run the real etcdctl with endpoints and certificates set."),
    "env": ("tools", "env", "Print the exports that make a bare etcdctl work."),
    "schema": ("about", "schema", "Print the JSON schema of the cluster file, for editors."),
    "version": ("about", "version", "Print the version."),
}


class LazyGroup(click.Group):
    """Commands by import path, with their short help known beforehand."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module, name, _ = VERBS[cmd_name]
        command: click.Command = getattr(import_module(f"etcdpilot.cli.{module}"), name)
        return command

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Plain columns: rich's boxes would cost more than everything else together."""
        formatter.write_text(HEADER)
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, text) for verb, (_, _, text) in VERBS.items()])
        with formatter.section("Options"):
            formatter.write_dl([record for option in self.params if (record := option.get_help_record(ctx))])
        formatter.write_paragraph()
        formatter.write_text("Each verb says more: etcdpilot VERB --help")


PIPE_CLOSED = 141  # what a shell shows of a program that nobody reads any more
HEADER = "etcdpilot [-f FILE] [-o human|json] VERB — build, prove and operate highly available etcd clusters"


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=False)
@click.option("-f", "--file", metavar="FILE", default=None, envvar="ETCDPILOT_FILE", help="The cluster file.")
@click.option(
    "--state",
    metavar="DIR",
    default=None,
    envvar="ETCDPILOT_STATE",
    help="The state folder, when it is not beside the file.",
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["human", "json"]),
    default=None,
    envvar="ETCDPILOT_OUTPUT",
    help="How to speak.",
)
@click.pass_context
def main(ctx: click.Context, file: str | None, state: str | None, output: str | None) -> None:
    """Build, prove and operate highly available etcd clusters."""
    if os.environ.get("NO_COLOR"):
        ctx.color = False
    ctx.obj = {"file": file, "state": state, "output": output}


def run() -> NoReturn:
    """The entry point: every error ends in one clear message and its exit code, never in a traceback."""
    # Most commands end before a collection of garbage would have paid for itself.
    gc.set_threshold(100_000, 50, 50)
    open_closed_streams()
    code = ended_with()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        code = PIPE_CLOSED
    # Without taking the interpreter down piece by piece: that is a fifth of what `status` costs.
    os._exit(code)


def ended_with() -> int:
    """Run the command; its exit code."""
    try:
        code = main(standalone_mode=False)
    except SystemExit as ended:
        code = 1 if isinstance(ended.code, str) else ended.code
    except Exit as ended:
        code = ended.exit_code
    except (KeyboardInterrupt, Abort):
        print("\nStopped. Run the same again: it goes on where it stopped.", file=sys.stderr)
        code = 130
    except ClickException as wrong:
        wrong.show()
        code = 2
    except BrokenPipeError:
        code = PIPE_CLOSED
    except EtcdpilotError as error:
        from etcdpilot.cli.views.errors import show

        show(error)
        code = error.exit_code
    except Exception as error:
        from etcdpilot.cli.views.errors import show, unforeseen

        told = unforeseen(error)
        show(told)
        code = told.exit_code
    return code if isinstance(code, int) else 0


def open_closed_streams() -> None:
    """A caller may have closed them; the next file that is opened would then be what others print into."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            while os.open(os.devnull, os.O_RDWR) < number:
                pass
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))
