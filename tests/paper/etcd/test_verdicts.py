"""What etcd's and gRPC's words prove about a call: the difference between repeating a write and doubling it."""

from __future__ import annotations

import pytest

from etcdpilot.etcd import errors
from etcdpilot.etcd.errors import EtcdError, Failure
from etcdpilot.etcd.verdicts import Verdict, error_of, judge
from etcdpilot.model.errors import ClusterFailed

REFUSED = "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: Failed to connect to remote host"
WORDS = [
    ("UNAVAILABLE", REFUSED, Verdict.NOT_DONE),
    ("UNAVAILABLE", "errors resolving nobody.invalid:2379: Domain name not found", Verdict.NOT_DONE),
    ("UNAVAILABLE", "no connection within 2.0 s", Verdict.NOT_DONE),
    ("UNAVAILABLE", "etcdserver: no leader", Verdict.NOT_DONE),
    ("UNKNOWN", "raft proposal dropped", Verdict.NOT_DONE),
    ("RESOURCE_EXHAUSTED", "etcdserver: too many requests", Verdict.NOT_DONE),
    ("UNAVAILABLE", "etcdserver: rpc not supported for learner", Verdict.NOT_DONE),
    ("UNAVAILABLE", "SSL_ERROR_SSL: SSLV3_ALERT_BAD_CERTIFICATE", Verdict.NOT_DONE),
    ("UNAUTHENTICATED", "etcdserver: invalid auth token", Verdict.LOG_IN),
    ("INVALID_ARGUMENT", "etcdserver: revision of auth store is old", Verdict.LOG_IN),
    ("INVALID_ARGUMENT", "etcdserver: user name is empty", Verdict.LOG_IN),
    ("UNKNOWN", "auth: invalid auth token", Verdict.LOG_IN),
    ("UNAVAILABLE", "Socket closed", Verdict.UNKNOWN),
    ("UNAVAILABLE", "recvmsg:Connection reset by peer", Verdict.UNKNOWN),
    ("UNAVAILABLE", "keepalive watchdog timeout", Verdict.UNKNOWN),
    ("UNAVAILABLE", "etcdserver: request timed out", Verdict.UNKNOWN),
    ("UNAVAILABLE", "etcdserver: request timed out, possibly due to previous leader failure", Verdict.UNKNOWN),
    ("UNAVAILABLE", "etcdserver: server stopped", Verdict.UNKNOWN),
    ("UNAVAILABLE", "etcdserver: leader changed", Verdict.UNKNOWN),
    ("UNKNOWN", "context deadline exceeded", Verdict.UNKNOWN),
    ("DEADLINE_EXCEEDED", "Deadline Exceeded", Verdict.UNKNOWN),
    ("CANCELLED", "context canceled", Verdict.UNKNOWN),
    ("INTERNAL", "RST_STREAM", Verdict.UNKNOWN),
    ("UNAVAILABLE", "etcdserver: unhealthy cluster", Verdict.REJECTED),
    ("NOT_FOUND", "etcdserver: member not found", Verdict.REJECTED),
    ("RESOURCE_EXHAUSTED", "etcdserver: mvcc: database space exceeded", Verdict.REJECTED),
    ("PERMISSION_DENIED", "etcdserver: permission denied", Verdict.REJECTED),
    ("DATA_LOSS", "etcdserver: corrupt cluster", Verdict.REJECTED),
    ("UNIMPLEMENTED", "unknown method Downgrade", Verdict.REJECTED),
]


@pytest.mark.parametrize(("code", "text", "verdict"), WORDS, ids=[text[:40] for _, text, _ in WORDS])
def test_words_prove_what_they_prove(code: str, text: str, verdict: Verdict) -> None:
    assert judge(Failure("https://a:2379", code, text)) is verdict


ERRORS: list[tuple[str, str, type[EtcdError]]] = [
    ("UNAVAILABLE", REFUSED, errors.Unavailable),
    ("UNAVAILABLE", "failed to connect to all addresses; Ssl handshake failed: x", errors.TlsFailed),
    ("UNAVAILABLE", "etcdserver: request timed out", errors.UnknownOutcome),
    ("FAILED_PRECONDITION", "etcdserver: member ID already exist", errors.Rejected),
    ("UNAVAILABLE", "etcdserver: unhealthy cluster", errors.NotYet),
    ("OUT_OF_RANGE", "etcdserver: mvcc: required revision has been compacted", errors.Compacted),
    ("NOT_FOUND", "etcdserver: requested lease not found", errors.NotFound),
    ("FAILED_PRECONDITION", "etcdserver: user name not found", errors.NotFound),
    ("PERMISSION_DENIED", "etcdserver: permission denied", errors.Denied),
    ("RESOURCE_EXHAUSTED", "etcdserver: mvcc: database space exceeded", errors.OutOfSpace),
    ("UNIMPLEMENTED", "unknown method", errors.Unsupported),
]


@pytest.mark.parametrize(("code", "text", "kind"), ERRORS, ids=[kind.__name__ for _, _, kind in ERRORS])
def test_a_change_that_failed_has_an_error_of_its_kind(code: str, text: str, kind: type[EtcdError]) -> None:
    error = error_of("KV/Put", (Failure("https://a:2379", code, text),), changes_something=True)
    assert type(error) is kind and isinstance(error, ClusterFailed)
    assert (error.code, error.text, error.endpoint, error.call) == (code, text, "https://a:2379", "KV/Put")
    assert text in str(error) and "KV/Put" in error.what


def test_a_read_without_an_answer_has_changed_nothing() -> None:
    lost = (Failure("https://a:2379", "DEADLINE_EXCEEDED", "Deadline Exceeded"),)
    assert type(error_of("KV/Range", lost, changes_something=False)) is errors.Unavailable
    assert type(error_of("KV/Put", lost, changes_something=True)) is errors.UnknownOutcome


def test_an_unavailable_cluster_names_every_endpoint_and_its_latest_words() -> None:
    tries = tuple(Failure(f"https://{host}:2379", "UNAVAILABLE", f"{REFUSED} {host}") for host in "abcab")
    error = error_of("KV/Put", tries, changes_something=True)
    assert [line.split(": ")[0] for line in error.why.splitlines()] == [f"https://{host}:2379" for host in "abc"]
