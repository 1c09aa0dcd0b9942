"""What a failed try means: may the call be repeated elsewhere, is its outcome unknown, or did etcd say no.

etcd's words are those of its `api/v3rpc/rpctypes`, the same from 3.4 to 3.7; gRPC's are those of grpcio 1.66 to 1.85.
"""

from __future__ import annotations

from enum import Enum

from etcdpilot.etcd.errors import (
    Compacted,
    Denied,
    EtcdError,
    Failure,
    NotFound,
    NotYet,
    OutOfSpace,
    Rejected,
    TlsFailed,
    Unavailable,
    UnknownOutcome,
    Unsupported,
)


class Verdict(Enum):
    """What one failed try proves."""

    NOT_DONE = "nobody took it, so it may go to the next endpoint"
    LOG_IN = "the token is no longer good; nothing was done"
    UNKNOWN = "it may have been done"
    REJECTED = "etcd said no"


# A listener that answers nothing, as a process that is paused or that does not serve yet.
HANGING = "no connection within"
# The try ended before a byte of the request was sent.
NOT_SENT = (
    "failed to connect to",
    "connections to all backends failing",
    "errors resolving",
    "resolution failed",
    "empty address list",
    HANGING,
)
# The server had not accepted our certificate yet, so it cannot have read the request. Under TLS 1.3 this arrives after
# the client believes to be connected; from 3.6 on gRPC only says that what it read was no data.
CERTIFICATE_REFUSED = ("ALERT_BAD_CERTIFICATE", "ALERT_UNKNOWN_CA", "ALERT_CERTIFICATE_", "Unwrap failed")
HANDSHAKE = ("andshake failed", "CERTIFICATE_VERIFY_FAILED", "Hostname Verification", "Peer name", *CERTIFICATE_REFUSED)
# etcd says these before it proposes anything. `proposal dropped`: the member had no leader to hand the proposal to, or
# the leader was just handing over. (A proposal that was lost on its way ends in `request timed out`: unknown.)
NOT_PROPOSED = (
    "etcdserver: no leader",
    "raft proposal dropped",
    "etcdserver: too many requests",
    "etcdserver: not capable",
    "etcdserver: rpc not supported for learner",
)
# Streams say `auth: …` where single calls say `etcdserver: …`.
STALE_TOKEN = (
    "invalid auth token",
    "revision of auth store is old",
    "revision in header is old",
    "user name is empty",
)
SETTLING = (
    "etcdserver: unhealthy cluster",
    "in sync with leader",
    "not enough started members",
    "etcdserver: too many requests",
    "cluster version not found during downgrade",
)
DENIED = ("permission denied", "authentication failed", *STALE_TOKEN)
# Codes that only a server that has understood the request gives. (UNKNOWN, INTERNAL, CANCELLED, UNAVAILABLE and
# DEADLINE_EXCEEDED also come from the transport, or from a proposal that was already on its way.)
ANSWERED = frozenset(
    (
        "INVALID_ARGUMENT",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    )
)


def judge(failure: Failure) -> Verdict:
    """What this try proves about the call."""
    if _says(failure, NOT_SENT) or _says(failure, CERTIFICATE_REFUSED) or _says(failure, NOT_PROPOSED):
        return Verdict.NOT_DONE
    if _says(failure, STALE_TOKEN):
        return Verdict.LOG_IN
    if failure.code in ANSWERED or _says(failure, SETTLING + DENIED):
        return Verdict.REJECTED
    return Verdict.UNKNOWN


def error_of(call: str, failures: tuple[Failure, ...], *, changes_something: bool) -> EtcdError:
    """The error that the last of these tries amounts to. A read without an answer has changed nothing."""
    last = failures[-1]
    match judge(last):
        case Verdict.REJECTED | Verdict.LOG_IN:
            return _rejected(call, last)
        case Verdict.UNKNOWN if changes_something:
            return UnknownOutcome(
                call,
                f"Nobody knows whether {call} was carried out.",
                last,
                remedy="Look at the cluster before doing it again: it may have been applied.",
            )
        case _:
            return _unavailable(call, failures)


def _rejected(call: str, last: Failure) -> Rejected:
    what = f"etcd refused {call}: {last.text or last.code}"
    if "has been compacted" in last.text:
        return Compacted(call, what, last, remedy="Read the present state and go on from its revision.")
    if "database space exceeded" in last.text:
        remedy = "Compact, defragment each member, then disarm the NOSPACE alarm; or raise quota-backend-bytes."
        return OutOfSpace(call, what, last, remedy=remedy)
    if _says(last, SETTLING):
        return NotYet(call, what, last, remedy="Wait until every member is up and in contact, then try again.")
    if _says(last, DENIED) or last.code == "PERMISSION_DENIED":
        return Denied(call, what, last, remedy="Use a user, or a client certificate, whose roles allow it.")
    if last.code == "NOT_FOUND" or last.text.endswith("name not found"):
        return NotFound(call, what, last)
    if last.code == "UNIMPLEMENTED":
        return Unsupported(call, what, last, remedy="The member's version of etcd is too old for this.")
    return Rejected(call, what, last)


def _unavailable(call: str, failures: tuple[Failure, ...]) -> Unavailable:
    latest = tuple({failure.endpoint: failure for failure in failures}.values())
    if all(_says(failure, HANDSHAKE) for failure in latest):
        return TlsFailed(call, f"No TLS connection for {call}.", *latest, remedy=tls_remedy(latest[-1].text))
    return Unavailable(
        call,
        f"No member of etcd took {call}." if len(latest) > 1 else f"{latest[-1].endpoint} did not take {call}.",
        *latest,
        remedy="See whether the members run, and whether a majority of them can reach each other.",
    )


def tls_remedy(text: str) -> str:
    """What gRPC's words for a failed handshake mean; "no certificate" and "a stranger's" read the same in them."""
    if _has(text, CERTIFICATE_REFUSED):
        return (
            "The server refused the client certificate, or wants one and got none: give one signed by its trusted CA."
        )
    if "certificate has expired" in text or "not yet valid" in text:
        return "The server's certificate is not valid now: renew it, or set this machine's clock."
    if "Hostname Verification" in text or "Peer name" in text:
        return "The server's certificate does not name this host: use a name that it holds, or issue it anew."
    if "WRONG_VERSION_NUMBER" in text:
        return "That port does not speak TLS: use http://, or another port."
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return "The server's certificate was not signed by the CA that was given: give the CA of this cluster."
    return "Check both certificates and the CA: etcdpilot pki check FILES"


def _says(failure: Failure, phrases: tuple[str, ...]) -> bool:
    return _has(failure.text, phrases)


def _has(text: str, phrases: tuple[str, ...]) -> bool:
    return any(phrase in text for phrase in phrases)
