"""A watch that outlives its member: no event lost, none delivered twice.

The point to resume at is that of the last event that was *delivered*. (Taking it from an answer's header, which is the
store's present revision, loses what a member had not sent yet when it died while the watch was catching up.)
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import grpc.aio

from etcdpilot.etcd import etcd_pb2 as pb
from etcdpilot.etcd.calls import Calls, TryFailed, failure_of, failure_of_ended
from etcdpilot.etcd.connections import Connection
from etcdpilot.etcd.errors import Compacted, EtcdError, Failure, Unavailable
from etcdpilot.etcd.methods import WATCH
from etcdpilot.etcd.resume import ResumePoint
from etcdpilot.etcd.verdicts import Verdict, error_of, judge
from etcdpilot.model.answers import WatchEvent, WatchProgress

# So many answers may wait for the consumer before etcd is left unread; one holds a megabyte and a half at most.
WAITING_ANSWERS = 16
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0


@dataclass(frozen=True, slots=True)
class Interest:
    """What a watch is about. `progress`: also deliver WatchProgress, which an idle etcd announces every ten minutes."""

    key: bytes
    range_end: bytes = b""
    previous: bool = False
    puts: bool = True
    deletes: bool = True
    progress: bool = False

    def request(self, start_revision: int) -> pb.WatchRequest:
        """Progress is always asked for: it keeps a quiet watch's resume point clear of compactions."""
        unwanted = {pb.WatchCreateRequest.NOPUT: not self.puts, pb.WatchCreateRequest.NODELETE: not self.deletes}
        create = pb.WatchCreateRequest(
            key=self.key,
            range_end=self.range_end,
            start_revision=start_revision,
            progress_notify=True,
            filters=[kind for kind, left_out in unwanted.items() if left_out],
            prev_kv=self.previous,
            fragment=True,
        )
        return pb.WatchRequest(create=create)


class Watcher:
    """`async with client.watch("a", prefix=True) as events: async for event in events: ...`

    Inside the `async with` the watch stands: a change made from then on will be delivered. Without it, the watch begins
    at the first event asked for. Raises Compacted where the resume point was compacted away, Denied where auth says no,
    and otherwise looks for a member for as long as it takes; `trouble` says why it has none just now.
    """

    def __init__(self, calls: Calls, interest: Interest, start_revision: int) -> None:
        self._calls, self._interest = calls, interest
        self._point = ResumePoint(start_revision)
        self._answers: asyncio.Queue[tuple[WatchEvent | WatchProgress, ...]] = asyncio.Queue(WAITING_ANSWERS)
        self._batch: deque[WatchEvent | WatchProgress] = deque()
        self._pump: asyncio.Task[None] | None = None
        self._stands = asyncio.Event()
        self._over: BaseException | None = None
        self._stream: Any = None
        self._watch_id = 0
        self._logged_in = False
        self._pause = FIRST_PAUSE
        self.trouble = ""

    @property
    def next_revision(self) -> int:
        """Where the watch would resume: everything before it has been received. 0 until it first stands."""
        return self._point.revision

    # ---- the consumer's side ----

    def __aiter__(self) -> Watcher:
        return self

    async def __anext__(self) -> WatchEvent | WatchProgress:
        self._start()
        while not self._batch:
            if self._over is not None and self._answers.empty():
                raise self._over
            self._batch.extend(await self._answers.get())
        return self._batch.popleft()

    async def __aenter__(self) -> Watcher:
        self._start()
        try:
            async with asyncio.timeout(self._calls.timeout):
                await self._stands.wait()
        except TimeoutError:
            await self.aclose()
            failure = Failure(str(self._calls.current.endpoint), "UNAVAILABLE", self.trouble or "no answer")
            raise Unavailable(WATCH.name, "No member of etcd took the watch.", failure) from None
        if isinstance(self._over, EtcdError):
            raise self._over
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End the watch; what is asked of it afterwards ends at once."""
        self._over = self._over or StopAsyncIteration()
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.wait((self._pump,))

    async def request_progress(self) -> None:
        """Ask how far the watch is; the answer comes as a WatchProgress where `progress` was asked for.

        3.4 before 3.4.25 and 3.5 before 3.5.8 may announce a revision whose events are still to come, so the resume
        point does not rely on this answer.
        """
        if self._stream is not None and self._stands.is_set():
            await self._stream.write(pb.WatchRequest(progress=pb.WatchProgressRequest()))

    # ---- the side that reads etcd ----

    def _start(self) -> None:
        if self._pump is None and self._over is None:
            self._pump = self._calls.spawn(self._run())

    async def _run(self) -> None:
        """Go from member to member until there is something to raise, or nobody listens any more."""
        try:
            while True:
                await self._follow_a_member()
        except Exception as error:  # whatever it is, it belongs to whoever reads the events
            self._over = error
        finally:
            self._over = self._over or StopAsyncIteration()
            self._stands.set()
            if not self._answers.full():
                self._answers.put_nowait(())  # wakes a consumer that waits; with a full queue nobody does

    async def _follow_a_member(self) -> None:
        connection = self._calls.current
        try:
            if await self._followed_until_the_token_ran_out(connection):
                return
        except Unavailable as nobody:  # nobody could log us in, for example: a watch outlives that
            self.trouble = str(nobody)
            if self._calls.pinned:
                raise
        self._calls.move_on_from(connection)
        await asyncio.sleep(self._pause)
        self._pause = min(self._pause * 2, LONGEST_PAUSE)

    async def _followed_until_the_token_ran_out(self, connection: Connection) -> bool:
        try:
            await self._follow(connection)
        except TryFailed as failed:
            self.trouble = str(failed.failure)
            if await self._only_the_token(failed.failure):
                return True
            self._raise_if_final(failed.failure)
        return False

    async def _follow(self, connection: Connection) -> None:
        """Deliver what this member sends until the stream ends."""
        self._stream = stream = await self._calls.stream(connection, WATCH)
        try:
            await stream.write(self._interest.request(self._point.revision))
            while (answer := await stream.read()) is not grpc.aio.EOF:
                await self._take(connection, answer)
        except grpc.aio.AioRpcError as error:
            raise TryFailed(failure_of(connection, error)) from None
        except asyncio.InvalidStateError:  # the stream ended before we wrote to it
            raise TryFailed(await failure_of_ended(connection, stream)) from None
        finally:
            self._stream = None
            stream.cancel()

    async def _take(self, connection: Connection, answer: pb.WatchResponse) -> None:
        if answer.canceled:
            raise self._canceled(connection, answer)
        if answer.created:
            self._watch_id = answer.watch_id
            self._point.anchor(answer.header.revision)
            self._pause, self.trouble, self._logged_in = FIRST_PAUSE, "", False
            self._stands.set()
        elif answer.events:
            await self._deliver(*self._point.fresh(answer))
        else:
            self._point.progress(answer, self._watch_id)
            if self._interest.progress:
                await self._deliver(WatchProgress(answer.header.revision))

    async def _deliver(self, *items: WatchEvent | WatchProgress) -> None:
        if items:
            await self._answers.put(items)

    def _canceled(self, connection: Connection, answer: pb.WatchResponse) -> Exception:
        failure = Failure(str(connection.endpoint), "OUT_OF_RANGE", answer.cancel_reason)
        if not answer.compact_revision:
            return TryFailed(failure)
        return Compacted(
            WATCH.name,
            f"Revision {self._point.revision} is compacted; the oldest to be watched is {answer.compact_revision}.",
            failure,
            revision=answer.compact_revision,
            remedy="Read the present state, and watch from the revision after it.",
        )

    async def _only_the_token(self, failure: Failure) -> bool:
        """3.4 and 3.5 call a token that ran out `permission denied`, so that too is tried once with a new one."""
        refused = judge(failure) is Verdict.LOG_IN or "permission denied" in failure.text
        if not refused or self._logged_in:
            return False
        self._logged_in = await self._calls.log_in_again()
        return self._logged_in

    def _raise_if_final(self, failure: Failure) -> None:
        verdict = judge(failure)
        if self._calls.pinned or verdict in (Verdict.REJECTED, Verdict.LOG_IN):
            raise error_of(WATCH.name, (failure,), changes_something=False)
