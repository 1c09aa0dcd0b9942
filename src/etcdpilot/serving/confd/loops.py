"""The three ways to run: once, at intervals, and at every change."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

from etcdpilot.model.confd import Resource, Settings
from etcdpilot.model.errors import EtcdpilotError
from etcdpilot.rendering.confd.world import World
from etcdpilot.serving.confd.log import Log
from etcdpilot.serving.confd.processing import Outcome, Processor
from etcdpilot.serving.confd.resources import Found, find_resources
from etcdpilot.serving.confd.source import Change, HistoryLost, Source, State, covers, outermost

_WRONG = (Outcome.FAILED, Outcome.RELOAD_OWED)
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10.0
BACKEND_PAUSE = 2.0


@dataclass(frozen=True, slots=True)
class Confd:
    settings: Settings
    source: Source
    world: World
    log: Log
    failures: list[str] = field(default_factory=list)  # of the last time that all were made

    def processor(self, resource: Resource) -> Processor:
        return Processor(resource, self.settings, self.world, self.log)

    async def once(self) -> bool:
        """Every resource one time; whether all went well. Raises EtcdpilotError when etcd cannot be read."""
        found = find_resources(self.settings, self.log)
        return await self._all(found) and not found.failed

    async def _all(self, found: Found) -> bool:
        paths = [path for resource in found.resources for path in resource.paths]
        state = await self.source.state(paths)
        self.failures.clear()
        for resource in found.resources:
            processor = self.processor(resource)
            if await processor.process(below(resource, state.entries)) in _WRONG:
                self.failures.append(processor.reason)
        return not self.failures

    async def at_intervals(self) -> None:
        """For ever; what failed is tried again sooner than the interval, unless `compat`."""
        pause = FIRST_PAUSE
        while True:
            if await self._once_or_said():
                pause = FIRST_PAUSE
                await asyncio.sleep(self.settings.interval)
            else:
                await asyncio.sleep(
                    self.settings.interval if self.settings.compat else min(self.settings.interval, pause)
                )
                pause = min(pause * 2, LONGEST_PAUSE)

    async def _once_or_said(self) -> bool:
        try:
            return await self.once()
        except EtcdpilotError as error:
            self.log.error(one_line(error))
            return False

    async def on_change(self) -> None:
        """For ever: every resource whenever one of its keys changes, each in a task of its own."""
        found = find_resources(self.settings, self.log)
        if not found.resources:
            return
        desk = Desk(self, found.resources)
        await desk.run()


def below(resource: Resource, entries: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    return {key: value for key, value in entries.items() if any(covers(path, key) for path in resource.paths)}


def one_line(error: EtcdpilotError) -> str:
    return "; ".join(part for part in str(error).split("\n") if part.strip())


class Desk:
    """Holds every key that some resource looks at, brings it up to date, and tells the resources that it concerns."""

    def __init__(self, confd: Confd, resources: tuple[Resource, ...]) -> None:
        self.confd = confd
        self.workers = [Worker(confd, resource) for resource in resources]
        self.by_path: dict[bytes, list[Worker]] = {}
        for worker in self.workers:
            for path in outermost(worker.resource.paths):
                self.by_path.setdefault(path.encode(), []).append(worker)
        self.paths = outermost([path for resource in resources for path in resource.paths])

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for worker in self.workers:
                tasks.create_task(worker.run())
            tasks.create_task(self.follow())

    async def follow(self) -> None:
        """A state, then its changes; a new state whenever the changes were lost."""
        while True:
            state = await self.first_state()
            for worker in self.workers:
                worker.begin(below(worker.resource, state.entries))
            try:
                await self.changes_after(state.revision)
            except* HistoryLost:
                self.confd.log.warning("The watch fell behind a compaction: every key is read anew")
            except* EtcdpilotError as group:
                self.confd.log.error("; ".join(one_line(error) for error in _leaves(group)))
                await asyncio.sleep(BACKEND_PAUSE)

    async def first_state(self) -> State:
        while True:
            try:
                return await self.confd.source.state(self.paths)
            except EtcdpilotError as error:
                self.confd.log.error(one_line(error))
            await asyncio.sleep(BACKEND_PAUSE)

    async def changes_after(self, revision: int) -> None:
        """One watch for each path; ends only with an error."""
        if not self.paths:
            await asyncio.Event().wait()
        async with asyncio.TaskGroup() as tasks:
            for path in self.paths:
                tasks.create_task(self.listen(path, revision))

    async def listen(self, path: str, revision: int) -> None:
        async with aclosing(self.confd.source.changes(path, revision)) as changes:
            async for change in changes:
                for worker in self.concerned(change.key):
                    worker.take(change)

    def concerned(self, key: bytes) -> list[Worker]:
        """Who looks at this key: by each of the folders above it, so that the cost is its depth and not our number."""
        found = [*self.by_path.get(key, ()), *self.by_path.get(b"/", ())]
        place = key.rfind(b"/")
        while place > 0:
            found += self.by_path.get(key[:place], ())
            place = key.rfind(b"/", 0, place)
        return found


def _leaves(group: BaseExceptionGroup[EtcdpilotError]) -> list[EtcdpilotError]:
    found: list[EtcdpilotError] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


class Worker:
    """One resource's own task: its keys, whether they changed since the last rendering, and what is to be tried again."""

    def __init__(self, confd: Confd, resource: Resource) -> None:
        self.confd, self.resource = confd, resource
        self.processor = confd.processor(resource)
        self.entries: dict[bytes, bytes] = {}
        self.changed = asyncio.Event()
        self.last_write = float("-inf")

    def begin(self, entries: dict[bytes, bytes]) -> None:
        self.entries = entries
        self.changed.set()

    def take(self, change: Change) -> None:
        if change.value is None:
            self.entries.pop(change.key, None)
        else:
            self.entries[change.key] = change.value
        self.changed.set()

    async def run(self) -> None:
        pause = FIRST_PAUSE
        await self.changed.wait()
        while True:
            await self.settle()
            # Whatever changes from here on sets it again: the last state is always rendered.
            self.changed.clear()
            outcome = await self.processor.process(self.entries)
            if outcome is Outcome.WRITTEN:
                self.last_write = asyncio.get_running_loop().time()
            if outcome in _WRONG and not self.confd.settings.compat:
                await self.changed_within(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                pause = FIRST_PAUSE
                await self.changed.wait()

    async def settle(self) -> None:
        """`debounce`: until no change came for so long. `min_reload_interval`: no sooner after the last write."""
        while self.resource.debounce:
            self.changed.clear()
            if not await self.changed_within(self.resource.debounce):
                break
        early = self.last_write + self.resource.min_reload_interval - asyncio.get_running_loop().time()
        if early > 0:
            await asyncio.sleep(early)

    async def changed_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self.changed.wait()
        except TimeoutError:
            return False
        return True
