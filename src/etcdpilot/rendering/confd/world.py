"""What a template may ask of the machine that it is rendered on: passed in, so that this room touches nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Service:
    """One answer to a question for SRV records; `target` keeps its trailing dot."""

    target: str
    port: int
    priority: int
    weight: int


def _nothing(*_: str) -> Sequence[str]:
    return ()


@dataclass(frozen=True, slots=True)
class World:
    """`environment(name)` is "" when it is not set. Lookups that fail give nothing. Addresses come as text."""

    environment: Callable[[str], str] = lambda name: ""
    now: Callable[[], datetime] = lambda: datetime(1970, 1, 1, tzinfo=UTC)
    file_exists: Callable[[str], bool] = lambda path: False
    addresses: Callable[[str], Sequence[str]] = _nothing  # of a host's name, IPv4 and IPv6
    services: Callable[[str, str, str], Sequence[Service]] = lambda service, protocol, name: ()
    hostname: Callable[[], str] = lambda: ""
    interface_addresses: Callable[[str], Sequence[str]] = _nothing  # of a network interface
