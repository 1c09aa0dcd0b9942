"""TLS over a plain connection, one step at a time, so that each step's failure can be told from the next one's."""

from __future__ import annotations

import asyncio
import ssl
from types import TracebackType
from typing import Any

RECORD_BYTES = 65536
# How long a listener of TLS 1.3 gets to say something of its own accord after the handshake. Go's sends a ticket, or
# its alert about our certificate, at once; others may stay silent, and then our question goes out all the same.
SETTLE_SECONDS = 0.25


class Closed(Exception):
    """The other side ended the connection without an alert."""

    def __str__(self) -> str:
        return "the connection was closed without a word"


class Connection:
    """One TCP connection, closed on leaving. OSError where it cannot be made."""

    def __init__(self, host: str, port: int, source: str = "") -> None:
        self._address, self._source = (host, port), (source, 0) if source else None

    async def __aenter__(self) -> Connection:
        host, port = self._address
        self._reader, self._writer = await asyncio.open_connection(host, port, local_addr=self._source)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Not awaited: what the other side thinks of our close changes nothing.
        self._writer.transport.abort()

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def receive(self, limit: int = RECORD_BYTES) -> bytes:
        """The next bytes; none at the end."""
        return await self._reader.read(limit)


class TlsSession:
    """A client's side. `served` says whether the listener has shown a certificate."""

    def __init__(self, connection: Connection, context: ssl.SSLContext, server_name: str) -> None:
        self._connection = connection
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._early = b""  # what it said before it was asked
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)

    @property
    def protocol(self) -> str:
        return self._tls.version() or ""

    @property
    def served(self) -> bool:
        return bool(self.chain)

    @property
    def chain(self) -> tuple[bytes, ...]:
        """What was served, DER, the leaf first; empty before it was."""
        # Public from Python 3.13 on; before that the same function of the inner object, which also answers while the
        # handshake is not done.
        inner: Any = getattr(self._tls, "_sslobj", None)
        certificates = inner.get_unverified_chain() if inner is not None else None
        return tuple(ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in certificates or ())

    async def shake_hands(self) -> None:
        """ssl.SSLError with the alert or the verdict; `Closed` without one."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                await self._fill()
            except ssl.SSLError:
                await self._flush()  # our alert, so that the listener's log says why
                raise
            else:
                return await self._flush()

    async def settle(self) -> None:
        """Give the listener the word: in TLS 1.3 it judges our certificate after the handshake has ended for us.

        A question sent before its alert was read would be answered with a reset, which loses the alert.
        """
        if self.protocol != "TLSv1.3":
            return
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                await self._fill()
        except TimeoutError:
            return
        self._take_in()

    async def ask(self, question: bytes, limit: int) -> bytes:
        """Send, and the first bytes of the answer; ssl.SSLError or `Closed` where there is none."""
        self._tls.write(question)
        await self._flush()
        while True:
            try:
                return self._early + self._tls.read(limit)
            except ssl.SSLWantReadError:
                await self._fill()
            except ssl.SSLZeroReturnError:
                return b""

    def _take_in(self) -> None:
        """Let the library look at what came: an alert is raised here, a ticket is kept."""
        try:
            self._early += self._tls.read(1)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            raise Closed from None

    async def _flush(self) -> None:
        if data := self._outgoing.read():
            await self._connection.send(data)

    async def _fill(self) -> None:
        data = await self._connection.receive()
        if not data:
            self._incoming.write_eof()
            raise Closed
        self._incoming.write(data)
