"""A first start: what is said while members cannot come up, and when nobody waits any longer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from etcdpilot.applying.gates import explains, waiting_for
from etcdpilot.model.knowledge import Unknown
from etcdpilot.model.memory import Memory
from etcdpilot.model.observation import EtcdSeen
from etcdpilot.observing.clock import SystemClock
from tests.paper.clusters import cluster

pytestmark = pytest.mark.local


@dataclass
class World:
    wanted: Any
    memory: Memory
    clock: SystemClock = field(default_factory=SystemClock)


def world(formed: bool) -> World:
    return World(cluster(), Memory("token", "1", (), formed))


NAMES = ("etcd-0", "etcd-1", "etcd-2")
NOBODY = EtcdSeen(Unknown("no member answers"), tuple((name, Unknown("no connection")) for name in NAMES))


def test_while_members_cannot_start_it_is_said_how_many_have_come_up_and_what_keeps_the_others():
    said = waiting_for(NAMES, list(NAMES), {"etcd-1": "the port is taken", "etcd-2": "the disk is full"}, NOBODY)
    assert said == (
        "waiting for quorum (1/3) — etcd-0: it runs, and waits for the others; "
        "etcd-1: the port is taken; etcd-2: the disk is full"
    )
    assert waiting_for(NAMES, list(NAMES), {}, NOBODY).startswith("waiting for quorum (0/3) — etcd-0: no connection;")


@pytest.mark.parametrize(
    ("broken", "silent", "enough"),
    [(["etcd-2"], ["etcd-2"], True), (["etcd-1", "etcd-2"], list(NAMES), True), (["etcd-2"], list(NAMES), False)],
)
def test_nobody_waits_for_a_quorum_that_cannot_come(broken: list[str], silent: list[str], enough: bool):
    assert explains(broken, silent, cast(Any, world(formed=False))) is enough
