"""The way to the members of one cluster, by name. gRPC is imported when a member is first spoken to, not before."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from etcdpilot.etcd.endpoints import Endpoint

if TYPE_CHECKING:
    from etcdpilot.etcd.client import Client

CONNECT_SECONDS = 0.8


@dataclass(frozen=True, slots=True)
class Keyring:
    """What a client shows and trusts, PEM; None speaks plain http."""

    ca: bytes
    certificate: bytes
    key: bytes = field(repr=False)


class Door:
    """Every member's first client URL, and one client over all of them that stays open until `close`."""

    def __init__(
        self,
        urls: Mapping[str, str | Endpoint],
        keyring: Keyring | None,
        *,
        user: str | None = None,
        password: str = "",
    ) -> None:
        self.endpoints = {name: Endpoint.parse(url) for name, url in urls.items()}
        self.keyring, self.user, self.password = keyring, user, password
        self._client: Client | None = None

    async def listening(self, seconds: float = CONNECT_SECONDS) -> frozenset[str]:
        """Who accepts a connection at all. Cheap, and a channel that is opened later connects at its first try."""
        names = list(self.endpoints)
        found = await asyncio.gather(*(accepts(self.endpoints[name], seconds) for name in names))
        return frozenset(name for name, accepted in zip(names, found, strict=True) if accepted)

    def client(self) -> Client:
        if self._client is None:
            from etcdpilot.etcd.channels import Tls
            from etcdpilot.etcd.client import Client

            ring = self.keyring
            tls = Tls(ca=ring.ca, cert=ring.certificate, key=ring.key) if ring else None
            self._client = Client(tuple(self.endpoints.values()), tls=tls, user=self.user, password=self.password)
        return self._client

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None


async def accepts(endpoint: Endpoint, seconds: float) -> bool:
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(endpoint.host, endpoint.port), seconds)
    except (TimeoutError, OSError):
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True
