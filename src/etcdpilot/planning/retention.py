"""Which backups to keep. Pure: the same backups, policy and time give the same answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from etcdpilot.model.snapshots import Manifest, RetentionPolicy

Period = Callable[[datetime], object]


@dataclass(frozen=True, slots=True)
class Kept:
    """A backup that stays, and every reason for it: `last`, `daily`, …"""

    manifest: Manifest
    reasons: tuple[str, ...]


def kept(manifests: Iterable[Manifest], policy: RetentionPolicy, now: datetime) -> tuple[Kept, ...]:
    """What stays, the newest first; everything else may go.

    A period (an hour, day, ISO week, month, all in UTC) is stood for by its newest backup; only periods that have one
    are counted, so a pause in backups never ages out what is left. Beyond the policy stay in any case the one that was
    proved by a restore last, and those dated after `now`, whose clock was wrong: they take nobody's place.
    """
    newest_first = sorted(manifests, key=lambda manifest: (manifest.taken_at, manifest.revision), reverse=True)
    past = [manifest for manifest in newest_first if manifest.taken_at <= now]
    reasons: dict[str, list[str]] = {manifest.name: [] for manifest in newest_first}
    for manifest in newest_first:
        if manifest.taken_at > now:
            reasons[manifest.name].append("dated in the future")
    for manifest in past[: policy.last]:
        reasons[manifest.name].append("last")
    for word, count, period in _rules(policy):
        for manifest in _newest_of_each(past, period)[:count]:
            reasons[manifest.name].append(word)
    if proved := _last_proved(past):
        reasons[proved.name].append("last proved")
    return tuple(Kept(manifest, tuple(why)) for manifest in newest_first if (why := reasons[manifest.name]))


def expendable(manifests: Iterable[Manifest], policy: RetentionPolicy, now: datetime) -> tuple[Manifest, ...]:
    """What may go, the oldest first."""
    every = tuple(manifests)
    staying = {entry.manifest.name for entry in kept(every, policy, now)}
    return tuple(sorted((each for each in every if each.name not in staying), key=lambda each: each.taken_at))


def _rules(policy: RetentionPolicy) -> tuple[tuple[str, int, Period], ...]:
    return (
        ("hourly", policy.hourly, lambda at: (at.date(), at.hour)),
        ("daily", policy.daily, lambda at: at.date()),
        ("weekly", policy.weekly, lambda at: at.isocalendar()[:2]),
        ("monthly", policy.monthly, lambda at: (at.year, at.month)),
    )


def _newest_of_each(newest_first: list[Manifest], period: Period) -> list[Manifest]:
    first: dict[object, Manifest] = {}
    for manifest in newest_first:
        first.setdefault(period(manifest.taken_at.astimezone(UTC)), manifest)
    return list(first.values())


def _last_proved(manifests: list[Manifest]) -> Manifest | None:
    proved = [(manifest.proved_at, manifest.name, manifest) for manifest in manifests if manifest.proved_at]
    return max(proved, key=lambda entry: entry[:2])[2] if proved else None
