"""Pydantic's errors in our words: what is wrong at a place, and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel

from etcdpilot.spec import schema
from etcdpilot.spec.report import Path, did_you_mean

# Keys that stand in another place than one looks for them first.
ELSEWHERE = {
    "tls.cert": "tls.files.server-cert",
    "paths.tls": "tls.directory",
    "paths.env-file": "service.env-file",
    "members.port": "client-port or peer-port",
    "members.ip": "host or address",
    "members.url": "advertise-peer-urls",
    "members.user": "ssh.user",
    "members.data-dir": "paths.data",
    "members.version": "etcd.version, which all members share",
    "hosts.user": "hosts.ssh.user",
    "hosts.port": "hosts.ssh.port",
    "hosts.identity": "hosts.ssh.identity",
    "hosts.data": "hosts.paths.data",
    "hosts.data-dir": "hosts.paths.data",
    "version": "etcd.version",
    "options": "etcd.options",
    "source": "etcd.source",
    "ssh": "hosts.ssh",
    "paths": "hosts.paths",
    "service": "hosts.service",
    "discovery": "bootstrap.discovery",
    "dns": "bootstrap.dns",
    "nodes": "members",
    "cluster": "name",
}


def complaints(errors: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Path, str]]:
    for error in errors:
        path = tuple(part for part in error["loc"] if part != "[key]")
        yield path, complaint(error, path)


def complaint(error: Mapping[str, Any], path: Path) -> str:
    context = error.get("ctx") or {}
    match error["type"]:
        case "missing":
            return f"is missing{described(path)}"
        case "extra_forbidden":
            return unknown_key(path)
        case "value_error":
            return str(context["error"])
        case "literal_error":
            return not_one_of(error, context)
        case "string_type":
            return "should be one value" + not_a(error)
        case "list_type":
            return "should be a list, with `- ` in front of each item" + not_a(error)
        case "dict_type" | "model_type" | "model_attributes_type":
            return "should be a mapping of keys to values" + not_a(error)
        case "too_short":
            return "is empty; it needs at least one item"
        case "bool_type":
            return "should be true or false" + not_a(error)
        case "int_type":
            return "should be a number" + not_a(error)
        case _:
            return str(error["msg"])


def described(path: Path) -> str:
    model = model_at(path[:-1])
    field = next((one for key, one in keys_of(model).items() if key == path[-1]), None) if model else None
    return f": {field.description[0].lower()}{field.description[1:]}" if field and field.description else ""


def unknown_key(path: Path) -> str:
    key, model = str(path[-1]), model_at(path[:-1])
    parent = next((str(part) for part in reversed(path[:-1]) if not isinstance(part, int)), "")
    if place := ELSEWHERE.get(f"{parent}.{key}" if parent else key):
        return f"is not a key here; use {place}"
    known = keys_of(model) if model else {}
    return f"is not a key here.{did_you_mean(key, known) or ' Known: ' + ', '.join(known) + '.'}"


def not_one_of(error: Mapping[str, Any], context: Mapping[str, Any]) -> str:
    choices = re.findall(r"'([^']*)'", context["expected"])
    given = error["input"]
    said = ascii(given if len(given) <= 60 else given[:57] + "...") if isinstance(given, str) else "a list or mapping"
    near = did_you_mean(given, choices) if isinstance(given, str) else ""
    return f"{said} is not one of {', '.join(choices)}.{near}"


def not_a(error: Mapping[str, Any]) -> str:
    match error["input"]:
        case dict():
            return ", not a mapping"
        case list():
            return ", not a list"
        case None:
            return ", and nothing stands there"
        case str(text):
            return f", not {text if len(text) <= 60 else text[:57] + '...'!a}"
        case _:
            return ""


def keys_of(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def model_at(path: Path) -> type[BaseModel] | None:
    """The section that stands at a path, None where there is no section."""
    model: type[BaseModel] | None = schema.ClusterFile
    for part in path:
        if isinstance(part, int):
            continue
        field = keys_of(model).get(part) if model else None
        model = section_in(field.annotation) if field else None
    return model


def section_in(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation such as `list[Member]` or `Annotated[Source, …] | None` holds."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := section_in(inner))), None)
