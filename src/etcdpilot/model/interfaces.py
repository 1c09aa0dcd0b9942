"""Members whose address is that of a network interface, read on the host: `interface: eth0`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from etcdpilot.model.cluster import UNREAD_ADDRESS, ClusterSpec, MemberSpec
from etcdpilot.model.errors import Refused

# name: (interface, address), as the state folder keeps them: another interface in the file is read anew
Addresses = Mapping[str, tuple[str, str]]


def unread(wanted: ClusterSpec) -> tuple[MemberSpec, ...]:
    """Members some URL of which still wants the address of their interface."""
    return tuple(member for member in wanted.members if is_unread(member))


def is_unread(member: MemberSpec) -> bool:
    urls = (
        *member.listen_peer_urls,
        *member.advertise_peer_urls,
        *member.listen_client_urls,
        *member.advertise_client_urls,
    )
    return any(UNREAD_ADDRESS in url for url in urls)


def with_addresses(wanted: ClusterSpec, found: Addresses) -> ClusterSpec:
    """The same cluster once these addresses are known; Refused where two members would have the same one."""
    members = tuple(
        member.with_address(found[member.name][1])
        if found.get(member.name, ("", ""))[0] == member.interface and is_unread(member)
        else member
        for member in wanted.members
    )
    try:
        return replace(wanted, members=members)
    except ValueError as error:
        raise Refused(
            "Two members have the same address on their interfaces.",
            why=f"{error}.",
            remedy="Name the interface that connects the hosts, or write `address:` for each member.",
        ) from error


def address_on(member: MemberSpec, seen: Iterable[tuple[str, str]]) -> str:
    """The one global address of a member's interface, IPv4 before IPv6; Refused with the list where there are several."""
    there = list(seen)
    own = [address for interface, address in there if interface == member.interface]
    old = [address for address in own if ":" not in address]
    if len(old or own) == 1:
        return (old or own)[0]
    if own:
        raise Refused(
            f"{member.interface} of {member.host} has several addresses: {', '.join(own)}.",
            why=f"Which of them {member.name} shall be known by cannot be guessed.",
            remedy="Write the one that is meant in place of the interface:\n"
            f"    - {{name: {member.name}, host: {member.host}, address: {own[0]}}}",
        )
    raise Refused(
        f"{member.host} has no address on {member.interface}.",
        why="It has " + (", ".join(f"{address} on {interface}" for interface, address in there) or "none at all") + ".",
        remedy=f"Correct the interface of {member.name}, or write its `address:`.",
    )
