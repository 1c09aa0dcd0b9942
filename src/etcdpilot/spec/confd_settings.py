"""confd's command line, environment and confd.toml, made into one Settings.

The documents of confd say that flags beat the file; the program does it the other way round. Here flags win, unless
`compat` asks for the program's way.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from etcdpilot.model.confd import Settings
from etcdpilot.model.errors import Problem, SpecError

# Flag: the setting it sets. Those of other backends are taken and mean nothing here.
_SWITCHES = {
    "onetime": "onetime",
    "watch": "watch",
    "noop": "noop",
    "sync-only": "sync_only",
    "keep-stage-file": "keep_stage_file",
    "basic-auth": "basic_auth",
    "client-insecure": "client_insecure",
    "version": "version",
}
_TEXTS = {
    "backend": "backend",
    "confdir": "confdir",
    "config-file": "config_file",
    "prefix": "prefix",
    "log-level": "log_level",
    "scheme": "scheme",
    "srv-domain": "srv_domain",
    "srv-record": "srv_record",
    "client-cert": "client_cert",
    "client-key": "client_key",
    "client-ca-keys": "client_cakeys",
    "username": "username",
    "password": "password",
    "compat": "compat",
}
_OF_OTHER_BACKENDS = frozenset(
    [
        "auth-token",
        "auth-type",
        "table",
        "filter",
        "separator",
        "app-id",
        "user-id",
        "role-id",
        "secret-id",
        "path",
        "secret-keyring",
    ]
)
_LISTS = {"node": "nodes", "file": "files"}
_ENVIRONMENT = {
    "CONFD_CLIENT_CERT": "client_cert",
    "CONFD_CLIENT_KEY": "client_key",
    "CONFD_CLIENT_CAKEYS": "client_cakeys",
}
_LEVELS = ("panic", "fatal", "error", "warn", "info", "debug")
_TRUE, _FALSE = ("1", "t", "T", "TRUE", "true", "True"), ("0", "f", "F", "FALSE", "false", "False")
_FILE_KEYS = {
    "backend", "nodes", "confdir", "interval", "prefix", "scheme", "noop", "watch", "log-level", "sync-only", "srv_domain",
    "srv_record", "client_cakeys", "client_cert", "client_key", "client_insecure", "basic_auth", "username", "password",
    "compat", "keep-stage-file",
}  # fmt: skip

USAGE = (
    "Usage of confd:\n"
    + "".join(f"  -{name}\n" for name in sorted(_SWITCHES))
    + "".join(f"  -{name} value\n" for name in sorted({*_TEXTS, *_LISTS, "interval"}))
)


class UsageError(SpecError):
    """The command line is wrong: exit code 2, with confd's words."""


@dataclass(frozen=True, slots=True)
class CommandLine:
    """What the flags set, by the names of Settings; `wants` is what to do instead of running: "", version or help."""

    given: Mapping[str, Any]
    config_file: str = "/etc/confd/confd.toml"
    wants: str = ""


def read_flags(arguments: Sequence[str]) -> CommandLine:
    """Go's flags: one dash or two, `-name value` or `-name=value`, switches alone. Raises UsageError."""
    given: dict[str, Any] = {}
    waiting = list(arguments)
    while waiting and waiting[0].startswith("-") and waiting[0] != "-":
        word = waiting.pop(0)
        if word == "--":
            break
        name, has_value, value = word[2 if word.startswith("--") else 1 :].partition("=")
        if name in ("h", "help"):
            return CommandLine(given, wants="help")
        _set(given, name, value if has_value else None, waiting)
    config_file = given.pop("config_file", "/etc/confd/confd.toml")
    wants = "version" if given.pop("version", False) else ""
    return CommandLine(given, config_file, wants)


def _set(given: dict[str, Any], name: str, value: str | None, waiting: list[str]) -> None:
    if name in _SWITCHES:
        given[_SWITCHES[name]] = _switch(name, value)
        return
    if name not in _TEXTS and name not in _LISTS and name not in _OF_OTHER_BACKENDS and name != "interval":
        raise UsageError(f"flag provided but not defined: -{name}\n{USAGE}")
    if value is None:
        if not waiting:
            raise UsageError(f"flag needs an argument: -{name}\n{USAGE}")
        value = waiting.pop(0)
    if name in _LISTS:
        given[_LISTS[name]] = (*given.get(_LISTS[name], ()), value)
    elif name == "interval":
        given["interval"] = _whole_number(name, value)
    elif name in _TEXTS:
        given[_TEXTS[name]] = value


def _switch(name: str, value: str | None) -> bool:
    if value is None or value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise UsageError(f'invalid boolean value "{value}" for -{name}: parse error\n{USAGE}')


def _whole_number(name: str, value: str) -> float:
    if not value.isdecimal():
        raise UsageError(f'invalid value "{value}" for flag -{name}: parse error\n{USAGE}')
    return float(value)


def read_settings(line: CommandLine, file_text: str | None, environment: Mapping[str, str]) -> Settings:
    """All three together; `file_text` is None where there is no confd.toml. Raises SpecError with all problems."""
    from_file = _from_file(file_text, line.config_file) if file_text is not None else {}
    from_environment = {name: environment[key] for key, name in _ENVIRONMENT.items() if environment.get(key)}
    compat = "confd" in (line.given.get("compat"), from_file.get("compat"))
    layers = (from_environment, line.given, from_file) if compat else (from_environment, from_file, line.given)
    values: dict[str, Any] = {name: value for layer in layers for name, value in layer.items()}
    values.pop("files", None)
    values["compat"] = compat
    settings = Settings(**values)
    if settings.log_level not in _LEVELS:
        raise SpecError(f'not a valid level: "{settings.log_level}"')
    if settings.backend not in ("etcdv3", "etcd"):
        raise SpecError(
            "Invalid backend",
            why=f"{settings.backend!r} was asked for; only etcd's v3 API is served here.",
            remedy="Use -backend etcdv3.",
        )
    return settings


def _from_file(text: str, file: str) -> dict[str, Any]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"{file} is no TOML.", why=str(error)) from None
    known = {key.replace("-", "_"): value for key, value in document.items() if key in _FILE_KEYS}
    problems = tuple(_problems(known, file))
    if problems:
        raise SpecError(f"{file} cannot be used.", problems=problems)
    if "nodes" in known:
        known["nodes"] = tuple(known["nodes"])
    if "interval" in known:
        known["interval"] = float(known["interval"])
    return known


def _problems(known: Mapping[str, Any], file: str) -> list[Problem]:
    wanted = {"nodes": list, "interval": int}
    wanted |= dict.fromkeys(("watch", "noop", "sync_only", "basic_auth", "client_insecure", "keep_stage_file"), bool)
    found = []
    for key, value in known.items():
        sort = wanted.get(key, str)
        if not isinstance(value, sort) or (sort is int and isinstance(value, bool)):
            found.append(Problem(file, 0, 0, key, f"must be {_NAMES[sort]}, not {value!r}"))
    return found


_NAMES = {list: "a list of texts", int: "a whole number", bool: "true or false", str: "text"}
