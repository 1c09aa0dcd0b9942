"""Looks at services: whether they run, and when they do not, what they said last and what that means."""

from __future__ import annotations

from etcdpilot.hosts.fleet import Fleet
from etcdpilot.hosts.port import Answer, Question
from etcdpilot.model.cluster import MemberSpec
from etcdpilot.observing.causes import cause_in, etcds_own, words_of


async def look_at_service(member: MemberSpec, fleet: Fleet, *, log: bool = False) -> Answer:
    """A small look: no files, no ports. `log`: what it said last, even while it is active."""
    host = await fleet.host(member.name)
    etcd = f"{member.paths.bin}/etcd"
    return await host.look(Question(member.service.unit, etcd, member.paths.data, (), (), (), log))


async def why_not_running(member: MemberSpec, fleet: Fleet) -> str:
    """Why a member does not get ready, from its own last words; empty while it runs and has said nothing telling."""
    answer = await look_at_service(member, fleet)
    said = etcds_own(answer.service.log_tail)
    if cause := cause_in(said):
        return cause
    if answer.process is not None:
        return ""
    last = words_of(said[-1]) if said else "it wrote nothing"
    return f"etcd does not run ({answer.service.result or answer.service.active}); its last words: {last}"
