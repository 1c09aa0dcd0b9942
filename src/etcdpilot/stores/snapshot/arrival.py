"""A file that is still coming, from its beginning to its end: its readers wait for the part that they need.

So a snapshot's pages are proved while it is taken, as far as their order in the file allows; proving the pages of a
gigabyte costs a second that a second processor has.
"""

from __future__ import annotations

import threading

from etcdpilot.stores.snapshot.trailer import Trailer

NOTHING = Trailer(0, b"", b"", b"")


class Arrival:
    """How much of the file is there. Written by whoever fetches it, waited for by the threads that read it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._total: int | None = None
        self._there = 0
        self._ended = False
        self._trailer = NOTHING

    def expect(self, total: int) -> None:
        """The size of the whole file, as soon as it is known."""
        with self._changed:
            self._total = total
            self._changed.notify_all()

    def came(self, there: int) -> None:
        """So many bytes are in the file by now."""
        with self._changed:
            self._there = there
            self._changed.notify_all()

    def end(self, trailer: Trailer = NOTHING) -> None:
        """All is there that will ever come; without a trailer the file was cut off. The first word counts."""
        with self._changed:
            self._trailer = self._trailer if self._ended else trailer
            self._ended = True
            self._changed.notify_all()

    def total(self) -> int | None:
        """The size of the whole file; waits until it is known. None when it never came to that."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self._total is not None)
            return self._total

    def wait_for(self, end: int) -> None:
        """Until the first `end` bytes are there, or nothing comes any more."""
        if self._there < end and not self._ended:
            with self._changed:
                self._changed.wait_for(lambda: self._ended or self._there >= end)

    def trailer(self) -> Trailer:
        """What was learnt of its checksum while it came; waits for the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended)
            return self._trailer
