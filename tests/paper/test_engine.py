"""The only loop that changes anything: what it does when the ground moves, when a step fails, and what it writes down."""

from __future__ import annotations

import asyncio

import pytest

from etcdpilot.applying.engine import carry_out
from etcdpilot.model.errors import ClusterFailed
from etcdpilot.model.events import Done, Event, Failed, Planned, Stale, Started, Waiting
from etcdpilot.model.membership import Membership, MemberState
from etcdpilot.model.plans import Plan
from etcdpilot.model.steps import AddLearner, PromoteLearner, StartLearner
from etcdpilot.planning.proof import fenced
from etcdpilot.testing.paper import PaperWorld

A_B_C = Membership.of(a=MemberState.VOTING, b=MemberState.VOTING, c=MemberState.VOTING)
JOINING = (AddLearner("d", ("https://d:2380",)), StartLearner("d"), PromoteLearner("d"))
PLAN = Plan("paper", A_B_C, tuple(fenced(JOINING, A_B_C)))


def play(plan: Plan, world: PaperWorld) -> tuple[list[Event], Exception | None]:
    events: list[Event] = []

    async def run() -> None:
        async for event in carry_out(plan, world):
            events.append(event)

    try:
        asyncio.run(run())
    except ClusterFailed as error:
        return events, error
    return events, None


def test_every_step_is_told_when_it_begins_waits_and_ends():
    world = PaperWorld(A_B_C)
    events, _ = play(PLAN, world)
    assert [type(event) for event in events] == [Planned, *[Started, Waiting, Done] * 3]
    assert world.now.state_of("d") is MemberState.VOTING


def test_the_intent_is_in_the_journal_before_the_step_and_the_result_after_it():
    world = PaperWorld(A_B_C, cut_after=1)
    play(PLAN, world)
    assert [event for event, _ in world.notes] == ["started", "done", "started", "failed"]


def test_a_step_whose_ground_has_moved_is_not_taken():
    world = PaperWorld(A_B_C)
    world.dies("c")
    events, error = play(PLAN, world)
    assert error is None and isinstance(events[-1], Stale) and events[-1].number == 1
    assert world.taken == [] and world.notes[0][0] == "stale"


def test_ground_that_moves_between_two_steps_stops_before_the_second():
    class Restless(PaperWorld):
        async def membership(self) -> Membership:
            if len(self.taken) == 1:
                self.dies("b")
            return await super().membership()

    world = Restless(A_B_C)
    events, _ = play(PLAN, world)
    assert isinstance(events[-1], Stale) and events[-1].number == 2
    assert world.taken == [JOINING[0]]


def test_a_step_that_fails_is_told_noted_and_the_last():
    world = PaperWorld(A_B_C, cut_after=1)
    events, error = play(PLAN, world)
    assert isinstance(events[-1], Failed) and events[-1].number == 2
    assert error is not None and "line went dead" in error.what
    assert len(world.taken) == 1


@pytest.mark.parametrize("unheard", [False, True], ids=["lost before", "done and its answer lost"])
@pytest.mark.parametrize("cut", [0, 1, 2])
def test_what_was_lost_on_the_way_is_never_done_twice(cut: int, unheard: bool):
    world = PaperWorld(A_B_C, cut_after=cut, unheard=unheard)
    play(PLAN, world)
    assert len(world.taken) == cut + unheard
    world.mend()
    rest = JOINING[len(world.taken) :]
    play(Plan("paper", world.now, tuple(fenced(rest, world.now))), world)
    assert world.taken == list(JOINING)
