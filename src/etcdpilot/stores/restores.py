"""What the state folder keeps of restores: the one under way, and who the cluster was before those that went through."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

from etcdpilot.model.codec import decode, encode
from etcdpilot.model.errors import Refused, SpecError
from etcdpilot.model.restoring import Former, Restore
from etcdpilot.stores.state import Identity, StateFolder
from etcdpilot.stores.writing import make_directory, write_private

RESTORE = "restore.json"
FORMER = "former.json"
FETCHED = "restoring.db"  # a snapshot that came from a store, until its restore is through


def read_restore(state: StateFolder) -> Restore | None:
    """The last restore, finished or not; SpecError when its record is damaged."""
    path = state.root / RESTORE
    try:
        found: Restore = decode(Restore, json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise SpecError(
            f"{path} is damaged.",
            why=f"It does not read as the record of a restore: {error}.",
            remedy="Begin the restore anew, with its snapshot:\n    etcdpilot restore FILE",
        ) from error
    return found


def write_restore(state: StateFolder, restore: Restore) -> None:
    state.make()
    write_private(state.root / RESTORE, json.dumps(encode(restore), indent=1).encode())


def unfinished(state: StateFolder) -> Restore | None:
    """A restore that has not gone through; None also before the first."""
    found = read_restore(state)
    return None if found is None or found.done else found


def keep_fetched(state: StateFolder, fetched: Path) -> Path:
    """A snapshot that came from elsewhere, kept until its restore is through, whatever cuts that off."""
    state.make()
    kept = state.root / FETCHED
    beside = kept.with_suffix(".new")
    beside.unlink(missing_ok=True)
    try:
        os.link(fetched, beside)
    except OSError:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as there, fetched.open("rb") as here:
            shutil.copyfileobj(here, there, 1 << 20)
    beside.replace(kept)
    return kept.absolute()


def drop_fetched(state: StateFolder) -> None:
    (state.root / FETCHED).unlink(missing_ok=True)


def read_former(state: StateFolder) -> tuple[Former, ...]:
    """Who the cluster was before its restores, oldest first."""
    try:
        found: tuple[Former, ...] = decode(tuple[Former, ...], json.loads((state.root / FORMER).read_text()))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return ()
    return found


def note_former(state: StateFolder, identity: Identity, until: str) -> None:
    """Noted before the new identity takes its place; twice is once."""
    before = read_former(state)
    if any(each.cluster_id == identity.cluster_id for each in before):
        return
    former = (*before, Former(identity.cluster_id, token_hash(identity.token), until))
    write_private(state.root / FORMER, json.dumps(encode(former)).encode())


def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def recovery_folder(state: StateFolder) -> Path:
    """Where copies of survivors' data are brought to."""
    folder = state.root / "recovery"
    make_directory(folder)
    return folder


def require_none_begun(state: StateFolder) -> None:
    """Refused between the moment when a restore has ended the old cluster and the one when the new one answers."""
    restore = unfinished(state)
    identity = state.identity()
    if restore is None or restore.started or identity is None or identity.token != restore.token:
        return
    raise Refused(
        f"The restore from {restore.source.name} is not finished.",
        why="The old cluster has ended, and the new one does not stand yet.",
        remedy=f"Finish it; it goes on where it stopped:\n    etcdpilot {restore.verb}",
    )
