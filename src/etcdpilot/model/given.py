"""Certificates of somebody else's making: where their files lie on this machine, and what was found in them."""

from __future__ import annotations

from dataclasses import dataclass

from etcdpilot.model.certificates import CertificateFacts, Purpose
from etcdpilot.model.findings import Finding

IMPORTED = "imported"  # the folder of the state that `pki import` keeps signed pairs in
OPERATOR_PAIR = "operator"  # the pair that etcdpilot itself shows to the members


@dataclass(frozen=True, slots=True)
class GivenFiles:
    """Absolute paths, or paths below the state folder; `{name}` stands for the member's name."""

    server_cert: str
    server_key: str
    peer_cert: str
    peer_key: str
    client_ca: str
    peer_ca: str
    operator_cert: str
    operator_key: str

    def of(self, role: str, member: str = "") -> str:
        """The path of one role (`server_cert`) for one member."""
        path: str = getattr(self, role)
        return path.replace("{name}", member)

    @property
    def imported(self) -> bool:
        """Whether they are signed requests of our own, which `pki import` has put into the state folder."""
        return self.server_cert.startswith(f"{IMPORTED}/")


def requested_files(*, one_pair: bool = False) -> GivenFiles:
    """Where signed requests stand in the state folder; `one_pair`: a member shows peers and clients the same one."""
    peer = "server" if one_pair else "peer"
    return GivenFiles(
        server_cert=f"{IMPORTED}/{{name}}-server.crt",
        server_key=f"{IMPORTED}/{{name}}-server.key",
        peer_cert=f"{IMPORTED}/{{name}}-{peer}.crt",
        peer_key=f"{IMPORTED}/{{name}}-{peer}.key",
        client_ca=f"{IMPORTED}/client-ca.crt",
        peer_ca=f"{IMPORTED}/peer-ca.crt",
        operator_cert=f"{IMPORTED}/{OPERATOR_PAIR}.crt",
        operator_key=f"{IMPORTED}/{OPERATOR_PAIR}.key",
    )


@dataclass(frozen=True, slots=True)
class Signer:
    """An authority of somebody else's that signs for this cluster: its certificate (its chain after it) and its key."""

    certificate: str
    key: str


@dataclass(frozen=True, slots=True)
class GivenPair:
    """One certificate with its key, as it was found. `facts` is None where there is no certificate to be read."""

    owner: str  # a member's name, or `operator`
    purpose: Purpose
    path: str
    facts: CertificateFacts | None
    findings: tuple[Finding, ...]
    hosts: tuple[str, ...] = ()  # what it must name


@dataclass(frozen=True, slots=True)
class SignerSeen:
    """An authority of somebody else's, as its files are now. `facts` is None where there is no certificate to be read."""

    facts: CertificateFacts | None
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class GivenSeen:
    """Everything that was given, looked at once: the SHA-256 of each file by its path, and what the judge says."""

    hashes: tuple[tuple[str, str], ...] = ()
    pairs: tuple[GivenPair, ...] = ()
    authorities: tuple[Finding, ...] = ()
    breaks: tuple[Finding, ...] = ()  # who would stop trusting whom on the way from the files that are installed
    signer: SignerSeen | None = None

    def sha256(self, path: str) -> str:
        """Empty where there is no such file."""
        return dict(self.hashes).get(path, "")


NOTHING_GIVEN = GivenSeen()
