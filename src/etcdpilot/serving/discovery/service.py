"""The service over HTTP: Starlette and uvicorn, which the extra `web` brings."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from etcdpilot.model.addresses import bracketed
from etcdpilot.model.errors import SpecError
from etcdpilot.serving.discovery.answering import POLL_SECONDS, Desk, Request
from etcdpilot.serving.discovery.protocol import Answer, text
from etcdpilot.serving.discovery.registry import Registry

if TYPE_CHECKING:
    from starlette.requests import Request as WebRequest
    from starlette.responses import Response

LARGEST_BODY = 16 * 1024
BODY_SECONDS = 10.0
FORGET_EVERY = 3600.0
MOST_CONNECTIONS = 12_000


@dataclass(frozen=True, slots=True)
class Settings:
    """`public` is the address that tokens are handed out under, where it is not the one that is listened on."""

    host: str
    port: int
    data: Path
    certificate: str = ""
    key: str = ""
    public: str = ""
    forget_days: float = 30.0
    poll_seconds: float = POLL_SECONDS

    @property
    def base(self) -> str:
        scheme = "https" if self.certificate else "http"
        return (self.public or f"{scheme}://{bracketed(self.host)}:{self.port}").rstrip("/")


async def serve(settings: Settings) -> None:
    """Until told to stop by SIGINT or SIGTERM. SpecError when it cannot listen, or the extra is missing."""
    try:
        import uvicorn

        from etcdpilot.serving.discovery.connections import PatientProtocol
    except ImportError as error:
        raise SpecError(
            "The discovery service needs the extra `web`.", remedy="pip install 'etcdpilot[web]'"
        ) from error
    raise_file_limit()
    registry = opened(settings.data)
    config = uvicorn.Config(
        application(Desk(registry, settings.base, settings.poll_seconds)),
        host=settings.host,
        port=settings.port,
        http=PatientProtocol,
        ssl_certfile=settings.certificate or None,
        ssl_keyfile=settings.key or None,
        access_log=False,
        log_level="critical",
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
        limit_concurrency=MOST_CONNECTIONS,
        backlog=4096,
        h11_max_incomplete_event_size=LARGEST_BODY,
        lifespan="off",
        ws="none",
    )
    require_certificate(settings)
    sweeper = asyncio.create_task(sweep(registry, settings.forget_days))
    try:
        await uvicorn.Server(config).serve()
    except SystemExit as error:
        raise SpecError(
            f"{settings.host}:{settings.port} cannot be listened on.", remedy="Choose another with --listen."
        ) from error
    finally:
        sweeper.cancel()
        registry.close()


def opened(path: Path) -> Registry:
    try:
        return Registry(path)
    except (sqlite3.Error, OSError) as error:
        in_use = "locked" in str(error)
        raise SpecError(
            f"Tokens cannot be kept in {path}.",
            why="Another service has it open." if in_use else f"{error}.",
            remedy="Choose another file with --data.",
        ) from error


def require_certificate(settings: Settings) -> None:
    if not settings.certificate:
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(settings.certificate, settings.key)
    except OSError as error:  # ssl.SSLError is one
        raise SpecError(
            f"{settings.certificate} and {settings.key} cannot be used to serve with.",
            why=f"{error}.",
            remedy="Give a certificate and its unencrypted key, both PEM.",
        ) from error


def raise_file_limit() -> None:
    """Every member that waits holds a connection; most systems allow 1024 files unless more is asked for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(MOST_CONNECTIONS + 100, hard if hard != resource.RLIM_INFINITY else MOST_CONNECTIONS + 100)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def application(desk: Desk):  # type: ignore[no-untyped-def]
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Route

    async def answer(request: WebRequest) -> Response:
        body = await small_body(request)
        if isinstance(body, Answer):
            return worded(body, {"Connection": "close"})
        asked = Request(request.method, request.url.path, dict(request.query_params), body)
        try:
            return worded(await desk.answer(asked))
        except sqlite3.Error as error:  # such as a full disk; etcd tries again after any 5xx
            return worded(text(503, f"tokens cannot be kept at present: {error}\n"))

    def worded(found: Answer, more: dict[str, str] | None = None) -> Response:
        headers = found.headers | (more or {})
        if found.index is not None:
            headers["X-Etcd-Index"] = str(found.index)
        return Response(found.body, status_code=found.status, media_type=found.kind, headers=headers)

    methods = ["GET", "PUT", "POST", "DELETE", "HEAD", "PATCH"]
    return Starlette(routes=[Route("/{path:path}", answer, methods=methods)])


async def small_body(request: WebRequest) -> bytes | Answer:
    """The body, or what to say where it is too large or trickles in."""
    from starlette.requests import ClientDisconnect

    found = b""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                found += piece
                if len(found) > LARGEST_BODY:
                    return text(413, f"the body is larger than {LARGEST_BODY} bytes\n")
    except TimeoutError:
        return text(408, f"the body did not come within {BODY_SECONDS:.0f} s\n")
    except ClientDisconnect:
        return text(400, "the connection was closed\n")
    return found


async def sweep(registry: Registry, days: float) -> None:
    while True:
        registry.forget(time.time() - days * 86400)
        await asyncio.sleep(FORGET_EVERY)
