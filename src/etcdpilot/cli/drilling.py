"""What `backup drill` does and says: a backup that nobody has restored is a hope."""

from __future__ import annotations

import asyncio
import platform
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from etcdpilot.cli.choosing import Chosen, choose
from etcdpilot.cli.views import document
from etcdpilot.cli.views.text import clean, mark, plural
from etcdpilot.model.cluster import HostKind
from etcdpilot.model.errors import SpecError

if TYPE_CHECKING:
    from etcdpilot.cli.backup import Finder
    from etcdpilot.model.snapshots import Manifest
    from etcdpilot.recovering import Drilled

FOLDER = "drill"
CLUSTER = "drill"


def drill_backup(finder: Finder, name: str, etcd: str | None, members: int, output: str) -> int:
    """The exit code: 0 when the restored cluster held what the snapshot holds."""
    found, at = asyncio.run(drilled(finder, name, etcd, members))
    click.echo(document.dump(as_document(found, at)) if output == "json" else as_text(found))
    return 0 if found.holds else 1


async def drilled(finder: Finder, name: str, etcd: str | None, members: int) -> tuple[Drilled, datetime]:
    from etcdpilot import recovering
    from etcdpilot.observing.restoring import Terms
    from etcdpilot.stores.local_clusters import Wish

    chosen = chosen_or_none(finder)
    wish = Wish(CLUSTER, members, etcd or await etcd_of(chosen), None, "127.0.0.1", "loopback", tls=True)
    async with finder.snapshot(name) as (path, told):
        manifest = told.manifest
        called = manifest.name if manifest is not None and not Path(name).exists() else name
        terms = Terms((), manifest, without_checksum=True)
        found = await recovering.drill(path, called, terms, folder_for(chosen), wish)
        at = datetime.now(UTC)
        if found.holds and manifest is not None:
            await note(finder, path, manifest.proved(at))
    return found, at


def chosen_or_none(finder: Finder) -> Chosen | None:
    """A file can be drilled where no cluster file is."""
    try:
        return choose(finder.file, finder.state)
    except SpecError:
        return None


def folder_for(chosen: Chosen | None) -> Path:
    """Always the same one: what a drill that was killed left behind is found by the next."""
    if chosen is not None and chosen.state.is_dir():
        return chosen.state.absolute() / FOLDER
    import os

    return Path(tempfile.gettempdir()) / f"etcdpilot-drill-{os.getuid()}"


async def etcd_of(chosen: Chosen | None) -> str | None:
    """The very version that the cluster runs; None lets the newest be found."""
    if chosen is None or chosen.wanted.version is None:
        return None
    if chosen.wanted.kind is HostKind.LOCAL:
        return f"{chosen.wanted.members[0].paths.bin}/etcd"
    from etcdpilot.stores.binaries import provide
    from etcdpilot.stores.kept_binaries import HERE

    if platform.system() != "Linux":
        return None  # what hosts run does not run here
    return str(await provide(chosen.wanted.source, str(chosen.wanted.version), HERE) / "etcd")


async def note(finder: Finder, path: Path, manifest: Manifest) -> None:
    """In the manifest, which `backup list` reads: beside a file, or in the store; there for `status` too."""
    from etcdpilot.cli.backup import note_proved
    from etcdpilot.stores.catalogue import manifest_bytes, mark_proved
    from etcdpilot.stores.writing import write_private

    if path.with_suffix(".json").exists():
        write_private(path.with_suffix(".json"), manifest_bytes(manifest))
    else:
        where = finder.where
        await mark_proved(where.store, manifest)
        if where.chosen is not None:
            place = f"{where.store.url}/{manifest.snapshot_name}"
            note_proved(where.chosen, manifest.name, place, manifest.revision, manifest.taken_at)


def as_document(found: Drilled, at: datetime) -> dict[str, object]:
    return {
        "backup": found.name,
        "holds": found.holds,
        "etcd": found.etcd,
        "seconds": round(found.seconds, 3),
        "keys": found.found.keys,
        "leases": found.found.leases,
        "users": found.found.users,
        "differences": list(found.found.differences),
        "at": at.isoformat(),
    }


def as_text(found: Drilled) -> str:
    held = found.found
    what = f"{plural(held.keys, 'key')}, {plural(held.leases, 'lease')}, {plural(held.users, 'user')}"
    head = f"{clean(found.name)} was restored with etcd {found.etcd} in {found.seconds:.1f} s"
    if found.holds:
        return (
            f"{mark(True)} {head}\n  {what}: equal to the snapshot's, one by one; the throw-away cluster is gone again"
        )
    lines = [f"{mark(False)} {head}, and is not what the snapshot holds"]
    return "\n".join([*lines, *(f"  {clean(each)}" for each in held.differences)])
