"""The messages against etcd's own field numbers, and what importing the room costs."""

from __future__ import annotations

import subprocess
import sys

from google.protobuf.message import Message

from etcdpilot.etcd import etcd_pb2 as pb
from etcdpilot.etcd import methods
from etcdpilot.etcd.methods import Method

# Field numbers as etcd documents them for api/etcdserverpb, api/mvccpb and api/authpb: number of each field in order.
NUMBERS: dict[type[Message], str] = {
    pb.KeyValue: "key=1 create_revision=2 mod_revision=3 version=4 value=5 lease=6",
    pb.Event: "type=1 kv=2 prev_kv=3",
    pb.Header: "cluster_id=1 member_id=2 revision=3 raft_term=4",
    pb.Compare: "result=1 target=2 key=3 version=4 create_revision=5 mod_revision=6 value=7 lease=8 range_end=64",
    pb.WatchResponse: "header=1 watch_id=2 created=3 canceled=4 compact_revision=5 cancel_reason=6 fragment=7 events=11",
    pb.StatusResponse: "header=1 version=2 db_size=3 leader=4 raft_index=5 raft_term=6 raft_applied_index=7 errors=8 "
    "db_size_in_use=9 is_learner=10 storage_version=11 db_size_quota=12 downgrade_info=13",
    pb.Member: "id=1 name=2 peer_urls=3 client_urls=4 is_learner=5",
    pb.LeaseTimeToLiveResponse: "header=1 id=2 ttl=3 granted_ttl=4 keys=5",
    pb.HashKVResponse: "header=1 hash=2 compact_revision=3 hash_revision=4",
    pb.SnapshotResponse: "header=1 remaining_bytes=2 blob=3 version=4",
    pb.Permission: "type=1 key=2 range_end=3",
}


def test_field_numbers_are_those_of_etcd() -> None:
    for message, wanted in NUMBERS.items():
        found = " ".join(f"{field.name}={field.number}" for field in message.DESCRIPTOR.fields)
        assert found == wanted, message.DESCRIPTOR.name


def test_messages_live_in_a_package_of_their_own() -> None:
    assert pb.DESCRIPTOR.package == "etcdpilot.etcd"
    assert pb.DESCRIPTOR.name == "etcdpilot/etcd/etcd.proto"


def test_every_method_has_its_service_s_path_and_only_reads_are_repeated() -> None:
    table = [value for value in vars(methods).values() if isinstance(value, Method)]
    assert len({method.path for method in table}) == 41
    assert methods.PUT.path == "/etcdserverpb.KV/Put"
    changing = {method.name.split("/")[1] for method in table if not method.repeatable}
    wanted = """
        Put DeleteRange Txn Compact LeaseGrant LeaseRevoke MemberAdd MemberRemove MemberUpdate MemberPromote Alarm Defragment
        MoveLeader Downgrade AuthEnable AuthDisable UserAdd UserDelete UserChangePassword UserGrantRole UserRevokeRole
        RoleAdd RoleDelete RoleGrantPermission RoleRevokePermission
    """
    assert changing == set(wanted.split())


def test_the_client_imports_no_more_than_grpc_and_the_messages() -> None:
    code = "import sys, etcdpilot.etcd.client; print(*(name.split('.')[0] for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"pydantic", "rich", "click", "asyncssh", "cryptography", "yaml", "ruamel"}
    assert not heavy & set(done.stdout.split())


def test_a_password_or_a_key_is_in_no_repr() -> None:
    code = (
        "from etcdpilot.etcd.channels import Tls; from etcdpilot.etcd.login import Login\n"
        "print(Tls(ca=b'ca', cert=b'cert', key=b'SECRET'), Login('u', 'SECRET'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "SECRET" not in done.stdout and "Tls(" in done.stdout
