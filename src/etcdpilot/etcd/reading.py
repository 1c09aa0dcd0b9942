"""Turns the messages of the wire into the values of model/answers.py; beyond this room nobody sees a message."""

from __future__ import annotations

from collections.abc import Iterable

from etcdpilot.etcd import etcd_pb2 as pb
from etcdpilot.model import answers


def header(message: pb.Header) -> answers.Header:
    return answers.Header(message.cluster_id, message.member_id, message.revision, message.raft_term)


def key_value(message: pb.KeyValue) -> answers.KeyValue:
    return answers.KeyValue(
        message.key, message.value, message.create_revision, message.mod_revision, message.version, message.lease
    )


def key_values(messages: Iterable[pb.KeyValue]) -> tuple[answers.KeyValue, ...]:
    return tuple(key_value(message) for message in messages)


def range_result(message: pb.RangeResponse) -> answers.RangeResult:
    return answers.RangeResult(header(message.header), key_values(message.kvs), message.count, message.more)


def put_result(message: pb.PutResponse) -> answers.PutResult:
    previous = key_value(message.prev_kv) if message.HasField("prev_kv") else None
    return answers.PutResult(header(message.header), previous)


def delete_result(message: pb.DeleteRangeResponse) -> answers.DeleteResult:
    return answers.DeleteResult(header(message.header), message.deleted, key_values(message.prev_kvs))


def txn_result(message: pb.TxnResponse) -> answers.TxnResult:
    results = tuple(_result(operation) for operation in message.responses)
    return answers.TxnResult(header(message.header), message.succeeded, results)


def _result(
    message: pb.ResponseOp,
) -> answers.RangeResult | answers.PutResult | answers.DeleteResult | answers.TxnResult:
    match message.WhichOneof("response"):
        case "range":
            return range_result(message.range)
        case "put":
            return put_result(message.put)
        case "delete_range":
            return delete_result(message.delete_range)
        case _:
            return txn_result(message.txn)


def event(message: pb.Event) -> answers.WatchEvent:
    kind = answers.EventType.DELETE if message.type == pb.Event.DELETE else answers.EventType.PUT
    previous = key_value(message.prev_kv) if message.HasField("prev_kv") else None
    return answers.WatchEvent(kind, key_value(message.kv), previous)


def member(message: pb.Member) -> answers.MemberEntry:
    return answers.MemberEntry(
        message.id, message.name, tuple(message.peer_urls), tuple(message.client_urls), message.is_learner
    )


def members(messages: Iterable[pb.Member]) -> tuple[answers.MemberEntry, ...]:
    return tuple(member(message) for message in messages)


def status(message: pb.StatusResponse) -> answers.MemberStatus:
    """Only 3.6 and later tell the storage version, the quota and the downgrade; the first two not from the first second.

    A member that has just formed answers with no storage version until the leader has settled the cluster's version.
    """
    newer = bool(message.storage_version or message.db_size_quota or message.HasField("downgrade_info"))
    return answers.MemberStatus(
        header=header(message.header),
        version=message.version,
        db_size=message.db_size,
        db_size_in_use=message.db_size_in_use,
        leader=message.leader,
        raft_index=message.raft_index,
        raft_term=message.raft_term,
        raft_applied_index=message.raft_applied_index,
        is_learner=message.is_learner,
        errors=tuple(message.errors),
        storage_version=message.storage_version or None,
        db_size_quota=message.db_size_quota if newer else None,
        downgrade_target=message.downgrade_info.target_version if newer else None,
    )


def alarms(message: pb.AlarmResponse) -> tuple[answers.Alarm, ...]:
    return tuple(answers.Alarm(raised.member_id, alarm_type(raised.alarm)) for raised in message.alarms)


def alarm_type(value: pb.AlarmMember.Type) -> answers.AlarmType:
    return answers.AlarmType.CORRUPT if value == pb.AlarmMember.CORRUPT else answers.AlarmType.NOSPACE


def permission(message: pb.Permission) -> answers.Permission:
    access = tuple(answers.Access)[message.type]
    return answers.Permission(access, message.key, message.range_end)
