"""When the certificate that a listener serves ends, from a TLS handshake of our own."""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from etcdpilot.etcd.door import Keyring
from etcdpilot.etcd.endpoints import Endpoint
from etcdpilot.model.knowledge import Known, Unknown

HANDSHAKE_SECONDS = 0.8


async def certificate_end(endpoint: Endpoint, keyring: Keyring) -> Known[datetime] | Unknown:
    """The end of the certificate in force, which need not be the one on the disk."""
    try:
        context = client_context(keyring)
        _, writer = await asyncio.wait_for(
            asyncio.open_connection(
                endpoint.host, endpoint.port, ssl=context, server_hostname=endpoint.name or endpoint.host
            ),
            HANDSHAKE_SECONDS,
        )
    except (TimeoutError, OSError) as error:
        return Unknown(str(error) or "it did not answer in time")
    try:
        served = writer.get_extra_info("peercert") or {}
    finally:
        writer.close()
        with suppress(OSError, asyncio.TimeoutError):
            await asyncio.wait_for(writer.wait_closed(), HANDSHAKE_SECONDS)
    if "notAfter" not in served:
        return Unknown("it shows no certificate")
    return Known(datetime.fromtimestamp(ssl.cert_time_to_seconds(str(served["notAfter"])), UTC))


def client_context(keyring: Keyring) -> ssl.SSLContext:
    """ssl reads client certificates from files alone: they stand for a moment in a private directory."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=keyring.ca.decode())
    with tempfile.TemporaryDirectory(prefix="etcdpilot-") as directory:
        pair = Path(directory) / "pair.pem"
        pair.touch(mode=0o600)
        pair.write_bytes(keyring.certificate + keyring.key)
        context.load_cert_chain(pair)
    return context
