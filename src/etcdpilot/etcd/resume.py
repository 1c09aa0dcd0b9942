"""Where a watch goes on after its member is gone."""

from __future__ import annotations

from dataclasses import dataclass, field

from etcdpilot.etcd import etcd_pb2 as pb
from etcdpilot.etcd import reading
from etcdpilot.model.answers import WatchEvent


@dataclass(slots=True)
class ResumePoint:
    """`revision` is the first whose events have not all been received; 0 is "from now", before the watch first stands.

    etcd cuts a large revision into fragments. A stream that ends between two of them has delivered part of a revision:
    then the same revision is asked for again, and `received` holds its keys that need not come twice. (No key changes
    twice in one revision.)
    """

    revision: int
    received: set[bytes] = field(default_factory=set)

    def anchor(self, present: int) -> None:
        """A watch "from now" has begun: what happened after this revision belongs to it, on any member."""
        self.revision = self.revision or present + 1

    def fresh(self, answer: pb.WatchResponse) -> tuple[WatchEvent, ...]:
        """The events of this answer that have not been received yet; the point moves behind them."""
        events = tuple(reading.event(event) for event in answer.events if self._is_new(event))
        last = answer.events[-1].kv.mod_revision
        if answer.fragment:
            self._stop_within(last, answer)
        else:
            self._move_to(last + 1)
        return events

    def _is_new(self, event: pb.Event) -> bool:
        at = event.kv.mod_revision
        return at > self.revision or (at == self.revision and event.kv.key not in self.received)

    def _stop_within(self, last: int, answer: pb.WatchResponse) -> None:
        self._move_to(last)
        if last == self.revision:
            self.received.update(event.kv.key for event in answer.events if event.kv.mod_revision == last)

    def _move_to(self, revision: int) -> None:
        if revision > self.revision:
            self.revision, self.received = revision, set()

    def progress(self, answer: pb.WatchResponse, watch_id: int) -> None:
        """etcd says that nothing up to its header's revision is still to come.

        Believed only where it is about this watch: asked for by hand it carries the ID -1, and then 3.4 before 3.4.25
        and 3.5 before 3.5.8 promise it also while events are on their way.
        """
        if answer.watch_id == watch_id:
            self._move_to(answer.header.revision + 1)
