"""Certificates of three real hosts are renewed and their authorities rotated under 200 writes a second: what a writer and
a watcher see, beside the same time with nothing happening. Needs root on Linux (the lab).

    python -m bench.rollover [--rounds 3]

Open loop: writes start on schedule whatever happens; each attempt has one second and is then repeated at the next member.
The writer reads its certificates again when they change, as a program does that stays up through a rotation.

Exit 1 where a budget is missed: no write repeated twice, nothing lost, doubled or out of order, no gap over 0.1 s; on a
machine whose writer waits longer than that with nothing happening, the gap is not judged.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from etcdpilot.testing.load import Beside
from lab import Lab
from tests.hosts.site import Site

RATE, BUDGET_GAP = 200.0, 0.1
WRONG = ("lost", "not_watched", "watched_twice", "out_of_order")
Seen = dict[str, Any]


def nothing(site: Site) -> None:
    time.sleep(10)


def renewal(site: Site) -> None:
    site.run("pki", "renew", "--yes")


def rotation(site: Site) -> None:
    site.run("pki", "rotate-ca", "--yes", "--again")


def measured(site: Site, do: Callable[[Site], None], into: Path) -> Seen:
    urls = [f"https://{host.address}:2379" for host in site.lab.hosts]
    beside = Beside(urls, into, keys=site.state, rate=RATE).begin(site.lab.start)
    began = time.monotonic()
    try:
        do(site)
        seconds = time.monotonic() - began
        time.sleep(0.5)  # what was begun before the end is answered
        seen = beside.end()
    finally:
        beside.kill()
    return {**seen, "seconds": seconds, "wrong": sum(len(seen[each]) for each in WRONG) + seen["given_up"]}


def main(rounds: int) -> int:
    found: dict[str, list[Seen]] = {}
    with Lab.up(3, purpose="rollover") as lab, tempfile.TemporaryDirectory() as folder:
        site = Site(lab, Path(folder) / "site").init()
        site.apply()
        for turn in range(rounds):
            for name, do in (("nothing", nothing), ("renewal", renewal), ("rotation", rotation)):
                found.setdefault(name, []).append(measured(site, do, Path(folder) / f"{name}{turn}.json"))
    return judged(found)


def judged(found: dict[str, list[Seen]]) -> int:
    print(f"{'worst of ' + str(len(found['nothing'])):26}" + "".join(f"{name:>12}" for name in found))
    figures: tuple[tuple[str, Callable[[Seen], float]], ...] = (
        ("seconds (median)", lambda seen: seen["seconds"]),
        ("longest gap, ms", lambda seen: seen["longest_gap"] * 1000),
        ("repeats", lambda seen: seen["repeats"]),
        ("most repeats of one write", lambda seen: seen["most_repeats_of_one"]),
        ("lost, doubled, misplaced", lambda seen: seen["wrong"]),
    )
    for name, of in figures:
        take = statistics.median if "median" in name else max
        print(f"{name:26}" + "".join(f"{take(of(seen) for seen in runs):12.1f}" for runs in found.values()))
    every = [seen for runs in found.values() for seen in runs]
    for seen in every:
        if seen["wrong"]:
            print({each: len(seen[each]) for each in WRONG}, *seen["causes"], sep="\n    ")
    quiet = max(seen["longest_gap"] for seen in found["nothing"]) <= BUDGET_GAP
    missed = any(seen["wrong"] or seen["most_repeats_of_one"] > 1 for seen in every)
    missed |= quiet and any(seen["longest_gap"] > BUDGET_GAP for seen in every)
    if not quiet:
        print("the machine is not quiet enough to judge a gap")
    return 1 if missed else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    sys.exit(main(parser.parse_args().rounds))
