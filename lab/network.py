"""The network of a run: one namespace with a bridge, one for the controller, one for each host, joined by veth pairs.

Addresses exist only inside these namespaces, so two runs may use the same ones, and no packet leaves the box:

    ctl   10.77.0.1   fd00:77::1     where the product runs
    (dns) 10.77.0.2   fd00:77::2     the bridge itself
    hN    10.77.0.1N  fd00:77::1N    h1 = 10.77.0.11
"""

from __future__ import annotations

import ctypes
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.commands import run, succeeds

BRIDGE = "br0"
DNS_ADDRESS = "10.77.0.2"
_CLONE_NEWNET = 0x40000000


@dataclass(frozen=True, slots=True)
class Node:
    """One end of a cable: its name is its port on the bridge, its number the end of its addresses."""

    name: str
    number: int

    @property
    def address(self) -> str:
        return f"10.77.0.{self.number}"

    @property
    def address6(self) -> str:
        return f"fd00:77::{self.number}"

    def namespace(self, prefix: str) -> str:
        return f"{prefix}-{self.name}"


CONTROLLER = Node("ctl", 1)


def node_of(name: str) -> Node:
    """`ctl`, or `h<number>`."""
    return CONTROLLER if name == CONTROLLER.name else Node(name, 10 + int(name.removeprefix("h")))


def switch_namespace(prefix: str) -> str:
    """The namespace that holds the bridge; whoever may slow or cut traffic does it there."""
    return f"{prefix}-net"


def build_switch(prefix: str) -> None:
    """The bridge and the controller's place on it."""
    switch = switch_namespace(prefix)
    run(["ip", "netns", "add", switch])
    _batch(
        switch,
        "link set lo up",
        # A hardware address of its own: one borrowed from its ports changes with them, and who knew the old one waits.
        f"link add {BRIDGE} address 02:00:00:77:00:02 type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
        f"link set {BRIDGE} up",
        f"addr add {DNS_ADDRESS}/24 dev {BRIDGE}",
        f"addr add fd00:77::2/64 dev {BRIDGE} nodad",
    )
    plug_in(prefix, [CONTROLLER])


def plug_in(prefix: str, nodes: Iterable[Node]) -> None:
    """A namespace and a cable for each node, its addresses ready for use."""
    nodes = list(nodes)
    for node in nodes:
        run(["ip", "netns", "add", node.namespace(prefix)])
    _batch(switch_namespace(prefix), *(line for node in nodes for line in _cable(prefix, node)))
    for node in nodes:
        _batch(
            node.namespace(prefix),
            "link set lo up",
            "link set eth0 up",
            f"addr add {node.address}/24 dev eth0",
            f"addr add {node.address6}/64 dev eth0 nodad",  # duplicate detection would keep it unusable for a second
        )


def set_link(prefix: str, node: Node, state: str) -> None:
    """`down` pulls the cable (the node sees no carrier), `up` puts it back."""
    run(["ip", "-n", switch_namespace(prefix), "link", "set", node.name, state])


def add_address(prefix: str, node: Node, address: str) -> None:
    """A second one, beside the node's own."""
    run(["ip", "-n", node.namespace(prefix), "addr", "replace", f"{address}/24", "dev", "eth0"])


def drop_address(prefix: str, node: Node, address: str) -> None:
    succeeds(["ip", "-n", node.namespace(prefix), "addr", "del", f"{address}/24", "dev", "eth0"])


def namespaces_of(prefix: str) -> list[str]:
    """Names of the network namespaces that a run made."""
    return [path.name for path in Path("/run/netns").glob(f"{prefix}-*")]


def processes_in(namespace: str) -> list[int]:
    return [int(pid) for pid in run(["ip", "netns", "pids", namespace]).split()]


def delete_namespace(namespace: str) -> None:
    succeeds(["ip", "netns", "delete", namespace])


@contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Moves this *thread* into a network namespace: sockets made here (and by threads begun here) belong to it.

    Name resolution still reads the box's own /etc/resolv.conf: prefer a subprocess where names matter."""
    with Path("/proc/thread-self/ns/net").open("rb") as home, Path(f"/run/netns/{namespace}").open("rb") as away:
        _setns(away.fileno())
        try:
            yield
        finally:
            _setns(home.fileno())


def sends_banner(address: str, port: int = 22) -> bool:
    """Whether an SSH server greets there, from the namespace this thread is in."""
    try:
        with socket.create_connection((address, port), timeout=1) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def _setns(descriptor: int) -> None:
    # os.setns came with Python 3.12.
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _cable(prefix: str, node: Node) -> tuple[str, ...]:
    hardware = f"02:00:00:77:00:{node.number:02x}"
    peer = f"peer name eth0 address {hardware} netns {node.namespace(prefix)}"
    return (f"link add {node.name} type veth {peer}", f"link set {node.name} master {BRIDGE} up")


def _batch(namespace: str, *lines: str) -> None:
    run(["ip", "-n", namespace, "-batch", "-"], stdin="\n".join(lines))
