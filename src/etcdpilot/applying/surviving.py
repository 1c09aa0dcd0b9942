"""Brings what the survivors of a cluster without a quorum still hold to the controller, as snapshots; stops nobody.

Running members first, and before anything is restarted: without a quorum a member that runs still gives its snapshot, and
one that was restarted answers no client any more. Then a copy of the data of those that do not run, or do not answer.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from etcdpilot.applying.backups import save_to_store
from etcdpilot.applying.replaying import as_snapshot
from etcdpilot.etcd.door import Door
from etcdpilot.hosts.fleet import Fleet
from etcdpilot.model.cluster import ClusterSpec, HostKind
from etcdpilot.model.errors import ClusterFailed, EtcdpilotError, SpecError
from etcdpilot.model.restoring import Source
from etcdpilot.model.survivors import Survivor
from etcdpilot.observing.clock import Clock
from etcdpilot.observing.restoring import Terms, judge
from etcdpilot.stores.directory import DirectoryStore
from etcdpilot.stores.restores import recovery_folder
from etcdpilot.stores.snapshot.bbolt import BoltFile
from etcdpilot.stores.snapshot.tables import read_progress
from etcdpilot.stores.state import StateFolder

TERMS = Terms(of_another=True)  # it was fetched from the member itself


@dataclass
class Gathering:
    """`running` and `stopped` are members' names. `gather` says what it does; then `found` holds what there is."""

    running: tuple[str, ...]
    stopped: tuple[str, ...]
    wanted: ClusterSpec
    fleet: Fleet
    door: Door
    state: StateFolder
    clock: Clock
    bump: int
    found: list[Survivor] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    async def gather(self) -> AsyncIterator[str]:
        silent: list[str] = []
        for name in self.running:
            yield f"taking a snapshot of {name}, which runs"
            try:
                self.found.append(await self.of_running(name))
            except EtcdpilotError as error:
                silent.append(name)
                yield f"{name} gives none: {error.what}"
        for name in (*self.stopped, *silent):
            yield f"copying the data of {name}, and playing its log out on the copy"
            try:
                self.found.append(await self.of_stopped(name))
            except EtcdpilotError as error:
                self.failed.append(f"{name}: {error.what} {error.why}")
                yield f"{name} has none that can be used: {error.what}"

    async def of_running(self, name: str) -> Survivor:
        store = DirectoryStore(self.state.backups)
        saved = await save_to_store(self.door, name, self.wanted.name, store, self.clock)
        path = self.state.backups / saved.manifest.snapshot_name
        return await self.survivor(name, path, running=True, note="")

    async def of_stopped(self, name: str) -> Survivor:
        """The copy is dropped once its snapshot is there; the data themselves stay where they are."""
        folder = recovery_folder(self.state) / name
        shutil.rmtree(folder, ignore_errors=True)
        snapshot = folder.with_suffix(".db")
        host = await self.fleet.host(name)
        try:
            await host.copy_data(self.wanted.machine(name).paths.data, folder / "data")
            if not (folder / "data" / "member" / "snap" / "db").exists():
                raise ClusterFailed(f"The data of {name} have no database.", why="member/snap/db is missing.")
            note = await as_snapshot(folder / "data", await self.etcd_of(name), snapshot)
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        return await self.survivor(name, snapshot, running=False, note=note)

    async def etcd_of(self, name: str) -> Path | None:
        """An etcd of the wanted version that runs on this machine; None where it cannot be had."""
        if self.wanted.kind is HostKind.LOCAL:
            return Path(self.wanted.machine(name).paths.bin) / "etcd"
        from etcdpilot.stores.binaries import provide
        from etcdpilot.stores.kept_binaries import HERE

        try:
            return await provide(self.wanted.source, str(self.wanted.version), HERE) / "etcd"
        except SpecError:
            return None

    async def survivor(self, name: str, path: Path, *, running: bool, note: str) -> Survivor:
        source, index = await asyncio.to_thread(looked_at, path, f"the data of {name}", self.bump)
        return Survivor(name, running, index, source, note)


def looked_at(path: Path, name: str, bump: int) -> tuple[Source, int]:
    source = judge(path, name, TERMS, bump)
    with BoltFile.open(path) as database:
        return source, read_progress(database).consistent_index
