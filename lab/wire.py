"""A slow wire, as a process: `wire.py PORT TAP MILLISECONDS`, in the namespace of the bridge.

It reads frames from the veth end PORT and writes them to TAP (which takes PORT's place on the bridge) so many
milliseconds later; what comes from TAP goes to PORT at once. Frames carry a virtio header on both sides, so large
segments and unfinished checksums pass untouched, and a megabyte is a few dozen reads.
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
import struct
import sys
import time
from collections import deque

_LARGEST = 65536 + 64  # a segment of 64 KiB, its Ethernet and virtio headers
_BURST = 64

# linux/if_tun.h, linux/if_packet.h, linux/if_ether.h
_TUNSETIFF, _TUNSETOFFLOAD = 0x400454CA, 0x400454D0
_IFF_TAP, _IFF_NO_PI, _IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
_CHECKSUM, _TSO4, _TSO6, _TSO_ECN = 0x01, 0x02, 0x04, 0x08
_SOL_PACKET, _PACKET_VNET_HDR, _PACKET_IGNORE_OUTGOING = 263, 15, 23
_ETH_P_ALL = 0x0003
_SO_RCVBUFFORCE = 33


def open_tap(name: str) -> int:
    """A tap device that lives as long as this process."""
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TAP | _IFF_NO_PI | _IFF_VNET_HDR))
    fcntl.ioctl(tap, _TUNSETOFFLOAD, _CHECKSUM | _TSO4 | _TSO6 | _TSO_ECN)
    return tap


def open_port(name: str) -> socket.socket:
    """Every frame that the node at the other end of the cable sends."""
    port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    port.setsockopt(_SOL_PACKET, _PACKET_VNET_HDR, 1)
    port.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
    port.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 64 * 1024 * 1024)
    port.bind((name, _ETH_P_ALL))
    port.setblocking(False)
    return port


def carry(port: socket.socket, tap: int, delay: float) -> None:
    """For ever. A frame that the other side has no room for is lost, as on any wire."""
    held: deque[tuple[float, bytes]] = deque()
    sender = port.fileno()
    while True:
        patience = None if not held else max(0.0, held[0][0] - time.monotonic())
        ready, _, _ = select.select([sender, tap], [], [], patience)
        if sender in ready:
            due = time.monotonic() + delay
            held.extend((due, frame) for frame in _frames(sender))
        if tap in ready:
            for frame in _frames(tap):
                _put(sender, frame)
        while held and held[0][0] <= time.monotonic():
            _put(tap, held.popleft()[1])


def _frames(descriptor: int) -> list[bytes]:
    frames: list[bytes] = []
    try:
        while len(frames) < _BURST:
            frames.append(os.read(descriptor, _LARGEST))
    except OSError:  # no more for now, or the link is down for a moment
        pass
    return frames


def _put(descriptor: int, frame: bytes) -> None:
    try:
        os.write(descriptor, frame)
    except OSError:
        pass


if __name__ == "__main__":
    carry(open_port(sys.argv[1]), open_tap(sys.argv[2]), float(sys.argv[3]) / 1000)
