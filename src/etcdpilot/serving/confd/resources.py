"""Finds and reads the resources of a confd folder; one that cannot be read does not take the others with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from etcdpilot.model.confd import Resource, Settings
from etcdpilot.model.errors import SpecError
from etcdpilot.serving.confd.log import Log
from etcdpilot.spec.confd_resource import read_resource


@dataclass(frozen=True, slots=True)
class Found:
    """`failed` counts the files that could not be read; each was logged."""

    resources: tuple[Resource, ...]
    failed: int


def find_resources(settings: Settings, log: Log) -> Found:
    """Every `*toml` below `conf.d`, in order. With `compat` one bad file stops all, as in confd: SpecError."""
    folder = Path(settings.confdir)
    if not folder.is_dir():
        log.warning(f"Cannot load template resources: confdir '{folder}' does not exist")
        return Found((), 0)
    files = sorted(path for path in (folder / "conf.d").rglob("*toml") if path.is_file())
    if not files:
        log.warning("Found no templates")
    resources, failed = [], 0
    for path in files:
        log.debug(f"Loading template resource from {path}")
        try:
            resources.append(read_resource(path.read_text(), str(path), prefix=settings.prefix, compat=settings.compat))
        except (SpecError, OSError, UnicodeDecodeError) as error:
            if settings.compat:
                raise
            log.error(" ".join(str(error).split("\n")))
            failed += 1
    return Found(tuple(resources), failed)
