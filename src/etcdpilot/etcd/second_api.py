"""etcd's second API, of which old programs read keys: plain HTTP. Served by 3.4 and 3.5 with `--enable-v2`, by none later."""

from __future__ import annotations

import asyncio
import http.client
import json
import ssl
import tempfile
from pathlib import Path
from urllib.parse import quote, urlencode

from etcdpilot.etcd.door import Door, Keyring
from etcdpilot.etcd.endpoints import Endpoint
from etcdpilot.etcd.errors import Failure, Rejected, Unavailable

SECONDS = 5.0
LARGEST = 4 * 1024 * 1024


async def put_v2(door: Door, key: str, value: str) -> bool:
    """Write a key of the second store, and read it back; False where this cluster does not serve one.

    Unavailable where no member answers; Rejected where etcd says no.
    """
    failures = []
    for endpoint in door.endpoints.values():
        try:
            return await asyncio.to_thread(_put, endpoint, door.keyring, key, value)
        except (OSError, http.client.HTTPException) as error:
            failures.append(Failure(str(endpoint), "UNAVAILABLE", str(error) or type(error).__name__))
    raise Unavailable("v2 PUT", "No member of etcd took the key of the second store.", *failures)


def _put(endpoint: Endpoint, ring: Keyring | None, key: str, value: str) -> bool:
    path = f"/v2/keys{quote(key if key.startswith('/') else '/' + key)}"
    body = urlencode({"value": value}).encode()
    status, answer = _ask(endpoint, ring, "PUT", path, body)
    if not _serves(answer):
        return False
    if status not in (200, 201):
        raise Rejected(
            "v2 PUT", f"etcd refused {path}.", Failure(str(endpoint), str(status), answer.decode("utf-8", "replace"))
        )
    _, answer = _ask(endpoint, ring, "GET", f"{path}?quorum=true", None)
    if json.loads(answer).get("node", {}).get("value") != value:
        raise Rejected("v2 GET", f"{path} holds something else than was written.", Failure(str(endpoint), "", ""))
    return True


def _serves(answer: bytes) -> bool:
    """A member without the second API answers `404 page not found`, in no JSON."""
    try:
        return isinstance(json.loads(answer), dict)
    except ValueError:
        return False


def _ask(endpoint: Endpoint, ring: Keyring | None, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
    if endpoint.secure:
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            endpoint.host, endpoint.port, timeout=SECONDS, context=_context(ring)
        )
    else:
        connection = http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=SECONDS)
    try:
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if body is not None else {}
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read(LARGEST)
    finally:
        connection.close()


def _context(ring: Keyring | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=ring.ca.decode() if ring and ring.ca else None)
    if ring and ring.certificate:
        # Python's ssl takes a key from a file alone; the folder is ours, 0700, and gone at once.
        with tempfile.TemporaryDirectory() as folder:
            pair = Path(folder) / "pair.pem"
            pair.touch(0o600)
            pair.write_bytes(ring.certificate + b"\n" + ring.key)
            context.load_cert_chain(pair)
    return context
