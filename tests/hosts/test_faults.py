"""The fault run, in its short form: three of its cells, drawn anew from the same seed. `make faults` does them all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab import Lab
from lab.faulting.cells import cells
from lab.faulting.command import one
from lab.faulting.running import Cell
from lab.faulting.stages import Stages
from tests.etcd_versions import all_versions

SEED = 1
VERSION = "3.5.30"
SHORT = (
    "member add/target rebooted/0",
    "changed option/leader partitioned/0",
    "member remove/controller killed/0",
)
# What the undisturbed verb writes into its journal: it tells how many moments there are.
LINES = {"member add": 14, "changed option": 14, "member remove": 10}


@pytest.fixture(scope="module")
def stages() -> Iterator[Stages]:
    if VERSION not in [each.version for each in all_versions()]:
        pytest.skip(f"no etcd {VERSION} on this machine; lab/binaries brings it")
    with Lab.up(4, purpose="faults") as lab:
        yield Stages(lab)


def cell_named(name: str) -> Cell:
    return next(cells(SEED, 1, only=name, version=VERSION))


@pytest.mark.parametrize("name", SHORT)
@pytest.mark.timeout(300)
def test_a_fault_in_the_middle_of_a_change_loses_nothing_and_one_more_apply_finishes_it(
    stages: Stages, name: str
) -> None:
    found = one(stages, cell_named(name), dict(LINES))
    assert found.reached and not found.broken, "\n".join([*found.broken, *found.said])
