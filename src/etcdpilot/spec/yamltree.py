"""YAML text into plain values, every scalar as the text that stands there, with the place of each.

YAML 1.1 as PyYAML reads it turns `version: 3.10` into 3.1, `off` into False, `12:30` into 750 and takes the last of two
equal keys in silence. Here a scalar stays text and the field it belongs to reads it; only an unquoted empty value, `~`
or `null` means "not there". Built from parser events rather than nodes, so that depth, size and aliases are bounded
while reading and not after.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

Value = dict[str, "Value"] | list["Value"] | str | None
Path = tuple[str | int, ...]
Mark = tuple[int, int]  # line and column, both from 1

MAX_CHARACTERS = 1_000_000
MAX_DEPTH = 20
MAX_NODES = 50_000  # a file of a thousand members; an alias counts as often as what it stands for
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
TEXT_TAG = "tag:yaml.org,2002:str"


class NotYaml(Exception):
    """The text cannot be read as one YAML document; `mark` is where that showed."""

    def __init__(self, what: str, mark: Mark) -> None:
        super().__init__(what)
        self.what, self.mark = what, mark


@dataclass(slots=True)
class Tree:
    """A document: its value, where each key and item stands, and what is wrong with its form."""

    value: Value = None
    marks: dict[Path, Mark] = field(default_factory=dict)
    problems: list[tuple[Path, Mark, str]] = field(default_factory=list)

    def mark(self, path: Path) -> Mark:
        """Where it stands; the nearest enclosing place for what does not stand there itself."""
        while path not in self.marks and path:
            path = path[:-1]
        return self.marks.get(path, (1, 1))


def read_tree(text: str) -> Tree:
    """Read one document; NotYaml when it has no form at all."""
    if len(text) > MAX_CHARACTERS:
        raise NotYaml(f"it is longer than {MAX_CHARACTERS:,} characters; a cluster file has a few thousand", (1, 1))
    try:
        return _Walker(yaml.parse(text, LOADER)).document()
    except yaml.YAMLError as error:
        raise _not_yaml(text, error) from error
    except UnicodeEncodeError as error:
        raise NotYaml("the file holds a broken Unicode character", _mark_at(text, error.start)) from error


class _Walker:
    def __init__(self, events: Iterator[Any]) -> None:
        self.events, self.tree = events, Tree()
        self.anchors: dict[str, list[Any]] = {}
        self.nodes = 0

    def document(self) -> Tree:
        self._next(yaml.StreamStartEvent)
        if isinstance(next(self.events), yaml.StreamEndEvent):
            return self.tree
        first = next(self.events)
        self.tree.marks[()] = _mark(first)
        self.tree.value = self._node(first, self.events, (), 0)
        self._next(yaml.DocumentEndEvent)
        another = next(self.events)
        if not isinstance(another, yaml.StreamEndEvent):
            raise NotYaml("a second document begins here; a cluster file holds one", _mark(another))
        return self.tree

    def _next(self, kind: type) -> None:
        event = next(self.events)
        if not isinstance(event, kind):
            raise NotYaml("this cannot be read as YAML", _mark(event))

    def _node(self, event: Any, events: Iterator[Any], path: Path, depth: int) -> Value:
        self.nodes += 1
        if depth > MAX_DEPTH:
            raise NotYaml(f"nested more than {MAX_DEPTH} levels deep", _mark(event))
        if self.nodes > MAX_NODES:
            raise NotYaml(f"the file unfolds to more than {MAX_NODES:,} values; are its aliases meant?", _mark(event))
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, path, depth)
        if event.anchor:
            events = self._recorded(event, events)
            event = next(events)
        self._refuse_tag(event, path)
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(events, path, depth)
        return self._mapping(events, path, depth)

    def _recorded(self, event: Any, events: Iterator[Any]) -> Iterator[Any]:
        """The events of an anchored node, kept so that its aliases can play them again."""
        record, open_nodes = [event], int(not isinstance(event, yaml.ScalarEvent))
        while open_nodes:
            record.append(following := next(events))
            open_nodes += isinstance(following, yaml.CollectionStartEvent)
            open_nodes -= isinstance(following, yaml.CollectionEndEvent)
            if len(record) > MAX_NODES or open_nodes > MAX_DEPTH:
                raise NotYaml("this anchor holds too much, or is nested too deep", _mark(event))
        name, record[0].anchor = event.anchor, None
        self.anchors[name] = record
        return iter(record)

    def _alias(self, event: Any, path: Path, depth: int) -> Value:
        record = self.anchors.get(event.anchor)
        if record is None:
            raise NotYaml(f"*{event.anchor} stands for nothing that came before it", _mark(event))
        replay = iter(record)
        return self._node(next(replay), replay, path, depth)

    def _sequence(self, events: Iterator[Any], path: Path, depth: int) -> Value:
        items: list[Value] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            inner = (*path, len(items))
            self.tree.marks[inner] = _mark(event)
            items.append(self._node(event, events, inner, depth + 1))
        return items

    def _mapping(self, events: Iterator[Any], path: Path, depth: int) -> Value:
        values: dict[str, Value] = {}
        seen: dict[str, Mark] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            key, mark = self._key(event, events, path, depth), _mark(event)
            inner = (*path, key)
            if key in seen:
                line, column = seen[key]
                said = f"the key stands a second time (first at {line}:{column}); keep one of the two"
                self.tree.problems.append((inner, mark, said))
            else:
                self.tree.marks[inner] = mark
            value = self._node(next(events), events, inner, depth + 1)
            if value is not None and key not in seen:
                values[key] = value
            seen.setdefault(key, mark)
        return values

    def _key(self, event: Any, events: Iterator[Any], path: Path, depth: int) -> str:
        key = self._node(event, events, path, depth + 1)
        if not isinstance(key, str):
            raise NotYaml("a key is one word, not empty, a list or a mapping", _mark(event))
        if key == "<<":
            raise NotYaml("merge keys (<<) are not read; what all members share stands under hosts:", _mark(event))
        return key

    def _refuse_tag(self, event: Any, path: Path) -> None:
        if event.tag not in (None, "!", TEXT_TAG):
            self.tree.problems.append((path, _mark(event), f"the tag {event.tag[:60]} is not read; leave it out"))


def _scalar(event: Any) -> str | None:
    text = str(event.value)
    plain = event.style in (None, "") and event.tag is None
    return None if plain and text in ("", "~", "null", "Null", "NULL") else text


def _mark(event: Any) -> Mark:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _not_yaml(text: str, error: yaml.YAMLError) -> NotYaml:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:  # a character that YAML does not allow: the place is counted in bytes
        before = text.encode()[: getattr(error, "position", 0)].decode(errors="ignore")
        return NotYaml("the file holds a control character; is it a text file?", _mark_at(text, len(before)))
    said = str(getattr(error, "problem", "") or "this cannot be read as YAML")
    if said.startswith(("found a tab", "found character that cannot start")) and "\t" in _line(text, mark.line):
        return NotYaml("a tab; YAML is indented by spaces", (mark.line + 1, mark.column + 1))
    context = getattr(error, "context", None)
    return NotYaml(f"{said} ({context})" if context else said, (mark.line + 1, mark.column + 1))


def _line(text: str, number: int) -> str:
    lines = text.splitlines()
    return lines[number] if number < len(lines) else ""


def _mark_at(text: str, offset: int) -> Mark:
    before = text[:offset]
    return before.count("\n") + 1, offset - before.rfind("\n")
