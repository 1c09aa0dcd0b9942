"""The note of the newest backup that was proved: a small file in the state folder, so that `status` asks no store."""

from __future__ import annotations

import json
from datetime import datetime

from etcdpilot.model.backups import LastBackup
from etcdpilot.stores.state import StateFolder
from etcdpilot.stores.writing import write_private

FILE = "last-backup.json"


def read_last_backup(state: StateFolder) -> LastBackup | None:
    """None where none was noted, or the note does not read: it is a convenience, and the next proof writes it anew."""
    try:
        found = json.loads((state.root / FILE).read_text())
        taken, proved = (datetime.fromisoformat(found[name]) for name in ("taken_at", "proved_at"))
        if taken.tzinfo is None or proved.tzinfo is None:
            return None
        return LastBackup(str(found["name"]), str(found["where"]), int(found["revision"]), taken, proved)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def note_backup(state: StateFolder, proved: LastBackup) -> None:
    """Unless a newer one is noted."""
    before = read_last_backup(state)
    if before is not None and before.name != proved.name and before.taken_at > proved.taken_at:
        return
    document = {
        "name": proved.name,
        "where": proved.where,
        "revision": proved.revision,
        "taken_at": proved.taken_at.isoformat(),
        "proved_at": proved.proved_at.isoformat(),
    }
    state.make()
    write_private(state.root / FILE, json.dumps(document, indent=1).encode())


def forget_backup(state: StateFolder, name: str) -> None:
    """After it was found damaged, or was deleted."""
    before = read_last_backup(state)
    if before is not None and before.name == name:
        (state.root / FILE).unlink(missing_ok=True)
