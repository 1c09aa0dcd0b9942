"""What listeners show, by handshakes of our own: a file does not tell what runs."""

from __future__ import annotations

import asyncio

from etcdpilot.etcd.door import Door
from etcdpilot.model.certificates import Purpose
from etcdpilot.model.cluster import ClusterSpec
from etcdpilot.model.handshakes import Handshake
from etcdpilot.observing.handshake import Target, shake_hands


async def look_at_listeners(wanted: ClusterSpec, door: Door, trusted: bytes) -> dict[tuple[str, str], str]:
    """What each shows to somebody who shows nothing; who is not reached from here is left out."""
    from etcdpilot.pki.reading import read_certificate

    targets: dict[tuple[str, str], Target] = {}
    for member in wanted.members if wanted.encrypted and trusted else ():
        endpoint = door.endpoints[member.name]
        name = endpoint.name or endpoint.host
        targets[member.name, Purpose.SERVER.value] = Target(f"https://{endpoint.address}", trusted, server_name=name)
        targets[member.name, Purpose.PEER.value] = Target(member.advertise_peer_urls[0], trusted)
    met: list[Handshake] = list(await asyncio.gather(*(shake_hands(each) for each in targets.values())))
    return {
        place: read_certificate(said.chain[0]).fingerprint
        for place, said in zip(targets, met, strict=True)
        if said.chain
    }
