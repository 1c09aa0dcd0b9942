"""User and password become a token, which is renewed when a member no longer knows it.

Simple tokens live five minutes and in the memory of each member, so a restarted member has forgotten them all.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Protocol

from etcdpilot.etcd import etcd_pb2 as pb
from etcdpilot.etcd.errors import Rejected
from etcdpilot.etcd.methods import AUTHENTICATE, Method


class Asks(Protocol):
    """What a login needs of the calls that it serves."""

    async def unary(self, method: Any, request: Any, timeout: float | None = None) -> Any: ...


@dataclass(slots=True)
class Login:
    """One user's token, shared by everything that a client does."""

    user: str
    password: str = field(repr=False)
    _token: str | None = field(default=None, repr=False)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    async def metadata(self, calls: Asks, method: Method[Any, Any], within: float) -> tuple[tuple[str, str], ...]:
        """The header that carries the token; logs in first when there is none yet, in so many seconds."""
        if method.name == AUTHENTICATE.name:
            return ()
        token = self._token if self._token is not None else await self._log_in(calls, None, within)
        return (("token", token),) if token else ()

    async def renew(self, calls: Asks) -> None:
        """Get another token; of many calls that were refused at once, one logs in for all."""
        await self._log_in(calls, self._token, None)

    async def _log_in(self, calls: Asks, refused: str | None, within: float | None) -> str:
        async with self._lock:
            if self._token is None or self._token == refused:
                self._token = await self._ask(calls, within)
            return self._token

    async def _ask(self, calls: Asks, within: float | None) -> str:
        request = pb.AuthenticateRequest(name=self.user, password=self.password)
        try:
            answer = await calls.unary(AUTHENTICATE, request, within)
        except Rejected as error:
            if "authentication is not enabled" not in error.text:
                raise
            return ""  # until somebody enables it: then the first call is refused, and we come here again
        return str(answer.token)
