"""How a call finds a member that takes it, and when it may be repeated. Everything that asks etcd goes through here.

A client stays with the endpoint that answered last: one busy connection is faster than three. A call moves on to the
next endpoint where the failure proves that nothing was done, or where doing it twice does no harm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio

from etcdpilot.etcd.connections import Connection, Connections
from etcdpilot.etcd.endpoints import Endpoint
from etcdpilot.etcd.errors import Failure
from etcdpilot.etcd.login import Login
from etcdpilot.etcd.methods import Answer, Method, Request
from etcdpilot.etcd.verdicts import HANGING, Verdict, error_of, judge

CONNECT_SECONDS = 2.0
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 0.5
WITH_LEADER = (("hasleader", "true"),)


class TryFailed(Exception):
    """One try at one endpoint failed; never leaves this room."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure))
        self.failure = failure


@dataclass(slots=True)
class Tries:
    """What has been tried for one call, and how long it may still go on."""

    call: str
    deadline: float
    endpoints: int
    logged_in: bool = False
    failures: list[Failure] = field(default_factory=list)

    def remaining(self) -> float:
        return self.deadline - asyncio.get_running_loop().time()

    def share(self, repeatable: bool) -> float:
        """Seconds for the next try. A call that may be repeated leaves the untried endpoints their part."""
        if not repeatable or self.endpoints == 1:
            return max(0.01, self.remaining())
        untried = self.endpoints - len(self.failures)
        return max(0.01, self.remaining() / (untried if untried > 0 else 2))

    def pause(self) -> float:
        """How long to wait before the next try: not at all until every endpoint had its turn."""
        rounds = len(self.failures) // self.endpoints - 1
        if len(self.failures) % self.endpoints or rounds < 0:
            return 0.0
        return min(FIRST_PAUSE * 2.0 ** min(rounds, 10), LONGEST_PAUSE)


class Calls:
    """The way to a cluster (several endpoints), or to one member of it (`only`)."""

    def __init__(
        self, connections: Connections, endpoints: tuple[Endpoint, ...], login: Login | None, timeout: float
    ) -> None:
        self._connections, self.endpoints, self._login, self.timeout = connections, endpoints, login, timeout
        self._turn = 0
        self.pinned = False

    def only(self, endpoint: Endpoint) -> Calls:
        """The same channels and token, but this endpoint alone: what it cannot do now fails now."""
        pinned = Calls(self._connections, (endpoint,), self._login, self.timeout)
        pinned.pinned = True
        return pinned

    @property
    def current(self) -> Connection:
        return self._connections.to(self.endpoints[self._turn])

    def move_on_from(self, connection: Connection) -> None:
        """Prefer the next endpoint, unless somebody else has moved on already."""
        if self.endpoints[self._turn] == connection.endpoint:
            self._turn = (self._turn + 1) % len(self.endpoints)

    async def unary(self, method: Method[Request, Answer], request: Request, timeout: float | None = None) -> Answer:
        """Ask and answer, within `timeout` seconds in all. Raises the errors of errors.py."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + (self.timeout if timeout is None else timeout)
        tries = Tries(method.name, deadline, len(self.endpoints))
        while True:
            connection = self.current
            try:
                return await self._try(connection, method, request, tries.share(method.repeatable))
            except TryFailed as failed:
                tries.failures.append(failed.failure)
            await self._settle(connection, method, tries)

    async def _settle(self, connection: Connection, method: Method[Request, Answer], tries: Tries) -> None:
        """After a failed try: come back to try again, or raise what it amounts to."""
        verdict = judge(tries.failures[-1])
        if verdict is Verdict.LOG_IN and self._login is not None and not tries.logged_in:
            tries.logged_in = True
            await self._login.renew(self)
            return
        again = verdict is Verdict.NOT_DONE or (verdict is Verdict.UNKNOWN and method.repeatable)
        if verdict is not Verdict.REJECTED:
            self.move_on_from(connection)  # also where the call ends here: the next one shall not meet the same silence
        pause = tries.pause()
        if not again or self.pinned or tries.remaining() <= pause:
            raise error_of(method.name, tuple(tries.failures), changes_something=not method.repeatable)
        await asyncio.sleep(pause)

    async def _try(
        self, connection: Connection, method: Method[Request, Answer], request: Request, limit: float
    ) -> Answer:
        loop = asyncio.get_running_loop()
        started = loop.time()
        await self._connected(connection, min(CONNECT_SECONDS, limit))
        left = max(0.01, limit - (loop.time() - started))
        metadata = await self.metadata(method, left)
        try:
            answer: Answer = await connection.stub(method)(request, timeout=left, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            raise TryFailed(failure_of(connection, error)) from None
        return answer

    async def _connected(self, connection: Connection, within: float) -> None:
        if not await connection.settled(within):
            text = f"{HANGING} {within:.1f} s"
            raise TryFailed(Failure(str(connection.endpoint), "UNAVAILABLE", text))

    async def stream(self, connection: Connection, method: Method[Request, Answer], *request: Request) -> Any:
        """Open a stream at one endpoint; the caller reads it and cancels it. Raises TryFailed."""
        await self._connected(connection, CONNECT_SECONDS)
        return connection.stub(method)(*request, metadata=await self.metadata(method, self.timeout))

    async def raw_stream(self, connection: Connection, method: Method[Request, Answer], request: bytes) -> Any:
        """The same for a stream that a thread pulls: an iterator over the bytes of the answers."""
        await self._connected(connection, CONNECT_SECONDS)
        return connection.raw_stream(method, request, await self.metadata(method, self.timeout))

    async def metadata(self, method: Method[Request, Answer], within: float) -> tuple[tuple[str, str], ...]:
        """The token, where one is needed, and whether the member must know a leader."""
        token = await self._login.metadata(self, method, within) if self._login is not None else ()
        return (*token, *WITH_LEADER) if method.needs_leader else token

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something beside the caller, no longer than the client is open."""
        return self._connections.spawn(work)

    async def log_in_again(self) -> bool:
        """After a stream was refused for its token; False where there is no user to log in."""
        if self._login is None:
            return False
        await self._login.renew(self)
        return True


def failure_of(connection: Connection, error: Any) -> Failure:
    """What gRPC raised, in a loop or in a thread, as a value."""
    return Failure(str(connection.endpoint), error.code().name, (error.details() or "").strip())


async def failure_of_ended(connection: Connection, stream: Any) -> Failure:
    """Why a stream had ended before it was written to."""
    code, text = await stream.code(), await stream.details()
    return Failure(str(connection.endpoint), code.name, (text or "").strip())
