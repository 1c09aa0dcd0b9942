"""Plans carried out on paper: cut off after every step they are resumed to exactly the rest, and no step does harm."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etcdpilot.applying.engine import carry_out
from etcdpilot.model.errors import ClusterFailed
from etcdpilot.model.knowledge import Known
from etcdpilot.model.membership import Membership, MemberState
from etcdpilot.model.observation import DataSeen, Process
from etcdpilot.model.plans import Plan
from etcdpilot.model.steps import (
    MoveDataAside,
    MoveLeader,
    ProbePeer,
    RemoveMember,
    RestartMember,
    StartMembers,
    StopMembers,
    WriteFiles,
    during,
)
from etcdpilot.planning import has_formed, proof, restart_plan, unfinished
from etcdpilot.planning import plan as planned
from etcdpilot.testing.scenario import Scenario

NAMES = "abcde"
Befalls = Callable[[Scenario], None]


def formed(names: str = "abc") -> Scenario:
    made = Scenario()
    made.say(f"file {' '.join(names)}")
    made.say("apply")
    assert made.say("plan") == ["nothing to do"]
    return made


def killed(made: Scenario) -> None:
    made.say("kill b")


def all_killed(made: Scenario) -> None:
    for name in made.names:
        made.say(f"kill {name}")


def changed(made: Scenario) -> None:
    made.say("option snapshot-count=5000")


def changed_and_killed(made: Scenario) -> None:
    killed(made)
    changed(made)


def grown(made: Scenario) -> None:
    made.say("file a b c d e")


def shrunk(made: Scenario) -> None:
    made.say("file a")


def replaced(made: Scenario) -> None:
    made.say("kill c")
    made.say("file a b d")


def exchanged(made: Scenario) -> None:
    made.say("file a b d")


CASES: list[Befalls] = [killed, all_killed, changed, changed_and_killed, grown, shrunk, replaced, exchanged]


def run(made: Scenario, plan: Plan) -> bool:
    """Whether it came to its end."""

    async def go() -> None:
        async for _ in carry_out(plan, made.cluster):
            pass

    try:
        asyncio.run(go())
    except ClusterFailed:
        return False
    finally:
        made.cluster.mend()
    return True


def settled(made: Scenario) -> None:
    """What joined before the last change of members is told of it in its files once more; nothing else is left."""
    last = made.cluster.plan()
    assert all(isinstance(each.step, WriteFiles) for each in last.steps), last.steps
    assert run(made, last)
    assert made.say("plan") == ["nothing to do"]


@pytest.mark.parametrize("unheard", [False, True], ids=["lost", "unheard"])
@pytest.mark.parametrize("befalls", CASES, ids=lambda case: case.__name__)
def test_cut_off_after_every_step_planning_again_gives_the_rest(befalls: Befalls, unheard: bool):
    whole = formed()
    befalls(whole)
    length = len(whole.cluster.plan().steps)
    assert length
    before = len(whole.cluster.taken)
    assert run(whole, whole.cluster.plan())
    goal, wanted = whole.cluster.states(), [str(step) for step in whole.cluster.taken[before:]]
    for cut in range(length):
        made = formed()
        befalls(made)
        before = len(made.cluster.taken)
        made.cluster.cut_after, made.cluster.unheard = before + cut, unheard
        assert not run(made, made.cluster.plan())
        rest = made.cluster.plan()
        # A probe leaves nothing behind: cut off right after it, it is made again.
        probed = bool(cut) and isinstance(made.cluster.taken[-1], ProbePeer)
        assert not rest.refusals and len(rest.steps) <= length - cut + probed, cut
        assert run(made, rest)
        assert made.cluster.states() == goal, cut
        settled(made)
        # Nothing is done twice, but that everybody is told to write or start again what may not have been heard.
        again = [str(step) for step in made.cluster.taken[before:]]
        assert len(again) <= len(wanted) + 1 + probed, (cut, again)


@pytest.mark.parametrize("unheard", [False, True], ids=["lost", "unheard"])
def test_a_first_start_cut_off_after_every_step_ends_the_same(unheard: bool):
    length = len(Scenario().cluster.plan().steps)
    for cut in range(length):
        made = Scenario()
        made.cluster.cut_after, made.cluster.unheard = cut, unheard
        assert not run(made, made.cluster.plan())
        assert run(made, made.cluster.plan())
        assert made.say("status") == ["a:voting  b:voting  c:voting"]
        assert made.say("plan") == ["nothing to do"]


@pytest.mark.parametrize("listed", [True, False], ids=["every member in the list", "a part of it"])
def test_a_first_start_of_which_only_a_quorum_came_up_is_finished(listed: bool):
    """The controller died while it started them: two answer, the third was never started."""
    made = Scenario()
    plan = made.cluster.plan()
    (at,) = [number for number, each in enumerate(plan.steps) if isinstance(each.step, StartMembers)]
    made.cluster.cut_after, made.cluster.unheard = at, True
    assert not run(made, plan)
    made.cluster.dies("c")
    made.cluster.host("c").has_data, made.cluster.host("c").executable = False, ""
    made.cluster.memory = replace(made.cluster.memory, formed=False)  # nobody lived to write it down
    if not listed:
        del made.cluster.entries["c"]
    assert not has_formed(made.cluster.seen(), made.cluster.memory)
    assert run(made, made.cluster.plan())
    assert made.say("status") == ["a:voting  b:voting  c:voting"]
    assert made.say("plan") == ["nothing to do"]


@pytest.mark.parametrize(
    ("age", "steps"), [(None, [MoveDataAside]), (60.0, [StopMembers, MoveDataAside]), (1.0, []), (0.0, [])]
)
def test_whoever_died_before_the_first_entry_begins_again_and_whoever_has_just_started_is_left_alone(
    age: float | None, steps: list[type]
):
    """`age` of its process in seconds; None where it does not run, 0 where nobody can tell."""
    made = Scenario()
    assert made.say("apply cut 3")
    seen = made.cluster.seen()
    host = seen.reachable["b"]
    process = None if age is None else Process(1, "etcd", (), (), 1000.0 - age if age else 0.0)
    machine = replace(host.machine, clock=1000.0)
    host = replace(host, machine=machine, process=process, data=DataSeen(True, True, False, 0, blank=True))
    hosts = tuple((name, Known(host) if name == "b" else each) for name, each in seen.hosts)
    plan = planned(made.cluster.wanted, replace(seen, hosts=hosts), made.cluster.memory, made.cluster.now())
    assert [type(each.step) for each in plan.steps if isinstance(each.step, StopMembers | MoveDataAside)] == steps


EVENTS = st.lists(
    st.one_of(
        st.sampled_from([f"kill {name}" for name in NAMES] + [f"wipe {name}" for name in NAMES]),
        st.sampled_from(["option snapshot-count=5000", "option snapshot-count=9000", "forget"]),
        st.sets(st.sampled_from(NAMES), min_size=1).map(lambda names: f"file {' '.join(sorted(names))}"),
        st.tuples(st.sampled_from(["cut", "unheard"]), st.integers(0, 8)).map(
            lambda pair: f"apply {pair[0]} {pair[1]}"
        ),
        st.just("apply"),
    ),
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["a", "ab", "abc", "abcde"]), EVENTS)
def test_whatever_befalls_a_cluster_no_plan_does_harm(names: str, events: list[str]):
    """The paper cluster says `Harmed` where a step would cost data, quorum or a vote; the plans are judged as well."""
    made = formed(names)
    for event in events:
        verb, *words = event.split()
        if verb == "kill" and words[0] not in made.cluster.entries:
            continue
        if verb == "wipe" and made.cluster.host(words[0]).running:
            continue
        made.say(event)
        judge(made.cluster.plan())


def judge(plan: Plan) -> None:
    if plan.refusals:
        return
    for each in plan.steps:
        before, after, meanwhile = each.relies_on, each.leaves, during(each.step, each.relies_on)
        if not isinstance(each.step, StopMembers) and before.quorum.holds and before.quorum.voters > 2:
            assert meanwhile.quorum.holds and after.quorum.holds, each.step
        assert len(after.learners) <= max(1, len(before.learners)), each.step
    rolling = [each.step.member for each in plan.steps if isinstance(each.step, RestartMember)]
    handed = [each.step.leader for each in plan.steps if isinstance(each.step, MoveLeader)]
    assert len(rolling) == len(set(rolling)), "nobody is restarted twice"
    if rolled := [leader for leader in handed if leader in rolling]:
        assert rolling[-1] in rolled, "the leader is restarted last"


def test_the_dead_leave_before_anybody_joins():
    made = formed()
    replaced(made)
    steps = [each.step for each in made.cluster.plan().steps]
    kinds = [type(step).__name__ for step in steps]
    assert kinds.index("RemoveMember") < kinds.index("AddLearner")
    assert [step.member for step in steps if isinstance(step, RemoveMember)] == ["c"]


def test_a_live_voter_leaves_only_when_its_replacement_votes():
    made = formed()
    exchanged(made)
    kinds = [type(each.step).__name__ for each in made.cluster.plan().steps]
    assert kinds.index("PromoteLearner") < kinds.index("RemoveMember")


def test_a_restart_brings_up_whoever_is_down_before_anybody_else_is_touched():
    made = formed()
    killed(made)
    cluster = made.cluster
    plan = restart_plan(cluster.wanted, cluster.seen(), cluster.memory, cluster.now())
    assert not plan.refusals and str(plan.steps[0].step) == "start b"
    assert [each.step.member for each in plan.steps if isinstance(each.step, RestartMember)] == ["c", "a"]


def test_a_member_that_is_down_where_nobody_can_look_leaves_the_wish_unfinished():
    made = formed()
    killed(made)
    made.say("unreachable b")
    plan = made.cluster.plan()
    assert not plan.steps and unfinished(made.cluster.wanted, plan) == ("b",)
    made.say("reachable b")
    assert not unfinished(made.cluster.wanted, made.cluster.plan()), "now it can be started"


def test_a_step_that_would_lose_quorum_is_refused_with_its_number():
    two_of_three = Membership.of(a=MemberState.VOTING, b=MemberState.VOTING, c=MemberState.DOWN)
    steps = tuple(proof.fenced((RestartMember("a", "it was asked for"),), two_of_three))
    (refusal,) = proof.refusals(steps)
    assert refusal.invariant == "I2" and "would lose quorum" in refusal.what
    assert "1 of 3 voters answer, 2 are needed" in refusal.why


@given(
    st.dictionaries(st.sampled_from(NAMES), st.sampled_from([s for s in MemberState if s is not MemberState.ABSENT]))
)
def test_starting_members_never_makes_a_quorum_smaller(states: dict[str, MemberState]):
    now = Membership.from_states(states)
    down = tuple(name for name, state in states.items() if state is MemberState.DOWN)
    for each in proof.fenced((StartMembers(down),) if down else (), now):
        assert each.leaves.quorum.tolerance >= now.quorum.tolerance
        assert each.leaves.voters == now.voters
