"""A lease that is renewed for as long as somebody wants it, from whichever member answers."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Any, Protocol

import grpc.aio

from etcdpilot.etcd import etcd_pb2 as pb
from etcdpilot.etcd.calls import Calls, TryFailed, failure_of, failure_of_ended
from etcdpilot.etcd.connections import Connection
from etcdpilot.etcd.errors import EtcdError, Failure
from etcdpilot.etcd.methods import LEASE_KEEP_ALIVE
from etcdpilot.etcd.verdicts import Verdict, judge
from etcdpilot.model.answers import Lease

PAUSE = 0.1
REVOKE_SECONDS = 2.0


class Grants(Protocol):
    """What a kept lease needs of `Leases`."""

    async def grant(self, ttl: int, *, lease_id: int = 0, timeout: float | None = None) -> Lease: ...
    async def revoke(self, lease_id: int, *, timeout: float | None = None) -> None: ...


class KeptLease:
    """`id` and `ttl` of the lease, and `lost`: an event that is set no later than etcd may have let it expire.

    The time is counted from when the last answered renewal was *sent*, so that a holder learns of its loss before
    somebody else can take over, as long as both clocks run at one speed.
    """

    def __init__(self, calls: Calls, leases: Grants, ttl: int) -> None:
        self._calls, self._leases = calls, leases
        self.id, self.ttl = 0, ttl
        self.lost = asyncio.Event()
        self._renewing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> KeptLease:
        sent = asyncio.get_running_loop().time()
        granted = await self._leases.grant(self.ttl)
        self.id, self.ttl = granted.id, granted.ttl
        self._renewing = self._calls.spawn(self._renew(sent + self.ttl))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Revoke it; where that fails it runs out by itself."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.wait((self._renewing,))
        with suppress(EtcdError, RuntimeError):  # RuntimeError: the client was closed first
            await self._leases.revoke(self.id, timeout=REVOKE_SECONDS)

    async def _renew(self, expires: float) -> None:
        """Until etcd says that the lease is gone, or no renewal was answered within its time."""
        try:
            async with asyncio.timeout_at(expires) as limit:
                while not await self._renew_at(self._calls.current, limit):
                    await asyncio.sleep(PAUSE)
        except TimeoutError:
            pass
        finally:
            self.lost.set()

    async def _renew_at(self, connection: Connection, limit: asyncio.Timeout) -> bool:
        """Renew at this member while it answers; True: the lease is gone."""
        with suppress(EtcdError):  # nobody could log us in: the next try may find somebody who can
            try:
                return await self._renew_on_a_stream(connection, limit)
            except TryFailed as failed:
                if judge(failed.failure) is Verdict.LOG_IN:
                    await self._calls.log_in_again()
        self._calls.move_on_from(connection)
        return False

    async def _renew_on_a_stream(self, connection: Connection, limit: asyncio.Timeout) -> bool:
        loop = asyncio.get_running_loop()
        stream = await self._calls.stream(connection, LEASE_KEEP_ALIVE)
        try:
            while True:
                sent = loop.time()
                ttl = await self._ask(connection, stream)
                if ttl <= 0:
                    return True
                limit.reschedule(sent + ttl)
                await asyncio.sleep(ttl / 3)
        finally:
            stream.cancel()

    async def _ask(self, connection: Connection, stream: Any) -> int:
        """One renewal: the seconds it gives, 0 where there is no such lease any more."""
        endpoint = str(connection.endpoint)
        try:
            async with asyncio.timeout(self.ttl / 3):
                await stream.write(pb.LeaseKeepAliveRequest(id=self.id))
                answer = await stream.read()
        except grpc.aio.AioRpcError as error:
            raise TryFailed(failure_of(connection, error)) from None
        except asyncio.InvalidStateError:  # the stream ended before we wrote to it
            raise TryFailed(await failure_of_ended(connection, stream)) from None
        except TimeoutError:
            raise TryFailed(Failure(endpoint, "UNAVAILABLE", "the renewal was not answered")) from None
        if answer is grpc.aio.EOF:
            raise TryFailed(Failure(endpoint, "UNAVAILABLE", "the stream was closed"))
        return int(answer.ttl)
