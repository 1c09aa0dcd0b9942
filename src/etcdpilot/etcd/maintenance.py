"""What an operator asks of one member, and of the cluster as a whole.

Status, defragmentation, hashes and snapshots are answered by the member that is asked: use `client.at(endpoint)`.
"""

from __future__ import annotations

from etcdpilot.etcd import etcd_pb2 as pb
from etcdpilot.etcd import reading
from etcdpilot.etcd.calls import Calls
from etcdpilot.etcd.methods import (
    ALARM,
    ALARM_LIST,
    DEFRAGMENT,
    DOWNGRADE,
    DOWNGRADE_VALIDATE,
    HASH,
    HASH_KV,
    MOVE_LEADER,
    STATUS,
)
from etcdpilot.etcd.snapshots import SnapshotStream
from etcdpilot.model.answers import Alarm, AlarmType, HashOfKeys, Header, MemberStatus

ALARM_TYPES = {
    None: pb.AlarmMember.NONE,
    AlarmType.NOSPACE: pb.AlarmMember.NOSPACE,
    AlarmType.CORRUPT: pb.AlarmMember.CORRUPT,
}
# Defragmentation stops the member while it copies its database: 2 GB may take a minute on a slow disk.
DEFRAGMENT_SECONDS = 300.0


class Maintenance:
    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def status(self, *, timeout: float | None = None) -> MemberStatus:
        """What the asked member says of itself; answered without quorum too."""
        return reading.status(await self._calls.unary(STATUS, pb.StatusRequest(), timeout))

    async def alarms(self, *, timeout: float | None = None) -> tuple[Alarm, ...]:
        """The alarms of the whole cluster; needs quorum."""
        request = pb.AlarmRequest(action=pb.AlarmRequest.GET)
        return reading.alarms(await self._calls.unary(ALARM_LIST, request, timeout))

    async def activate_alarm(self, alarm: Alarm, *, timeout: float | None = None) -> tuple[Alarm, ...]:
        return await self._alarm(pb.AlarmRequest.ACTIVATE, alarm.member_id, alarm.type, timeout)

    async def disarm(
        self, member_id: int = 0, alarm: AlarmType | None = None, *, timeout: float | None = None
    ) -> tuple[Alarm, ...]:
        """Disarm one alarm of one member, or everything that 0 and None leave open; returns what was disarmed.

        Done one by one: etcd takes only an alarm's own member ID and type (0 and NONE match nothing).
        """
        raised = await self.alarms(timeout=timeout)
        chosen = [one for one in raised if member_id in (0, one.member_id) and alarm in (None, one.type)]
        for one in chosen:
            await self._alarm(pb.AlarmRequest.DEACTIVATE, one.member_id, one.type, timeout)
        return tuple(chosen)

    async def _alarm(
        self, action: pb.AlarmRequest.Action, member_id: int, alarm: AlarmType, timeout: float | None
    ) -> tuple[Alarm, ...]:
        request = pb.AlarmRequest(action=action, member_id=member_id, alarm=ALARM_TYPES[alarm])
        return reading.alarms(await self._calls.unary(ALARM, request, timeout))

    async def defragment(self, *, timeout: float = DEFRAGMENT_SECONDS) -> None:
        """Give free space in the asked member's database back to its disk; the member answers nothing meanwhile."""
        await self._calls.unary(DEFRAGMENT, pb.DefragmentRequest(), timeout)

    async def hash(self, *, timeout: float | None = None) -> int:
        """CRC-32C over the asked member's whole database: comparable only while nothing is written."""
        return int((await self._calls.unary(HASH, pb.HashRequest(), timeout)).hash)

    async def hash_of_keys(self, revision: int = 0, *, timeout: float | None = None) -> HashOfKeys:
        """CRC-32C over the keys of the asked member up to a revision (0: its present one)."""
        answer = await self._calls.unary(HASH_KV, pb.HashKVRequest(revision=revision), timeout)
        hashed_at = answer.hash_revision or revision or answer.header.revision
        return HashOfKeys(reading.header(answer.header), answer.hash, hashed_at, answer.compact_revision)

    def snapshot(self) -> SnapshotStream:
        """The asked member's database, as chunks of bytes; see SnapshotStream."""
        return SnapshotStream(self._calls)

    async def move_leader(self, member_id: int, *, timeout: float | None = None) -> Header:
        """Hand leadership over; only the present leader takes this call."""
        answer = await self._calls.unary(MOVE_LEADER, pb.MoveLeaderRequest(target_id=member_id), timeout)
        return reading.header(answer.header)

    async def validate_downgrade(self, version: str, *, timeout: float | None = None) -> str:
        """Ask whether the cluster may go down to `3.5`; returns the present cluster version, raises Rejected."""
        request = pb.DowngradeRequest(action=pb.DowngradeRequest.VALIDATE, version=version)
        return str((await self._calls.unary(DOWNGRADE_VALIDATE, request, timeout)).version)

    async def enable_downgrade(self, version: str, *, timeout: float | None = None) -> str:
        request = pb.DowngradeRequest(action=pb.DowngradeRequest.ENABLE, version=version)
        return str((await self._calls.unary(DOWNGRADE, request, timeout)).version)

    async def cancel_downgrade(self, *, timeout: float | None = None) -> str:
        request = pb.DowngradeRequest(action=pb.DowngradeRequest.CANCEL)
        return str((await self._calls.unary(DOWNGRADE, request, timeout)).version)
