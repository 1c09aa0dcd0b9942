"""What a running etcd was started with, and how that differs from what its files say."""

from __future__ import annotations

import re
from collections.abc import Mapping

from etcdpilot.model.etcd_option_table import Kind
from etcdpilot.model.etcd_options import available, check_value, option, translated
from etcdpilot.model.observation import Process
from etcdpilot.model.versions import Version
from etcdpilot.rendering.options import is_bootstrap_only

PREFIX = "ETCD_"
NOT_OPTIONS = frozenset({"ETCD_UNSUPPORTED_ARCH", "ETCD_VERIFY"})
LISTS = (Kind.URLS, Kind.ORIGINS, Kind.LIST)
FLAG = re.compile(r"--?([^-=][^=]*)(?:=(.*))?", re.DOTALL)


def running_options(process: Process) -> dict[str, str]:
    """Its flags, and those of its ETCD_* variables that no flag names."""
    flags = flag_options(process.arguments)
    return environment_options(dict(process.environment)) | flags


def flag_options(arguments: tuple[str, ...]) -> dict[str, str]:
    """As Go's flag package reads them: one dash or two, `=` or the next word, a boolean alone; the last one wins."""
    found: dict[str, str] = {}
    waiting = list(arguments)
    while waiting:
        match = FLAG.fullmatch(waiting.pop(0))
        if match is None:  # etcd takes no plain words: it would have refused to start
            continue
        name, value = match[1], match[2]
        if value is None:
            value = waiting.pop(0) if waiting and not FLAG.fullmatch(waiting[0]) else "true"
        found[name] = value
    return found


def environment_options(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name.removeprefix(PREFIX).lower().replace("_", "-"): value
        for name, value in environment.items()
        if name.startswith(PREFIX) and name not in NOT_OPTIONS
    }


def options_that_differ(
    wanted: Mapping[str, str], running: Mapping[str, str], version: Version | None = None
) -> tuple[str, ...]:
    """Names of the options that a restart would change, sorted; what only a first start reads is left out.

    Old names of an option count as its new one, and what is left out as what etcd takes then.
    """
    here, there = (comparable(options, version) for options in (wanted, running))
    names = {name for name in (*here, *there) if not is_bootstrap_only(name)}
    return tuple(sorted(name for name in names if value_of(name, here) != value_of(name, there)))


def comparable(options: Mapping[str, str], version: Version | None) -> dict[str, str]:
    options = translated(options, version) if version else options
    return {newest_name(name, version): canonical(name, value, version) for name, value in options.items()}


def newest_name(name: str, version: Version | None) -> str:
    """A release that renamed an option takes the old name for a while too."""
    known = option(name)
    if known is None or known.gate or not known.renamed or version is None or not available(known.renamed, version):
        return name
    return known.renamed


def canonical(name: str, value: str, version: Version | None) -> str:
    """A value in its one spelling, a list in one order; what etcd took and we would not is left as it stands."""
    known = option(name)
    if known is None:
        return value
    try:
        value = check_value(known, value, version)
    except ValueError:
        pass
    return ",".join(sorted(value.split(","))) if known.kind in LISTS else value


def value_of(name: str, options: Mapping[str, str]) -> str | None:
    known = option(name)
    return options.get(name, known.default if known else None)
