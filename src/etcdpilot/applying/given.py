"""Takes certificates of somebody else's making to where they are used, exactly as they were judged."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from etcdpilot.model.errors import Stale
from etcdpilot.model.files import Content, Given, LeafKey
from etcdpilot.model.given import GivenFiles
from etcdpilot.stores.state import KeptPair, StateFolder

if TYPE_CHECKING:
    from etcdpilot.applying.world import RealWorld


def goes_first(content: Content) -> bool:
    """A key is written before its certificate, so that half a pair is seen as one."""
    return isinstance(content, LeafKey) or (isinstance(content, Given) and content.is_key)


def bytes_of(given: Given, state: StateFolder) -> bytes:
    """The bytes that were judged while planning; Stale where the file holds others by now."""
    data = read(state.root / given.path)
    if hashlib.sha256(data).hexdigest() != given.sha256:
        raise Stale(
            f"{given.path} is not what it was when the plan was made.",
            why="Only what was judged is installed.",
            remedy="Run it again: it plans afresh.",
        )
    return data


def take_operator(given: GivenFiles, world: RealWorld) -> None:
    """The pair that etcdpilot shows to the members, and whom it trusts: into the state folder, where `env` finds them."""
    ca, certificate, key = (
        bytes_of(Given(path, role, world.memory.given.sha256(path)), world.state).decode()
        for role in ("client_ca", "operator_cert", "operator_key")
        for path in (given.of(role),)
    )
    world.state.write_operator(KeptPair(certificate, key), ca)
    world.memory = replace(world.memory, has_operator=True)


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Stale(
            f"{path} cannot be read any more.", why=f"{error.strerror}.", remedy="Run it again: it plans afresh."
        ) from None
