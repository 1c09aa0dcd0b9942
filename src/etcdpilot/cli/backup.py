"""The verbs about backups. verify, show, diff, list and prune need no etcd, and no cluster that runs."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from etcdpilot.cli.choosing import Chosen, Command, choose, with_file, with_output
from etcdpilot.cli.groups import Verbs
from etcdpilot.cli.views import backups as views
from etcdpilot.cli.views import document
from etcdpilot.model.errors import Refused, SpecError
from etcdpilot.model.snapshots import Expected, Manifest, RetentionPolicy, Verdict

if TYPE_CHECKING:
    from datetime import datetime

    from etcdpilot.stores.port import SnapshotStore
    from etcdpilot.stores.snapshot.bbolt import BoltFile

LOCAL_STORE = "backups"  # below the state folder


@click.group(cls=Verbs)
def backup() -> None:
    """Take backups, prove them, look into them, and let old ones go."""


def with_store(command: Command) -> Command:
    return click.option(
        "--to",
        "--from",
        "url",
        envvar="ETCDPILOT_BACKUPS",
        default=None,
        help="Where backups are: a directory, or s3://bucket/prefix. Without it: where the cluster file says, else "
        "beside the state of the cluster.",
    )(command)


@dataclass(frozen=True, slots=True)
class Where:
    """The place of backups and the name they lie under; `chosen` is None when no cluster file is needed or there."""

    store: SnapshotStore
    cluster: str
    chosen: Chosen | None


def find_where(file: str | None, state: str | None, url: str | None) -> Where:
    from etcdpilot.stores.open import open_store

    chosen = choose(file, state)
    wish = chosen.wanted.backup
    if url is None and wish is not None:
        return Where(open_store(wish.store, dict(wish.options)), chosen.wanted.name, chosen)
    return Where(open_store(url or str(chosen.state / LOCAL_STORE)), chosen.wanted.name, chosen)


def note_proved(chosen: Chosen, name: str, where: str, revision: int, taken_at: datetime) -> None:
    """For `status`, which asks no store."""
    from datetime import UTC, datetime

    from etcdpilot.model.backups import LastBackup
    from etcdpilot.stores.last_backup import note_backup
    from etcdpilot.stores.state import StateFolder

    note_backup(StateFolder(chosen.state), LastBackup(name, where, revision, taken_at, datetime.now(UTC)))


@backup.command()
@with_file
@with_output
@with_store
@click.argument("target", metavar="[FILE]", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--member", default=None, help="Take it from this member, not from the healthiest.")
@click.option("--prune", "pruning", is_flag=True, help="Then let go of what the cluster file's `keep` does not keep.")
def save(
    file: str | None,
    state: str | None,
    output: str,
    url: str | None,
    target: Path | None,
    member: str | None,
    pruning: bool,
) -> None:
    """Take a backup from the healthiest member and prove it: checksum, structure, and the member's own hash of keys."""
    from etcdpilot.etcd.reading_engine import read_where_it_is_awaited

    read_where_it_is_awaited()
    saved = asyncio.run(take(file, state, url, target, member, quiet=output == "json"))
    click.echo(document.dump(views.saved_document(saved)) if output == "json" else views.saved_text(saved))
    if pruning and target is None:
        where = find_where(file, state, url)
        _, gone = asyncio.run(let_go(where, policy_of(where, None), yes=True))
        if output != "json":
            click.echo("\n".join(f"  gone  {manifest.name}" for manifest in gone) or "  nothing to let go")


async def take(
    file: str | None, state: str | None, url: str | None, target: Path | None, member: str | None, *, quiet: bool
) -> Any:
    from etcdpilot import pilot
    from etcdpilot.applying.backups import save_to_file, save_to_store
    from etcdpilot.observing.backups import choose_source

    where = find_where(file, state, url)
    assert where.chosen is not None
    async with pilot.opened(where.chosen.wanted, where.chosen.state) as site:
        if member is not None and member not in site.door.endpoints:
            raise SpecError(f"There is no member {member}.", remedy=f"Members: {', '.join(site.door.endpoints)}.")
        source = member or await choose_source(site.door)
        progress = views.Bytes(quiet)
        if target is not None:
            saved = await save_to_file(site.door, source, where.cluster, target, site.clock, progress.show)
        else:
            saved = await save_to_store(site.door, source, where.cluster, where.store, site.clock, progress.show)
        progress.end()
        manifest = saved.manifest
        note_proved(where.chosen, manifest.name, saved.where, manifest.revision, manifest.taken_at)
        return saved


@backup.command(name="list")
@with_file
@with_output
@with_store
def list_(file: str | None, state: str | None, output: str, url: str | None) -> None:
    """Every backup of the cluster from old to new, and what lies there that is none."""
    from etcdpilot.observing.backups import backups

    where = find_where(file, state, url)
    shelf = asyncio.run(backups(where.store, where.cluster))
    text = document.dump(views.shelf_document(shelf)) if output == "json" else views.shelf_text(shelf, where.store.url)
    click.echo(text)


@backup.command()
@with_file
@with_output
@with_store
@click.argument("names", metavar="[FILE|NAME|latest]...", nargs=-1)
@click.option("--live", is_flag=True, help="Compare the keys with those of the running cluster at that revision.")
@click.option("--cluster-id", default=None, help="Hex; a snapshot of another cluster is not sound.")
def verify(
    file: str | None,
    state: str | None,
    output: str,
    url: str | None,
    names: tuple[str, ...],
    live: bool,
    cluster_id: str | None,
) -> None:
    """Prove snapshots without etcd; without a name, every backup of the cluster. Exit 1 when one is not sound."""
    expected = Expected(cluster_id=identity(cluster_id))
    finder = Finder(file, state, url)
    found = asyncio.run(judge_all(finder, names, expected, live=live))
    click.echo(
        document.dump([views.verdict_document(*each) for each in found])
        if output == "json"
        else "\n".join(views.verdict_text(*each) for each in found)
    )
    sys.exit(0 if found and all(verdict.sound for _, verdict in found) else 1)


@dataclass(frozen=True, slots=True)
class Finder:
    """Finds a snapshot by what a person calls it. The cluster file is read only when the store is needed."""

    file: str | None
    state: str | None
    url: str | None

    @property
    def where(self) -> Where:
        return find_where(self.file, self.state, self.url)

    @asynccontextmanager
    async def snapshot(self, word: str) -> AsyncIterator[tuple[Path, Expected]]:
        from etcdpilot.observing.backups import manifest_beside, snapshot_named

        path = Path(word)
        if path.exists() or word.startswith(("/", "./", "../")):
            yield path, Expected(manifest=manifest_beside(path))
            return
        async with snapshot_named(word, self.where.store, self.where.cluster) as (fetched, manifest):
            yield fetched, Expected(manifest=manifest)


async def judge_all(
    finder: Finder, names: tuple[str, ...], expected: Expected, *, live: bool
) -> list[tuple[str, Verdict]]:
    if not names:
        from etcdpilot.observing.backups import backups

        shelf = await backups(finder.where.store, finder.where.cluster)
        names = tuple(manifest.name for manifest in shelf.backups)
    return [(name, await judge_one(finder, name, expected, live=live)) for name in names]


async def judge_one(finder: Finder, name: str, expected: Expected, *, live: bool) -> Verdict:
    from dataclasses import replace

    from etcdpilot import pilot
    from etcdpilot.observing.backups import judge, judge_against_cluster

    async with finder.snapshot(name) as (path, told):
        wanted = replace(expected, manifest=told.manifest)
        if not live:
            verdict = await judge(path, wanted)
            note_verdict(finder, path, told.manifest, verdict)
            return verdict
        chosen = choose(finder.file, finder.state)
        async with pilot.opened(chosen.wanted, chosen.state) as site:
            return await judge_against_cluster(path, site.door, wanted)


def note_verdict(finder: Finder, path: Path, manifest: Manifest | None, verdict: Verdict) -> None:
    """A backup of the store that was proved again is the newest proved one, or one that was is none any more."""
    from etcdpilot.stores.last_backup import forget_backup
    from etcdpilot.stores.state import StateFolder

    if manifest is None or path.with_suffix(".json").exists():
        return  # a file that somebody named
    chosen = finder.where.chosen
    assert chosen is not None
    if verdict.sound:
        where = f"{finder.where.store.url}/{manifest.snapshot_name}"
        note_proved(chosen, manifest.name, where, manifest.revision, manifest.taken_at)
    else:
        forget_backup(StateFolder(chosen.state), manifest.name)


@backup.command()
@with_file
@with_output
@with_store
@click.argument("name", metavar="FILE|NAME|latest")
@click.option("--prefix", default="", help="Only keys that begin so.")
@click.option("--keys", is_flag=True, help="List the keys.")
@click.option("--values", is_flag=True, help="List the keys with their values.")
@click.option("--sizes", is_flag=True, help="Where the bytes are, by prefix.")
@click.option(
    "--depth", default=1, show_default=True, type=click.IntRange(1, 20), help="Parts of a key that make a prefix."
)
@click.option("--revision", "at", default=None, type=int, help="The keys as they were then.")
@click.option("--limit", default=None, type=click.IntRange(1), help="Stop after so many keys.")
def show(
    file: str | None,
    state: str | None,
    output: str,
    url: str | None,
    name: str,
    prefix: str,
    keys: bool,
    values: bool,
    sizes: bool,
    depth: int,
    at: int | None,
    limit: int | None,
) -> None:
    """Look into a snapshot: members, alarms, leases, users; its keys; where its bytes are."""
    view = views.Wanted(
        prefix.encode(), keys or values or at is not None or bool(prefix and not sizes), values, sizes, depth, at, limit
    )
    asyncio.run(show_snapshot(Finder(file, state, url), name, view, output))


async def show_snapshot(finder: Finder, name: str, wanted: views.Wanted, output: str) -> None:
    async with finder.snapshot(name) as (path, told):
        with opened(path) as database:
            lines = (
                views.snapshot_json(database, wanted)
                if output == "json"
                else views.snapshot_lines(database, wanted, told.manifest)
            )
            for line in lines:
                click.echo(line)


@backup.command()
@with_file
@with_output
@with_store
@click.argument("before", metavar="FILE|NAME")
@click.argument("after", metavar="FILE|NAME|latest")
@click.option("--prefix", default="", help="Only keys that begin so.")
@click.option("--exit-code", is_flag=True, help="Exit 1 when they differ.")
def diff(
    file: str | None,
    state: str | None,
    output: str,
    url: str | None,
    before: str,
    after: str,
    prefix: str,
    exit_code: bool,
) -> None:
    """What differs between two snapshots, key by key: added +, removed -, changed ~."""
    finder = Finder(file, state, url)
    changed = asyncio.run(show_diff(finder, before, after, prefix.encode(), output))
    sys.exit(1 if exit_code and changed else 0)


async def show_diff(finder: Finder, before: str, after: str, prefix: bytes, output: str) -> bool:
    async with finder.snapshot(before) as (one, _), finder.snapshot(after) as (other, _):
        with opened(one) as older, opened(other) as newer:
            found = views.Difference(older, newer, prefix)
            for line in found.json() if output == "json" else found.lines():
                click.echo(line)
            return found.any


@backup.command()
@with_file
@with_output
@with_store
@click.option("--keep-last", "last", default=0, type=click.IntRange(0), help="So many of the newest.")
@click.option("--keep-hourly", "hourly", default=0, type=click.IntRange(0), help="The newest of so many hours.")
@click.option("--keep-daily", "daily", default=0, type=click.IntRange(0), help="The newest of so many days.")
@click.option("--keep-weekly", "weekly", default=0, type=click.IntRange(0), help="The newest of so many weeks.")
@click.option("--keep-monthly", "monthly", default=0, type=click.IntRange(0), help="The newest of so many months.")
@click.option("--yes", is_flag=True, help="Delete; without it, only show.")
def prune(
    file: str | None,
    state: str | None,
    output: str,
    url: str | None,
    last: int,
    hourly: int,
    daily: int,
    weekly: int,
    monthly: int,
    yes: bool,
) -> None:
    """Delete the backups that the given numbers, or the cluster file's `keep`, do not keep. Without --yes only show."""
    where = find_where(file, state, url)
    numbers = (last, hourly, daily, weekly, monthly)
    kept, gone = asyncio.run(let_go(where, policy_of(where, numbers if any(numbers) else None), yes=yes))
    if output == "json":
        click.echo(document.dump(views.pruned_document(kept, gone, done=yes)))
    else:
        click.echo(views.pruned_text(kept, gone, done=yes))


def policy_of(where: Where, numbers: tuple[int, int, int, int, int] | None) -> RetentionPolicy:
    """What was said, else what the file says; SpecError where neither says anything."""
    wish = where.chosen.wanted.backup if where.chosen else None
    if numbers is not None:
        return RetentionPolicy(*numbers)
    if wish is not None and wish.keep is not None:
        return wish.keep
    raise SpecError(
        "Nothing was pruned: nobody says what to keep.",
        remedy="Say it, or write it into the cluster file as `backup: {keep: {daily: 7}}`:\n"
        "    etcdpilot backup prune --keep-last 7",
    )


async def let_go(where: Where, policy: RetentionPolicy, *, yes: bool) -> Any:
    from datetime import UTC, datetime

    from etcdpilot.applying.backups import discard
    from etcdpilot.observing.backups import backups
    from etcdpilot.planning.retention import expendable
    from etcdpilot.planning.retention import kept as staying
    from etcdpilot.stores.last_backup import forget_backup
    from etcdpilot.stores.state import StateFolder

    shelf, now = await backups(where.store, where.cluster), datetime.now(UTC)
    gone = expendable(shelf.backups, policy, now)
    if yes:
        await discard(where.store, gone)
        if where.chosen is not None:
            for manifest in gone:
                forget_backup(StateFolder(where.chosen.state), manifest.name)
    return staying(shelf.backups, policy, now), gone


@backup.command()
@with_file
@with_output
@with_store
@click.argument("name", metavar="[FILE|NAME|latest]", default="latest")
@click.option("--etcd", default=None, help="The etcd to restore it with.  [default: that of the cluster file]")
@click.option("--members", default=1, show_default=True, type=click.IntRange(1, 7), help="Of the throw-away cluster.")
def drill(
    file: str | None, state: str | None, output: str, url: str | None, name: str, etcd: str | None, members: int
) -> None:
    """Restore a backup into a throw-away cluster on this machine and compare it, key by key. Exit 1 where it differs."""
    from etcdpilot.cli.drilling import drill_backup

    sys.exit(drill_backup(Finder(file, state, url), name, etcd, members, output))


@contextmanager
def opened(path: Path) -> Iterator[BoltFile]:
    """The database inside a snapshot; Refused when there is none, or when it turns out to be damaged on the way."""
    from etcdpilot.stores.snapshot.bbolt import BoltFile, Corrupt

    try:
        with BoltFile.open(path) as database:
            database.require_whole()
            yield database
    except OSError as error:
        raise SpecError(f"{path} cannot be read.", why=error.strerror or str(error)) from None
    except Corrupt as wrong:
        remedy = f"To see everything that is wrong with it, run:\n    etcdpilot backup verify {path}"
        raise Refused(f"{path} is no snapshot of etcd, or a damaged one.", why=str(wrong), remedy=remedy) from None


def identity(text: str | None) -> int | None:
    try:
        return None if text is None else int(text, 16)
    except ValueError:
        raise SpecError(f"{text!r} is not a cluster ID.", remedy="Write it in hex, as etcdctl prints it.") from None
