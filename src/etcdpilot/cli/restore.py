"""The verb that brings a whole cluster back from a snapshot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from etcdpilot.cli.backup import Finder
from etcdpilot.cli.change import TIMES, agree, require_name, require_no_refusals, show
from etcdpilot.cli.choosing import Chosen, choose, with_file, with_output
from etcdpilot.cli.views import changes, document
from etcdpilot.model.cluster import HostKind
from etcdpilot.model.errors import Refused, SpecError, Stale

if TYPE_CHECKING:
    from etcdpilot.model.restoring import Source
    from etcdpilot.pilot import Site
    from etcdpilot.recovering import Wish


@dataclass(frozen=True, slots=True)
class Consent:
    """`--yes` is enough for a local cluster alone; on real hosts the name is said."""

    yes: bool
    meant: str | None


@dataclass(frozen=True, slots=True)
class Asked:
    """Which snapshot, and what was waived aloud."""

    word: str | None
    without_checksum: bool
    of_another: bool


LOST = click.option(
    "--lost", multiple=True, metavar="MEMBER", help="Its machine is gone for good: it is left out. May be repeated."
)
MEANT = click.option(
    "--yes-i-mean", "meant", default=None, metavar="NAME", help="The name of the cluster on real hosts."
)


@click.command()
@with_file
@with_output
@click.argument("word", metavar="[FILE|NAME|latest]", required=False)
@click.option("--to", "into", default=None, metavar="CLUSTER.YAML", help="The cluster to restore into, if another.")
@click.option(
    "--from",
    "url",
    envvar="ETCDPILOT_BACKUPS",
    default=None,
    help="Where backups are: a directory, or s3://bucket/prefix.",
)
@LOST
@click.option("--without-checksum", is_flag=True, help="The file is a copied member/snap/db, which has none.")
@click.option("--of-another-cluster", "of_another", is_flag=True, help="The snapshot may be of another cluster.")
@click.option("--keep-revisions", is_flag=True, help="Do not bump the revision: nobody watches this cluster.")
@click.option("--yes", is_flag=True, help="Do not ask. Enough for a cluster on this machine alone.")
@MEANT
@click.option("--events", is_flag=True, help="One JSON event a line.")
def restore(
    file: str | None,
    state: str | None,
    output: str,
    url: str | None,
    word: str | None,
    into: str | None,
    lost: tuple[str, ...],
    without_checksum: bool,
    of_another: bool,
    keep_revisions: bool,
    yes: bool,
    meant: str | None,
    events: bool,
) -> None:
    """Restore the whole cluster from a snapshot: every member, under a new identity, proved at the end.

    What is there moves aside and stays. Without FILE, an unfinished restore goes on where it stopped.
    """
    from etcdpilot.recovering import Wish

    finder = Finder(file, state, url)
    chosen = choose(into, None) if into else choose(file, state)
    asked = Asked(word, without_checksum, of_another)
    wish = Wish(lost=lost, keep_revisions=keep_revisions)
    asyncio.run(bring_back(chosen, finder, asked, wish, Consent(yes, meant), events=events or output == "json"))


async def bring_back(
    chosen: Chosen, finder: Finder, asked: Asked, wish: Wish, consent: Consent, *, events: bool
) -> None:
    from etcdpilot import recovering

    async with at_work_on(chosen, wish) as site:
        if asked.word is None and (before := recovering.last(site)) is not None and before.done:
            click.echo(f"Nothing is left to do: the last restore, from {before.source.name}, went through.")
            return
        source = await find_source(site, finder, asked, wish) if asked.word else None
        await carry_out(site, source, wish, consent, events=events)
    if not events:
        click.echo(after_text(chosen))


@asynccontextmanager
async def at_work_on(chosen: Chosen, wish: Wish) -> AsyncIterator[Site]:
    from etcdpilot import pilot

    async with (
        pilot.opened(chosen.wanted, chosen.state, chosen.warnings) as site,
        pilot.at_work(site, wish.verb, without=frozenset(wish.lost)),
    ):
        yield site


async def find_source(site: Site, finder: Finder, asked: Asked, wish: Wish) -> Source:
    """The snapshot that the word names; held against the cluster that it is said to be of."""
    from etcdpilot import recovering
    from etcdpilot.observing.restoring import Terms

    assert asked.word is not None
    path = Path(asked.word)
    mine = path.exists() or asked.word.startswith(("/", "./", "../"))
    terms = Terms(source_clusters(site, finder), None, asked.without_checksum, asked.of_another)
    async with finder.snapshot(asked.word) as (found, told):
        terms = replace(terms, manifest=told.manifest)
        name = asked.word if mine else (told.manifest.name if told.manifest else asked.word)
        return await recovering.source_of(site, found, name, terms, wish, fetched=not mine)


def source_clusters(site: Site, finder: Finder) -> tuple[str, ...]:
    """Of the cluster whose file stands here, where there is one; into another cluster its own past says nothing."""
    from etcdpilot import recovering
    from etcdpilot.stores.state import StateFolder

    try:
        return recovering.clusters_of(StateFolder(choose(finder.file, finder.state).state))
    except SpecError:
        return ()


async def carry_out(site: Site, source: Source | None, wish: Wish, consent: Consent, *, events: bool) -> None:
    """Planned afresh where the ground moved: members that come up, or die, meanwhile change what is left to do."""
    from etcdpilot import pilot, recovering

    asked = False
    for time in range(1, TIMES + 1):
        settled = recovering.settle(site, source, wish)
        agreed = await recovering.plan(site, settled)
        if time == 1 or events:
            click.echo(document.line(document.plan_document(agreed)) if events else changes.agreement_text(agreed))
        require_no_refusals(agreed)
        if not asked:
            ask(site, settled.source.name, settled.verb, consent)
            asked = True
        recovering.begin(site, settled)
        try:
            await show(pilot.apply(site, agreed), events=events)
            return
        except Stale:
            if time == TIMES:
                raise


def ask(site: Site, what: str, verb: str, consent: Consent) -> None:
    """On real hosts the cluster's name is said: it stands still for a while, and goes on from an earlier state."""
    name = site.wanted.name
    if site.wanted.kind is HostKind.LOCAL:
        if not consent.yes and consent.meant != name:
            agree(f"Restore {name} from {what}? Whatever was written since then is set aside.")
        return
    refused = Refused(
        f"{name} was not restored.",
        why="Restoring a cluster on real hosts wants its name.",
        remedy=f"Say it:\n    etcdpilot {verb} … --yes-i-mean {name}",
    )
    require_name(site.wanted, consent.meant, stopping=f" and restores {what}", refused=refused)


def after_text(chosen: Chosen) -> str:
    lines = [
        "",
        f"{chosen.wanted.name} is restored and proved. What was there before stands beside it, with a stamp in its name.",
        "Restart whatever watches keys, so that it reads them anew: kube-apiserver, controllers, Patroni, APISIX.",
    ]
    return "\n".join(lines)
