"""Makes discovery tokens: at a service's `/new`, in an etcd with the v2 API, or as ordinary keys of any etcd (v3)."""

from __future__ import annotations

import asyncio
import secrets
import ssl
import urllib.error
import urllib.request
from pathlib import Path

from etcdpilot.etcd.channels import Tls
from etcdpilot.etcd.client import Client
from etcdpilot.model.errors import ClusterFailed

SECONDS = 10.0
PREFIX = "/_etcd/registry"  # of the v3 protocol, etcd's api `v3discovery`


async def new_at_service(url: str, size: int, cacert: str | None = None) -> str:
    """The URL that the service hands out; ClusterFailed when it does not."""
    return (await asyncio.to_thread(ask, f"{url.rstrip('/')}/new?size={size}", "GET", b"", cacert)).strip()


async def new_in_v2_keys(url: str, size: int, cacert: str | None = None) -> str:
    """`PUT …/<token>/_config/size` on an etcd with --enable-v2; returns the URL of the token."""
    base = url.rstrip("/")
    token = f"{base if '/v2/keys' in base else base + '/v2/keys/discovery'}/{secrets.token_hex(16)}"
    await asyncio.to_thread(ask, f"{token}/_config/size", "PUT", f"value={size}".encode(), cacert)
    return token


async def new_in_etcd(
    endpoints: tuple[str, ...], size: int, cacert: str | None, cert: str | None, key: str | None
) -> str:
    """The size under a random token, as etcd from 3.6 on reads it."""
    token = secrets.token_hex(16)
    tls = Tls(read(cacert), read(cert), read(key)) if cacert or cert else None
    async with Client(endpoints, tls) as client:
        await client.kv.put(f"{PREFIX}/{token}/_config/size", str(size))
    return token


def ask(url: str, method: str, body: bytes, cacert: str | None) -> str:
    request = urllib.request.Request(url, data=body or None, method=method)
    context = ssl.create_default_context(cafile=cacert) if url.startswith("https:") else None
    try:
        with urllib.request.urlopen(request, timeout=SECONDS, context=context) as answer:
            return str(answer.read(4096).decode())
    except (OSError, ValueError) as error:
        said = error.read(300).decode(errors="replace") if isinstance(error, urllib.error.HTTPError) else str(error)
        raise ClusterFailed(
            "No discovery token could be had.",
            why=f"{url} answered: {said.strip()}",
            remedy="Look at the service; or serve one yourself:\n    etcdpilot discovery serve",
        ) from error


def read(path: str | None) -> bytes | None:
    return Path(path).read_bytes() if path else None
