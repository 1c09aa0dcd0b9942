"""Finds out what a first start through discovery or DNS needs, and writes it down before it is used.

Asked while planning: a plan names the token and the peer URLs. A token that is made and then not used harms nobody.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlsplit

from etcdpilot.applying import discovery
from etcdpilot.etcd.client import Client
from etcdpilot.model.bootstrap import Settled, of_file, runs_discovery_itself
from etcdpilot.model.cluster import ClusterSpec, Discovery, MemberSpec
from etcdpilot.model.errors import Refused
from etcdpilot.model.identity import as_hex, member_id

Keep = Callable[[Settled], None]


async def settle_discovery(wanted: ClusterSpec, before: Settled | None, keep: Keep) -> tuple[Settled, tuple[str, ...]]:
    """And warnings. Refused where etcd would fail, or a member would be one too many; `before`: of an earlier run."""
    assert isinstance(wanted.bootstrap, Discovery)
    noted = before if before is not None and before.of == of_file(wanted) else Settled(of_file(wanted))
    if wanted.bootstrap.endpoints:
        return await settle_v3(wanted, wanted.bootstrap, noted, keep)
    return await settle_v2(wanted, wanted.bootstrap, noted, keep)


async def settle_v2(
    wanted: ClusterSpec, said: Discovery, noted: Settled, keep: Keep
) -> tuple[Settled, tuple[str, ...]]:
    url, cacert = said.url, said.cacert or None
    if not noted.url:
        made = url if is_token(url) else await new_token(url, len(wanted.members), cacert)
        noted = replace(noted, url=made)
        keep(noted)
    try:
        there = await discovery.registered_v2(noted.url, cacert)
    except OSError as error:
        return noted, (f"{noted.url} could not be asked from here ({error}); each member asks it by itself",)
    require_room(wanted, noted.url, there)
    return list_members(wanted, noted, there, keep)


def list_members(
    wanted: ClusterSpec, noted: Settled, there: discovery.Registered, keep: Keep
) -> tuple[Settled, tuple[str, ...]]:
    """Who registered in an earlier run that was cut off is never let in again (`duplicate id`). The ID of the cluster
    follows from the token and the peer URLs alone, so it is the same one whether they are found or listed."""
    ids = dict(there.members)
    before = [member.name for member in wanted.members if id_of(member, noted.url) in ids]
    if not before:
        return noted, ()
    noted = replace(noted, listed=True)
    keep(noted)
    said = f"{', '.join(before)} had registered before, in a run that was cut off; so the members are listed"
    return noted, (said,)


def is_token(url: str) -> bool:
    """A service's bare address, its `/new`, or a directory of an etcd's v2 keys is asked for one."""
    path = urlsplit(url).path.rstrip("/")
    return path not in ("", "/new", "/v2/keys", "/v2/keys/discovery", "/v2/keys/_etcd/registry")


async def new_token(url: str, size: int, cacert: str | None) -> str:
    bare = url.rstrip("/")
    if "/v2/keys" in bare:
        return await discovery.new_in_v2_keys(bare, size, cacert)
    return await discovery.new_at_service(bare.removesuffix("/new"), size, cacert)


async def settle_v3(
    wanted: ClusterSpec, said: Discovery, noted: Settled, keep: Keep
) -> tuple[Settled, tuple[str, ...]]:
    if not noted.token:
        itself = runs_discovery_itself(wanted)
        noted = replace(noted, token=said.token or secrets.token_hex(16), listed=not itself)
        keep(noted)
    tls = discovery.keyring(said.endpoints, said.cacert, said.cert, said.key)
    async with Client(said.endpoints, tls) as client:
        if not said.token:
            await discovery.write_size(client, noted.token, len(wanted.members))
        there = await discovery.registered(client, noted.token)
        require_room(wanted, noted.token, there)
        if not noted.listed:
            return noted, ()
        await join_all(client, wanted, noted.token)
    return noted, (f"{why_not_itself(said, wanted)}: it was done here, and the members are listed",)


def why_not_itself(said: Discovery, wanted: ClusterSpec) -> str:
    if said.cacert or said.cert:
        return "the certificates for discovery stay on this machine"
    return f"etcd {wanted.version} does not speak this discovery"


async def join_all(client: Client, wanted: ClusterSpec, token: str) -> None:
    joining = [discovery.join(client, token, id_of(each, token), value_of(each)) for each in wanted.members]
    async with asyncio.timeout(30):
        await asyncio.gather(*joining)


def id_of(member: MemberSpec, token: str) -> str:
    return as_hex(member_id(member.advertise_peer_urls, token))


def value_of(member: MemberSpec) -> str:
    return ",".join(f"{member.name}={url}" for url in member.advertise_peer_urls)


def require_room(wanted: ClusterSpec, token: str, there: discovery.Registered) -> None:
    """Refused for a surplus member, which etcd 3.4 and 3.5 would turn into a proxy, and for anybody else's token."""
    if there.size != len(wanted.members):
        few = there.size > len(wanted.members)
        raise Refused(
            f"The discovery token is for {there.size} members, the file has {len(wanted.members)}.",
            why="The cluster would wait for the others for ever." if few else "Those beyond it would never be members.",
            remedy="Make a token of the right size."
            if few
            else f"Begin with {there.size} members in the file. When they have formed, add each further one:\n"
            "    etcdpilot member add NAME HOST",
        )
    own = {id_of(member, token) for member in wanted.members}
    if any(each not in own for each, _ in there.members):
        raise discovery.full(token, there)
