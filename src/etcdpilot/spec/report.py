"""What is found wrong, or unwise, in a cluster file while it is read: places and sentences."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field

Path = tuple[str | int, ...]


@dataclass(slots=True)
class Report:
    """Collected, so that every problem is told at once."""

    problems: list[tuple[Path, str]] = field(default_factory=list)
    unread: list[Path] = field(default_factory=list)  # places whose form is wrong, so that nothing stands there
    warnings: list[tuple[Path, str]] = field(default_factory=list)

    def unreadable(self, path: Path, what: str) -> None:
        self.unread.append(path)
        self.problems.append((path, what))

    def wrong(self, path: Path, what: str) -> None:
        """Nothing is said about what could not be read: a stand-in stands there."""
        told = any(path[: len(place)] == place or place[: len(path)] == path for place in self.unread)
        if not told and (path, what) not in self.problems:
            self.problems.append((path, what))

    def unwise(self, path: Path, what: str) -> None:
        if (path, what) not in self.warnings:
            self.warnings.append((path, what))


def path_text(path: Path) -> str:
    """`members[2].host`, as it stands in front of a problem; what cannot be printed is escaped."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            plain = part if part.isprintable() and part.isascii() else ascii(part)[1:-1]
            text += ("." if text else "") + (plain if len(plain) <= 60 else plain[:57] + "...")
    return text


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` Did you mean host-keys?` or nothing, to be put at the end of a sentence."""
    near = difflib.get_close_matches(word.lower().replace("_", "-"), list(known), n=1, cutoff=0.7)
    return f" Did you mean {near[0]}?" if near else ""
