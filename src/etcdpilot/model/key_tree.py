"""Keys as a tree of their parts between slashes, with how many and how big."""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass(slots=True)
class Branch:
    """`keys` and `size` (bytes of keys and values) count everything at and below it; `own` says that it is itself a key."""

    keys: int = 0
    size: int = 0
    own: bool = False
    below: dict[bytes, Branch] = field(default_factory=dict)

    def add(self, parts: list[bytes], size: int) -> None:
        here = self
        here._count(size)
        for part in parts:
            here = here.below.setdefault(part, Branch())
            here._count(size)
        here.own = True

    def _count(self, size: int) -> None:
        self.keys += 1
        self.size += size


def parts_of(key: bytes, prefix: bytes, depth: int) -> list[bytes]:
    """`/a/b/c` below `/a` is `/b`, `/c`: its first `depth` parts."""
    return re.findall(rb"/[^/]*|[^/]+", key[len(prefix) :])[:depth]
