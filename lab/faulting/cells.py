"""Which runs there are: each operation with each fault, so many times, and the lines of etcd spread over them."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from lab.faulting import faults
from lab.faulting.faults import FAULTS, Fault
from lab.faulting.operations import OPERATIONS, Operation, Words, possible
from lab.faulting.running import Cell

TIMES = {"controller killed": 2}  # others: as often as the command is told


def cells(seed: int, times: int, only: str = "", fault_named: str = "", version: str = "") -> Iterator[Cell]:
    """The undisturbed run of an operation comes first: it tells how many moments there are."""
    for operation in OPERATIONS:
        there = tuple(each for each in possible(operation) if version in ("", each))
        for fault in FAULTS if there else ():
            if not fits(operation, fault) or fault_named not in ("", fault.name):
                continue
            for turn in range(how_often(fault, times)):
                cell = Cell(operation, fault, version_of(seed, operation, fault, turn, there), turn, seed)
                if cell.name.startswith(only):
                    yield cell


def fits(operation: Operation, fault: Fault) -> bool:
    return operation.newcomer is not None or not fault.newcomers_only


def how_often(fault: Fault, times: int) -> int:
    if fault in (faults.NONE, faults.PIECES):
        return 1
    return TIMES.get(fault.name, 1) * times


def version_of(seed: int, operation: Operation, fault: Fault, turn: int, there: Words) -> str:
    """Half of the runs on the usual line, the rest drawn."""
    if fault is faults.NONE or len(there) == 1:
        return there[0]
    chance = Random(f"{seed}/{operation.name}/{fault.name}/{turn}/version")
    return there[0] if chance.random() < 0.5 else chance.choice(there[1:])
