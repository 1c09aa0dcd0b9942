"""Reads on the hosts which addresses their interfaces have."""

from __future__ import annotations

import asyncio

from etcdpilot.hosts.fleet import Fleet
from etcdpilot.model.cluster import MemberSpec
from etcdpilot.model.interfaces import Addresses, address_on
from etcdpilot.observing.services import look_at_service


async def read_addresses(members: tuple[MemberSpec, ...], fleet: Fleet) -> Addresses:
    """By member: its interface and the address there. HostFailed where a host cannot be asked; Refused where the
    interface does not have exactly one."""
    answers = await asyncio.gather(*(look_at_service(member, fleet) for member in members))
    return {
        member.name: (member.interface, address_on(member, answer.interface_addresses))
        for member, answer in zip(members, answers, strict=True)
    }
