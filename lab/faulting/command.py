"""`lab/faults`: the fault run from a terminal."""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from random import Random

from lab.faulting import faults, table
from lab.faulting.cells import cells
from lab.faulting.running import Cell, Run, carry_out
from lab.faulting.stages import Stages
from lab.laboratory import Lab
from lab.readiness import why_not

HOSTS = 6
TRIES = 3  # a moment that came too late is drawn again from fewer lines


def command(arguments: argparse.Namespace) -> int:
    """0: every run held what it must; 1: some did not."""
    if arguments.table:
        rows = table.read([Path(name) for name in arguments.table])
        if arguments.write:
            table.write_into(Path(arguments.write), rows)
        else:
            print(table.page(rows), end="")
        return 0
    chosen = list(cells(arguments.seed, arguments.times, arguments.only, arguments.fault, arguments.version))
    lines = known_lines(arguments.known)
    calm = {faults.NONE.name: lines}
    chosen = [cell for cell in chosen if cell.operation.name not in (*arguments.skip, *calm.get(cell.fault.name, ()))]
    Random(arguments.seed).shuffle(chosen)  # a run that is ended early has seen some of everything
    chosen.sort(key=lambda cell: cell.version)  # a host is booted anew only where the version changes
    number, _, shares = arguments.share.partition("/")
    chosen = chosen[int(number) - 1 :: int(shares)]
    if arguments.list:
        print("\n".join(f"{cell.name}  {cell.version}" for cell in chosen))
        return 0
    into = Path(arguments.into)
    if arguments.go_on and into.exists():
        through = {(row["operation"], row["fault"], row["turn"]) for row in table.read([into])}
        chosen = [cell for cell in chosen if (cell.operation.name, cell.fault.name, cell.turn) not in through]
    if (reason := why_not()) is not None or os.geteuid() != 0:
        print(f"no fault run here: {reason or 'it needs root'}")
        return 1
    if not chosen:
        print("nothing is left to run")
        return 0
    into.parent.mkdir(parents=True, exist_ok=True)
    return run_all(chosen, into, arguments.until, lines)


def known_lines(files: list[str]) -> dict[str, int]:
    """How many lines each operation writes into its journal when it goes undisturbed."""
    rows = table.read([Path(file) for file in files])
    return {row["operation"]: row["lines"] for row in rows if row["fault"] == faults.NONE.name}


def run_all(chosen: list[Cell], into: Path, until: float, lines: dict[str, int]) -> int:
    began, broken = time.monotonic(), 0
    size = max((cell.operation.hosts for cell in chosen), default=HOSTS)
    with Lab.up(size, purpose="faults") as lab:
        stages = Stages(lab)
        for number, cell in enumerate(chosen, 1):
            if until and time.monotonic() - began > until * 60:
                print(f"{until:.0f} minutes are over: {len(chosen) - number + 1} runs left out")
                break
            found = one(stages, cell, lines)
            broken += bool(found.broken)
            with into.open("a") as records:
                records.write(json.dumps(found.document()) + "\n")
            print(f"{number:3}/{len(chosen)} {spoken(found)}", flush=True)
    print(table.page(table.read([into])))
    return 1 if broken else 0


def one(stages: Stages, cell: Cell, lines: dict[str, int]) -> Run:
    """A run of its own, and the undisturbed one before it where nobody knows yet how many moments there are."""
    name = cell.operation.name
    if name not in lines and cell.fault is not faults.NONE and cell.fault is not faults.PIECES:
        calm = Cell(cell.operation, faults.NONE, cell.version, 0, cell.seed)
        lines[name] = carry_out(stages, calm, 0).lines
    count = lines.get(name, 0)
    for _ in range(TRIES):
        found = carry_out(stages, cell, count)
        if found.reached or found.broken:
            break
        count = max(2, count // 2)
    if cell.fault is faults.NONE:
        lines[name] = found.lines
    return found


def spoken(found: Run) -> str:
    verdict = "; ".join(found.broken)[:1500] if found.broken else "ok" if found.reached else "its moment never came"
    where = f"{found.operation} × {found.fault} #{found.turn} ({found.version}) {found.moment}"
    how = f"{found.code} then {found.again}, gap {found.gap:.2f} s, with quorum {found.stop:.2f} s, {found.seconds} s"
    return f"{where}: {how}: {verdict}"


def asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="lab/faults", description="Every operation with every fault, on real hosts.")
    parser.add_argument("--seed", type=int, default=1, help="moments, victims and versions are drawn from it")
    parser.add_argument("--times", type=int, default=1, help="how often each fault is tried with each operation")
    parser.add_argument("--only", default="", metavar="OPERATION[/FAULT[/N]]")
    parser.add_argument("--fault", default="", help="only runs with this one")
    parser.add_argument("--skip", action="append", default=[], metavar="OPERATION")
    parser.add_argument("--version", default="", help="of etcd; else they are spread")
    parser.add_argument("--into", default="build/fault-runs.jsonl", help="one line a run is added to it")
    parser.add_argument(
        "--known", nargs="*", default=[], metavar="FILE", help="records that tell how many moments there are"
    )
    parser.add_argument(
        "--share", default="1/1", metavar="I/N", help="of so many shares, each in a lab of its own, this one"
    )
    parser.add_argument("--go-on", action="store_true", help="leave out what that file has as well done already")
    parser.add_argument("--until", type=float, default=0, metavar="MINUTES", help="begin no run after that")
    parser.add_argument("--list", action="store_true", help="print the runs and do none")
    parser.add_argument("--write", metavar="DOCUMENT", help="with --table: into this document, below its last heading")
    parser.add_argument("--table", nargs="+", metavar="FILE", help="print the page of such files")
    return parser.parse_args()
