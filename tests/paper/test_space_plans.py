"""Whom to defragment and in what order, and the way out of NOSPACE, on paper."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from etcdpilot.model.answers import Alarm, AlarmType, Header, MemberEntry, MemberStatus
from etcdpilot.model.backups import interval_of
from etcdpilot.model.knowledge import Known, Unknown
from etcdpilot.model.membership import Membership, MemberState
from etcdpilot.model.observation import EtcdSeen, Seen
from etcdpilot.model.plans import Plan
from etcdpilot.model.steps import MoveLeader, SaveSnapshot
from etcdpilot.model.upkeep import CompactHistory, DefragmentMember, DisarmNoSpace, ProveWrite
from etcdpilot.planning.space import MIB, Worth, defrag_plan, nospace_plan
from tests.paper.clusters import cluster, member

NAMES = ("etcd-0", "etcd-1", "etcd-2")
NOSPACE = Alarm(2, AlarmType.NOSPACE)


def status(number: int, **changes: object) -> MemberStatus:
    made = MemberStatus(
        header=Header(1, number + 1, 5000, 1),
        version="3.5.30",
        db_size=400 * MIB,
        db_size_in_use=100 * MIB,
        leader=1,
        raft_index=9000,
        raft_term=1,
        raft_applied_index=9000,
        is_learner=False,
        errors=(),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def seen(*statuses: MemberStatus | None, alarms: tuple[Alarm, ...] = (), learner: str = "") -> Seen:
    found = {NAMES[at]: Known(each) if each else Unknown("it is down") for at, each in enumerate(statuses)}
    entries = tuple(MemberEntry(at + 1, NAMES[at], (), (), NAMES[at] == learner) for at in range(len(statuses)))
    states = {
        name: MemberState.LEARNING
        if name == learner
        else MemberState.VOTING
        if isinstance(said, Known)
        else MemberState.DOWN
        for name, said in found.items()
    }
    etcd = EtcdSeen(Known(entries), tuple(found.items()), alarms)
    return Seen((), etcd, Membership.from_states(states))


def steps(plan: Plan) -> list[object]:
    assert plan.refusals == ()
    return [each.step for each in plan.steps]


def test_the_leader_goes_last_after_handing_over_and_only_whoever_is_worth_it_goes_at_all() -> None:
    full = status(1, db_size_in_use=300 * MIB)
    plan = defrag_plan(cluster(), seen(status(0), full, status(2)), Worth())
    first, second, third = steps(plan)
    assert isinstance(first, DefragmentMember) and first.member == "etcd-2" and "300.0 of 400.0 MiB" in first.because
    assert second == MoveLeader("etcd-0", "etcd-1")
    assert isinstance(third, DefragmentMember) and third.member == "etcd-0"


@pytest.mark.parametrize(("size", "used"), [(400, 230), (90, 1), (400, 400), (100, 120)])
def test_what_gives_back_little_is_left_alone(size: int, used: int) -> None:
    each = [status(number, db_size=size * MIB, db_size_in_use=used * MIB) for number in range(3)]
    assert defrag_plan(cluster(), seen(*each), Worth()).changes_nothing


def test_a_cluster_of_one_is_defragmented_for_it_cannot_be_had_without_a_pause() -> None:
    (only,) = steps(defrag_plan(cluster(member(0)), seen(status(0)), Worth()))
    assert isinstance(only, DefragmentMember)


def test_nobody_is_defragmented_in_ill_health() -> None:
    three = [status(0), status(1), status(2)]
    ill = {
        "another is down": seen(status(0), status(1), None),
        "no quorum": seen(status(0), None, None),
        "another learns": seen(status(0), status(1), replace(status(2), is_learner=True), learner="etcd-2"),
        "catches up": seen(status(0), status(1), status(2, raft_applied_index=7000)),
        "CORRUPT": seen(*three, alarms=(Alarm(1, AlarmType.CORRUPT),)),
    }
    for said, found in ill.items():
        refusals = defrag_plan(cluster(), found, Worth()).refusals
        assert any(said in each.what for each in refusals), said
        assert any(said in each.what for each in nospace_plan(cluster(), replace_alarm(found), 10).refusals), said


def replace_alarm(found: Seen) -> Seen:
    return replace(found, etcd=replace(found.etcd, alarms=(*found.etcd.alarms, NOSPACE)))


def test_the_way_out_of_nospace_backs_up_first_keeps_recent_history_and_proves_last() -> None:
    slow = status(2, header=Header(1, 3, 4200, 1))
    found = seen(status(0), status(1), slow, alarms=(NOSPACE, Alarm(0xABC, AlarmType.NOSPACE)))
    first, second, *middle, disarm, proof = steps(nospace_plan(cluster(), found, 1000))
    assert isinstance(first, SaveSnapshot) and isinstance(second, CompactHistory)
    assert second.revision == 3200, "the slowest member has read 4200"
    assert [each.member for each in middle if isinstance(each, DefragmentMember)] == ["etcd-1", "etcd-2", "etcd-0"]
    assert disarm == DisarmNoSpace(("2", "abc")) and proof == ProveWrite()
    young = seen(*(status(each, header=Header(1, each + 1, 500, 1)) for each in range(3)), alarms=(NOSPACE,))
    assert not any(isinstance(each, CompactHistory) for each in steps(nospace_plan(cluster(), young, 1000)))


def test_without_the_alarm_a_write_is_proved_and_nothing_is_touched() -> None:
    assert steps(nospace_plan(cluster(), seen(status(0), status(1), status(2)), 1000)) == [ProveWrite()]


def test_releases_that_lose_their_way_in_a_defragmentation_are_warned_of() -> None:
    for version, risky in (("3.4.23", True), ("3.5.22", True), ("3.5.30", False), ("3.6.4", True), ("3.7.3", False)):
        found = seen(*(status(each, version=version) for each in range(3)))
        assert bool(defrag_plan(cluster(), found, Worth()).warnings) is risky, version


def test_schedules_are_read_as_they_are_written() -> None:
    assert [interval_of(each) for each in ("hourly", "6h", "30m", "2d", "1w")] == [
        timedelta(hours=1),
        timedelta(hours=6),
        timedelta(minutes=30),
        timedelta(days=2),
        timedelta(weeks=1),
    ]
    for wrong in ("", "6", "0h", "sometimes", "-1h"):
        with pytest.raises(ValueError, match="is not a schedule"):
            interval_of(wrong)
