"""Which client certificates were issued from here, so that somebody knows whom a new authority concerns. No keys."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from etcdpilot.stores.writing import make_directory, write_private

CLIENTS = "clients.json"


@dataclass(frozen=True, slots=True)
class IssuedClient:
    """One certificate. Times in ISO 8601, UTC; identifiers in hex; `directory` is where it was written."""

    name: str
    common_name: str
    fingerprint: str
    authority_key_id: str
    not_before: str
    not_after: str
    directory: str


def issued_clients(root: Path) -> tuple[IssuedClient, ...]:
    """The last one of each name; none where the file is no list of them."""
    try:
        found = [IssuedClient(**each) for each in json.loads((root / CLIENTS).read_text())]
    except (FileNotFoundError, ValueError, TypeError):
        return ()
    return tuple(sorted({each.name: each for each in found}.values(), key=lambda each: each.name))


def note_client(root: Path, client: IssuedClient) -> None:
    others = [each for each in issued_clients(root) if each.name != client.name]
    make_directory(root)
    write_private(root / CLIENTS, json.dumps([asdict(each) for each in (*others, client)], indent=1).encode())
