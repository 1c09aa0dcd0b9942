"""What came of a handshake with a listener, by name: etcd and etcdctl 3.4 report one "context deadline exceeded"."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class HandshakeOutcome(Enum):
    """Every way in which it can end."""

    ACCEPTED = "accepted"
    WRONG_AUTHORITY = "its certificate was signed by another CA"
    NAME_MISMATCH = "its certificate does not cover the address"
    EXPIRED = "its certificate has expired"
    NOT_YET_VALID = "its certificate is not valid yet"
    WRONG_USAGE = "its certificate is not for servers"
    CLIENT_MISSING = "it wants a client certificate"
    CLIENT_OF_ANOTHER_AUTHORITY = "it does not trust the CA of our client certificate"
    CLIENT_EXPIRED = "our client certificate has expired"
    CLIENT_NOT_YET_VALID = "our client certificate is not valid yet"
    CLIENT_WITHOUT_USAGE = "our client certificate is not for clients"
    SPEAKS_HTTP = "it speaks http where TLS is expected"
    SPEAKS_TLS = "it speaks TLS where http is expected"
    REFUSED = "nobody listens there"
    TIMEOUT = "it did not answer in time"
    UNREACHABLE = "there is no way to it"
    CLOSED = "it closed the connection"
    FAILED = "the handshake failed"


@dataclass(frozen=True, slots=True)
class Handshake:
    """One attempt. `chain` is what was served, DER, the leaf first: also where it was not accepted."""

    url: str
    outcome: HandshakeOutcome
    why: str = ""  # the words of the TLS library or of the system
    chain: tuple[bytes, ...] = ()
    protocol: str = ""  # TLSv1.2, TLSv1.3, or empty

    @property
    def accepted(self) -> bool:
        return self.outcome is HandshakeOutcome.ACCEPTED

    def __str__(self) -> str:
        return f"{self.url}: {self.outcome.value}" + (f" ({self.why})" if self.why else "")
