"""The page docs/fault-runs.md, from the records of runs: one JSON line each."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lab.faulting.faults import FAULTS
from lab.faulting.operations import OPERATIONS

ITSELF = "the run itself failed"
Row = dict[str, Any]
HEADING = "## What was run"


def read(files: Iterable[Path]) -> list[Row]:
    """Runs whose moment came, and that the lab itself did not fail. One that broke a promise stays, however often the same
    run is done again."""
    rows = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    judged = [row for row in rows if row["reached"] and not failed_by_itself(row)]
    well = {key_of(row): row for row in judged if not row["broken"]}
    return [*well.values(), *(row for row in judged if row["broken"])]


def key_of(row: Row) -> tuple[object, ...]:
    return (row["seed"], row["operation"], row["fault"], row["turn"], row["version"])


def failed_by_itself(row: Row) -> bool:
    """A host that did not boot, a tool that took too long: nothing is known of the product then."""
    return any(what.startswith(ITSELF) for what in row["broken"])


def write_into(document: Path, rows: list[Row]) -> None:
    """All that stands below the last heading is written anew."""
    above = document.read_text().split(HEADING)[0]
    document.write_text(f"{above}{HEADING}\n\n{page(rows)}")


def page(rows: list[Row]) -> str:
    broken = sum(bool(row["broken"]) for row in rows)
    seeds = ", ".join(str(seed) for seed in sorted({row["seed"] for row in rows}))
    lines = [
        f"{len(rows)} runs, {sum(row['runs'] for row in rows)} controllers, {broken} with a violation; seed {seeds}.",
        "",
        "| operation | fault | runs | violations | longest gap | of it with a quorum | etcd | ended with |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for operation in OPERATIONS:
        for fault in FAULTS:
            found = [row for row in rows if (row["operation"], row["fault"]) == (operation.name, fault.name)]
            if found:
                lines.append(line_of(operation.name, fault.name, found))
    return "\n".join(lines) + "\n"


def line_of(operation: str, fault: str, rows: list[Row]) -> str:
    cells = (
        operation,
        fault,
        str(len(rows)),
        str(sum(len(row["broken"]) for row in rows)),
        f"{max(row['gap'] for row in rows):.2f} s",
        f"{max(row['stop'] for row in rows):.2f} s",
        ", ".join(sorted({row["version"] for row in rows})),
        ", ".join(sorted({ending(row) for row in rows})),
    )
    return f"| {' | '.join(cells)} |"


def ending(row: Row) -> str:
    if row["runs"] > 1:
        return f"{row['runs']} pieces"
    return "killed" if row["code"] == -9 else str(row["code"])
