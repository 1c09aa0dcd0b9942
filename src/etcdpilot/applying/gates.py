"""Gates: what must be true before the next step. No fixed waits: each is a condition with a deadline and a reason."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from etcdpilot.hosts.together import together
from etcdpilot.model.cluster import HostKind
from etcdpilot.model.errors import ClusterFailed
from etcdpilot.model.identity import as_hex
from etcdpilot.model.knowledge import Known, Unknown
from etcdpilot.model.membership import MemberState
from etcdpilot.model.observation import EtcdSeen
from etcdpilot.observing.causes import hides_another, passes
from etcdpilot.observing.kept_out import why_kept_out
from etcdpilot.observing.members import ask, ask_only, membership
from etcdpilot.observing.services import why_not_running

if TYPE_CHECKING:
    from etcdpilot.applying.world import RealWorld

# A first start draws its election timeout at random, a large database takes time to load, and a member that joined
# publishes its client URL up to seven seconds late.
DEADLINE = {HostKind.LOCAL: 60.0, HostKind.SSH: 120.0}
FIRST_PAUSE, LONGEST_PAUSE = 0.01, 0.1
CAUSE_EVERY = 1.0  # seconds between two questions why a member does not come
# How long every silent member may have a known cause before the wait is given up: systemd tries again every five
# seconds, so three tries have failed by then; a local process that has ended does not come back.
CAUSE_STANDS = {HostKind.LOCAL: 0.0, HostKind.SSH: 15.0}
# A first start: who listens already and does not serve yet answers the question that it was asked meanwhile.
STARTING_SECONDS, LISTENING_SECONDS = 2.0, 1.0
READY = "it runs, and waits for the others"
KEPT_OUT_STANDS = 15.0  # of a member that runs: whoever refuses it may be restarting with other certificates


async def answers(names: tuple[str, ...], world: RealWorld) -> AsyncIterator[str]:
    """Until every one of them answers a linearizable read (a learner: any read), and all are one cluster."""
    began, pause = world.clock.monotonic(), FIRST_PAUSE
    known_since: float | None = None
    why = AskingWhy(world)
    if not world.memory.formed:
        await all_listen(names, world)
    try:
        while True:
            # Before the first start is through, who is in the list counts too.
            seen = await (ask_only(world.door, names) if world.memory.formed else ask(world.door, STARTING_SECONDS))
            silent = [name for name in names if not isinstance(seen.status(name), Known)]
            if not silent:
                require_one_cluster(names, seen, world)
                world.just_saw(seen)
                return
            now = world.clock.monotonic()
            why.ask(silent)
            if why.is_told():
                lasting = [name for name in silent if name in why.causes and not passes(why.causes[name])]
                known_since = (known_since or now) if explains(lasting, silent, world) else None
                yield waiting_for(names, silent, why.causes, seen)
            if known_since is not None and now - known_since >= why.stands:
                raise did_not_start(why.causes)
            if now - began > DEADLINE[world.wanted.kind]:
                raise did_not_start({name: why.causes.get(name) or reason(seen, name) for name in silent})
            await world.clock.sleep(pause)
            pause = min(pause * 1.3, LONGEST_PAUSE)
    finally:
        await why.end()


async def all_listen(names: tuple[str, ...], world: RealWorld) -> None:
    """Before that, those that do would be asked in vain; a second at most, for one may never come."""
    enough = world.clock.monotonic() + LISTENING_SECONDS
    while len(await world.door.listening(only=names)) < len(names) and world.clock.monotonic() < enough:
        await world.clock.sleep(FIRST_PAUSE)


class AskingWhy:
    """Finds out beside the wait why somebody is silent: who comes meanwhile is not waited for any longer."""

    def __init__(self, world: RealWorld) -> None:
        self.causes: dict[str, str] = {}
        self.stands = CAUSE_STANDS[world.wanted.kind]
        self._world, self._asked = world, world.clock.monotonic()
        self._asking: asyncio.Task[None] | None = None

    def ask(self, silent: list[str]) -> None:
        """Once a second, and not while it is still being found out."""
        if self._asking is None and self._world.clock.monotonic() - self._asked > CAUSE_EVERY:
            self._asked = self._world.clock.monotonic()
            self._asking = asyncio.create_task(self._find(silent))

    def is_told(self) -> bool:
        """Whether `causes` are news. Raises what kept them from being found."""
        if self._asking is None or not self._asking.done():
            return False
        asking, self._asking = self._asking, None
        asking.result()
        return True

    async def end(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    async def _find(self, silent: list[str]) -> None:
        causes = await causes_of(silent, self._world)
        unexplained = [name for name in silent if name not in causes or hides_another(causes[name])]
        kept_out = await kept_out_causes(unexplained, self._world)
        self.causes = causes | kept_out
        self.stands = KEPT_OUT_STANDS if kept_out else self.stands


async def causes_of(silent: list[str], world: RealWorld) -> dict[str, str]:
    asked = (why_not_running(world.wanted.machine(name), world.fleet) for name in silent)
    return {name: why for name, why in zip(silent, await together(*asked), strict=True) if why}


async def kept_out_causes(silent: list[str], world: RealWorld) -> dict[str, str]:
    """Of members that run and say nothing telling: what their certificates and their neighbours say."""
    wanted, fleet, now = world.wanted, world.fleet, world.clock.now()
    found = {name: await why_kept_out(wanted.machine(name), wanted, fleet, now) for name in silent}
    return {name: why for name, why in found.items() if why}


def explains(lasting: list[str], silent: list[str], world: RealWorld) -> bool:
    """Whether no more need be waited for: each has its cause, or so many have one that the others never get a quorum."""
    voters = len(world.wanted.members)
    return len(lasting) == len(silent) or voters - len(lasting) < voters // 2 + 1


def waiting_for(names: tuple[str, ...], silent: list[str], causes: dict[str, str], seen: EtcdSeen) -> str:
    """A member without a cause of its own, where another has one, has come up and waits for it."""
    ready = [name for name in silent if causes and not causes.get(name)]
    up = len(names) - len(silent) + len(ready)
    whys = {name: causes.get(name) or (READY if name in ready else reason(seen, name)) for name in silent}
    return f"waiting for quorum ({up}/{len(names)}) — {'; '.join(f'{name}: {why}' for name, why in whys.items())}"


def reason(seen: EtcdSeen, name: str) -> str:
    status = seen.status(name)
    return status.why if isinstance(status, Unknown) else "it answers"


def did_not_start(causes: dict[str, str]) -> ClusterFailed:
    return ClusterFailed(
        f"{', '.join(causes)} did not start in time." if causes else "The cluster did not start in time.",
        why="\n".join(f"{name}: {why or 'no cause was found in its log'}." for name, why in causes.items()),
        remedy="Put that right and run this again; it goes on from here.",
    )


def require_one_cluster(names: tuple[str, ...], seen: EtcdSeen, world: RealWorld) -> None:
    """The IDs are those foretold, so that a member of some other cluster is never taken for ours."""
    expected = int(world.memory.cluster_id, 16)
    for name in names:
        status = seen.status(name)
        if isinstance(status, Known) and status.value.cluster_id != expected:
            raise ClusterFailed(
                f"{name} belongs to another cluster.",
                why=f"Its cluster ID is {as_hex(status.value.cluster_id)}, this cluster's is {world.memory.cluster_id}.",
                remedy="Stop it and find out whose data it holds before doing anything else:\n    etcdpilot status",
            )
    if not world.memory.formed and membership_is_complete(seen, world):
        world.remember_formed()


def membership_is_complete(seen: EtcdSeen, world: RealWorld) -> bool:
    now = membership(world.wanted.roster, seen, world.memory)
    return all(now.state_of(member.name) is MemberState.VOTING for member in world.wanted.members)
