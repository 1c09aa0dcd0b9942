"""The open channels of a client, one per endpoint, all bound to one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import grpc
import grpc.aio

from etcdpilot.etcd.channels import Tls, open_channel, open_plain_channel
from etcdpilot.etcd.endpoints import Endpoint
from etcdpilot.etcd.methods import Answer, Kind, Method, Request

Metadata = tuple[tuple[str, str], ...]
SETTLED = (grpc.ChannelConnectivity.READY, grpc.ChannelConnectivity.TRANSIENT_FAILURE)


class Connection:
    """The channel to one endpoint and the calls made on it so far."""

    def __init__(self, endpoint: Endpoint, tls: Tls | None) -> None:
        self.endpoint = endpoint
        self._tls = tls
        self._channel = open_channel(endpoint, tls)
        self._plain: list[grpc.Channel] = []
        self._stubs: dict[str, Callable[..., Any]] = {}

    def stub(self, method: Method[Request, Answer]) -> Callable[..., Any]:
        """The callable for this method; made once, for making it costs as much as a call."""
        found = self._stubs.get(method.name)
        if found is None:
            found = self._stubs[method.name] = self._new_stub(method)
        return found

    def _new_stub(self, method: Method[Request, Answer]) -> Callable[..., Any]:
        makers: dict[Kind, Callable[..., Any]] = {
            Kind.UNARY: self._channel.unary_unary,
            Kind.ANSWER_STREAM: self._channel.unary_stream,
            Kind.BOTH_STREAM: self._channel.stream_stream,
        }
        stub: Callable[..., Any] = makers[method.kind](
            method.path,
            request_serializer=method.request.SerializeToString,
            response_deserializer=method.answer.FromString,
        )
        return stub

    async def settled(self, within: float) -> bool:
        """Wait until the connection stands or has failed; False: still neither after so many seconds.

        A host that swallows packets would otherwise eat the time of the whole call, and leave unknown whether a write
        was sent. In the failed state a call ends at once and says why.
        """
        state = self._channel.get_state(try_to_connect=True)
        if state is grpc.ChannelConnectivity.READY:
            return True
        try:
            async with asyncio.timeout(within):
                while state not in SETTLED:
                    await self._channel.wait_for_state_change(state)
                    state = self._channel.get_state(try_to_connect=True)
        except TimeoutError:
            return False
        return True

    def raw_stream(self, method: Method[Request, Answer], request: bytes, metadata: Metadata) -> Any:
        """A call whose answers, as bytes, are pulled by a thread. It has a channel of its own, closed with this one."""
        channel = open_plain_channel(self.endpoint, self._tls)
        self._plain.append(channel)
        stub: Any = channel.unary_stream(method.path, None, None)  # bytes go out and come in as they are
        return stub(request, metadata=metadata)

    async def close(self) -> None:
        for channel in self._plain:
            channel.close()
        await self._channel.close()


class Connections:
    """Opens each channel when it is first asked for, and closes all."""

    def __init__(self, tls: Tls | None) -> None:
        self._tls = tls
        self._open: dict[Endpoint, Connection] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def to(self, endpoint: Endpoint) -> Connection:
        self._require_usable()
        found = self._open.get(endpoint)
        if found is None:
            found = self._open[endpoint] = Connection(endpoint, self._tls)
        return found

    def _require_usable(self) -> None:
        if self._closed:
            raise RuntimeError("this etcd client is closed")
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        if self._loop is not loop:
            raise RuntimeError("an etcd client belongs to the event loop that used it first; make one per loop")

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a watch or a renewal; it is cancelled when the connections close."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        self._closed = True
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        connections, self._open = tuple(self._open.values()), {}
        await asyncio.gather(*(connection.close() for connection in connections))
