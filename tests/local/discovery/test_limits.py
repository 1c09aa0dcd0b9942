"""What the discovery service takes at most: of tokens, of those who wait, of members; and that what is old makes room."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from etcdpilot.serving.discovery import answering, registry
from etcdpilot.serving.discovery.answering import Desk, Request
from etcdpilot.serving.discovery.registry import Registry

BASE = "http://10.0.0.9:2381"


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Registry]:
    found = Registry(tmp_path / "tokens.sqlite3")
    yield found
    found.close()


def asked(path: str, method: str = "GET", body: bytes = b"", **query: str) -> Request:
    return Request(method, path, query, body)


async def test_too_many_tokens_are_refused_until_old_ones_are_forgotten(
    kept: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "MOST_TOKENS", 3)
    desk = Desk(kept, BASE)
    made = [(await desk.answer(asked("/new"))).body.decode() for _ in range(3)]
    assert len(set(made)) == 3
    full = await desk.answer(asked("/new"))
    assert full.status == 503 and b"too many tokens are open; try again later" in full.body
    for url in made:
        assert (await desk.answer(asked(url.removeprefix(BASE)))).status == 200
    assert kept.forget(before=float("inf")) == 3
    assert (await desk.answer(asked("/new"))).status == 200
    assert (await desk.answer(asked(made[0].removeprefix(BASE)))).status == 404


async def test_too_many_who_wait_are_sent_away_and_asked_to_come_again(
    kept: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "MOST_POLLS", 2)
    desk = Desk(kept, BASE, poll_seconds=30)
    token = (await desk.answer(asked("/new"))).body.decode().removeprefix(BASE)
    waiting = asked(token, wait="true", recursive="true", waitIndex="99")
    polls = [asyncio.create_task(desk.answer(waiting)) for _ in range(2)]
    while desk.polls < 2:
        await asyncio.sleep(0)
    assert (await desk.answer(waiting)).status == 503
    assert (await desk.answer(asked("/health"))).body == b"OK"  # everybody else is served
    polls[0].cancel()
    await asyncio.gather(polls[0], return_exceptions=True)
    third = asyncio.create_task(desk.answer(waiting))
    while desk.polls < 2:
        await asyncio.sleep(0)
    for each in (polls[1], third):
        each.cancel()
    await asyncio.gather(polls[1], third, return_exceptions=True)
    assert desk.polls == 0


async def test_a_token_in_use_is_not_forgotten(kept: Registry) -> None:
    old, used = (kept.new_token(1, now=1000.0) for _ in range(2))
    kept.register(used, "1a", "a=http://10.0.0.1:2380", now=2000.0)
    assert kept.forget(before=1500.0) == 1
    assert kept.token(old.token) is None and kept.nodes(used.token)
