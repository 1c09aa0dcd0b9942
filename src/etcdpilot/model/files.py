"""Files that a host shall have. A plan holds what they are made from, never a key's bytes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from etcdpilot.model.certificates import CertificateSpec


@dataclass(frozen=True, slots=True)
class Text:
    """Known to the byte while planning."""

    text: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class LeafCertificate:
    """A certificate that the controller signs while applying; its chain follows it when there is an intermediate."""

    spec: CertificateSpec


@dataclass(frozen=True, slots=True)
class LeafKey:
    """The key of the certificate at `certificate_path`, made while applying, together with it."""

    certificate_path: str


@dataclass(frozen=True, slots=True)
class AuthorityBundle:
    """The certificates of these authorities, as the state folder has them."""

    authorities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Given:
    """A file of somebody else's making: where it lies here (absolute, or below the state folder), and its digest.

    `sha256` is that of the bytes that were judged, so nothing else can be installed; empty where there is no file.
    """

    path: str
    role: str  # server_cert, server_key, peer_cert, peer_key, client_ca, peer_ca, operator_cert, operator_key
    sha256: str = ""

    @property
    def is_authority(self) -> bool:
        return self.role.endswith("_ca")

    @property
    def is_key(self) -> bool:
        return self.role.endswith("_key")


Content = Text | LeafCertificate | LeafKey | AuthorityBundle | Given


@dataclass(frozen=True, slots=True)
class FileSpec:
    """One file: absolute path, mode (0o600), owner (a user's name), and what it is made from."""

    path: str
    mode: int
    owner: str
    content: Content


@dataclass(frozen=True, slots=True)
class FileSeen:
    """What a look found at a path; `sha256` of the bytes, `text` where the look was asked to bring it."""

    path: str
    mode: int
    owner: str
    size: int
    sha256: str
    text: str = ""
    modified: float = 0.0  # seconds since 1970 by the host's clock; 0 where nobody said


@dataclass(frozen=True, slots=True)
class FileToWrite:
    """Bytes on their way to a host. Never in a plan, a journal or an event."""

    path: str
    mode: int
    owner: str
    data: bytes

    def __repr__(self) -> str:
        return f"FileToWrite({self.path!r}, {len(self.data)} bytes)"
