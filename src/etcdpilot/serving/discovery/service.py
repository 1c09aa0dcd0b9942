"""The service over HTTP: Starlette and uvicorn, which the extra `web` brings."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from etcdpilot.model.addresses import bracketed
from etcdpilot.model.errors import SpecError
from etcdpilot.serving.discovery.answering import Desk, Request
from etcdpilot.serving.discovery.registry import Registry

if TYPE_CHECKING:
    from starlette.requests import Request as WebRequest
    from starlette.responses import Response

LARGEST_BODY = 16 * 1024
BODY_SECONDS = 10.0
FORGET_EVERY = 3600.0


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

    @property
    def base(self) -> str:
        scheme = "https" if self.certificate else "http"
        return (self.public or f"{scheme}://{bracketed(self.host)}:{self.port}").rstrip("/")


async def serve(settings: Settings) -> None:
    """Until told to stop by SIGINT or SIGTERM. SpecError when it cannot listen, or the extra is missing."""
    try:
        import uvicorn
    except ImportError as error:
        raise SpecError(
            "The discovery service needs the extra `web`.", remedy="pip install 'etcdpilot[web]'"
        ) from error
    registry = Registry(settings.data)
    config = uvicorn.Config(
        application(Desk(registry, settings.base)),
        host=settings.host,
        port=settings.port,
        ssl_certfile=settings.certificate or None,
        ssl_keyfile=settings.key or None,
        access_log=False,
        log_level="warning",
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
        h11_max_incomplete_event_size=LARGEST_BODY,
        lifespan="off",
        ws="none",
    )
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


def application(desk: Desk):  # type: ignore[no-untyped-def]
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Route

    async def answer(request: WebRequest) -> Response:
        body = await small_body(request)
        if body is None:
            return Response("the body is too large\n", status_code=413, headers={"Connection": "close"})
        asked = Request(request.method, request.url.path, dict(request.query_params), body)
        found = await desk.answer(asked)
        headers = dict(found.headers)
        if found.index is not None:
            headers["X-Etcd-Index"] = str(found.index)
        return Response(found.body, status_code=found.status, media_type=found.kind, headers=headers)

    methods = ["GET", "PUT", "POST", "DELETE", "HEAD", "PATCH"]
    return Starlette(routes=[Route("/{path:path}", answer, methods=methods)])


async def small_body(request: WebRequest) -> bytes | None:
    """The body, or None when it is too large, or trickles in."""
    found = b""
    with suppress(TimeoutError):
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                found += piece
                if len(found) > LARGEST_BODY:
                    return None
            return found
    return None


async def sweep(registry: Registry, days: float) -> None:
    while True:
        registry.forget(time.time() - days * 86400)
        await asyncio.sleep(FORGET_EVERY)
