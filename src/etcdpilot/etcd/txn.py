"""Transactions: what must hold, what is done then, and what is done otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from etcdpilot.etcd import etcd_pb2 as pb
from etcdpilot.etcd.keys import as_bytes, key_range

RESULTS = {"=": pb.Compare.EQUAL, ">": pb.Compare.GREATER, "<": pb.Compare.LESS, "!=": pb.Compare.NOT_EQUAL}


class Aspect(Enum):
    """What of a key is compared. The version of a key that does not exist is 0, and so are its revisions."""

    VALUE = "value"
    VERSION = "version"
    CREATE_REVISION = "create_revision"
    MOD_REVISION = "mod_revision"
    LEASE = "lease"


TARGETS = {
    Aspect.VALUE: pb.Compare.VALUE,
    Aspect.VERSION: pb.Compare.VERSION,
    Aspect.CREATE_REVISION: pb.Compare.CREATE,
    Aspect.MOD_REVISION: pb.Compare.MOD,
    Aspect.LEASE: pb.Compare.LEASE,
}


@dataclass(frozen=True, slots=True)
class If:
    """A condition: `If("a", Aspect.VERSION, "=", 0)` holds while there is no key a. With `prefix`, for all keys."""

    key: str | bytes
    aspect: Aspect
    operator: str
    operand: str | bytes | int
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Get:
    key: str | bytes
    prefix: bool = False
    range_end: str | bytes = b""
    limit: int = 0
    keys_only: bool = False
    count_only: bool = False


@dataclass(frozen=True, slots=True)
class Put:
    key: str | bytes
    value: str | bytes
    lease: int = 0
    previous: bool = False


@dataclass(frozen=True, slots=True)
class Delete:
    key: str | bytes
    prefix: bool = False
    range_end: str | bytes = b""
    previous: bool = False


@dataclass(frozen=True, slots=True)
class Txn:
    """All of `when` holds: `then` is done, in order, at one revision; otherwise `otherwise`."""

    when: tuple[If, ...] = ()
    then: tuple[Get | Put | Delete | Txn, ...] = ()
    otherwise: tuple[Get | Put | Delete | Txn, ...] = ()

    @property
    def only_reads(self) -> bool:
        """Nothing but reads in either branch: such a transaction may be asked of any member again."""
        return all(isinstance(operation, Get) or _only_reads(operation) for operation in self.then + self.otherwise)


def _only_reads(operation: Get | Put | Delete | Txn) -> bool:
    return isinstance(operation, Txn) and operation.only_reads


def request_of(txn: Txn) -> pb.TxnRequest:
    return pb.TxnRequest(
        compare=[_compare(condition) for condition in txn.when],
        success=_operations(txn.then),
        failure=_operations(txn.otherwise),
    )


def _compare(condition: If) -> pb.Compare:
    if condition.operator not in RESULTS:
        raise ValueError(f"{condition.operator!r} is not one of {' '.join(RESULTS)}")
    key, end = key_range(condition.key, condition.prefix, b"")
    message = pb.Compare(result=RESULTS[condition.operator], target=TARGETS[condition.aspect], key=key, range_end=end)
    operand = condition.operand
    setattr(message, condition.aspect.value, operand if isinstance(operand, int) else as_bytes(operand))
    return message


def _operations(operations: Iterable[Get | Put | Delete | Txn]) -> list[pb.RequestOp]:
    return [_operation(operation) for operation in operations]


def _operation(operation: Get | Put | Delete | Txn) -> pb.RequestOp:
    match operation:
        case Get():
            return pb.RequestOp(range=get_request(operation))
        case Put():
            return pb.RequestOp(put=put_request(operation))
        case Delete():
            return pb.RequestOp(delete_range=delete_request(operation))
        case Txn():
            return pb.RequestOp(txn=request_of(operation))


def get_request(get: Get) -> pb.RangeRequest:
    key, end = key_range(get.key, get.prefix, get.range_end)
    return pb.RangeRequest(key=key, range_end=end, limit=get.limit, keys_only=get.keys_only, count_only=get.count_only)


def put_request(put: Put) -> pb.PutRequest:
    return pb.PutRequest(key=as_bytes(put.key), value=as_bytes(put.value), lease=put.lease, prev_kv=put.previous)


def delete_request(delete: Delete) -> pb.DeleteRangeRequest:
    key, end = key_range(delete.key, delete.prefix, delete.range_end)
    return pb.DeleteRangeRequest(key=key, range_end=end, prev_kv=delete.previous)
