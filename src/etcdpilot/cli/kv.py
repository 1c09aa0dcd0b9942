"""The verbs about keys. Values are decoded for people, and bytes come back as they went in."""

from __future__ import annotations

import asyncio
import functools
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from etcdpilot.cli.choosing import Command, choose, with_file, with_output
from etcdpilot.cli.groups import Verbs
from etcdpilot.cli.look import Strangers, with_endpoints
from etcdpilot.cli.views import document
from etcdpilot.model.errors import EtcdpilotError, Refused, SpecError

if TYPE_CHECKING:
    from etcdpilot.etcd.client import Client
    from etcdpilot.etcd.door import Door


@dataclass(frozen=True, slots=True)
class Where:
    """The cluster of a file, or one that etcdpilot did not build, by its endpoints."""

    file: str | None
    state: str | None
    strangers: Strangers

    @asynccontextmanager
    async def door(self) -> AsyncIterator[Door]:
        from etcdpilot import pilot

        if self.strangers.endpoints:
            async with pilot.door_to(self.strangers.config()) as door:
                yield door
        else:
            chosen = choose(self.file, self.state)
            async with pilot.opened(chosen.wanted, chosen.state) as site:
                self.strangers.log_in(site.door)
                yield site.door

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        async with self.door() as door:
            yield door.client()


def of_cluster(command: Command) -> Command:
    """-f, --state, -o, --endpoints and certificates; the command gets `where` and `output`."""

    @functools.wraps(command)
    def wrapped(file: str | None, state: str | None, strangers: Strangers, **arguments: Any) -> Any:
        return command(where=Where(file, state, strangers), **arguments)

    return with_file(with_output(with_endpoints(wrapped)))


@click.group(cls=Verbs)
def kv() -> None:
    """Read, write, watch, export and compare keys; Kubernetes' values are shown decoded."""


SECRETS = click.option("--secrets", is_flag=True, help="Show the values of Kubernetes' Secrets too.")
PREFIX = click.option("--prefix", is_flag=True, help="All keys that begin so.")


@kv.command()
@of_cluster
@click.argument("names", metavar="KEY", nargs=-1, type=click.UNPROCESSED)
@PREFIX
@click.option("--keys-only", is_flag=True, help="No values.")
@click.option("--revision", default=0, type=click.IntRange(0), help="As it was then.")
@click.option("--limit", default=0, type=click.IntRange(0), help="At most so many keys.")
@click.option("--raw", is_flag=True, help="The bytes of the values and nothing else.")
@SECRETS
def get(
    where: Where,
    output: str,
    names: tuple[str, ...],
    prefix: bool,
    keys_only: bool,
    revision: int,
    limit: int,
    raw: bool,
    secrets: bool,
) -> None:
    """Show a key, decoded. Exit 1 when there is none."""
    from etcdpilot.observing.keys import Selection

    wanted = Selection(only(names, "get", optional=prefix), prefix, revision, limit, keys_only)
    count = asyncio.run(show_keys(where, wanted, output, raw=raw, secrets=secrets))
    if not count and output != "json" and not prefix:
        click.echo(f"There is no key {shown(wanted.key)}.", err=True)
    sys.exit(0 if count or prefix else 1)


async def show_keys(where: Where, wanted: Any, output: str, *, raw: bool, secrets: bool) -> int:
    from etcdpilot.cli.views import keys as views
    from etcdpilot.observing.keys import get as ask

    count = 0
    async with where.client() as client:
        found = await ask(client, wanted)
        documents = []
        async for kv in found.kvs:
            count += 1
            if raw:
                sys.stdout.buffer.write(kv.value)
            elif output == "json":
                documents.append(views.key_document(kv, secrets=secrets, keys_only=wanted.keys_only))
            else:
                click.echo("\n".join(views.key_lines(kv, secrets=secrets, keys_only=wanted.keys_only)))
    if raw:
        sys.stdout.buffer.flush()
    elif output == "json":
        more = {"more": True} if count < found.count else {}
        answer = {"header": views.header_document(found.header), "kvs": documents, **more, "count": found.count}
        click.echo(document.dump(answer))
    return count


@kv.command()
@of_cluster
@click.argument("words", metavar="KEY [VALUE]", nargs=-1, type=click.UNPROCESSED)
@click.option("--lease", default=None, help="Hex, as etcdctl prints it.")
@click.option("--if-revision", default=None, type=click.IntRange(0), help="Only over this revision; 0: only if new.")
def put(where: Where, output: str, words: tuple[str, ...], lease: str | None, if_revision: int | None) -> None:
    """Write a key. Without a value it is read from standard input, every byte of it."""
    from etcdpilot.applying.keys import put as write

    if not words or not words[0]:
        raise SpecError("Which key?", remedy="etcdpilot kv put KEY VALUE")
    if len(words) > 2:
        raise surplus("put", words)
    key = os.fsencode(words[0])
    value = os.fsencode(words[1]) if len(words) == 2 else standard_input()

    async def do() -> Any:
        async with where.client() as client:
            return await write(client, key, value, lease=lease_id(lease), if_revision=if_revision)

    header = asyncio.run(do())
    if output == "json":
        from etcdpilot.cli.views.keys import header_document

        click.echo(document.dump({"header": header_document(header)}))
    else:
        click.echo(f"{shown(key)}    rev {header.revision}    {len(value)} bytes")


@kv.command(name="del")
@of_cluster
@click.argument("names", metavar="KEY", nargs=-1, type=click.UNPROCESSED)
@PREFIX
@click.option("--yes", is_flag=True, help="Wanted to delete every key there is.")
def delete(where: Where, output: str, names: tuple[str, ...], prefix: bool, yes: bool) -> None:
    """Delete a key. Exit 1 when there was none."""
    from etcdpilot.applying.keys import delete as remove

    key = only(names, "del", optional=prefix)
    if prefix and not key and not yes:
        raise Refused("That deletes every key of the cluster.", remedy="If that is meant, add --yes.")

    async def do() -> Any:
        async with where.client() as client:
            return await remove(client, key, prefix=prefix)

    answer = asyncio.run(do())
    if output == "json":
        from etcdpilot.cli.views.keys import header_document

        click.echo(document.dump({"header": header_document(answer.header), "deleted": answer.deleted}))
    else:
        click.echo(f"{answer.deleted} deleted    rev {answer.header.revision}")
    sys.exit(0 if answer.deleted else 1)


@kv.command()
@of_cluster
@click.argument("names", metavar="[PREFIX]", nargs=-1, type=click.UNPROCESSED)
@click.option("--depth", default=2, show_default=True, type=click.IntRange(1, 50), help="So many parts of a key.")
def ls(where: Where, output: str, names: tuple[str, ...], depth: int) -> None:
    """Keys as a tree, with how many there are and how big they are."""
    from etcdpilot.cli.views import keys as views
    from etcdpilot.observing.keys import tree

    prefix = only(names, "ls", optional=True)

    async def look() -> Any:
        async with where.client() as client:
            return await tree(client, prefix, depth)

    root = asyncio.run(look())
    if output == "json":
        click.echo(document.dump(views.tree_document(root, prefix)))
    else:
        click.echo("\n".join(views.tree_lines(root, prefix)))


@kv.command()
@of_cluster
@click.argument("names", metavar="KEY", nargs=-1, type=click.UNPROCESSED)
@PREFIX
@click.option("--revision", default=0, type=click.IntRange(0), help="From then on, not from now.")
@click.option("--prev", is_flag=True, help="In JSON, also what was there before.")
@SECRETS
def watch(
    where: Where, output: str, names: tuple[str, ...], prefix: bool, revision: int, prev: bool, secrets: bool
) -> None:
    """A live log of changes; it goes on when members die, and says what nobody can tell any more. Ends with Ctrl-C."""
    from etcdpilot.observing.keys import Selection

    wanted = Selection(only(names, "watch", optional=prefix), prefix, revision)
    asyncio.run(follow(where, wanted, output, previous=prev, secrets=secrets))


async def follow(where: Where, wanted: Any, output: str, *, previous: bool, secrets: bool) -> None:
    from etcdpilot.cli.views import keys as views
    from etcdpilot.model.answers import WatchEvent
    from etcdpilot.observing.keys import watch as events

    last = 0

    def begun() -> None:
        if output != "json":
            click.echo(f"watching {shown(wanted.key)}{'…' if wanted.prefix else ''}", err=True)

    try:
        async with where.client() as client:
            async for event in events(client, wanted, previous=previous, begun=begun):
                last = event.revision if isinstance(event, WatchEvent) else last
                if output == "json":
                    lines = [document.line(views.event_document(event, secrets=secrets))]
                else:
                    lines = list(views.event_text(event, secrets=secrets, stamp=f"{datetime.now():%H:%M:%S}    "))
                click.echo("\n".join(lines))
                sys.stdout.flush()
    except asyncio.CancelledError:
        if last and output != "json":
            click.echo(f"\nTo go on from here: --revision {last + 1}", err=True)
        raise


@kv.command()
@of_cluster
@click.argument("names", metavar="KEY", nargs=-1, type=click.UNPROCESSED)
@SECRETS
def history(where: Where, output: str, names: tuple[str, ...], secrets: bool) -> None:
    """Every revision of a key that is still kept, oldest first. Exit 1 when there is none."""
    from etcdpilot.cli.views import keys as views
    from etcdpilot.observing.keys import history as ask

    key = only(names, "history")

    async def look() -> Any:
        async with where.client() as client:
            return await ask(client, key)

    events = asyncio.run(look())
    if output == "json":
        click.echo(document.dump([views.event_document(event, secrets=secrets) for event in events]))
    else:
        for event in events:
            click.echo("\n".join(views.event_text(event, secrets=secrets, stamp="")))
        if not events:
            click.echo(f"Nothing of {shown(key)} is kept.", err=True)
    sys.exit(0 if events else 1)


@kv.command()
@of_cluster
@click.argument("names", metavar="[PREFIX]", nargs=-1, type=click.UNPROCESSED)
@click.option("--revision", default=0, type=click.IntRange(0), help="As it was then.")
def export(where: Where, output: str, names: tuple[str, ...], revision: int) -> None:
    """Print keys as JSON lines: etcdpilot kv export /app > FILE. Secrets are in it: keep it as you keep a backup."""
    asyncio.run(print_export(where, only(names, "export", optional=True), revision))


async def print_export(where: Where, prefix: bytes, revision: int) -> None:
    from etcdpilot.cli.views.keys import Counter
    from etcdpilot.model.key_lines import Head, Pair, write_line
    from etcdpilot.observing.keys import export as lines

    counter, keys, expected, amount = Counter(), 0, 0, 0
    out = sys.stdout.buffer
    async with where.client() as client:
        async for line in lines(client, prefix, revision):
            out.write(write_line(line).encode() + b"\n")
            if isinstance(line, Pair):
                keys, amount = keys + 1, amount + line.size
                counter.show(keys, expected, amount)
            elif isinstance(line, Head):
                expected = line.keys
    out.flush()
    counter.end()


@kv.command(name="import")
@of_cluster
@click.argument("source", metavar="FILE|-", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--resume", is_flag=True, help="Write only what is not there already.")
@click.option("--leases", is_flag=True, help="Grant new leases for those the keys had.")
def import_(where: Where, output: str, source: str, resume: bool, leases: bool) -> None:
    """Write what an export holds, in transactions. Cut off, it is finished with --resume."""
    done = asyncio.run(write_import(where, source, resume=resume, leases=leases, quiet=output == "json"))
    if output == "json":
        click.echo(document.dump({"written": done.written, "same": done.same, "without_lease": done.leaseless}))
        return
    click.echo(f"{done.written} keys written" + (f"    {done.same} were there already" if done.same else ""))
    if done.leaseless:
        click.echo(f"! {done.leaseless} keys had a lease and have none now: --leases grants new ones.", err=True)


async def write_import(where: Where, source: str, *, resume: bool, leases: bool, quiet: bool) -> Any:
    from etcdpilot.applying.keys import Import
    from etcdpilot.cli.views.keys import Counter
    from etcdpilot.model.errors import ClusterFailed
    from etcdpilot.stores.key_files import lines_of

    counter = Counter(quiet)
    async with where.client() as client:
        work = Import(client, resume=resume, with_leases=leases, progress=counter.imported)
        try:
            return await work.run(lines_of(source))
        except ClusterFailed as error:
            go_on = f"{work.done.keys} keys are there. To go on:\n    etcdpilot kv import {source} --resume"
            error.remedy = "\n".join(each for each in (error.remedy, go_on) if each)
            raise
        finally:
            counter.end()


@kv.command()
@of_cluster
@click.argument("names", metavar="PREFIX|FILE PREFIX|FILE", nargs=-1, type=click.UNPROCESSED)
@click.option("--exit-code", is_flag=True, help="Exit 1 when they differ.")
def diff(where: Where, output: str, names: tuple[str, ...], exit_code: bool) -> None:
    """What differs between two prefixes, or a prefix and an export: added +, removed -, changed ~."""
    if len(names) != 2:
        raise SpecError("Two are compared: prefixes, or files of exports.", remedy="etcdpilot kv diff /a /b")
    differ = asyncio.run(show_diff(where, names[0], names[1], output))
    sys.exit(1 if exit_code and differ else 0)


async def show_diff(where: Where, before: str, after: str, output: str) -> bool:
    from etcdpilot.cli.views import keys as views
    from etcdpilot.model.key_changes import Change, differences
    from etcdpilot.observing.keys import pairs_below
    from etcdpilot.stores.key_files import pairs_of

    counts = dict.fromkeys(Change, 0)
    async with where.client() as client:
        sides = [
            pairs_of(word) if Path(word).is_file() else pairs_below(client, os.fsencode(word))
            for word in (before, after)
        ]
        async for found in differences(*sides):
            counts[found.change] += 1
            one = views.difference_document(found) if output == "json" else None
            click.echo(document.line(one) if one else views.difference_text(found))
    totals = {"counts": {change.value: count for change, count in counts.items()}}
    click.echo(document.line(totals) if output == "json" else views.counts_text(counts))
    return any(counts.values())


@kv.command()
@of_cluster
@click.argument("source", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--prefix", default="/coreos.com/network", show_default=True, help="flannel's --etcd-prefix.")
def flannel(where: Where, output: str, source: Path, prefix: str) -> None:
    """Check a flannel network file as flannel does, and put it at PREFIX/config, byte for byte."""
    from etcdpilot.spec.flannel_network import read_network

    raw = source.read_bytes()
    network = read_network(raw, str(source))
    key = prefix.rstrip("/") + "/config"
    revision, second = asyncio.run(put_network(where, key, raw))
    if output == "json":
        told = {name: getattr(network, name) for name in type(network).__dataclass_fields__}
        click.echo(document.dump({"key": key, "revision": revision, "v2": second, "network": told}))
        return
    click.echo(
        f"{key}    rev {revision}    {'also in the second store' if second else 'the second store is not served'}"
    )
    click.echo(
        f"{network.network} over {network.backend}: a /{network.subnet_length} for each host, "
        f"from {network.first} to {network.last}"
    )


async def put_network(where: Where, key: str, raw: bytes) -> tuple[int, bool]:
    from etcdpilot.applying.keys import put as write
    from etcdpilot.etcd.second_api import put_v2

    async with where.door() as door:
        header = await write(door.client(), key.encode(), raw)
        return header.revision, await put_v2(door, key, raw.decode())


def only(names: tuple[str, ...], verb: str, *, optional: bool = False) -> bytes:
    """The one key of the command line; SpecError where there are more, or none where one is needed."""
    if len(names) > 1:
        raise surplus(verb, names)
    if not names and not optional:
        raise SpecError("Which key?", remedy=f"etcdpilot kv {verb} KEY")
    return os.fsencode(names[0]) if names else b""


def surplus(verb: str, words: tuple[str, ...]) -> EtcdpilotError:
    """etcdctl drops the rest in silence, and stores half of what was meant."""
    return SpecError(
        f"There are {len(words)} words where kv {verb} takes {2 if verb == 'put' else 1}: nothing was done.",
        why="The shell splits words at spaces, and braces at commas: "
        + " | ".join(shown(os.fsencode(w)) for w in words),
        remedy=f"Put quotes around what belongs together:\n    etcdpilot kv {verb} "
        + ('KEY \'{"a": 1, "b": 2}\'' if verb == "put" else "'KEY'"),
    )


def standard_input() -> bytes:
    if sys.stdin.isatty():
        click.echo("Type the value; Ctrl-D ends it.", err=True)
    return sys.stdin.buffer.read()


def lease_id(text: str | None) -> int:
    try:
        value = int(text or "0", 16)
    except ValueError:
        raise SpecError(f"{text!r} is no lease.", remedy="Write it in hex, as etcdctl prints it.") from None
    return value - (1 << 64) if value >= 1 << 63 else value


def shown(key: bytes) -> str:
    from etcdpilot.cli.views.backups import text

    return text(key)
