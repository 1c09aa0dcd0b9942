"""The only loop that changes anything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from etcdpilot.model.errors import EtcdpilotError
from etcdpilot.model.events import Done, Event, Failed, Planned, Stale, Started, Waiting
from etcdpilot.model.membership import Membership
from etcdpilot.model.plans import Fenced, Plan
from etcdpilot.model.steps import BeginAnew, PrepareData, StartMembers, Step
from etcdpilot.observing.clock import Clock


class World(Protocol):
    """What a plan is carried out on: real hosts and a real cluster, or paper ones."""

    @property
    def clock(self) -> Clock: ...

    async def membership(self) -> Membership: ...

    def take(self, step: Step) -> AsyncIterator[str]:
        """Do a step and wait for its gate; yields what it waits for. Raises HostFailed or ClusterFailed."""

    def note(self, event: str, step: Step, why: str = "") -> None:
        """Write the journal: intent before the call, result after."""


async def carry_out(plan: Plan, world: World) -> AsyncIterator[Event]:
    """Take the steps one by one; stop at the first whose ground has moved, or that fails."""
    yield Planned(len(plan.steps))
    for number, fenced in enumerate(plan.steps, 1):
        unasked = ends_it_anyway(fenced.step) or only_prepares(fenced)
        seen = fenced.relies_on if unasked else await world.membership()
        if seen != fenced.relies_on and not came_up_meanwhile(fenced, seen):
            world.note("stale", fenced.step, f"relied on {fenced.relies_on}, saw {seen}")
            yield Stale(number, fenced.step, fenced.relies_on, seen)
            return
        async for event in take(number, fenced.step, world):
            yield event


def came_up_meanwhile(fenced: Fenced, seen: Membership) -> bool:
    """Whoever is to be started came up by itself, as systemd lets it once what it lacked is there: nothing is lost by that,
    and the gate still asks."""
    return isinstance(fenced.step, StartMembers) and seen == fenced.leaves


def ends_it_anyway(step: Step) -> bool:
    """What is done for the sake of another cluster, or ends this one, does not rely on how many of it answer."""
    return isinstance(step, (PrepareData, BeginAnew))


def only_prepares(fenced: Fenced) -> bool:
    """Nobody is there yet, and the step starts nobody: there is nothing it could cost. Hosts that drop what comes to a
    closed port are asked about it once, when it counts."""
    return not fenced.relies_on.states and not fenced.leaves.states


async def take(number: int, step: Step, world: World) -> AsyncIterator[Event]:
    world.note("started", step)
    began = world.clock.monotonic()
    yield Started(number, step)
    try:
        async for on in world.take(step):
            yield Waiting(number, step, on)
    except EtcdpilotError as error:
        world.note("failed", step, error.what)
        yield Failed(number, step, error.what)
        raise
    world.note("done", step)
    yield Done(number, step, world.clock.monotonic() - began)
