"""A rotation of authorities on the controller: each phase is noted before any host hears of it.

Before a phase begins the members are asked, by handshakes of our own, whether the last one holds: whoever was not
restarted does not trust the new authority, whatever its files say.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from etcdpilot.applying.certificates import authority_spec, write_operator
from etcdpilot.applying.signing import kept_key, signer_pair
from etcdpilot.applying.trust import all_accept, all_refuse, all_show
from etcdpilot.model.cluster import ClusterSpec
from etcdpilot.model.rotation import Phase, Rotation
from etcdpilot.model.steps import IssueOperator, TurnAuthorities
from etcdpilot.observing.memory import authority, authority_beside, digest, operator
from etcdpilot.stores import rotation as places
from etcdpilot.stores.state import KeptPair, StateFolder

if TYPE_CHECKING:
    from etcdpilot.applying.world import RealWorld


async def issue_operator(step: IssueOperator, world: RealWorld) -> None:
    await asyncio.to_thread(write_operator, world.wanted, world.state, world.clock.now())
    await read_again(world)


async def turn(step: TurnAuthorities, world: RealWorld) -> AsyncIterator[str]:
    async for on in ready_for(step, world):
        yield on
    await asyncio.to_thread(noted, step, world.wanted, world.state, world.clock.now())
    await read_again(world)


async def ready_for(step: TurnAuthorities, world: RealWorld) -> AsyncIterator[str]:
    """What must hold of every member before the phase begins."""
    match step.to:
        case Phase.TRUSTING | Phase.RESCUING:
            return
        case Phase.ISSUING:
            waits = all_accept(places.next_place, world)
        case Phase.DROPPING:
            waits = all_show(world)
        case Phase.SETTLED:
            waits = all_refuse(old_place, world)
        case _:
            assert_never(step.to)
    async for on in waits:
        yield on


def old_place(root: Path, name: str) -> Path:
    return root / places.FOLDER / name


def noted(step: TurnAuthorities, wanted: ClusterSpec, state: StateFolder, now: datetime) -> None:
    if step.to in (Phase.TRUSTING, Phase.RESCUING):
        make_next(step.names, wanted, state, now)
    before = state.rotation()
    if step.to is Phase.SETTLED:
        return settle(step.names, state, before.began if before else "", now)
    began = before.began if before else f"{now:%Y-%m-%dT%H:%M:%SZ}"
    places.write_rotation(state.root, Rotation(step.to, step.names, began))
    write_operator(wanted, state, now)


def make_next(names: Iterable[str], wanted: ClusterSpec, state: StateFolder, now: datetime) -> None:
    """One that a run which was cut off here has made is taken: nobody has heard of it yet."""
    from etcdpilot.pki.authority import make_authority

    for name in names:
        if not places.is_there(places.next_place(state.root, name)):
            if wanted.tls.signer is not None:
                pair = signer_pair(wanted.tls.signer, wanted)
            else:
                made = make_authority(authority_spec(name, wanted), now)
                pair = KeptPair(made.certificate_pem.decode(), kept_key(made.key_pem().decode(), wanted))
            state.write_pair(places.next_place(state.root, name), pair)


def settle(names: tuple[str, ...], state: StateFolder, began: str, now: datetime) -> None:
    """The old ones are kept, under the identifiers of their keys: a rotation takes nothing away for good."""
    for name in names:
        places.settle(state.root, name, key_id(state, name))
    places.write_rotation(state.root, Rotation(Phase.SETTLED, names, began, now.isoformat()))


def key_id(state: StateFolder, name: str) -> str:
    from etcdpilot.pki.reading import read_certificate

    old = old_place(state.root, name)
    if not places.is_there(old):
        return ""
    return read_certificate(old.with_name(f"{name}.crt").read_bytes()).subject_key_id or "old"


async def read_again(world: RealWorld) -> None:
    """What the state folder says now; and the door is opened with it."""
    state = world.state
    world.memory = replace(
        world.memory,
        authorities=tuple(kept for name in state.authorities() if (kept := authority(state, name))),
        beside=tuple(kept for name in state.authorities() if (kept := authority_beside(state, name))),
        rotation=state.rotation(),
        operator=(facts := operator(state)),
        has_operator=facts is not None,
        operator_trust=digest(state.client_ca),
    )
    await world.reopen_door()
