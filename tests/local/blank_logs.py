"""What a member leaves that dies in the first moment of its first start: a log that says whose it is, and no more."""

from __future__ import annotations

from pathlib import Path

from etcdpilot.hosts.wal import is_blank, numbers_and_texts, records

ENTRY, STATE = 2, 3


def blank_log(data: Path) -> None:
    """Set the first WAL file below a data directory back to before its first entry; nothing where there is none."""
    for path in (data / "member" / "wal").glob("*.wal"):
        content = path.read_bytes()
        ends = [0]
        for end, record in records(content):
            if numbers_and_texts(record).get(1) in (ENTRY, STATE):
                break
            ends.append(end)
        path.write_bytes(content[: ends[-1]] + bytes(len(content) - ends[-1]))
        assert is_blank(path.read_bytes()[:256])
