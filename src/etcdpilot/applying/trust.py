"""What listeners show and whom they let in, found out by handshakes of our own: files do not tell what runs.

Client listeners are asked always, peer listeners where there is a way to them from here. A wait has a deadline.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from etcdpilot.applying.signing import opened
from etcdpilot.model.certificates import CertificateSpec
from etcdpilot.model.errors import ClusterFailed
from etcdpilot.model.handshakes import Handshake, HandshakeOutcome
from etcdpilot.observing.handshake import Identity, Target, shake_hands
from etcdpilot.observing.memory import authority, trusted
from etcdpilot.rendering.certificate_files import OPERATOR, client_authority, peer_authority
from etcdpilot.rendering.security import tls_options

if TYPE_CHECKING:
    from etcdpilot.applying.world import RealWorld

Place = Callable[[Path, str], Path]  # of a pair, from the state folder and the name of the authority
Verdict = Callable[[Handshake], bool]
DEADLINE = 20.0
NO_WAY = (HandshakeOutcome.REFUSED, HandshakeOutcome.UNREACHABLE, HandshakeOutcome.TIMEOUT)
PROBE_LIFETIME = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Listener:
    member: str
    role: str  # client, peer
    authority: str
    url: str
    server_name: str
    visitor: str  # the common name of somebody whom it lets in

    def __str__(self) -> str:
        return f"the {self.role} port of {self.member}"


async def all_accept(place: Place, world: RealWorld) -> AsyncIterator[str]:
    """Until every listener lets in whom these authorities signed for."""
    async for on in until(place, world, lambda met: met.accepted, "does not trust the new authority"):
        yield on


async def all_refuse(place: Place, world: RealWorld) -> AsyncIterator[str]:
    """Until every listener turns away whom these authorities signed for."""

    def refused(met: Handshake) -> bool:
        return met.outcome is HandshakeOutcome.CLIENT_OF_ANOTHER_AUTHORITY

    async for on in until(place, world, refused, "still trusts the old authority"):
        yield on


async def all_show(world: RealWorld) -> AsyncIterator[str]:
    """Until every listener shows a certificate of the authority that signs now."""
    from etcdpilot.pki.reading import read_certificate

    signers = {name: kept for name in world.state.authorities() if (kept := authority(world.state, name))}

    def shows(met: Handshake, name: str) -> bool:
        own = signers[name].facts.subject_key_id
        return bool(met.chain) and read_certificate(met.chain[0]).authority_key_id == own

    began = world.clock.monotonic()
    while True:
        met = await meet_all(None, world)
        wrong = [(each, said) for each, said in met if not shows(said, each.authority)]
        if not wrong:
            return
        yield patience(wrong, "does not show its new certificate", world.clock.monotonic() - began)
        await world.clock.sleep(0.1)


async def until(place: Place, world: RealWorld, holds: Verdict, complaint: str) -> AsyncIterator[str]:
    began = world.clock.monotonic()
    while True:
        wrong = [(each, said) for each, said in await meet_all(place, world) if not holds(said)]
        if not wrong:
            return
        yield patience(wrong, complaint, world.clock.monotonic() - began)
        await world.clock.sleep(0.1)


def patience(wrong: list[tuple[Listener, Handshake]], complaint: str, waited: float) -> str:
    """What is waited for; ClusterFailed when it has been long enough."""
    where, said = wrong[0]
    if waited > DEADLINE:
        raise ClusterFailed(
            f"T{str(where)[1:]} {complaint}.",
            why=f"{said}.",
            remedy="Nothing was changed by this step. Restart that member, then run the same again; it goes on from here:\n"
            "    etcdpilot restart",
        )
    return f"waiting: {where} {complaint}"


async def meet_all(place: Place | None, world: RealWorld) -> list[tuple[Listener, Handshake]]:
    """A handshake with every listener, as somebody for whom the authority at `place` signed; None: as nobody."""
    with tempfile.TemporaryDirectory(prefix="etcdpilot-") as folder:
        wanted = [
            each
            for each in listeners(world)
            if place is None or can_sign(place(world.state.root, each.authority), world)
        ]
        shown = {(each.role, each.visitor): probe(place, each, Path(folder), world) for each in wanted}
        targets = [
            Target(each.url, anchors(each.authority, world), shown[each.role, each.visitor], each.server_name)
            for each in wanted
        ]
        met = await asyncio.gather(*(shake_hands(target) for target in targets))
    found = list(zip(wanted, met, strict=True))
    return [(each, said) for each, said in found if each.role == "client" or said.outcome not in NO_WAY]


def can_sign(stem: Path, world: RealWorld) -> bool:
    """One that has ended is trusted by nobody, and what it signs is refused whoever else trusts it."""
    from etcdpilot.pki.reading import read_certificate

    pair = world.state.pair_at(stem)
    return pair is not None and read_certificate(pair.certificate.encode()).not_after > world.clock.now()


def listeners(world: RealWorld) -> Iterator[Listener]:
    """The first of each kind; a client's by the way that leads to it from here."""
    wanted = world.wanted
    for member in wanted.members:
        endpoint = world.door.endpoints[member.name]
        name = endpoint.name or endpoint.host
        yield Listener(member.name, "client", client_authority(wanted), f"https://{endpoint.address}", name, OPERATOR)
        told = dict(member.options) | tls_options(wanted, member)
        if "peer-cert-allowed-hostname" not in told:  # there nobody is let in who does not stand at that address
            visitor = told.get("peer-cert-allowed-cn", member.name).partition(",")[0]
            yield Listener(member.name, "peer", peer_authority(wanted), member.advertise_peer_urls[0], "", visitor)


def anchors(name: str, world: RealWorld) -> bytes:
    return "".join(each.certificate for each in trusted(world.state, name)).encode()


def probe(place: Place | None, listener: Listener, folder: Path, world: RealWorld) -> Identity | None:
    """A client certificate for some minutes, in a folder that goes away with it. It names no host: where it names one,
    a peer listener would compare that with where we come from."""
    if place is None:
        return None
    from etcdpilot.pki.authority import issue, load_authority

    pair = world.state.pair_at(place(world.state.root, listener.authority))
    assert pair is not None
    spec = CertificateSpec.of_client(listener.visitor, authority=listener.authority, lifetime=PROBE_LIFETIME)
    signer = load_authority(pair.certificate.encode(), pair.key.encode(), opened(pair))
    issued = issue(signer, spec, world.clock.now())
    stem = f"{listener.role}-{listener.visitor}"
    identity = Identity(folder / f"{stem}.crt", folder / f"{stem}.key")
    for path, data in ((identity.certificate, issued.certificate_pem), (identity.key, issued.key_pem)):
        path.touch(mode=0o600)
        path.write_bytes(data)
    return identity
