"""The real machine as templates see it: environment, clock, files, names."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from etcdpilot.rendering.confd.world import Service, World


def this_machine() -> World:
    return World(
        environment=lambda name: os.environ.get(name, ""),
        now=lambda: datetime.now().astimezone(),
        file_exists=lambda path: Path(path).exists(),
        addresses=_addresses,
        services=_services,
        hostname=socket.gethostname,
        interface_addresses=_interface_addresses,
    )


def _addresses(name: str) -> Sequence[str]:
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return sorted({str(address[4][0]) for address in found})


def _services(service: str, protocol: str, name: str) -> Sequence[Service]:
    import dns.exception
    import dns.resolver

    asked = f"_{service}._{protocol}.{name}" if service or protocol else name
    try:
        answers = dns.resolver.resolve(asked, "SRV", lifetime=5)
    except (dns.exception.DNSException, OSError):
        return ()
    return [Service(str(one.target), one.port, one.priority, one.weight) for one in answers]


def _interface_addresses(name: str) -> Sequence[str]:
    """IPv4 of an interface by the kernel's own question; IPv6 from its list."""
    return [*_ipv4_of(name), *_ipv6_of(name)]


def _ipv4_of(name: str) -> list[str]:
    import fcntl
    import struct

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            answer = fcntl.ioctl(asking.fileno(), 0x8915, struct.pack("256s", name.encode()[:15]))  # SIOCGIFADDR
        except OSError:
            return []
    return [socket.inet_ntoa(answer[20:24])]


def _ipv6_of(name: str) -> list[str]:
    try:
        lines = Path("/proc/net/if_inet6").read_text().splitlines()
    except OSError:
        return []
    rows = [line.split() for line in lines]
    return [socket.inet_ntop(socket.AF_INET6, bytes.fromhex(row[0])) for row in rows if row[5] == name]
