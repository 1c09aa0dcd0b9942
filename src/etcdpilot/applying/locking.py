"""The lock over hosts: held on a majority of them, kept fresh while the block runs, given back at its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from etcdpilot.hosts.fleet import Fleet
from etcdpilot.hosts.lock import STALE_SECONDS, Lock
from etcdpilot.model.errors import HostFailed, Refused

HELD, TOOK = "held ", "took "
NOT_REACHED = "not reached"


@asynccontextmanager
async def locked_hosts(
    fleet: Fleet, lock: Lock, without: frozenset[str] = frozenset()
) -> AsyncIterator[tuple[str, ...]]:
    """Yields from whom it was taken over: owners who gave no sign for half a minute. Refused names who holds it.

    Hosts that cannot be reached count as not held, so of two controllers on two sides of a cut at most one goes on.
    """
    names = [member.name for member in fleet.wanted.members if member.name not in without]
    answers = dict(zip(names, await asyncio.gather(*(acquire(fleet, name, lock) for name in names)), strict=True))
    ours = [name for name, said in answers.items() if said == "ours" or said.startswith(TOOK)]
    try:
        refuse_if_held(answers)
        require_majority(ours, names, answers)
        keeper = asyncio.create_task(keep(fleet, ours, lock))
        try:
            yield tuple(dict.fromkeys(said.removeprefix(TOOK) for said in answers.values() if said.startswith(TOOK)))
        finally:
            keeper.cancel()
    finally:
        await asyncio.gather(*(release(fleet, name, lock) for name in ours))


async def acquire(fleet: Fleet, name: str, lock: Lock) -> str:
    try:
        return await (await fleet.host(name)).acquire(lock)
    except HostFailed:
        return NOT_REACHED  # whether that matters is for the plan to say


def refuse_if_held(answers: dict[str, str]) -> None:
    for name, said in answers.items():
        if said.startswith(HELD):
            raise Refused(
                f"Another etcdpilot is at work on this cluster: {said.removeprefix(HELD)}.",
                why=f"It holds the lock on the host of {name}.",
                remedy=f"Wait until it has finished; if it died, its lock is free {STALE_SECONDS} s after its last sign.",
            )


def require_majority(ours: list[str], names: list[str], answers: dict[str, str]) -> None:
    reached = [name for name in names if answers[name] != NOT_REACHED]
    if reached and len(ours) <= len(names) // 2:
        raise Refused(
            "The lock could not be had on a majority of the hosts.",
            why=f"{len(ours)} of {len(names)} gave it; {', '.join(set(names) - set(ours))} could not be reached.",
            remedy="Bring those hosts back, then run this again.",
        )


async def keep(fleet: Fleet, names: list[str], lock: Lock) -> None:
    while True:
        await asyncio.sleep(STALE_SECONDS / 3)
        for name in names:
            with suppress(HostFailed):
                await (await fleet.host(name)).keep(lock)


async def release(fleet: Fleet, name: str, lock: Lock) -> None:
    with suppress(HostFailed):
        await (await fleet.host(name)).release(lock)
