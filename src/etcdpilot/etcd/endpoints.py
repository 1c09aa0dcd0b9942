"""Where etcd listens for clients: `https://10.0.0.11:2379`, `http://[::1]:2379`, `https://etcd-0.example:2379`."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from etcdpilot.model.errors import SpecError

DEFAULT_PORT = 2379


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One client URL. `host` is an address or a name, IPv6 without its brackets; `name` is who its certificate is made
    out to where that is somebody else, as at the near end of a tunnel."""

    host: str
    port: int
    secure: bool
    name: str = ""

    @classmethod
    def parse(cls, text: str | Endpoint, *, secure: bool = False) -> Endpoint:
        """Read a URL; without a scheme, as etcdctl takes it, `secure` decides. SpecError for anything else."""
        if isinstance(text, Endpoint):
            return text
        try:
            return cls._parse(text.strip(), secure)
        except ValueError as wrong:
            raise SpecError(
                f"{text!r} is not an etcd endpoint.",
                why=str(wrong),
                remedy="Write it as https://HOST:PORT or http://HOST:PORT, IPv6 addresses in brackets.",
            ) from None

    @classmethod
    def _parse(cls, text: str, secure: bool) -> Endpoint:
        parts = urlsplit(text if "://" in text else f"{'https' if secure else 'http'}://{text}")
        if parts.scheme not in ("http", "https"):
            raise ValueError(f"its scheme is {parts.scheme}, not http or https")
        if not parts.hostname or any(character.isspace() for character in parts.hostname):
            raise ValueError("it names no host")
        if parts.path.strip("/") or parts.query or parts.fragment or parts.username is not None:
            raise ValueError("it holds more than a host and a port")
        return cls(parts.hostname, DEFAULT_PORT if parts.port is None else parts.port, parts.scheme == "https")

    @property
    def address(self) -> str:
        """`host:port`, as gRPC wants its target: 10.0.0.11:2379, [::1]:2379."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{'https' if self.secure else 'http'}://{self.address}"
