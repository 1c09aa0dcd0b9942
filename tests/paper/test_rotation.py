"""Rotations and rescues on paper: everybody lets everybody in after every step, wherever the line is lost."""

from __future__ import annotations

import asyncio
import copy
import functools
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from etcdpilot import planning
from etcdpilot.applying.engine import carry_out
from etcdpilot.model.cluster import ClusterSpec
from etcdpilot.model.errors import ClusterFailed
from etcdpilot.model.plans import Plan
from etcdpilot.model.rotation import Phase
from etcdpilot.model.steps import MoveLeader, RestartMember, SaveSnapshot, StopMembers, TurnAuthorities, WriteFiles
from etcdpilot.planning.rescue import rescue_plan
from etcdpilot.planning.rotation import renewal_plan, rotation_plan
from etcdpilot.testing.paper_cluster import Harmed
from etcdpilot.testing.paper_trust import PaperTrust
from tests.paper.clusters import cluster as a_cluster

Planner = Callable[[PaperTrust], Plan]
STEPS = 20  # of a whole rotation of three members


def running() -> PaperTrust:
    return copy.deepcopy(built())


@functools.cache
def built() -> PaperTrust:
    wanted: ClusterSpec = replace(a_cluster(), token="paper")
    paper = PaperTrust(wanted)
    do(paper, paper.plan())
    return paper


def dark() -> PaperTrust:
    paper = running()
    paper.all_end()
    return paper


def rotation(paper: PaperTrust, until: Phase = Phase.SETTLED) -> Plan:
    return rotation_plan(paper.wanted, paper.seen(), paper.memory, paper.now(), until)


def rescue(paper: PaperTrust) -> Plan:
    return rescue_plan(paper.wanted, paper.seen(), paper.memory, paper.now(), new_authority=False)


def rescue_with_new(paper: PaperTrust) -> Plan:
    """As the verb does it: once under way it goes on, and once it answers there is nothing to do."""
    return rescue_plan(paper.wanted, paper.seen(), paper.memory, paper.now(), new_authority=paper.dark)


def do(paper: PaperTrust, plan: Plan) -> None:
    """Carry it out, up to where the line is lost."""
    assert not plan.refusals, plan.refusals

    async def all_of_it() -> None:
        async for _ in carry_out(plan, paper):
            pass

    try:
        asyncio.run(all_of_it())
    except ClusterFailed:
        paper.mend()


def generations(paper: PaperTrust) -> set[str]:
    """Of the authorities that processes have read."""
    return {line.split()[-1] for text in paper.read.values() for line in text.splitlines()}


def words(plan: Plan) -> list[str]:
    """What is done, without why: after a cut-off the reason may be said otherwise."""
    return [str(each.step).partition(", because")[0] for each in plan.steps]


def test_a_rotation_trusts_both_then_signs_then_trusts_the_new_one_alone():
    plan = rotation(running())
    turns = [each.step.to for each in plan.steps if isinstance(each.step, TurnAuthorities)]
    assert turns == [Phase.TRUSTING, Phase.ISSUING, Phase.DROPPING, Phase.SETTLED]
    assert len(plan.steps) == STEPS
    assert sum(isinstance(each.step, RestartMember) for each in plan.steps) == 6
    assert all(each.leaves.quorum.tolerance == 1 for each in plan.steps)


def test_the_leader_goes_last_in_both_rounds_and_hands_over_to_whoever_is_well():
    plan = rotation(running())
    handed = [(place, each.step) for place, each in enumerate(plan.steps) if isinstance(each.step, MoveLeader)]
    assert len(handed) == 2
    for place, step in handed:
        after = plan.steps[place + 1].step
        assert isinstance(after, RestartMember) and after.member == step.leader
    assert handed[1][1].leader == handed[0][1].to


def test_carried_out_nothing_is_left_and_the_old_authority_is_read_by_nobody():
    paper = running()
    do(paper, rotation(paper))
    assert paper.memory.rotation is None and not rotation(paper).steps
    assert paper.plan().changes_nothing
    assert generations(paper) == {"2"}
    assert paper.memory.operator is not None and paper.memory.operator.authority_key_id == "client-ca-2"


@pytest.mark.parametrize("unheard", [False, True])
@pytest.mark.parametrize("cut", range(STEPS))
def test_cut_off_anywhere_planning_again_gives_exactly_the_rest(cut: int, unheard: bool):
    paper = running()
    whole = rotation(paper)
    paper.cut_after, paper.unheard = len(paper.taken) + cut, unheard
    do(paper, whole)
    rest = rotation(paper)
    done = cut + unheard
    if done < STEPS:
        assert words(rest)[-(STEPS - done) :] == words(whole)[done:]
        assert len(rest.steps) == STEPS - done
    do(paper, rest)
    assert paper.memory.rotation is None and paper.plan().changes_nothing
    assert generations(paper) == {"2"}


@pytest.mark.parametrize("first", range(0, STEPS, 3))
@pytest.mark.parametrize("second", (1, 4))
def test_a_member_that_dies_in_between_is_brought_back_first(first: int, second: int):
    paper = running()
    paper.cut_after = len(paper.taken) + first
    do(paper, rotation(paper))
    paper.dies("etcd-1")
    paper.cut_after = len(paper.taken) + second
    if paper.memory.rotation is None:  # a rotation begins in a cluster that is well
        assert "not as its file says" in rotation(paper).refusals[0].what
        do(paper, paper.plan())
    else:
        do(paper, rotation(paper))
    paper.mend()
    do(paper, rotation(paper))
    assert paper.memory.rotation is None and paper.plan().changes_nothing


@pytest.mark.parametrize("dropped", range(STEPS))
def test_without_any_one_of_its_restarts_files_and_turns_somebody_would_be_locked_out(dropped: int):
    """The paper cluster can tell: with a step left out, a later one does harm, or the old authority is read to the end."""
    paper = running()
    whole = rotation(paper)
    left_out = whole.steps[dropped].step
    mutant = [each.step for each in whole.steps if each.step is not left_out]
    if isinstance(left_out, MoveLeader | SaveSnapshot) or left_out == whole.steps[-1].step:
        pytest.skip("no part of the trust")
    with pytest.raises((Harmed, AssertionError)):
        for step in mutant:
            paper.do(step)
        assert generations(paper) == {"2"}


def test_it_stops_after_a_phase_and_goes_on_from_there():
    paper = running()
    for until, signs in ((Phase.TRUSTING, "1"), (Phase.ISSUING, "2")):
        do(paper, rotation(paper, until))
        assert paper.memory.rotation is not None and paper.memory.rotation.phase is until
        assert paper.memory.authorities[0].certificate.split()[-1] == signs
        assert not rotation(paper, until).steps and paper.plan().changes_nothing
    do(paper, rotation(paper))
    assert paper.memory.rotation is None


def test_it_does_not_begin_while_something_else_waits_to_be_done():
    paper = running()
    paper.dies("etcd-2")
    refusal = rotation(paper).refusals[0]
    assert "not as its file says" in refusal.what and "etcdpilot apply" in refusal.remedy


def test_it_wants_every_host_and_a_cluster_that_answers():
    paper = running()
    paper.host("etcd-2").unreachable = "no route"
    assert rotation(paper).refusals
    assert "pki rescue" in rotation(dark()).refusals[0].remedy


def test_authorities_that_nobody_trusts_are_not_made_for_members_that_run():
    paper = running()
    paper.memory = replace(paper.memory, authorities=())
    refusal = paper.plan().refusals[0]
    assert refusal.invariant == "I13" and "--new-ca" in refusal.remedy


def test_a_renewal_writes_every_leaf_and_restarts_nobody():
    paper = running()
    before = {where: said for where, said in paper.disk.items() if not isinstance(said, str)}
    plan = renewal_plan(paper.wanted, paper.seen(), paper.memory, paper.now())
    do(paper, plan)
    assert not any(isinstance(each.step, RestartMember) for each in plan.steps)
    assert all(paper.disk[where] != said for where, said in before.items())
    assert paper.plan().changes_nothing


def test_what_runs_out_is_renewed_before_anybody_is_restarted_and_else_nobody_is():
    paper = running()
    paper.clock.passed += timedelta(days=364, hours=1).total_seconds()
    refused = planning.restart_plan(paper.wanted, paper.seen(), paper.memory, paper.now()).refusals
    assert [each.invariant for each in refused] == ["I12"]
    paper.host("etcd-0").arguments = ()  # it runs with other options than its file has
    kinds = [type(each.step) for each in paper.plan().steps]
    assert RestartMember in kinds and not paper.plan().refusals
    leaves = next(each.step for each in paper.plan().steps if isinstance(each.step, WriteFiles))
    assert set(leaves.members) == {"etcd-0", "etcd-1", "etcd-2"}
    assert kinds.index(WriteFiles) < kinds.index(RestartMember)
    do(paper, paper.plan())
    assert paper.plan().changes_nothing


@pytest.mark.parametrize("plan_of", [rescue, rescue_with_new])
@pytest.mark.parametrize("unheard", [False, True])
@pytest.mark.parametrize("cut", range(5))
def test_a_rescue_that_is_cut_off_anywhere_is_finished_by_the_same(plan_of: Planner, cut: int, unheard: bool):
    paper = dark()
    assert paper.seen().membership.quorum.answering == 0
    paper.cut_after, paper.unheard = len(paper.taken) + cut, unheard
    for _ in range(5):
        do(paper, plan_of(paper))
        paper.cut_after = None
    assert not plan_of(paper).steps
    assert paper.memory.rotation is None and paper.plan().changes_nothing
    assert paper.seen().membership.quorum.answering == 3


def test_a_rescue_stops_everybody_before_it_writes_and_starts_them_together():
    paper = dark()
    do(paper, rescue(paper))  # the operator's certificate alone: with it the cluster may turn out to be well
    steps = [each.step for each in rescue(paper).steps]
    assert [type(step).__name__ for step in steps] == ["StopMembers", "WriteFiles", "StartMembers"]
    assert isinstance(steps[0], StopMembers) and set(steps[0].members) == {"etcd-0", "etcd-1", "etcd-2"}


def test_a_rescue_refuses_a_cluster_that_answers_and_an_authority_that_cannot_sign():
    paper = running()
    assert not rescue(paper).steps and not rescue(paper).refusals
    refusal = rescue_plan(paper.wanted, paper.seen(), paper.memory, paper.now(), new_authority=True).refusals[0]
    assert "answers" in refusal.what and "rotate-ca" in refusal.remedy
    lost = dark()
    lost.memory = replace(lost.memory, authorities=(), operator=None, has_operator=False)
    assert "--new-ca" in rescue(lost).refusals[0].remedy
    ended = dark()
    over = tuple(replace(each, facts=replace(each.facts, not_after=ended.now())) for each in ended.memory.authorities)
    ended.memory = replace(ended.memory, authorities=over)
    assert "--new-ca" in rescue(ended).refusals[0].remedy
