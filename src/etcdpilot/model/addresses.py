"""URLs of members: parsed once at the door, printed as etcd prints them."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class MemberUrl:
    """`https://10.0.0.1:2380`, `http://[::1]:2379`, `https://etcd-0.example.com:2380`."""

    scheme: str
    host: str  # without brackets
    port: int

    @classmethod
    def parse(cls, text: str) -> MemberUrl:
        """Read a URL as etcd takes it; ValueError says which part is wrong.

        etcd itself refuses a missing port, a path, or an IPv6 address without brackets (at start, one at a time).
        """
        parts = urlsplit(text)
        if parts.scheme not in ("http", "https"):
            raise ValueError(f"{text!r} must begin with http:// or https://")
        if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username:
            raise ValueError(f"{text!r} must be a scheme, a host and a port, nothing more")
        try:
            port = parts.port
        except ValueError as error:
            raise ValueError(f"{text!r} has no port between 1 and 65535") from error
        if not parts.hostname or not port:
            raise ValueError(f"{text!r} must name a host and a port; write an IPv6 address in brackets")
        return cls(parts.scheme, parts.hostname, port)

    @property
    def is_loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"{self.scheme}://{bracketed(self.host)}:{self.port}"


def bracketed(host: str) -> str:
    """A host as it stands in a URL: an IPv6 address in brackets, everything else as it is."""
    return f"[{host}]" if ":" in host else host


def host_part(url: str) -> str:
    return MemberUrl.parse(url).host


def is_address(text: str) -> bool:
    """Whether it is an IP address rather than a name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
