"""The passphrase that the authorities' keys are kept under: from the environment, a file, or a terminal; never from the
command line, where every user of the machine can read it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from etcdpilot.model.errors import SpecError

WORDS, FILE = "ETCDPILOT_CA_PASSPHRASE", "ETCDPILOT_CA_PASSPHRASE_FILE"
SEALED = "ENCRYPTED"  # stands in the head of a key in PEM that a passphrase opens
SHORTEST = 8
_SAID: list[bytes] = []  # asked for once in a run; a wrong one ends it


def is_sealed(key: str) -> bool:
    return SEALED in key


def ca_passphrase(*, new: bool = False) -> bytes:
    """SpecError where there is none, or nobody to be asked. A new one is asked for twice, and may not be too short."""
    if _SAID:
        return _SAID[0]
    said = os.environb.get(WORDS.encode()) or from_file() or from_terminal(twice=new)
    if not said:
        raise SpecError(
            "The authorities' keys want a passphrase, and there is none.",
            why="Nobody can be asked: there is no terminal.",
            remedy=f"Set ${WORDS}, or ${FILE} to the path of a file that holds it.",
        )
    if new and len(said) < SHORTEST:
        raise SpecError(f"The passphrase has fewer than {SHORTEST} characters.", remedy="Choose a longer one.")
    _SAID.append(said)
    return said


def from_file() -> bytes:
    name = os.environ.get(FILE)
    if not name:
        return b""
    try:
        return Path(name).read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise SpecError(f"{name} cannot be read.", why=f"{error.strerror}; ${FILE} names it.") from None


def from_terminal(*, twice: bool) -> bytes:
    if not sys.stdin.isatty():
        return b""
    from getpass import getpass

    said = getpass("Passphrase of the authorities' keys: ")
    if twice and getpass("The same again: ") != said:
        raise SpecError("The two passphrases differ.", remedy="Run it again.")
    return said.encode()
