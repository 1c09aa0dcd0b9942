"""A TLS handshake of our own with a listener, and a name for what went wrong.

etcd answers a wrong client with an alert, with a bare close, or not at all, depending on its version and its listener;
etcdctl turns all of them into a deadline. Here each step is looked at by itself.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from etcdpilot.model.certificates import CLIENT_AUTH, CertificateFacts
from etcdpilot.model.errors import SpecError
from etcdpilot.model.handshakes import Handshake, HandshakeOutcome
from etcdpilot.observing.tls_session import Closed, Connection, TlsSession

ANSWER_BYTES = 4096
ALERT_RECORD = b"\x15\x03"
# Go's own answer of its HTTPS server to plain http.
NOT_A_TLS_CLIENT = b"to an HTTPS server"


@dataclass(frozen=True, slots=True)
class Identity:
    """A client certificate and its key, as the two files that the ssl module wants."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Target:
    """Where and as whom. `source` binds our end to one address, for what a peer listener compares."""

    url: str
    trusted: bytes  # PEM of the authorities that may have signed the listener's certificate
    identity: Identity | None = None
    server_name: str = ""  # the name to be found in the certificate; empty: the host of the URL
    source: str = ""

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        parts = urlsplit(self.url)
        return parts.port or (443 if parts.scheme == "https" else 80)

    @property
    def encrypted(self) -> bool:
        return urlsplit(self.url).scheme == "https"

    @property
    def request(self) -> bytes:
        """The smallest question that client and peer listeners both answer."""
        return f"GET /version HTTP/1.1\r\nHost: {self.host}\r\nConnection: close\r\n\r\n".encode()


async def shake_hands(target: Target, *, within: float = 3.0, now: datetime | None = None) -> Handshake:
    """Try it once, in at most `within` seconds. SpecError where our own files cannot be used."""
    context = verifying_context(target) if target.encrypted else None
    try:
        async with asyncio.timeout(within):
            if context is None:
                return await _speak_http(target)
            return await _speak_tls(target, context, now or datetime.now(UTC))
    except TimeoutError:
        return Handshake(target.url, HandshakeOutcome.TIMEOUT, f"no answer within {within:g} s")
    except ConnectionRefusedError as error:
        return Handshake(target.url, HandshakeOutcome.REFUSED, str(error))
    except OSError as error:
        return Handshake(target.url, HandshakeOutcome.UNREACHABLE, str(error))


def verifying_context(target: Target) -> ssl.SSLContext:
    """Trusts the target's authorities alone; an intermediate among them counts, as it does in Go."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(cadata=target.trusted.decode())
    except (ssl.SSLError, ValueError) as error:
        raise SpecError("The trusted authorities are not certificates in PEM.", why=str(error)) from error
    _load_identity(context, target.identity)
    return context


def _load_identity(context: ssl.SSLContext, identity: Identity | None) -> None:
    if identity is None:
        return
    try:
        context.load_cert_chain(identity.certificate, identity.key, password=_no_passphrase)
    except ssl.SSLError as error:
        what = f"The client certificate {identity.certificate} and the key {identity.key} cannot be used."
        raise SpecError(what, why=str(error)) from error
    except OSError as error:
        raise SpecError("A file of the client certificate cannot be read.", why=str(error)) from error


def _no_passphrase() -> str:
    """Without it, OpenSSL would ask on the terminal."""
    raise SpecError("The client's key is encrypted.", remedy="Give a key without a passphrase.")


async def _speak_tls(target: Target, context: ssl.SSLContext, now: datetime) -> Handshake:
    async with Connection(target.host, target.port, target.source) as connection:
        session = TlsSession(connection, context, target.server_name or target.host)
        try:
            await session.shake_hands()
            await session.settle()
            answer = await session.ask(target.request, ANSWER_BYTES)
        except ssl.SSLCertVerificationError as error:
            outcome = _judged(error)
            return Handshake(target.url, outcome, error.verify_message, await _served(target))
        except (ssl.SSLError, Closed, ConnectionResetError, BrokenPipeError) as error:
            return await _turned_away(target, session, error, now)
    outcome = HandshakeOutcome.ACCEPTED if answer else HandshakeOutcome.CLOSED
    return Handshake(target.url, outcome, "", session.chain, session.protocol)


def _judged(error: ssl.SSLCertVerificationError) -> HandshakeOutcome:
    """OpenSSL's verdict on the listener's certificate: the X509_V_ERR_ numbers of x509_vfy.h."""
    match error.verify_code:
        case 9:
            return HandshakeOutcome.NOT_YET_VALID
        case 10:
            return HandshakeOutcome.EXPIRED
        case 26:
            return HandshakeOutcome.WRONG_USAGE
        case 62 | 64:
            return HandshakeOutcome.NAME_MISMATCH
        case 2 | 7 | 18 | 19 | 20 | 21 | 24 | 30 | 79:
            return HandshakeOutcome.WRONG_AUTHORITY
        case _:
            return HandshakeOutcome.FAILED


async def _turned_away(target: Target, session: TlsSession, error: Exception, now: datetime) -> Handshake:
    """The listener ended it: because of our certificate, because it speaks no TLS, or for reasons of its own."""
    why = getattr(error, "reason", None) or str(error)
    if not session.served and await _answers_http(target):
        return Handshake(target.url, HandshakeOutcome.SPEAKS_HTTP, why)
    if isinstance(error, ssl.SSLError) and why not in ALERTS_ABOUT_CLIENTS:
        return Handshake(target.url, HandshakeOutcome.FAILED, why, session.chain)
    # A close without an alert: a peer listener that misses our address in our certificate does this.
    silent = not isinstance(error, ssl.SSLError) and target.identity is not None
    outcome = _about_client(target.identity, why, now)
    if silent and outcome is HandshakeOutcome.CLIENT_OF_ANOTHER_AUTHORITY:
        outcome = HandshakeOutcome.CLOSED
    return Handshake(target.url, outcome, why, session.chain or await _served(target), session.protocol)


# Go before 1.21 says bad_certificate for every one of them; which it was is told by what we sent.
ALERTS_ABOUT_CLIENTS = {
    "TLSV13_ALERT_CERTIFICATE_REQUIRED",
    "SSLV3_ALERT_BAD_CERTIFICATE",
    "TLSV1_ALERT_UNKNOWN_CA",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
    "SSLV3_ALERT_HANDSHAKE_FAILURE",
    "TLSV1_ALERT_ACCESS_DENIED",
}


def _about_client(identity: Identity | None, why: str, now: datetime) -> HandshakeOutcome:
    if identity is None or why == "TLSV13_ALERT_CERTIFICATE_REQUIRED":
        return HandshakeOutcome.CLIENT_MISSING
    ours = _facts(identity)
    if now > ours.not_after:
        return HandshakeOutcome.CLIENT_EXPIRED
    if now < ours.not_before:
        return HandshakeOutcome.CLIENT_NOT_YET_VALID
    if ours.extended_usages and not {CLIENT_AUTH, "any"} & set(ours.extended_usages):
        return HandshakeOutcome.CLIENT_WITHOUT_USAGE
    return HandshakeOutcome.CLIENT_OF_ANOTHER_AUTHORITY


def _facts(identity: Identity) -> CertificateFacts:
    from etcdpilot.pki.reading import read_certificate  # brings cryptography, wanted on this path alone

    return read_certificate(identity.certificate.read_bytes())


async def _served(target: Target) -> tuple[bytes, ...]:
    """The chain that the listener shows to somebody who trusts everybody and sends nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        async with Connection(target.host, target.port, target.source) as connection:
            session = TlsSession(connection, context, target.server_name or target.host)
            try:
                await session.shake_hands()
            except (ssl.SSLError, Closed):
                pass  # a TLS 1.2 listener that wants a client certificate ends it here, after showing its own
            return session.chain
    except OSError:
        return ()


async def _speak_http(target: Target) -> Handshake:
    answer = await _plain_answer(target)
    if answer.startswith(ALERT_RECORD) or NOT_A_TLS_CLIENT in answer:
        return Handshake(target.url, HandshakeOutcome.SPEAKS_TLS, "it answered http with TLS", await _served(target))
    if answer.startswith(b"HTTP/"):
        return Handshake(target.url, HandshakeOutcome.ACCEPTED)
    if chain := await _served(target):
        return Handshake(target.url, HandshakeOutcome.SPEAKS_TLS, "it closed on http and serves a certificate", chain)
    return Handshake(target.url, HandshakeOutcome.CLOSED, "it closed the connection without an answer")


async def _answers_http(target: Target) -> bool:
    try:
        answer = await _plain_answer(target)
    except OSError:
        return False
    return answer.startswith(b"HTTP/") and NOT_A_TLS_CLIENT not in answer


async def _plain_answer(target: Target) -> bytes:
    async with Connection(target.host, target.port, target.source) as connection:
        await connection.send(target.request)
        try:
            return await connection.receive(ANSWER_BYTES)
        except ConnectionResetError:
            return b""
