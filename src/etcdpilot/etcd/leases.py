"""Leases: keys that vanish with whoever held them."""

from __future__ import annotations

from etcdpilot.etcd import etcd_pb2 as pb
from etcdpilot.etcd.calls import Calls
from etcdpilot.etcd.keep_alive import KeptLease
from etcdpilot.etcd.methods import LEASE_GRANT, LEASE_LEASES, LEASE_REVOKE, LEASE_TIME_TO_LIVE
from etcdpilot.model.answers import Lease, LeaseTimeToLive


class Leases:
    """Seconds throughout. etcd raises a `ttl` that is shorter than one and a half election timeouts."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def grant(self, ttl: int, *, lease_id: int = 0, timeout: float | None = None) -> Lease:
        """A new lease; 0 lets etcd choose the ID. Nothing keeps it alive: see `keep`."""
        answer = await self._calls.unary(LEASE_GRANT, pb.LeaseGrantRequest(ttl=ttl, id=lease_id), timeout)
        return Lease(answer.id, answer.ttl)

    async def revoke(self, lease_id: int, *, timeout: float | None = None) -> None:
        """End a lease now, and delete its keys; NotFound if it has ended already."""
        await self._calls.unary(LEASE_REVOKE, pb.LeaseRevokeRequest(id=lease_id), timeout)

    async def time_to_live(self, lease_id: int, *, keys: bool = False, timeout: float | None = None) -> LeaseTimeToLive:
        """How long it still has; -1 seconds where it has ended."""
        request = pb.LeaseTimeToLiveRequest(id=lease_id, keys=keys)
        answer = await self._calls.unary(LEASE_TIME_TO_LIVE, request, timeout)
        return LeaseTimeToLive(answer.id, answer.ttl, answer.granted_ttl, tuple(answer.keys))

    async def list(self, *, timeout: float | None = None) -> tuple[int, ...]:
        """The IDs of all leases."""
        answer = await self._calls.unary(LEASE_LEASES, pb.LeaseLeasesRequest(), timeout)
        return tuple(lease.id for lease in answer.leases)

    def keep(self, ttl: int) -> KeptLease:
        """`async with client.leases.keep(10) as lease:` grants one, keeps it alive, and revokes it at the end."""
        return KeptLease(self._calls, self, ttl)
