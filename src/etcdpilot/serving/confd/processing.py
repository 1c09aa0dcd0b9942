"""One resource: render, compare, check, put in place, reload. An unchanged file touches nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from etcdpilot.model.confd import Resource, Settings
from etcdpilot.rendering.confd.template import ConfdTemplate
from etcdpilot.rendering.confd.tree import tree_of
from etcdpilot.rendering.confd.world import World
from etcdpilot.rendering.gotemplate.errors import ParseError, TemplateError
from etcdpilot.serving.confd.commands import filled, run
from etcdpilot.serving.confd.log import Log
from etcdpilot.serving.confd.staging import Staged, stage


class Outcome(Enum):
    UNCHANGED = "unchanged"
    WRITTEN = "written"
    NOT_WRITTEN = "not written"  # noop
    FAILED = "failed"
    RELOAD_OWED = "reload owed"  # the file is in place, and whoever reads it does not know yet


class Failed(Exception):
    """Why a resource could not be processed; said in the log, and tried again."""


@dataclass(slots=True)
class Processor:
    """Processes one resource again and again; keeps the template that it read, for as long as its file is the same."""

    resource: Resource
    settings: Settings
    world: World
    log: Log
    _read: tuple[tuple[int, int, int], ConfdTemplate] | None = field(default=None)
    _warned: set[str] = field(default_factory=set)
    reason: str = ""  # why it last went wrong; empty when it went well

    async def process(self, entries: Mapping[bytes, bytes]) -> Outcome:
        """`entries` are the keys below the resource's paths. Everything that goes wrong is logged, never raised."""
        try:
            outcome = await self._process(entries)
            self.reason = self.reason if outcome is Outcome.RELOAD_OWED else ""
        except Failed as failed:
            return self._failed(str(failed))
        except OSError as error:
            return self._failed(f"{error.strerror}: {error.filename or self.resource.dest}")
        except Exception as error:  # a mistake of ours in one file must not stop the others
            return self._failed(f"{self.resource.dest} could not be made: {error!r}. This is a fault of etcdpilot.")
        return outcome

    def _failed(self, why: str) -> Outcome:
        self._say(why)
        return Outcome.FAILED

    def _say(self, why: str) -> None:
        """What is tried again and again is an error once."""
        self.log.at("debug" if why == self.reason else "error", why)
        self.reason = why

    async def _process(self, entries: Mapping[bytes, bytes]) -> Outcome:
        template = self._template()
        text = await asyncio.to_thread(self._render, template, dict(entries))
        staged = stage(self.resource, text.encode("utf-8", "surrogateescape"))
        self._warn(staged)
        installed = False
        try:
            if not staged.differs():
                self.log.debug(f"Target config {self.resource.dest} in sync")
                return await self._settle_debt(Outcome.UNCHANGED)
            if self.settings.noop:
                self.log.warning(f"Noop mode enabled. {self.resource.dest} will not be modified")
                return Outcome.NOT_WRITTEN
            installed = await self._install(staged)
        finally:
            if not installed and not self.settings.keep_stage_file:
                staged.discard()
        return await self._settle_debt(Outcome.WRITTEN)

    def _template(self) -> ConfdTemplate:
        path = self._template_path()
        try:
            seen = path.stat()
        except OSError:
            raise Failed(f"Missing template: {path}") from None
        stamp = (seen.st_mtime_ns, seen.st_size, seen.st_ino)
        if self._read is None or self._read[0] != stamp:
            self._read = (stamp, self._parsed(path))
        return self._read[1]

    def _template_path(self) -> Path:
        return Path(self.settings.confdir) / "templates" / self.resource.src

    def _parsed(self, path: Path) -> ConfdTemplate:
        self.log.debug(f"Compiling source template {path}")
        try:
            return ConfdTemplate.parse(path.name, path.read_bytes().decode("utf-8", "surrogateescape"))
        except ParseError as error:
            raise Failed(f"Unable to process template {path}, {error}") from None

    def _render(self, template: ConfdTemplate, entries: Mapping[bytes, bytes]) -> str:
        try:
            return template.render(tree_of(entries, self.resource.prefix), self.world)
        except TemplateError as error:
            raise Failed(str(error)) from None

    def _warn(self, staged: Staged) -> None:
        for warning in staged.warnings:
            if warning not in self._warned:
                self._warned.add(warning)
                self.log.warning(warning)

    async def _install(self, staged: Staged) -> bool:
        dest = self.resource.dest
        self.log.info(f"Target config {dest} out of sync")
        if self.resource.check_cmd and not self.settings.sync_only:
            await self._check(staged)
        self._owe_reload()
        if not staged.install():
            self.log.warning(f"{dest} is a mount: it was written in place, and not as a whole")
        return True

    async def _check(self, staged: Staged) -> None:
        command = filled(self.resource.check_cmd, src=str(staged.path), dest=self.resource.dest)
        self.log.debug(f"Running {command}")
        ended = await run(command, self.resource.check_timeout)
        if ended.problem:
            if ended.output:
                self.log.error(ended.output)
            raise Failed(f"Config check failed: {ended.problem}")

    # What is owed: a mark beside the file says that a reload is still to come. It is set before the file is replaced, so
    # that neither a failed reload nor an end of this program in between is forgotten, as confd forgets them.

    @property
    def _debt(self) -> Path:
        dest = Path(self.resource.dest)
        return dest.parent / f".{dest.name}.reload-owed"

    @property
    def _reloads(self) -> bool:
        return bool(self.resource.reload_cmd) and not self.settings.sync_only

    def _owe_reload(self) -> None:
        if self._reloads and not self.settings.compat:
            self._debt.touch()

    async def _settle_debt(self, outcome: Outcome) -> Outcome:
        owes = self._reloads and (outcome is Outcome.WRITTEN or (not self.settings.compat and self._debt.exists()))
        if owes and not self.settings.noop:
            if not await self._reload():
                return Outcome.RELOAD_OWED
            self._debt.unlink(missing_ok=True)
        if outcome is Outcome.WRITTEN:
            self.log.info(f"Target config {self.resource.dest} has been updated")
        return outcome

    async def _reload(self) -> bool:
        command = filled(self.resource.reload_cmd, src=str(self._template_path()), dest=self.resource.dest)
        self.log.debug(f"Running {command}")
        ended = await run(command, self.resource.reload_timeout)
        if not ended.problem:
            return True
        said = f"\n{ended.output}" if ended.output else ""
        self._say(f"Reload of {self.resource.dest} failed: {ended.problem}{said}")
        return False
