"""The IDs that etcd will give to a cluster and its members, computed before any of them starts.

Source: etcd's own rule, `server/etcdserver/api/membership`: a member's ID is the first eight bytes of the SHA-1 of its
sorted peer URLs followed by the cluster token; a cluster's is the same of its members' IDs in ascending order. A member
that joins later gets the time of joining mixed in, so only the members of a first start can be foretold.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def member_id(peer_urls: Iterable[str], token: str) -> int:
    """The ID of a member of a first start; 64 bits, printed by etcdctl in hex."""
    return _first_eight_bytes("".join(sorted(peer_urls)).encode() + token.encode())


def cluster_id(member_ids: Iterable[int]) -> int:
    """The ID of the cluster that these members form at their first start."""
    return _first_eight_bytes(b"".join(member.to_bytes(8, "big") for member in sorted(member_ids)))


def as_hex(identity: int) -> str:
    """An ID as etcdctl prints it: hex without leading zeros."""
    return f"{identity:x}"


def _first_eight_bytes(data: bytes) -> int:
    # SHA-1 names things here, as etcd does; it protects nothing.
    return int.from_bytes(hashlib.sha1(data, usedforsecurity=False).digest()[:8], "big")
