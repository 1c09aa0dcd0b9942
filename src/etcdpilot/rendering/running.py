"""What a running etcd was started with, and how that differs from what its files say."""

from __future__ import annotations

import re
from collections.abc import Mapping

from etcdpilot.model.observation import Process
from etcdpilot.model.versions import Version
from etcdpilot.rendering.options import is_bootstrap_only

PREFIX = "ETCD_"
NOT_OPTIONS = frozenset({"ETCD_UNSUPPORTED_ARCH", "ETCD_VERIFY"})
FLAG = re.compile(r"--?([^-=][^=]*)(?:=(.*))?", re.DOTALL)
TRUTHS = ("t", "T", "TRUE", "True")  # further spellings that Go takes; "1" may also be a number
FALSEHOODS = ("f", "F", "FALSE", "False")
LISTS = ("-urls", "cipher-suites", "cors", "host-whitelist", "log-outputs")


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
        option, value = match[1], match[2]
        if value is None:
            value = waiting.pop(0) if waiting and not FLAG.fullmatch(waiting[0]) else "true"
        found[option] = value
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
    """Names of the options that a restart would change, sorted; what only a first start reads is left out."""
    names = {name for name in (*wanted, *running) if not is_bootstrap_only(name)}
    return tuple(sorted(name for name in names if same(wanted.get(name), name) != same(running.get(name), name)))


def same(value: str | None, option: str) -> str | None:
    """A value as it can be compared: booleans in one spelling, lists in one order."""
    if value is None:
        return None
    if option.endswith(LISTS):
        return ",".join(sorted(value.split(",")))
    if value in TRUTHS:
        return "true"
    return "false" if value in FALSEHOODS else value
