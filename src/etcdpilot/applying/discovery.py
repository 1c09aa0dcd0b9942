"""Makes discovery tokens: at a service's `/new`, in an etcd with the v2 API, or as ordinary keys of any etcd (v3).

And speaks the v3 protocol as a member of etcd 3.6 does, for members that are too old to do it themselves.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etcdpilot.etcd.channels import Tls
from etcdpilot.etcd.client import Client
from etcdpilot.model.errors import ClusterFailed, Refused, SpecError

SECONDS = 10.0
ENABLE_V2 = (
    "An etcd has these keys only when it was started with --enable-v2, and from 3.6 on it has none. Any etcd takes "
    "tokens for etcd 3.6 and newer, and members of 3.4 and 3.5 are helped:\n    etcdpilot discovery new --endpoints URL"
)
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
    async with Client(endpoints, keyring(endpoints, cacert, cert, key)) as client:
        await write_size(client, token, size)
    return token


async def write_size(client: Client, token: str, size: int) -> None:
    await client.kv.put(f"{PREFIX}/{token}/_config/size", str(size))


@dataclass(frozen=True, slots=True)
class Registered:
    """Who stands under a token, in the order in which they came: hex ID, and `name=peerURL[,name=peerURL]`."""

    size: int
    members: tuple[tuple[str, str], ...]
    revision: int

    @property
    def complete(self) -> bool:
        return len(self.members) >= self.size


async def registered(client: Client, token: str) -> Registered:
    """Refused where the token has no size, or none that is a number."""
    said = await client.kv.get(f"{PREFIX}/{token}/_config/size")
    if said is None:
        raise no_token(token, "its size is not there")
    size = read_size(said.value.decode(errors="replace"), token)
    found = await client.kv.range(f"{PREFIX}/{token}/members/", prefix=True)
    rows = sorted(found.kvs, key=lambda each: each.create_revision)
    members = tuple((each.key.decode().rpartition("/")[2], each.value.decode(errors="replace")) for each in rows)
    return Registered(size, members, found.header.revision)


async def join(client: Client, token: str, member_id: str, value: str) -> tuple[str, ...]:
    """Register one member and wait until all have come; the values of the first `size`, which are the cluster.

    Registering again is nothing new: the key is written plainly, and its place is that of its first time.
    """
    before = await registered(client, token)
    if before.complete and member_id not in dict(before.members[: before.size]):
        raise full(token, before)
    if member_id not in dict(before.members):
        await client.kv.put(f"{PREFIX}/{token}/members/{member_id}", value)
    now = await registered(client, token)
    if not now.complete:
        async with client.watch(f"{PREFIX}/{token}/members/", prefix=True, start_revision=now.revision + 1) as events:
            async for _ in events:
                now = await registered(client, token)
                if now.complete:
                    break
    if member_id not in dict(now.members[: now.size]):
        raise full(token, now)
    return tuple(value for _, value in now.members[: now.size])


async def registered_v2(url: str, cacert: str | None = None) -> Registered:
    """The same of a v2 token. Refused in our words for each of the ways in which etcd would fail; OSError where the
    service cannot be reached from here."""
    size = read_size(str((await node(f"{url}/_config/size", url, cacert)).get("value", "")), url)
    listed = (await node(url, url, cacert)).get("nodes") or []
    rows = sorted(listed, key=lambda each: int(each.get("createdIndex", 0)))
    members = tuple((str(each["key"]).rpartition("/")[2], str(each.get("value", ""))) for each in rows)
    return Registered(size, members, 0)


async def node(url: str, token: str, cacert: str | None) -> dict[str, Any]:
    try:
        said = json.loads(await asyncio.to_thread(fetch, url, cacert))
        return dict(said["node"])
    except urllib.error.HTTPError as error:
        if error.code == 404 and b"100" in error.read(300):
            raise no_token(token, "the service does not know it") from error
        if error.code >= 500:
            raise OSError(f"{url} answered {error.code}") from error
        raise no_service(url, f"it answered {error.code}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise no_service(url, "its answer is not that of one") from error


def fetch(url: str, cacert: str | None) -> bytes:
    with urllib.request.urlopen(url, timeout=SECONDS, context=trusting(url, cacert)) as answer:
        return bytes(answer.read(1 << 20))


def read_size(said: str, token: str) -> int:
    if not said.isdecimal() or int(said) == 0:
        raise no_token(token, f"its size is {said[:20]!r}, which is no number of members")
    return int(said)


def no_token(token: str, why: str) -> Refused:
    again = "Make a new one and put it into the cluster file:\n    etcdpilot discovery new --help"
    return Refused("The discovery token cannot be used.", why=f"{token}: {why}.", remedy=again)


def no_service(url: str, why: str) -> Refused:
    serve = "Correct bootstrap.discovery.url; or serve one yourself:\n    etcdpilot discovery serve"
    return Refused("There is no discovery service.", why=f"{url}: {why}.", remedy=serve)


def full(token: str, there: Registered) -> Refused:
    others = ", ".join(value.partition("=")[0] for _, value in there.members)
    return Refused(
        "The discovery token is used up.",
        why=f"{token} is for {there.size} members, and {others} have registered under it.",
        remedy="A cluster of its own wants a token of its own. A further member of that cluster is added to it:\n"
        "    etcdpilot member add NAME HOST",
    )


def ask(url: str, method: str, body: bytes, cacert: str | None) -> str:
    request = urllib.request.Request(url, data=body or None, method=method)
    try:
        with urllib.request.urlopen(request, timeout=SECONDS, context=trusting(url, cacert)) as answer:
            return str(answer.read(4096).decode())
    except (OSError, ValueError) as error:
        said = error.read(300).decode(errors="replace") if isinstance(error, urllib.error.HTTPError) else str(error)
        raise ClusterFailed(
            "No discovery token could be had.",
            why=f"{url} answered: {said.strip()}",
            remedy=ENABLE_V2
            if "/v2/keys" in url and isinstance(error, urllib.error.HTTPError) and error.code == 404
            else "Look at the service; or serve one yourself:\n    etcdpilot discovery serve",
        ) from error


def trusting(url: str, cacert: str | None) -> ssl.SSLContext | None:
    """SpecError where the file is none."""
    if not url.startswith("https:"):
        return None
    try:
        return ssl.create_default_context(cafile=cacert)
    except OSError as error:  # ssl.SSLError is one
        raise unreadable(str(cacert), error) from error


def read(path: str | None) -> bytes | None:
    """SpecError where there is a path and no such file."""
    try:
        return Path(path).read_bytes() if path else None
    except OSError as error:
        raise unreadable(str(path), error) from error


def keyring(endpoints: tuple[str, ...], cacert: str | None, cert: str | None, key: str | None) -> Tls | None:
    """None where nothing is encrypted. Without `cacert` the system's authorities are trusted."""
    if not cacert and not cert and not any(each.startswith("https:") for each in endpoints):
        return None
    return Tls(read(cacert), read(cert), read(key))


def unreadable(path: str, error: OSError) -> SpecError:
    return SpecError(
        f"{path} cannot be used to ask for discovery.",
        why=f"{error.strerror or error}.",
        remedy="Correct cacert, cert or key of bootstrap.discovery.",
    )
