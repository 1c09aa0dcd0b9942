"""Begins a local cluster: finds the binary and free ports, and writes the cluster file, the truth from then on."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from etcdpilot.model.addresses import is_address
from etcdpilot.model.errors import SpecError
from etcdpilot.stores.local_binaries import LocalBinary, named, newest
from etcdpilot.stores.lock import alone_in
from etcdpilot.stores.reservations import Reservations
from etcdpilot.stores.state import StateFolder
from etcdpilot.stores.writing import write_private

FIRST_PORT = 2379
# Above, the kernel draws ports for outgoing connections: a member that was away could find its own taken.
HIGHEST_PORT = 32000


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for on the command line. `port` is the first one; None lets free ones be found."""

    name: str
    members: int
    etcd: str | None
    port: int | None
    address: str
    timers: str
    tls: bool


def find_binary(wish: Wish) -> LocalBinary:
    return newest() if wish.etcd is None else named(wish.etcd)


def find_ports(wish: Wish) -> tuple[int, ...]:
    """Two ports a member, client and peer, all free; SpecError when the ones that were named are not."""
    require_loopback(wish.address)
    needed = 2 * wish.members
    if wish.port is not None:
        wanted = tuple(range(wish.port, wish.port + needed))
        taken = [port for port in wanted if not is_free(wish.address, port)]
        if taken:
            raise SpecError(
                f"Port {', '.join(map(str, taken))} is taken.",
                why=f"{wish.members} members need the {needed} ports from {wish.port} on.",
                remedy="Leave --port out to have free ones found, or name another.",
            )
        return wanted
    found = tuple(port for port, _ in zip(free_ports(wish.address), range(needed), strict=False))
    if len(found) < needed:
        raise SpecError("There are not enough free ports on this machine.", remedy="Stop something that listens.")
    return found


def free_ports(address: str) -> Iterator[int]:
    """Free ports, each kept for this process while it lives: two `up` at once must not draw the same one."""
    book = Reservations()
    return (port for port in range(FIRST_PORT, HIGHEST_PORT) if is_free(address, port) and book.reserve(port))


def is_free(address: str, port: int) -> bool:
    """Whether this address can be listened on, and nobody listens on the same port of the other loopback address."""
    others = {"127.0.0.1", "::1"} - {address}
    return can_bind(address, port) is None and all(can_bind(other, port) != errno.EADDRINUSE for other in others)


def can_bind(address: str, port: int) -> int | None:
    """None when it can, else the number of the error."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
    except OSError as error:
        return error.errno or errno.EINVAL
    return None


def require_loopback(address: str) -> None:
    from ipaddress import ip_address

    if not is_address(address) or not ip_address(address).is_loopback:
        raise SpecError(
            f"{address} is not a loopback address.",
            why="A local cluster is reached from this machine alone.",
            remedy="Use 127.0.0.1 or ::1; for members on other machines write a cluster file: etcdpilot init",
        )


def begin(file: Path, text: str) -> bool:
    """Write the cluster file of a new local cluster, unless another `up` has just written it: whether it is ours.

    SpecError when its place cannot be written."""
    StateFolder(file.parent).make()
    try:
        with alone_in(file.parent):
            if file.exists():
                return False
            write_private(file, text.encode(), mode=0o644)
            return True
    except OSError as error:
        raise SpecError(
            f"{file} cannot be written.",
            why=f"{error.strerror}.",
            remedy="Choose a place that can be written with --dir.",
        ) from error
