"""The small parts of the snapshot reader, each by itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from etcdpilot.etcd import etcd_pb2 as pb
from etcdpilot.model.answers import KeyValue
from etcdpilot.model.identity import cluster_id
from etcdpilot.model.snapshot_tables import AlarmKind, Progress, StoredAlarm, StoredMember, Tables
from etcdpilot.stores.snapshot.bbolt import Corrupt
from etcdpilot.stores.snapshot.belonging import MOST_MEMBERS, is_of_cluster
from etcdpilot.stores.snapshot.records import key_of, key_value, name_after, revision_of
from etcdpilot.stores.snapshot.sizes import group_of
from etcdpilot.stores.snapshot.trailer import has_room_for_trailer

numbers = some.integers(0, 2**63 - 1)
pairs = some.builds(
    KeyValue, some.binary(min_size=1, max_size=300), some.binary(max_size=300), numbers, numbers, numbers, numbers
)


@given(pairs)
def test_a_record_reads_as_protobuf_wrote_it(pair: KeyValue) -> None:
    message = pb.KeyValue(
        key=pair.key,
        value=pair.value,
        create_revision=pair.create_revision,
        mod_revision=pair.mod_revision,
        version=pair.version,
        lease=pair.lease,
    )
    raw = message.SerializeToString()
    assert key_value(raw) == pair and key_of(raw) == pair.key


@given(some.binary(max_size=60))
def test_bytes_of_any_kind_are_a_record_or_corrupt(raw: bytes) -> None:
    for read in (key_of, key_value, revision_of):
        try:
            read(raw)
        except Corrupt:
            continue


@given(numbers, numbers)
def test_names_of_records_sort_as_their_revisions(main: int, sub: int) -> None:
    name = main.to_bytes(8, "big") + b"_" + sub.to_bytes(8, "big")
    assert revision_of(name) == revision_of(name + b"t") == (main, sub)
    assert name < name + b"t" < name_after(main) and (main == 0 or name > name_after(main - 1))


@pytest.mark.parametrize(
    ("key", "depth", "group"),
    [
        (b"/registry/pods/default/x", 1, b"/registry/"),
        (b"/registry/pods/default/x", 2, b"/registry/pods/"),
        (b"/registry/pods", 9, b"/registry/"),
        (b"apps/x", 1, b"apps/"),
        (b"plain", 1, b""),
        (b"//x", 2, b"//"),
        (b"", 1, b""),
    ],
)
def test_a_key_belongs_to_the_prefix_of_its_first_parts(key: bytes, depth: int, group: bytes) -> None:
    assert group_of(key, depth) == group


def tables(members: list[int], removed: list[int], *alarms: StoredAlarm) -> Tables:
    stored = tuple(StoredMember(identity, f"m{identity}", (), (), False) for identity in members)
    return Tables(stored, tuple(removed), alarms, (), (), (), False, 0, Progress())


def test_a_cluster_is_known_by_its_first_members_though_others_joined_and_some_left() -> None:
    first = [11, 22, 33]
    assert is_of_cluster(tables([22, 44, 55], [11, 33, 66]), cluster_id(first)) is True
    assert is_of_cluster(tables(first, []), cluster_id(first)) is True
    assert is_of_cluster(tables([22, 44, 55], [11, 66]), cluster_id(first)) is False


def test_what_cannot_be_told_of_a_cluster_is_not_guessed() -> None:
    assert is_of_cluster(tables([], []), 1) is None
    assert is_of_cluster(tables([1, 2, 3], list(range(10, 10 + MOST_MEMBERS))), 1) is None


def test_an_alarm_of_nobody_in_the_list_is_a_ghost() -> None:
    ghost, real = StoredAlarm(99, AlarmKind.NOSPACE), StoredAlarm(1, AlarmKind.NOSPACE)
    assert tables([1], [], ghost, real).ghost_alarms == (ghost,)


def test_only_a_whole_database_with_32_bytes_more_can_have_a_checksum() -> None:
    assert [size for size in (0, 32, 512, 544, 4096, 4128, 4129) if has_room_for_trailer(size)] == [544, 4128]
