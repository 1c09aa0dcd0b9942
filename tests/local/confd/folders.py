"""A confd folder and a source of keys for tests: resources and templates as files, keys in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from etcdpilot.model.confd import Settings
from etcdpilot.rendering.confd.world import World
from etcdpilot.serving.confd.log import Log
from etcdpilot.serving.confd.loops import Confd
from etcdpilot.serving.confd.source import Change, HistoryLost, State, covers


@dataclass
class Memory:
    """Keys that remember their history, until `forget` compacts it away."""

    entries: dict[bytes, bytes] = field(default_factory=dict)
    history: list[Change] = field(default_factory=list)
    forgotten: int = 0
    states: int = 0  # how often a whole state was asked for
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def revision(self) -> int:
        return self.forgotten + len(self.history)

    async def put(self, key: str, value: str | None) -> None:
        """None deletes it."""
        change = Change(key.encode(), None if value is None else value.encode(), self.revision + 1)
        async with self.changed:
            self.history.append(change)
            if change.value is None:
                self.entries.pop(change.key, None)
            else:
                self.entries[change.key] = change.value
            self.changed.notify_all()

    def forget(self) -> None:
        self.forgotten += len(self.history)
        self.history.clear()

    async def state(self, paths: Sequence[str]) -> State:
        self.states += 1
        found = {key: value for key, value in self.entries.items() if any(covers(path, key) for path in paths)}
        return State(found, self.revision)

    async def changes(self, path: str, after: int) -> AsyncGenerator[Change, None]:
        while True:
            async with self.changed:
                await self.changed.wait_for(lambda seen=after: self.revision > seen)
                if after < self.forgotten:
                    raise HistoryLost("compacted")
                waiting = self.history[after - self.forgotten :]
                after = self.revision
            for change in waiting:
                if covers(path, change.key):
                    yield change


@dataclass
class Folder:
    """`conf.d` and `templates` below `root`, files made below `root/out`, and the lines of the log."""

    root: Path
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("conf.d", "templates", "out"):
            (self.root / name).mkdir()

    def resource(self, name: str, template: str, *, keys: str = '["/"]', more: str = "") -> Path:
        """Writes the resource NAME.toml with its template, and says where its file will be."""
        dest = self.root / "out" / f"{name}.conf"
        (self.root / "templates" / f"{name}.tmpl").write_text(template)
        text = f'[template]\nsrc = "{name}.tmpl"\ndest = "{dest}"\nkeys = {keys}\n{more}\n'
        (self.root / "conf.d" / f"{name}.toml").write_text(text)
        return dest

    def confd(self, source: Memory, **settings: object) -> Confd:
        wanted = Settings(confdir=str(self.root), **settings)
        return Confd(wanted, source, World(), Log("debug", self.lines.append))

    @property
    def log(self) -> str:
        return "\n".join(self.lines)

    @property
    def left_behind(self) -> list[str]:
        """Files beside the made ones that nobody asked for."""
        return sorted(path.name for path in (self.root / "out").iterdir() if path.name.startswith("."))


async def until(true: object, seconds: float = 20.0) -> None:
    """Waits for a condition; an assertion when it does not come true in time."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not true():  # type: ignore[operator]
        assert asyncio.get_running_loop().time() < deadline, "it never came true"
        await asyncio.sleep(0.005)
