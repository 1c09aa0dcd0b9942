"""Versions of etcd. A version is text that was parsed once: 3.10 is not 3.1."""

from __future__ import annotations

import re
from dataclasses import dataclass

PATTERN = re.compile(r"v?(\d{1,4})\.(\d{1,4})\.(\d{1,4})(?:[-+~].*)?")


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A release of etcd, such as 3.5.30."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read `3.5.30`, `v3.5.30` or `3.5.30-rc.0`; ValueError for anything else."""
        found = PATTERN.fullmatch(text.strip())
        if found is None:
            raise ValueError(f"{text!r} is not a version of etcd; write it as 3.5.30")
        return cls(*(int(part) for part in found.groups()))

    @property
    def line(self) -> tuple[int, int]:
        """The minor release it belongs to: (3, 5)."""
        return self.major, self.minor

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"
