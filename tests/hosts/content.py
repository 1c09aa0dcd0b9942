"""Half a gigabyte on its way into a cluster on hosts, and what is there held against a snapshot, key by key.

    python -m tests.hosts.content fill|clear|compare CLUSTER_FILE STATE [SNAPSHOT]

A program of its own, for it runs where the hosts can be reached. `compare` prints one JSON document.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from etcdpilot import pilot
from etcdpilot.observing.comparing import compared
from tests.hosts.site import Site
from tests.local.restoring import fill

KEYS, SIZE = 100_000, 5_000
HERE = Path(__file__).parents[2]
SECONDS = 900.0


def content(site: Site, verb: str, *words: str) -> Any:
    """What the program printed, which runs in the controller's place."""
    argv = [sys.executable, "-m", "tests.hosts.content", verb, str(site.file), str(site.state), *words]
    said = site.lab.controller(argv, cwd=HERE, timeout=SECONDS).stdout
    return json.loads(said) if said else None


async def main(verb: str, file: str, state: str, *words: str) -> None:
    wanted, _ = pilot.read_file(Path(file))
    async with pilot.opened(wanted, Path(state)) as site:
        client = site.door.client()
        match verb:
            case "fill":
                await fill(client, KEYS, SIZE)
            case "clear":
                await client.kv.delete("/bulk/", prefix=True, timeout=60)
            case "compare":
                print(json.dumps(asdict(await compared(Path(words[0]), client))))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
