"""A state folder in one file, encrypted with a passphrase: for a second controller, and for the day the first one burns.

The file is a line that names the format, a salt, a nonce, and AES-256-GCM over a JSON object of names and contents. The
key is scrypt's of the passphrase (2^17 rounds of 1 KiB blocks: 128 MiB, which makes guessing dear). The first line and
the salt are authenticated too, so nothing of it can be changed unnoticed.
"""

from __future__ import annotations

import base64
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from etcdpilot.model.errors import Refused, SpecError
from etcdpilot.stores.clients import CLIENTS
from etcdpilot.stores.requests import KEPT as REQUESTS
from etcdpilot.stores.rotation import ROTATION
from etcdpilot.stores.state import ADDRESSES, BOOTSTRAP, IDENTITY, ISSUED, StateFolder
from etcdpilot.stores.writing import make_directory, write_private

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC = b"etcdpilot state 1\n"
SALT, NONCE = 16, 12
ROUNDS, BLOCKS = 1 << 17, 8
LARGEST = 64 * 1024 * 1024
# A closed set of names: an import writes nothing else, and nowhere else.
KEPT = re.compile(
    rf"{IDENTITY}|{ISSUED}|{ADDRESSES}|{BOOTSTRAP}|former\.json|ca\.crt|client\.(crt|key)|journal\.jsonl"
    rf"|authorities/(next/|retired/)?[\w.-]+\.(crt|key)|{ROTATION}|{CLIENTS}|{REQUESTS}"
)


def export_state(state: StateFolder, passphrase: str) -> bytes:
    """SpecError when there is nothing to export."""
    found = {name: path.read_bytes() for name, path in kept_files(state.root)}
    if IDENTITY not in found:
        raise SpecError(
            f"There is no state in {state.root}.",
            why="Nothing was built from here yet, or the state stands elsewhere.",
            remedy="Name it with --state DIR.",
        )
    payload = json.dumps({name: base64.b64encode(data).decode() for name, data in found.items()}).encode()
    head = MAGIC + os.urandom(SALT)
    nonce = os.urandom(NONCE)
    return head + nonce + cipher(passphrase, head).encrypt(nonce, payload, head)


def kept_files(root: Path) -> list[tuple[str, Path]]:
    names = ((path.relative_to(root).as_posix(), path) for path in sorted(root.rglob("*")) if path.is_file())
    return [(name, path) for name, path in names if KEPT.fullmatch(name)]


def opened_export(data: bytes, passphrase: str, where: str) -> dict[str, bytes]:
    """Names and contents; SpecError when it is no export, or the passphrase is another one."""
    from cryptography.exceptions import InvalidTag

    begin = len(MAGIC) + SALT
    if not data.startswith(MAGIC) or len(data) <= begin + NONCE or len(data) > LARGEST:
        raise SpecError(f"{where} is no exported state.", remedy="Name what `etcdpilot state export FILE` wrote.")
    head, nonce, sealed = data[:begin], data[begin : begin + NONCE], data[begin + NONCE :]
    try:
        payload = json.loads(cipher(passphrase, head).decrypt(nonce, sealed, head))
    except InvalidTag:
        raise SpecError(
            f"The passphrase does not open {where}.", why="It is another one, or the file was changed."
        ) from None
    found = {name: base64.b64decode(text) for name, text in payload.items()}
    if odd := [name for name in found if not KEPT.fullmatch(name)]:
        raise SpecError(
            f"{where} holds {odd[0]}, which is no part of a state.", remedy="Use the etcdpilot that wrote it."
        )
    return found


def cipher(passphrase: str, head: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    key = Scrypt(salt=head[-SALT:], length=32, n=ROUNDS, r=BLOCKS, p=1).derive(passphrase.encode())
    return AESGCM(key)


def import_state(state: StateFolder, cluster: str, found: dict[str, bytes], where: str) -> None:
    """Write them, the identity last, so that half an import is none. Refused over the state of another cluster."""
    theirs = json.loads(found[IDENTITY])
    if theirs["cluster"] != cluster:
        raise SpecError(
            f"{where} is the state of the cluster {theirs['cluster']}, and the file here is of {cluster}.",
            remedy="Take the cluster file that belongs to it, with -f FILE.",
        )
    own = state.identity()
    if own is not None and own.token != theirs["token"] and (own.formed or state.authorities()):
        raise Refused(
            f"{state.root} holds the state of another cluster named {cluster}.",
            why="Its keys would be lost.",
            remedy=f"Move that folder away yourself, or import beside it:\n    etcdpilot --state DIR state import {where}",
        )
    state.make()
    for name in found:
        make_directory((state.root / name).parent)
    for name in sorted(found, key=lambda name: (name == IDENTITY, name.endswith(".crt"), name)):
        write_private(state.root / name, found[name])
