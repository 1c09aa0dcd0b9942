"""The committed table of the oracle's answers: `python -m tests.oracle.gotemplate.table` asks Go again and writes it anew."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from tests.oracle.gotemplate import confd_grammar, grammar, oracle
from tests.oracle.gotemplate.handwritten import CASES

TABLE = Path(__file__).parents[2] / "data" / "gotemplate" / "cases.json"
_RANDOM = 500
_CONFD = 300
_SHORT = 1500


def holds_address(data: dict[str, Any]) -> bool:
    """Whether the data has pointers or functions in it, whose addresses Go prints."""
    text = json.dumps(data)
    return any(mark in text for mark in ('"func"', '"*'))


def write() -> None:
    asking = oracle.start()
    if asking is None:
        sys.exit("go 1.23 or newer is needed to ask the oracle")
    pairs = [*CASES, *_random_pairs(), *(confd_grammar.example(Random(seed)) for seed in range(_CONFD))]
    roots: list[dict[str, Any]] = []
    rows = []
    for template, data in pairs:
        answer = asking.render(template, data)
        if data not in roots:
            roots.append(data)
        rows.append([roots.index(data), template, answer.stage, answer.text])
    asking.close()
    TABLE.write_text(f'{{"data": [\n{_lines(roots)}\n], "cases": [\n{_lines(rows)}\n]}}\n')
    print(f"{len(rows)} cases in {TABLE}")


def _lines(rows: list[Any]) -> str:
    return ",\n".join(json.dumps(row, ensure_ascii=True) for row in rows)


@dataclass(frozen=True)
class Case:
    """A template, its data in the oracle's encoding, and what Go made of it."""

    template: str
    data: dict[str, Any]
    answer: oracle.Answer


def read() -> list[Case]:
    table = json.loads(TABLE.read_text())
    return [Case(text, table["data"][root], oracle.Answer(stage, out)) for root, text, stage, out in table["cases"]]


def _random_pairs() -> list[tuple[str, dict[str, Any]]]:
    """Short ones, with nothing in them that differs from run to run."""
    pairs, seed = [], 0
    while len(pairs) < _RANDOM:
        template, data = grammar.example(Random(seed))
        seed += 1
        if len(template) + len(json.dumps(data)) < _SHORT and not holds_address(data):
            pairs.append((template, data))
    return pairs


if __name__ == "__main__":
    write()
