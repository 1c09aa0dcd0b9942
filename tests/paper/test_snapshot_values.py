"""Manifests survive being written and read, and say what is wrong with one that does not."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as some

from etcdpilot.applying.collecting import Found, missing
from etcdpilot.model.snapshots import Fault, FaultKind, KeysHash, Manifest, RetentionPolicy, Verdict

TAKEN = datetime(2026, 1, 31, 23, 59, 58, 700_000, tzinfo=timezone(timedelta(hours=2)))
MANIFEST = Manifest(
    cluster="prod",
    member="etcd-1",
    revision=1234,
    hash=0xFFFFFFFF,
    keys=100_000,
    size=84_000_032,
    sha256="0a1b2c3d" + "0" * 56,
    taken_at=TAKEN,
    cluster_id=0xCDF818194E3A8C32,
    hash_of_keys=KeysHash(1090736239, 1234, -1),
    etcd_version="3.5.30",
    duration=timedelta(seconds=1.5),
    endpoint="https://10.0.1.11:2379",
)


def test_a_manifest_is_named_by_time_revision_and_content() -> None:
    assert MANIFEST.snapshot_name == "prod/20260131T215958Z-1234-0a1b2c3d.db"
    assert MANIFEST.manifest_name == "prod/20260131T215958Z-1234-0a1b2c3d.json"


@given(
    keys=some.none() | some.builds(KeysHash, some.integers(0, 2**32 - 1), some.integers(0), some.integers(-1)),
    cluster_id=some.none() | some.integers(0, 2**64 - 1),
    proved=some.none() | some.datetimes(timezones=some.just(UTC)),
    seconds=some.integers(0, 10**6),
)
def test_a_manifest_read_again_is_the_same(
    keys: KeysHash | None, cluster_id: int | None, proved: datetime | None, seconds: int
) -> None:
    manifest = replace(
        MANIFEST,
        hash_of_keys=keys,
        cluster_id=cluster_id,
        proved_at=proved,
        duration=timedelta(seconds=seconds),
        taken_at=TAKEN.astimezone(UTC),
    )
    assert Manifest.from_json(json.loads(json.dumps(manifest.to_json()))) == manifest


def test_what_a_later_version_added_to_a_manifest_is_not_lost() -> None:
    document = {**MANIFEST.to_json(), "compression": "zstd"}
    assert Manifest.from_json(document).to_json()["compression"] == "zstd"


@pytest.mark.parametrize("field", ["cluster", "revision", "sha256", "taken_at", "format", "size"])
def test_a_manifest_that_lacks_a_field_says_which(field: str) -> None:
    document = MANIFEST.to_json()
    del document[field]
    with pytest.raises(ValueError, match=field):
        Manifest.from_json(document)


@pytest.mark.parametrize(
    ("field", "value"),
    [("revision", "12"), ("size", True), ("taken_at", "2026-01-31T00:00:00"), ("hash_of_keys", 3), ("cluster_id", 5)],
)
def test_a_manifest_with_a_field_of_another_kind_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValueError):
        Manifest.from_json({**MANIFEST.to_json(), field: value})


@pytest.mark.parametrize("document", [None, [], "x", 3])
def test_what_is_no_object_is_no_manifest(document: object) -> None:
    with pytest.raises(ValueError, match="object"):
        Manifest.from_json(document)


def test_a_file_of_another_cluster_is_intact_but_not_sound() -> None:
    verdict = Verdict((Fault(FaultKind.WRONG_CLUSTER, "it is of x"),))
    assert verdict.intact and not verdict.sound


def test_a_policy_that_keeps_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="every backup"):
        RetentionPolicy()
    with pytest.raises(ValueError, match="from 0"):
        RetentionPolicy(last=-1)


def test_what_two_members_saved_of_one_content_in_one_second_is_one_backup_and_is_not_fetched_again() -> None:
    taken = TAKEN.replace(microsecond=0)
    kept = (replace(MANIFEST, member="etcd-0", taken_at=taken),)
    same = Found("etcd-1", "/there", "etcd-1-20260131T215958Z.db", MANIFEST.sha256, MANIFEST.size, taken)
    assert missing((same,), kept) == ()
    other = replace(same, sha256="f" * 64)
    later = replace(same, taken_at=taken + timedelta(seconds=1))
    assert missing((other, later), kept) == (other, later)
    assert missing((replace(later, member="etcd-0"), replace(same, member="etcd-0")), kept) == (
        replace(later, member="etcd-0"),
    )
