"""Changes to a cluster file that leave every other character as its owner wrote it: comments, order, quotes, blank lines.

Each edit cuts or inserts text at the places where YAML's parser saw the nodes begin and end. A round trip through a
library that keeps comments was tried first: it re-indents lists, re-spaces flow maps, and puts a new last item behind
the comment that follows the list. What comes out is read again and must say exactly what was meant, or the edit is
refused; then it is judged as any cluster file is.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from etcdpilot.model.errors import SpecError
from etcdpilot.model.etcd_options import translated
from etcdpilot.model.versions import Version
from etcdpilot.spec.load import load
from etcdpilot.spec.write import plain_or_quoted
from etcdpilot.spec.yamltree import LOADER, Value, read_tree

RELEASE = re.compile(r"\d+\.\d+\.\d+")
Setting = str | int | Mapping[str, str | int]


def add_member(text: str, member: Mapping[str, Setting], *, file_name: str = "cluster.yaml", folder: str = ".") -> str:
    """The file with one more member, `{"name": "etcd-3", "host": "10.0.1.13"}`, written as the last one is."""
    load(text, file_name, folder)

    def wanted(value: Any) -> None:
        value["members"].append(_as_read(member))

    return _edited(text, _insert_item(text, member), wanted, file_name, folder)


def remove_member(text: str, name: str, *, file_name: str = "cluster.yaml", folder: str = ".") -> str:
    """The file without that member; comments around its entry stay, those within it go."""
    load(text, file_name, folder)
    place = _place(text, name, file_name)
    if len(_value(_root(text), "members").value) == 1:
        remedy = "To stop the cluster, run:\n    etcdpilot down"
        raise SpecError(f"{name} is the only member of {file_name}.", why="A cluster has at least one.", remedy=remedy)

    def wanted(value: Any) -> None:
        del value["members"][place]

    return _edited(text, _remove_item(text, place), wanted, file_name, folder)


def set_member(
    text: str, name: str, key: str, setting: str | int | None, *, file_name: str = "cluster.yaml", folder: str = "."
) -> str:
    """The file with one key of one member changed, added, or (with None) removed: host, retire, client-port, …"""
    load(text, file_name, folder)
    place = _place(text, name, file_name)

    def wanted(value: Any) -> None:
        _assign(value["members"][place], key, setting)

    node = _value(_value(_root(text), "members"), place)
    return _edited(text, _set_key(text, node, key, setting), wanted, file_name, folder)


def set_version(text: str, version: str, *, file_name: str = "cluster.yaml", folder: str = ".") -> str:
    """The file with another etcd.version, and its options in that release's words: old names become new ones, and back.

    The old text may be one that no longer loads for its version's sake. An option that the release cannot express stays,
    and is refused by name.
    """
    root = _root(text)
    etcd = _value(root, "etcd")
    release = Version.parse(version) if RELEASE.fullmatch(version) else None  # else the loader says what is wrong

    def wanted(value: Any) -> None:
        _assign(value.setdefault("etcd", {}), "version", version)
        for path in _option_paths(root):
            owner = _at_value(value, path[:-1])
            owner["options"] = _translated(owner["options"], release)

    if isinstance(etcd, yaml.MappingNode):
        new = _set_key(text, etcd, "version", version)
    else:
        new = _set_key(text, root, "etcd", {"version": version})
    for path in _option_paths(root):
        new = _translate(new, path, release)
    return _edited(text, new, wanted, file_name, folder)


def set_source_directory(text: str, directory: str, *, file_name: str = "cluster.yaml", folder: str = ".") -> str:
    """The file with another etcd.source.directory; SpecError where the source is not a directory, or is not said."""
    etcd = _value(_root(text), "etcd")
    source = _value(etcd, "source") if isinstance(etcd, yaml.MappingNode) else None
    if not isinstance(source, yaml.MappingNode) or _value(source, "directory") is None:
        raise SpecError(f"{file_name} does not take etcd from a directory.", remedy="Change etcd.source yourself.")

    def wanted(value: Any) -> None:
        _assign(value["etcd"]["source"], "directory", directory)

    return _edited(text, _set_key(text, source, "directory", directory), wanted, file_name, folder)


Path = tuple[str | int, ...]


def _option_paths(root: Any) -> tuple[Path, ...]:
    """Where options stand: the cluster's, and those of members."""
    places: list[Path] = [("etcd", "options")]
    members = _value(root, "members")
    places += [("members", number, "options") for number in range(len(members.value) if members else 0)]
    return tuple(path for path in places if isinstance(_at(root, path), yaml.MappingNode))


def _at(node: Any, path: Path) -> Any:
    for key in path:
        node = _value(node, key) if isinstance(node, yaml.CollectionNode) else None
    return node


def _at_value(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key]
    return value


def _translate(text: str, path: Path, release: Version | None) -> str:
    """A renamed option keeps its value as it is written, and its place; a gate joins the others in one line."""
    before = _options_at(text, path)
    after = _translated(before, release)
    for old in sorted(before.keys() - after.keys()):
        new = next((key for key in after.keys() - before.keys() if after[key] == before[old]), None)
        if new is not None:
            key = next(key for key, _ in _at(_root(text), path).value if key.value == old)
            text = text[: key.start_mark.index] + new + text[key.end_mark.index :]
            before[new] = before.pop(old)
    for key, setting in after.items():
        if before.get(key) != setting:
            text = _set_key(text, _at(_root(text), path), key, setting)
    for key in sorted(before.keys() - after.keys()):  # last: a block that is left empty is no mapping any more
        text = _set_key(text, _at(_root(text), path), key, None)
    return text


def _options_at(text: str, path: Path) -> dict[str, str]:
    return {key.value: value.value for key, value in _at(_root(text), path).value}


def _translated(options: dict[str, str], release: Version | None) -> dict[str, str]:
    return translated(options, release) if release else options


def _edited(text: str, new: str, wanted: Callable[[Any], None], file_name: str, folder: str) -> str:
    """The new text, once it says what was wanted and loads."""
    value: Value = copy.deepcopy(read_tree(text).value)
    wanted(value)
    try:
        said = read_tree(new).value
    except Exception:  # whatever is wrong with it, it is not what was meant
        said = None
    if said != value:
        remedy = "Change the entry in the file yourself, then run the same command again."
        raise SpecError(f"{file_name} is written in a way that cannot be edited for you.", remedy=remedy)
    load(new, file_name, folder)
    return new


def _place(text: str, name: str, file_name: str) -> int:
    members = _value(_root(text), "members").value
    names = [_value(member, "name").value for member in members]
    if name not in names:
        raise SpecError(f"{file_name} has no member {name!r}.", why=f"It has {', '.join(names)}.")
    return names.index(name)


def _root(text: str) -> Any:
    return yaml.compose(text, LOADER)


def _value(node: Any, key: str | int) -> Any:
    """What stands at a key or place; None when nothing does."""
    if isinstance(key, int):
        return node.value[key]
    return next((value for found, value in node.value if found.value == key), None)


def _set_key(text: str, node: Any, key: str, setting: Setting | None) -> str:
    old = next(((found, value) for found, value in node.value if found.value == key), None)
    if setting is None:
        return _remove_key(text, node, key) if old else text
    if old is None:
        return _insert_key(text, node, key, setting)
    start, end = old[1].start_mark.index, old[1].end_mark.index
    if start == end:  # an empty value stands behind the colon
        return f"{text[:start]} {_written(setting)}{text[end:]}"
    return text[:start] + _written(setting, old[1].style) + text[end:]


def _insert_key(text: str, node: Any, key: str, setting: Setting) -> str:
    end = _end(node.value[-1][1]) if node.value else node.start_mark.index + 1
    said = f"{key}: {_written(setting)}"
    if node.flow_style:
        return text[:end] + (", " if node.value else "") + said + text[end:]
    return _insert_line(text, end, " " * node.value[0][0].start_mark.column + said)


def _remove_key(text: str, node: Any, key: str) -> str:
    place = next(number for number, (found, _) in enumerate(node.value) if found.value == key)
    parts = [(found.start_mark.index, _end(value)) for found, value in node.value]
    return _cut_flow(text, parts, place) if node.flow_style else _cut_lines(text, *parts[place])


def _insert_item(text: str, member: Mapping[str, Setting]) -> str:
    members = _value(_root(text), "members")
    last = members.value[-1]
    if members.flow_style:
        end = _end(last)
        return f"{text[:end]}, {_flow(member)}{text[end:]}"
    dash = " " * _dash_column(text, last)
    if last.flow_style:
        return _insert_line(text, _end(last), f"{dash}- {_flow(member)}")
    lines = [f"{key}: {_written(setting)}" for key, setting in member.items()]
    return _insert_line(text, _end(last), f"{dash}- " + f"\n{dash}  ".join(lines))


def _remove_item(text: str, place: int) -> str:
    members = _value(_root(text), "members")
    parts = [(member.start_mark.index, _end(member)) for member in members.value]
    return _cut_flow(text, parts, place) if members.flow_style else _cut_lines(text, *parts[place])


def _cut_flow(text: str, parts: list[tuple[int, int]], place: int) -> str:
    """Out of `{…}` or `[…]`, together with one comma."""
    start, end = parts[place]
    if place + 1 < len(parts):
        return text[:start] + text[parts[place + 1][0] :]
    return text[: parts[place - 1][1] if place else start] + text[end:]


def _cut_lines(text: str, start: int, end: int) -> str:
    """The whole lines from the one that holds `start` to the one that holds `end`."""
    begin = text.rfind("\n", 0, start) + 1
    finish = text.find("\n", end)
    return text[:begin] + (text[finish + 1 :] if finish >= 0 else "")


def _insert_line(text: str, after: int, line: str) -> str:
    """Below the line that holds `after`."""
    finish = text.find("\n", after)
    if finish < 0:
        return f"{text}\n{line}\n"
    newline = "\r\n" if text[finish - 1 : finish] == "\r" else "\n"
    return text[: finish + 1] + line.replace("\n", newline) + newline + text[finish + 1 :]


def _end(node: Any) -> int:
    """Where its last character stands. A block ends, for the parser, only where the next thing begins."""
    if isinstance(node, yaml.ScalarNode) or node.flow_style or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    return _end(last[1] if isinstance(node, yaml.MappingNode) else last)


def _dash_column(text: str, node: Any) -> int:
    line = text[text.rfind("\n", 0, node.start_mark.index) + 1 : node.start_mark.index]
    return len(line) - len(line.lstrip())


def _written(setting: Setting, style: str | None = None) -> str:
    if isinstance(setting, Mapping):
        return _flow(setting)
    if isinstance(setting, int):
        return str(setting)
    return {"'": f"'{setting}'", '"': json.dumps(setting)}.get(style or "", plain_or_quoted(setting))


def _flow(mapping: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f"{key}: {_written(setting)}" for key, setting in mapping.items()) + "}"


def _assign(value: dict[str, Any], key: str, setting: Setting | None) -> None:
    if setting is None:
        value.pop(key, None)
    else:
        value[key] = _as_read(setting)


def _as_read(setting: Setting | Mapping[str, Setting]) -> Any:
    """As the file's reader gives it back: every scalar as text."""
    if isinstance(setting, Mapping):
        return {key: _as_read(inner) for key, inner in setting.items()}
    return str(setting)
