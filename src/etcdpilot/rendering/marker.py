"""`etcdpilot.json`: what every host keeps of its cluster that is not secret and must not depend on one controller.

Who writes it keeps to two rules, on which the guard relies:
- `member_ids` names a member only once it was seen running, for from then on it is not started without its data;
- `last_index` is what the names of its WAL and snapshot files said (`DataSeen.last_index`), never raft's own index.
"""

from __future__ import annotations

import json

from etcdpilot.model.observation import Marker

ABOUT = "Written by etcdpilot. It tells the guard of this member whose data it must find. Not secret."


def marker_text(marker: Marker) -> str:
    """Stable: the same marker is always the same text. One key a line, because a shell script reads it too."""
    fields = {
        "about": ABOUT,
        "cluster": marker.cluster,
        "member": marker.member,
        "cluster_id": marker.cluster_id,
        "member_ids": dict(sorted(marker.member_ids)),
        "token_hash": marker.token_hash,
        "last_index": marker.last_index,
        "wal_identity": wal_identity(marker),
    }
    return json.dumps(fields, indent=2) + "\n"


def read_marker(text: str) -> Marker:
    """ValueError when it is not one of ours."""
    try:
        fields = json.loads(text)
        return Marker(
            cluster=str(fields["cluster"]),
            member=str(fields["member"]),
            cluster_id=str(fields["cluster_id"]),
            member_ids=tuple(sorted((str(name), str(member)) for name, member in fields["member_ids"].items())),
            token_hash=str(fields["token_hash"]),
            last_index=int(fields["last_index"]),
        )
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise ValueError("it is not an etcdpilot.json that etcdpilot wrote") from error


def wal_identity(marker: Marker) -> str:
    """In hex, the bytes that every WAL file of this member has near its beginning; empty before the cluster formed.

    Each WAL file begins with a checksum and a metadata record, two varint fields: 1 the member's ID, 2 the cluster's
    (etcd, `api/etcdserverpb` Metadata). With them written here the guard needs to decode nothing.
    """
    if not marker.cluster_id:
        return ""
    cluster = bytes((0x10, *varint(int(marker.cluster_id, 16))))
    own = dict(marker.member_ids).get(marker.member, "")
    return ((bytes((0x08, *varint(int(own, 16)))) if own else b"") + cluster).hex()


def varint(number: int) -> bytes:
    """Protobuf's base 128, lowest bits first."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
