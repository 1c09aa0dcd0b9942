"""The way to the members of one cluster, by name. gRPC is imported when a member is first spoken to, not before."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from etcdpilot.etcd.endpoints import Endpoint

if TYPE_CHECKING:
    from etcdpilot.etcd.client import Client

CONNECT_SECONDS = 0.8
HTTP2_BEGINS = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))  # RFC 9113 3.4
WAIT = 0.1


@dataclass(frozen=True, slots=True)
class Keyring:
    """What a client shows and trusts, PEM; None speaks plain http."""

    ca: bytes
    certificate: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """How a cluster that was not built here is reached: client URLs, what to show and trust, and who logs in."""

    endpoints: tuple[str, ...]
    keyring: Keyring | None = None
    user: str | None = None
    password: str = field(default="", repr=False)

    @property
    def urls(self) -> dict[str, str]:
        """By endpoint as it was said; one without a scheme speaks TLS where there is a keyring."""
        scheme = "https" if self.keyring else "http"
        return {each: each if "://" in each else f"{scheme}://{each}" for each in self.endpoints}


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
        self.turned: set[str] = set()  # who was once found to speak another scheme than was expected
        self.without_quorum = False  # whether the last patient question found nobody who answers a true read
        self.distance = 0.0  # seconds until the farthest of those that accept connections had accepted one
        self._client: Client | None = None

    def log_in_as(self, user: str, password: str) -> None:
        """From the next client on; for a cluster whose own auth is on, in place of what the certificate says."""
        self.user, self.password = user, password

    async def listening(self, seconds: float = CONNECT_SECONDS, *, only: tuple[str, ...] = ()) -> frozenset[str]:
        """Who accepts a connection at all, of all or of some. Cheap, and a channel that is opened later connects at its
        first try."""
        names = [name for name in self.endpoints if not only or name in only]
        found = await asyncio.gather(*(connecting(self.endpoints[name], seconds) for name in names))
        took = {name: each for name, each in zip(names, found, strict=True) if each is not None}
        self.distance = max(took.values(), default=0.0)
        return frozenset(took)

    def client(self) -> Client:
        if self._client is None:
            from etcdpilot.etcd.channels import Tls
            from etcdpilot.etcd.client import Client

            ring = self.keyring
            tls = Tls(ca=ring.ca, cert=ring.certificate, key=ring.key) if ring else None
            self._client = Client(tuple(self.endpoints.values()), tls=tls, user=self.user, password=self.password)
        return self._client

    async def turn(self, name: str, seconds: float = CONNECT_SECONDS) -> bool:
        """Whether this member turned out to speak the other scheme; from now on it is asked in that one.

        While a cluster goes from http to https or back, a member may answer in either, at the same port.
        """
        endpoint = self.endpoints[name]
        encrypted = await speaks_tls(endpoint, seconds)
        if encrypted is None or encrypted == endpoint.secure:
            return False
        self.endpoints[name] = replace(endpoint, secure=encrypted)
        self.turned.add(name)
        await self.close()
        return True

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None


async def connecting(endpoint: Endpoint, seconds: float) -> float | None:
    """How many seconds it took until a connection stood; None where none did."""
    began = asyncio.get_running_loop().time()
    opening = asyncio.ensure_future(asyncio.open_connection(endpoint.host, endpoint.port))
    # In short waits: a machine that is so busy that this very program stands still for a second has not waited, and
    # what came meanwhile is seen before the next wait is over.
    for _ in range(max(1, round(seconds / WAIT))):
        await asyncio.wait((opening,), timeout=WAIT)
        if opening.done():
            break
    opening.cancel()
    try:
        _, writer = await opening
    except (asyncio.CancelledError, OSError):
        return None
    took = asyncio.get_running_loop().time() - began
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return took


async def speaks_tls(endpoint: Endpoint, seconds: float) -> bool | None:
    """What a listener answers to the beginning of a TLS handshake; None where nobody answers in either scheme.

    A TLS server greets back or complains in a record of TLS (22 or 21); etcd without certificates hangs up, and answers
    the beginning of HTTP/2. A tunnel to a port where nobody listens hangs up on both.
    """
    context = ssl.create_default_context()
    outgoing = ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=endpoint.name or endpoint.host).do_handshake()
    greeted = await answer_to(outgoing.read(), endpoint, seconds)
    if greeted in (b"\x16", b"\x15"):
        return True
    return False if greeted is not None and await answer_to(HTTP2_BEGINS, endpoint, seconds) else None


async def answer_to(said: bytes, endpoint: Endpoint, seconds: float) -> bytes | None:
    """The first byte that comes back, none from who hangs up; None where nobody listens, or is silent so long."""
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
            try:
                writer.write(said)
                return await reader.read(1)
            finally:
                writer.transport.abort()
    except ConnectionResetError:
        return b""
    except (TimeoutError, OSError):
        return None
