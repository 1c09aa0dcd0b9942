"""Where a watch resumes, for every way in which its streams can be cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from etcdpilot.etcd import etcd_pb2 as pb
from etcdpilot.etcd.resume import ResumePoint

Event = tuple[int, bytes]


def answer(events: list[Event], fragment: bool = False) -> pb.WatchResponse:
    changes = [pb.Event(kv=pb.KeyValue(key=key, mod_revision=revision)) for revision, key in events]
    return pb.WatchResponse(events=changes, fragment=fragment)


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Revisions 2, 3, … of one to five keys each, some of which touch nothing that is watched."""
    sizes = draw(st.lists(st.integers(0, 5), min_size=1, max_size=8))
    return [(revision, b"%d" % key) for revision, size in enumerate(sizes, start=2) for key in range(size)]


def stream(history: list[Event], start: int, sizes: list[int]) -> list[pb.WatchResponse]:
    """What etcd sends from `start` on: whole revisions, or a run of fragments that ends with a revision."""
    events = [event for event in history if event[0] >= start]
    answers, sizes = [], list(sizes)
    while events:
        size = sizes.pop(0) if sizes else len(events)
        part, events = events[:size], events[size:]
        answers.append(answer(part, fragment=bool(events) and events[0][0] == part[-1][0]))
    return answers


@given(histories(), st.lists(st.tuples(st.integers(0, 6), st.lists(st.integers(1, 6), max_size=6)), max_size=6))
def test_every_event_comes_exactly_once_however_often_the_stream_is_cut(
    history: list[Event], cuts: list[tuple[int, list[int]]]
) -> None:
    point, got = ResumePoint(2), []
    for count, sizes in [*cuts, (10**6, [])]:
        for message in stream(history, point.revision, sizes)[:count]:
            got += [(event.revision, event.kv.key) for event in point.fresh(message)]
    assert got == history


def test_a_watch_from_now_is_anchored_where_it_first_stood() -> None:
    point = ResumePoint(0)
    point.anchor(7)
    assert point.revision == 8
    point.anchor(20)  # the next member has come further; what happened meanwhile is still ours
    assert point.revision == 8


def test_progress_counts_only_where_it_is_about_this_watch() -> None:
    point = ResumePoint(5)
    point.progress(pb.WatchResponse(header=pb.Header(revision=9), watch_id=-1), watch_id=0)
    assert point.revision == 5
    point.progress(pb.WatchResponse(header=pb.Header(revision=9), watch_id=0), watch_id=0)
    assert point.revision == 10
    point.progress(pb.WatchResponse(header=pb.Header(revision=3), watch_id=0), watch_id=0)
    assert point.revision == 10
