"""What is read by hand of a snapshot's answers is what protobuf reads."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcdpilot.etcd import etcd_pb2 as pb
from etcdpilot.etcd.snapshot_part import NotAnAnswer, SnapshotPart

WHOLE = st.integers(0, (1 << 63) - 1)


@given(WHOLE, st.binary(max_size=70_000), st.text(max_size=20), WHOLE, st.booleans())
def test_every_answer_is_read_as_protobuf_reads_it(
    remaining: int, blob: bytes, version: str, revision: int, header: bool
) -> None:
    answer = pb.SnapshotResponse(remaining_bytes=remaining, blob=blob, version=version)
    if header:
        answer.header.CopyFrom(pb.Header(cluster_id=revision, member_id=1, revision=revision, raft_term=3))
    part = SnapshotPart.read(answer.SerializeToString())
    assert (bytes(part.blob), part.remaining, part.version) == (blob, remaining, version)


@given(st.binary(max_size=60))
def test_bytes_that_are_no_answer_are_said_to_be_none_and_nothing_else_happens(content: bytes) -> None:
    with suppress(NotAnAnswer):
        SnapshotPart.read(content)


def test_an_answer_that_is_cut_off_is_not_taken_for_a_shorter_one() -> None:
    whole = pb.SnapshotResponse(remaining_bytes=7, blob=b"x" * 300).SerializeToString()
    for length in range(3, len(whole)):
        with pytest.raises(NotAnAnswer):
            SnapshotPart.read(whole[:length])
