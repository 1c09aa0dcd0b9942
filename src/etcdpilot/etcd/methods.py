"""The calls of etcd 3.4 to 3.7: where each goes, what it carries, and whether it may simply be asked again."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from google.protobuf.message import Message

from etcdpilot.etcd import etcd_pb2 as pb

Request = TypeVar("Request", bound=Message)
Answer = TypeVar("Answer", bound=Message)


class Kind(Enum):
    """The shapes of a gRPC call that etcd uses."""

    UNARY = "unary"
    ANSWER_STREAM = "answers stream"
    BOTH_STREAM = "both stream"


@dataclass(frozen=True, slots=True)
class Method(Generic[Request, Answer]):
    """One call.

    `repeatable`: doing it twice does no more than doing it once, so it may go to the next endpoint even when nobody
    knows whether the first one did it. (Transactions of nothing but reads are told apart in kv.py.)
    `needs_leader`: a member that has no leader is told to refuse at once, instead of letting the call run into its
    time limit. Such a refusal comes before anything was done.
    """

    name: str
    request: type[Request]
    answer: type[Answer]
    repeatable: bool = False
    needs_leader: bool = True
    kind: Kind = Kind.UNARY

    @property
    def path(self) -> str:
        """What goes over the wire: `KV/Put` is called at `/etcdserverpb.KV/Put`."""
        return f"/etcdserverpb.{self.name}"


RANGE = Method("KV/Range", pb.RangeRequest, pb.RangeResponse, repeatable=True)
RANGE_LOCAL = Method("KV/Range", pb.RangeRequest, pb.RangeResponse, repeatable=True, needs_leader=False)
PUT = Method("KV/Put", pb.PutRequest, pb.PutResponse)
DELETE_RANGE = Method("KV/DeleteRange", pb.DeleteRangeRequest, pb.DeleteRangeResponse)
TXN = Method("KV/Txn", pb.TxnRequest, pb.TxnResponse)
TXN_OF_READS = Method("KV/Txn", pb.TxnRequest, pb.TxnResponse, repeatable=True)
COMPACT = Method("KV/Compact", pb.CompactionRequest, pb.CompactionResponse)

WATCH = Method("Watch/Watch", pb.WatchRequest, pb.WatchResponse, repeatable=True, kind=Kind.BOTH_STREAM)

LEASE_GRANT = Method("Lease/LeaseGrant", pb.LeaseGrantRequest, pb.LeaseGrantResponse)
LEASE_REVOKE = Method("Lease/LeaseRevoke", pb.LeaseRevokeRequest, pb.LeaseRevokeResponse)
LEASE_KEEP_ALIVE = Method(
    "Lease/LeaseKeepAlive",
    pb.LeaseKeepAliveRequest,
    pb.LeaseKeepAliveResponse,
    repeatable=True,
    kind=Kind.BOTH_STREAM,
)
LEASE_TIME_TO_LIVE = Method(
    "Lease/LeaseTimeToLive", pb.LeaseTimeToLiveRequest, pb.LeaseTimeToLiveResponse, repeatable=True
)
LEASE_LEASES = Method("Lease/LeaseLeases", pb.LeaseLeasesRequest, pb.LeaseLeasesResponse, repeatable=True)

MEMBER_LIST = Method("Cluster/MemberList", pb.MemberListRequest, pb.MemberListResponse, repeatable=True)
MEMBER_LIST_LOCAL = Method(
    "Cluster/MemberList", pb.MemberListRequest, pb.MemberListResponse, repeatable=True, needs_leader=False
)
MEMBER_ADD = Method("Cluster/MemberAdd", pb.MemberAddRequest, pb.MemberAddResponse)
MEMBER_REMOVE = Method("Cluster/MemberRemove", pb.MemberRemoveRequest, pb.MemberRemoveResponse)
MEMBER_UPDATE = Method("Cluster/MemberUpdate", pb.MemberUpdateRequest, pb.MemberUpdateResponse)
MEMBER_PROMOTE = Method("Cluster/MemberPromote", pb.MemberPromoteRequest, pb.MemberPromoteResponse)

ALARM = Method("Maintenance/Alarm", pb.AlarmRequest, pb.AlarmResponse)
ALARM_LIST = Method("Maintenance/Alarm", pb.AlarmRequest, pb.AlarmResponse, repeatable=True)
STATUS = Method("Maintenance/Status", pb.StatusRequest, pb.StatusResponse, repeatable=True, needs_leader=False)
DEFRAGMENT = Method("Maintenance/Defragment", pb.DefragmentRequest, pb.DefragmentResponse, needs_leader=False)
HASH = Method("Maintenance/Hash", pb.HashRequest, pb.HashResponse, repeatable=True, needs_leader=False)
HASH_KV = Method("Maintenance/HashKV", pb.HashKVRequest, pb.HashKVResponse, repeatable=True, needs_leader=False)
SNAPSHOT = Method(
    "Maintenance/Snapshot",
    pb.SnapshotRequest,
    pb.SnapshotResponse,
    repeatable=True,
    needs_leader=False,
    kind=Kind.ANSWER_STREAM,
)
MOVE_LEADER = Method("Maintenance/MoveLeader", pb.MoveLeaderRequest, pb.MoveLeaderResponse)
DOWNGRADE = Method("Maintenance/Downgrade", pb.DowngradeRequest, pb.DowngradeResponse)
DOWNGRADE_VALIDATE = Method("Maintenance/Downgrade", pb.DowngradeRequest, pb.DowngradeResponse, repeatable=True)

AUTH_ENABLE = Method("Auth/AuthEnable", pb.AuthEnableRequest, pb.AuthEnableResponse)
AUTH_DISABLE = Method("Auth/AuthDisable", pb.AuthDisableRequest, pb.AuthDisableResponse)
AUTH_STATUS = Method("Auth/AuthStatus", pb.AuthStatusRequest, pb.AuthStatusResponse, repeatable=True)
AUTHENTICATE = Method("Auth/Authenticate", pb.AuthenticateRequest, pb.AuthenticateResponse, repeatable=True)
USER_ADD = Method("Auth/UserAdd", pb.UserAddRequest, pb.UserAddResponse)
USER_GET = Method("Auth/UserGet", pb.UserGetRequest, pb.UserGetResponse, repeatable=True)
USER_LIST = Method("Auth/UserList", pb.UserListRequest, pb.UserListResponse, repeatable=True)
USER_DELETE = Method("Auth/UserDelete", pb.UserDeleteRequest, pb.UserDeleteResponse)
USER_CHANGE_PASSWORD = Method("Auth/UserChangePassword", pb.UserChangePasswordRequest, pb.UserChangePasswordResponse)
USER_GRANT_ROLE = Method("Auth/UserGrantRole", pb.UserGrantRoleRequest, pb.UserGrantRoleResponse)
USER_REVOKE_ROLE = Method("Auth/UserRevokeRole", pb.UserRevokeRoleRequest, pb.UserRevokeRoleResponse)
ROLE_ADD = Method("Auth/RoleAdd", pb.RoleAddRequest, pb.RoleAddResponse)
ROLE_GET = Method("Auth/RoleGet", pb.RoleGetRequest, pb.RoleGetResponse, repeatable=True)
ROLE_LIST = Method("Auth/RoleList", pb.RoleListRequest, pb.RoleListResponse, repeatable=True)
ROLE_DELETE = Method("Auth/RoleDelete", pb.RoleDeleteRequest, pb.RoleDeleteResponse)
ROLE_GRANT_PERMISSION = Method(
    "Auth/RoleGrantPermission", pb.RoleGrantPermissionRequest, pb.RoleGrantPermissionResponse
)
ROLE_REVOKE_PERMISSION = Method(
    "Auth/RoleRevokePermission", pb.RoleRevokePermissionRequest, pb.RoleRevokePermissionResponse
)
