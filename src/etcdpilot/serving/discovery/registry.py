"""Tokens and who registered under them, in a file that survives a kill at any moment.

Every change is one index, as in etcd's v2 store: a member's place in its cluster is the order of these.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TOKEN_BYTES = 16  # 128 bits: nobody finds somebody else's by trying
LARGEST_CLUSTER = 64
MOST_TOKENS = 100_000
MOST_SURPLUS = 32  # members beyond the size that may register; etcd itself tells them that the cluster is full
LONGEST_VALUE = 4096

SCHEMA = """
CREATE TABLE IF NOT EXISTS tokens (
  token TEXT PRIMARY KEY, size INTEGER NOT NULL, at INTEGER NOT NULL, made REAL NOT NULL, touched REAL NOT NULL);
CREATE TABLE IF NOT EXISTS nodes (
  at INTEGER PRIMARY KEY, token TEXT NOT NULL, member TEXT NOT NULL, value TEXT NOT NULL, UNIQUE (token, member));
CREATE INDEX IF NOT EXISTS nodes_of_token ON nodes (token, at);
CREATE TABLE IF NOT EXISTS counter (at INTEGER NOT NULL);
"""


class Full(Exception):
    """The service takes no more of what was sent."""


@dataclass(frozen=True, slots=True)
class Token:
    token: str
    size: int
    at: int  # index at which it was made


@dataclass(frozen=True, slots=True)
class Node:
    """A member that registered: `value` is `name=peerURL[,name=peerURL]`, `at` the index at which it came."""

    token: str
    member: str
    value: str
    at: int


class Registry:
    """One writer. Every change is on the disk before it is answered. sqlite3.Error where the file is none of ours, is
    in use, or its disk is full."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._database = sqlite3.connect(path, isolation_level=None, timeout=1)
        path.chmod(0o600)
        self._database.execute("PRAGMA locking_mode=EXCLUSIVE")  # two services on one file would not wake each other
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.executescript(SCHEMA)
        if self._database.execute("SELECT count(*) FROM counter").fetchone()[0] == 0:
            self._database.execute("INSERT INTO counter VALUES (3)")

    def close(self) -> None:
        self._database.close()

    @property
    def index(self) -> int:
        """The index of the last change."""
        return int(self._database.execute("SELECT at FROM counter").fetchone()[0])

    def new_token(self, size: int, now: float) -> Token:
        """Full when there are too many; the size was checked."""
        if self._database.execute("SELECT count(*) FROM tokens").fetchone()[0] >= MOST_TOKENS:
            raise Full("too many tokens are open")
        with self._change() as at:
            made = Token(secrets.token_hex(TOKEN_BYTES), size, at)
            self._database.execute("INSERT INTO tokens VALUES (?, ?, ?, ?, ?)", (made.token, size, at, now, now))
        return made

    def token(self, token: str) -> Token | None:
        found = self._database.execute("SELECT token, size, at FROM tokens WHERE token = ?", (token,)).fetchone()
        return Token(*found) if found else None

    def nodes(self, token: str) -> tuple[Node, ...]:
        """In the order in which they came."""
        rows = self._database.execute(
            "SELECT token, member, value, at FROM nodes WHERE token = ? ORDER BY at", (token,)
        )
        return tuple(Node(*row) for row in rows)

    def node(self, token: str, member: str) -> Node | None:
        return next((node for node in self.nodes(token) if node.member == member), None)

    def register(self, token: Token, member: str, value: str, now: float) -> Node | None:
        """The new node; None when that member is there already, which is how etcd finds out that it was here before."""
        nodes = self.nodes(token.token)
        if any(node.member == member for node in nodes):
            return None
        if len(nodes) >= token.size + MOST_SURPLUS:
            raise Full("too many members have registered under this token")
        with self._change() as at:
            self._database.execute("INSERT INTO nodes VALUES (?, ?, ?, ?)", (at, token.token, member, value))
            self._database.execute("UPDATE tokens SET touched = ? WHERE token = ?", (now, token.token))
        return Node(token.token, member, value, at)

    def forget(self, before: float) -> int:
        """Drop tokens that nobody touched since; a cluster that has formed needs its token no more. How many went."""
        with self._change():
            old = [row[0] for row in self._database.execute("SELECT token FROM tokens WHERE touched < ?", (before,))]
            for token in old:
                self._database.execute("DELETE FROM nodes WHERE token = ?", (token,))
                self._database.execute("DELETE FROM tokens WHERE token = ?", (token,))
        return len(old)

    @contextmanager
    def _change(self) -> Iterator[int]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            self._database.execute("UPDATE counter SET at = at + 1")
            yield self.index
            self._database.execute("COMMIT")
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
