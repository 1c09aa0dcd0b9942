"""How a call to etcd ends when it does not end well. A call has three outcomes: done, failed, unknown.

`Unavailable`: surely not done, nobody took it. `UnknownOutcome`: sent, and it may have been done; look before acting
again. `Rejected`: etcd answered no, in its own words. Everything here is a `ClusterFailed`.
"""

from __future__ import annotations

from dataclasses import dataclass

from etcdpilot.model.errors import ClusterFailed


@dataclass(frozen=True, slots=True)
class Failure:
    """One try of one call: at which endpoint, gRPC's code (`UNAVAILABLE`), and the words that came with it."""

    endpoint: str
    code: str
    text: str

    def __str__(self) -> str:
        return f"{self.endpoint}: {self.text or self.code}"


class EtcdError(ClusterFailed):
    """A call failed. `call` is `KV/Put`; `failures` holds every try in order, the last one decided."""

    def __init__(self, call: str, what: str, *failures: Failure, why: str = "", remedy: str = "") -> None:
        super().__init__(what, why=why or "\n".join(str(failure) for failure in failures), remedy=remedy)
        self.call, self.failures = call, failures

    @property
    def code(self) -> str:
        """gRPC's code of the last try, or an empty word."""
        return self.failures[-1].code if self.failures else ""

    @property
    def text(self) -> str:
        """etcd's or gRPC's own words of the last try."""
        return self.failures[-1].text if self.failures else ""

    @property
    def endpoint(self) -> str:
        return self.failures[-1].endpoint if self.failures else ""


class Unavailable(EtcdError):
    """No member took the call, or none answered a read: nothing was changed."""


class TlsFailed(Unavailable):
    """No connection, because one side did not accept the other's certificate."""


class UnknownOutcome(EtcdError):
    """The call was sent and no answer came: it may have been carried out, or still be."""


class Rejected(EtcdError):
    """etcd answered that it will not; nothing was changed."""


class NotYet(Rejected):
    """etcd refuses for the moment: the same call may succeed once the cluster has settled."""


class Compacted(Rejected):
    """The revision asked for has been compacted away. `revision` is the oldest that is left, 0 where etcd hides it."""

    def __init__(self, call: str, what: str, *failures: Failure, revision: int = 0, remedy: str = "") -> None:
        super().__init__(call, what, *failures, remedy=remedy)
        self.revision = revision


class NotFound(Rejected):
    """There is no such member, lease, user or role."""


class Denied(Rejected):
    """etcd's auth does not let this user do that, or does not know the user."""


class OutOfSpace(Rejected):
    """The database is over its quota; etcd takes deletions and compactions only.

    The very write that raises the alarm is answered so too, and is carried out all the same: look before it is repeated.
    """


class Unsupported(Rejected):
    """This version of etcd has no such call."""


class SnapshotBroken(EtcdError):
    """The stream ended early, or its SHA-256 is not the one etcd sent with it."""
