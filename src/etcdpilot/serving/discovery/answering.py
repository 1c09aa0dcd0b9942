"""One request, one answer: what is asked of which token, and who is woken by it."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs

from etcdpilot.serving.discovery import protocol
from etcdpilot.serving.discovery.protocol import Answer
from etcdpilot.serving.discovery.registry import LARGEST_CLUSTER, LONGEST_VALUE, Full, Node, Registry, Token

PATH = re.compile(
    r"/(?:v2/keys/)?(?:_etcd/registry/|discovery/)?(?P<token>[a-f0-9]{32})(?:/(?P<key>[^/]+(?:/size)?))?/?"
)
MEMBER = re.compile(r"[0-9a-f]{1,16}")
VALUE = re.compile(r"[^=,\s\x00-\x1f]+=https?://[^=,\s\x00-\x1f]+(?:,[^=,\s\x00-\x1f]+=https?://[^=,\s\x00-\x1f]+)*")
POLL_SECONDS = 60.0
MOST_POLLS = 10_000
DEFAULT_SIZE = 3


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str]
    body: bytes


class Desk:
    """Answers requests over a registry. `base` is the address that tokens are handed out under, without a slash."""

    def __init__(self, registry: Registry, base: str, poll_seconds: float = POLL_SECONDS) -> None:
        self.registry, self.base, self.poll_seconds = registry, base, poll_seconds
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self.polls = 0

    async def answer(self, request: Request) -> Answer:
        if request.path == "/health":
            return protocol.text(200, "OK" if self.registry.index else "")
        if request.path in ("/new", "/new/"):
            return self.new(request)
        found = PATH.fullmatch(request.path)
        if found is None:
            return protocol.text(404, "404 page not found\n")
        token, key = self.registry.token(found["token"]), found["key"] or ""
        if token is None:
            return protocol.not_found(f"/{found['token']}{'/' + key if key else ''}", self.registry.index)
        if request.method == "PUT":
            return await self.register(token, key, request)
        if request.method != "GET":
            return protocol.text(405, "only GET and PUT are known here\n")
        if request.query.get("wait") == "true":
            return await self.wait(token, key, request.query)
        return self.read(token, key)

    def new(self, request: Request) -> Answer:
        if request.method not in ("GET", "PUT", "POST"):
            return protocol.text(405, "ask for a token with GET or PUT\n")
        said = request.query.get("size", str(DEFAULT_SIZE))
        if not re.fullmatch(r"[0-9]{1,3}", said) or not 1 <= int(said) <= LARGEST_CLUSTER:
            return protocol.text(400, f"size must be a number from 1 to {LARGEST_CLUSTER}, not {said[:20]!r}\n")
        try:
            token = self.registry.new_token(int(said), time.time())
        except Full as full:
            return protocol.text(503, f"{full}; try again later\n")
        return protocol.text(200, f"{self.base}/{token.token}")

    def read(self, token: Token, key: str) -> Answer:
        if key == "_config/size":
            return protocol.size_node(token, self.registry.index)
        if not key:
            return protocol.listing(token, self.registry.nodes(token.token), self.registry.index)
        node = self.registry.node(token.token, key)
        if node is None:
            return protocol.not_found(f"/{token.token}/{key}", self.registry.index)
        return protocol.one(node, self.registry.index)

    async def register(self, token: Token, member: str, request: Request) -> Answer:
        if not MEMBER.fullmatch(member):
            return protocol.text(405, "only members may be registered under a token\n")
        value = form(request.body).get("value", "")
        if len(value) > LONGEST_VALUE or not VALUE.fullmatch(value):
            return protocol.text(400, "the value must be name=peerURL[,name=peerURL]\n")
        try:
            node = self.registry.register(token, member, value, time.time())
        except Full as full:
            return protocol.text(403, f"{full}\n")
        if node is None:
            there = self.registry.node(token.token, member)
            return protocol.exists(there, self.registry.index) if there else protocol.text(503, "try again\n")
        for event in self._waiting.get(token.token, ()):
            event.set()
        return protocol.created(node, self.registry.index)

    async def wait(self, token: Token, key: str, query: Mapping[str, str]) -> Answer:
        """The first change at or after `waitIndex`; an empty answer when none came in time, and the client asks again."""
        said = query.get("waitIndex", "")
        since = int(said) if re.fullmatch(r"[0-9]{1,18}", said) else self.registry.index + 1
        begun_at = self.registry.index
        if (node := self.change(token, key, since)) is not None:
            return protocol.event(node, begun_at)
        if self.polls >= MOST_POLLS:
            return protocol.text(503, "too many are waiting; try again later\n")
        try:
            async with asyncio.timeout(self.poll_seconds):
                with self.told(token.token) as news:
                    while (node := self.change(token, key, since)) is None:
                        news.clear()
                        await news.wait()
            return protocol.event(node, begun_at)
        except TimeoutError:
            return protocol.nothing_yet(begun_at)

    @contextmanager
    def told(self, token: str) -> Iterator[asyncio.Event]:
        """An event that every registration under this token sets. Nothing of it stays once nobody waits."""
        event = asyncio.Event()
        self._waiting.setdefault(token, set()).add(event)
        self.polls += 1
        try:
            yield event
        finally:
            self.polls -= 1
            self._waiting[token].discard(event)
            if not self._waiting[token]:
                del self._waiting[token]

    def change(self, token: Token, key: str, since: int) -> Node | None:
        nodes = self.registry.nodes(token.token)
        return next((node for node in nodes if node.at >= since and key in ("", node.member)), None)


def form(body: bytes) -> dict[str, str]:
    """`application/x-www-form-urlencoded`; empty for what is none."""
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=10)
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}
