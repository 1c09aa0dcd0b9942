"""Requests for certificates and what came back, in the state folder.

`requests/NAME.key` and `NAME.csr` wait for a signature; `imported/NAME.key` and `NAME.crt` are in use. A key moves from
one to the other with its certificate, and last of all: until then the import can be run again.
"""

from __future__ import annotations

from pathlib import Path

from etcdpilot.model.given import IMPORTED
from etcdpilot.stores.writing import make_directory, write_private

WAITING = "requests"
KEPT = rf"({WAITING}|{IMPORTED})/[\w.-]+\.(crt|csr|key)"  # what an export of the state takes along


class RequestFolder:
    """Below the state folder `root`."""

    def __init__(self, root: Path) -> None:
        self.waiting, self.imported = root / WAITING, root / IMPORTED

    def request(self, name: str) -> tuple[bytes, bytes] | None:
        """(request, key) that wait for a signature."""
        return both(self.waiting / f"{name}.csr", self.waiting / f"{name}.key")

    def pair(self, name: str) -> tuple[bytes, bytes] | None:
        """(certificate, key) in use."""
        return both(self.imported / f"{name}.crt", self.imported / f"{name}.key")

    def path(self, name: str) -> Path:
        return self.waiting / f"{name}.csr"

    def authority(self, role: str) -> bytes | None:
        """`client-ca` or `peer-ca`, PEM."""
        path = self.imported / f"{role}.crt"
        return path.read_bytes() if path.exists() else None

    def write_request(self, name: str, request: bytes, key: bytes) -> None:
        """The key first: a request without its key could be signed for nothing."""
        make_directory(self.waiting)
        write_private(self.waiting / f"{name}.key", key)
        write_private(self.waiting / f"{name}.csr", request)

    def write_pair(self, name: str, certificate: bytes, key: bytes) -> None:
        make_directory(self.imported)
        write_private(self.imported / f"{name}.key", key)
        write_private(self.imported / f"{name}.crt", certificate)
        for path in (self.path(name), self.waiting / f"{name}.key"):
            path.unlink(missing_ok=True)

    def write_authority(self, role: str, certificates: bytes) -> None:
        make_directory(self.imported)
        write_private(self.imported / f"{role}.crt", certificates)


def both(first: Path, second: Path) -> tuple[bytes, bytes] | None:
    try:
        return first.read_bytes(), second.read_bytes()
    except FileNotFoundError:
        return None
