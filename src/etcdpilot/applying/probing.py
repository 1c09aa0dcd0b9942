"""Before a member is registered: can the voters reach it, can it reach them, and do they accept each other's certificates?

A member that is registered and cannot be reached must be taken out again, by a quorum. So somebody listens at its place
for a moment, and each pair of hosts shakes hands as the two members will.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from etcdpilot.etcd.door import speaks_tls
from etcdpilot.etcd.endpoints import Endpoint
from etcdpilot.hosts.listening import Trial, listening
from etcdpilot.hosts.together import together
from etcdpilot.model.addresses import MemberUrl
from etcdpilot.model.cluster import HostKind
from etcdpilot.model.errors import HostFailed
from etcdpilot.model.handshakes import Handshake, HandshakeOutcome
from etcdpilot.model.steps import ProbePeer
from etcdpilot.observing.handshake import Identity, Target, shake_hands
from etcdpilot.rendering.certificate_files import peer_authority, peer_certificate
from etcdpilot.rendering.options import InitialCluster, member_options

if TYPE_CHECKING:
    from etcdpilot.applying.world import RealWorld

PATIENCE = 9.0  # for each way, and before that until somebody listens; less than half of the listener's time
WITHIN = 3.0  # for one connection
# What passes: a listener that is not there yet, and hosts with too much to do.
PASSING = (HandshakeOutcome.REFUSED, HandshakeOutcome.CLOSED, HandshakeOutcome.TIMEOUT)
# What the trial or the voter says of our certificate is asked only where we have one to show.
ABOUT_US = (HandshakeOutcome.CLIENT_MISSING,)


@dataclass(frozen=True, slots=True)
class Way:
    """From the machine of one member to a peer URL of another."""

    of: str
    to: str
    url: str

    @property
    def place(self) -> MemberUrl:
        return MemberUrl.parse(self.url)


async def probe(step: ProbePeer, world: RealWorld) -> AsyncIterator[str]:
    """Both ways between it and every voter. HostFailed names the pair, the port, and that nothing was registered."""
    there = [Way(name, step.member, url) for name, _ in step.voters for url in step.peer_urls]
    back = [Way(step.member, name, url) for name, urls in step.voters for url in urls]
    host = await world.fleet.host(step.member)
    async with listening(host, trial_of(step.member, world)):
        await until_it_listens(step, world)
        unknown = [name for name in await together(*(walk(way, world) for way in (*there, *back))) if name]
    for name in dict.fromkeys(unknown):
        yield f"{name} could not be asked whether it reaches the others: that remains to be seen"


def trial_of(name: str, world: RealWorld) -> Trial:
    member = world.wanted.member(name)
    options = member_options(world.wanted, member, InitialCluster("new", "probe", ()))
    own = {key: value for key, value in options.items() if key.startswith(("peer-", "listen-peer-", "initial-adv"))}
    more = {key: value for key, value in options.items() if key in ("cipher-suites", "tls-min-version", "logger")}
    return Trial(f"{member.paths.bin}/etcd", f"{member.paths.data}.probe", own | more)


async def until_it_listens(step: ProbePeer, world: RealWorld) -> None:
    """As seen from its own machine; a wrong port or certificate is told by what ends the listener."""
    began = world.clock.monotonic()
    own = Way(step.member, step.member, own_url(step, world))
    while (await shake(own, world)).outcome in PASSING:
        if world.clock.monotonic() - began > PATIENCE:
            return
        await world.clock.sleep(0.05)


def own_url(step: ProbePeer, world: RealWorld) -> str:
    """Where it binds: behind an address translation it may not reach what it advertises."""
    url = MemberUrl.parse(world.wanted.member(step.member).listen_peer_urls[0])
    return step.peer_urls[0] if url.host in ("0.0.0.0", "::") else str(url)


async def walk(way: Way, world: RealWorld) -> str:
    """The name of a member whose machine could not be asked, or nothing. HostFailed where the way is barred."""
    until = world.clock.monotonic() + PATIENCE
    if world.wanted.kind is HostKind.SSH and (why := await why_barred(way, world, until)) != "":
        if why is None:
            return way.of
        raise barred(way, world, why)
    found = await shake(way, world)
    while found.outcome in PASSING and world.clock.monotonic() < until:
        await world.clock.sleep(0.1)
        found = await shake(way, world)
    if not found.accepted and found.outcome not in ABOUT_US:
        raise turned_away(way, found)
    return ""


async def why_barred(way: Way, world: RealWorld, until: float) -> str | None:
    """Empty when a connection stands, None when its machine cannot be asked; the member itself may well be there."""
    while True:
        try:
            why = await why_not_reached(way, world)
        except HostFailed:
            return None
        if not why or world.clock.monotonic() > until:
            return why
        await world.clock.sleep(0.1)


async def why_not_reached(way: Way, world: RealWorld) -> str | None:
    from etcdpilot.hosts.ssh import SshHost

    host = await world.fleet.host(way.of)
    assert isinstance(host, SshHost)
    return await host.why_it_does_not_reach(way.place.host, way.place.port, WITHIN)


async def shake(way: Way, world: RealWorld) -> Handshake:
    """With the certificate of the member whose machine it comes from; through its machine, so from its address."""
    place, url = way.place, way.url
    if world.wanted.kind is HostKind.SSH:
        from etcdpilot.hosts.ssh import SshHost

        host = await world.fleet.host(way.of)
        assert isinstance(host, SshHost)
        url = f"{place.scheme}://127.0.0.1:{await host.tunnel(place.host, place.port)}"
    if world.wanted.encrypted and not trusted(world):
        return await only_reach(url)
    with identity(way.of, world) as shown:
        return await shake_hands(Target(url, trusted(world), shown, server_name=place.host), within=WITHIN)


async def only_reach(url: str) -> Handshake:
    """Where somebody else's authority signs, its certificates were judged when the file was read."""
    answers = await speaks_tls(Endpoint.parse(url), WITHIN)
    return Handshake(url, HandshakeOutcome.ACCEPTED if answers else HandshakeOutcome.REFUSED)


def trusted(world: RealWorld) -> bytes:
    kept = world.memory.authority(peer_authority(world.wanted))
    return kept.certificate.encode() if kept else b""


@contextmanager
def identity(name: str, world: RealWorld) -> Iterator[Identity | None]:
    """A pair of its own that says what the member's does; none where the authority's key is not here."""
    from etcdpilot.applying.certificates import load

    if not world.wanted.encrypted or name not in world.wanted.names:
        yield None
        return
    from etcdpilot.pki.authority import issue

    with tempfile.TemporaryDirectory(prefix="etcdpilot-") as folder:
        shown = None
        with suppress(KeyError):
            spec = peer_certificate(world.wanted, world.wanted.member(name))
            made = issue(load(spec.authority, world.state), spec, world.clock.now())
            shown = Identity(Path(folder) / "peer.crt", Path(folder) / "peer.key")
            shown.certificate.write_bytes(made.certificate_pem)
            shown.key.touch(mode=0o600)
            shown.key.write_bytes(made.key_pem)
        yield shown


def barred(way: Way, world: RealWorld, why: str) -> HostFailed:
    place, source = way.place, world.wanted.machine(way.of).host
    return HostFailed(
        way.of,
        f"{way.of} does not reach {way.to} at {place.host}, port {place.port}.",
        why=f"{why.rstrip('.')}. Members speak to each other in both directions.",
        remedy=f"Nothing was registered. Open port {place.port} of {place.host} to {source}, then run this again.",
    )


def turned_away(way: Way, found: Handshake) -> HostFailed:
    detail = f" ({found.why})" if found.why else ""
    return HostFailed(
        way.of,
        f"{way.of} and {way.to} would not understand each other at {way.url}.",
        why=f"Seen from {way.of}: {found.outcome.value}{detail}.",
        remedy="Nothing was registered. Put that right and run this again; what the certificates say:\n"
        "    etcdpilot pki check",
    )
