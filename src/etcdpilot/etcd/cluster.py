"""Who is a member: list, add, promote, update, remove."""

from __future__ import annotations

from collections.abc import Iterable

from etcdpilot.etcd import etcd_pb2 as pb
from etcdpilot.etcd import reading
from etcdpilot.etcd.calls import Calls
from etcdpilot.etcd.methods import (
    MEMBER_ADD,
    MEMBER_LIST,
    MEMBER_LIST_LOCAL,
    MEMBER_PROMOTE,
    MEMBER_REMOVE,
    MEMBER_UPDATE,
)
from etcdpilot.model.answers import MemberAdded, MemberList


class Cluster:
    """A change that times out may still happen (UnknownOutcome): list before doing it again.

    Right after a change, or with a member just back, etcd may say `unhealthy cluster`: that is NotYet, a wait.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def list(self, *, linearizable: bool = True, timeout: float | None = None) -> MemberList:
        """The member list; not `linearizable`: as the asked member remembers it, which also works without quorum.

        3.4 knows no linearizable list and always answers from memory.
        """
        method = MEMBER_LIST if linearizable else MEMBER_LIST_LOCAL
        answer = await self._calls.unary(method, pb.MemberListRequest(linearizable=linearizable), timeout)
        return MemberList(reading.header(answer.header), reading.members(answer.members))

    async def add(
        self, peer_urls: Iterable[str], *, learner: bool = False, timeout: float | None = None
    ) -> MemberAdded:
        request = pb.MemberAddRequest(peer_urls=peer_urls, is_learner=learner)
        answer = await self._calls.unary(MEMBER_ADD, request, timeout)
        return MemberAdded(
            reading.header(answer.header), reading.member(answer.member), reading.members(answer.members)
        )

    async def add_learner(self, peer_urls: Iterable[str], *, timeout: float | None = None) -> MemberAdded:
        """Add a member that has no vote yet: it costs no quorum while it copies the log."""
        return await self.add(peer_urls, learner=True, timeout=timeout)

    async def promote(self, member_id: int, *, timeout: float | None = None) -> MemberList:
        """Give a learner its vote. NotYet: it is not in sync. (etcd also promotes a learner that has died.)"""
        answer = await self._calls.unary(MEMBER_PROMOTE, pb.MemberPromoteRequest(id=member_id), timeout)
        return MemberList(reading.header(answer.header), reading.members(answer.members))

    async def update(self, member_id: int, peer_urls: Iterable[str], *, timeout: float | None = None) -> MemberList:
        request = pb.MemberUpdateRequest(id=member_id, peer_urls=peer_urls)
        answer = await self._calls.unary(MEMBER_UPDATE, request, timeout)
        return MemberList(reading.header(answer.header), reading.members(answer.members))

    async def remove(self, member_id: int, *, timeout: float | None = None) -> MemberList:
        """Take a member out for good; NotFound if it is not in the list."""
        answer = await self._calls.unary(MEMBER_REMOVE, pb.MemberRemoveRequest(id=member_id), timeout)
        return MemberList(reading.header(answer.header), reading.members(answer.members))
