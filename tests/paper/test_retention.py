"""Which backups stay: by example, and what must hold for every mixture of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as some

from etcdpilot.model.snapshots import Manifest, RetentionPolicy
from etcdpilot.planning.retention import expendable, kept
from tests.paper.test_snapshot_values import MANIFEST

NOW = datetime(2026, 3, 15, 12, 0, tzinfo=UTC)


def backup(hours_ago: float, revision: int = 1) -> Manifest:
    return replace(MANIFEST, taken_at=NOW - timedelta(hours=hours_ago), revision=revision)


def ages(manifests: tuple[Manifest, ...]) -> list[float]:
    return [(NOW - manifest.taken_at) / timedelta(hours=1) for manifest in manifests]


def test_the_newest_of_each_of_the_last_days_stays() -> None:
    backups = [backup(hours) for hours in range(0, 24 * 10, 6)]
    stay = kept(backups, RetentionPolicy(daily=3), NOW)
    assert ages(tuple(entry.manifest for entry in stay)) == [0, 18, 42]
    assert {entry.reasons for entry in stay} == {("daily",)}


def test_reasons_add_up() -> None:
    stay = kept([backup(0), backup(1), backup(2)], RetentionPolicy(last=2, hourly=1, monthly=1), NOW)
    assert [entry.reasons for entry in stay] == [("last", "hourly", "monthly"), ("last",)]


def test_a_pause_in_backups_does_not_age_out_what_is_left() -> None:
    old = [backup(24 * 400), backup(24 * 500)]
    assert len(kept(old, RetentionPolicy(daily=2), NOW)) == 2


def test_weeks_go_by_iso_over_the_turn_of_a_year() -> None:
    sunday, monday = (replace(MANIFEST, taken_at=datetime(2027, 1, day, tzinfo=UTC)) for day in (3, 4))
    thursday = replace(MANIFEST, taken_at=datetime(2026, 12, 31, tzinfo=UTC))
    stay = kept([sunday, monday, thursday], RetentionPolicy(weekly=5), datetime(2027, 2, 1, tzinfo=UTC))
    assert [entry.manifest for entry in stay] == [monday, sunday]


def test_a_backup_from_the_future_stays_and_takes_nobodys_place() -> None:
    stay = kept([backup(-5), backup(1), backup(2)], RetentionPolicy(last=1), NOW)
    assert ages(tuple(entry.manifest for entry in stay)) == [-5, 1]
    assert stay[0].reasons == ("dated in the future",)


def test_the_last_one_proved_by_a_restore_stays_though_the_policy_would_drop_it() -> None:
    proved = backup(1000).proved(NOW - timedelta(hours=500))
    earlier = backup(900).proved(NOW - timedelta(hours=600))
    stay = kept([backup(0), proved, earlier], RetentionPolicy(last=1), NOW)
    assert [entry.manifest for entry in stay] == [backup(0), proved]


policies = some.builds(
    lambda counts: RetentionPolicy(*counts), some.tuples(*[some.integers(0, 5)] * 5).filter(lambda counts: any(counts))
)
mixtures = some.lists(some.builds(backup, some.floats(-100, 20_000)), max_size=40)


@given(backups=mixtures, policy=policies)
def test_every_backup_either_stays_or_may_go_and_the_newest_always_stays(
    backups: list[Manifest], policy: RetentionPolicy
) -> None:
    stay = {entry.manifest.name for entry in kept(backups, policy, NOW)}
    go = {manifest.name for manifest in expendable(backups, policy, NOW)}
    assert stay | go == {manifest.name for manifest in backups} and not stay & go
    if backups:
        assert max(backups, key=lambda manifest: manifest.taken_at).name in stay


@given(backups=mixtures, policy=policies)
def test_pruning_again_drops_nothing_more(backups: list[Manifest], policy: RetentionPolicy) -> None:
    left = [entry.manifest for entry in kept(backups, policy, NOW)]
    assert expendable(left, policy, NOW) == ()
