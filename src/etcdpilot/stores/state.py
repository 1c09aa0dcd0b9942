"""The state folder of a cluster: `.etcdpilot/<name>/`, 0700, kept out of version control.

It holds what only the controller has: the authorities' keys, the operator's client certificate, the cluster token, the
journal and the lock. Files are made 0600 before their first byte, beside their place, and renamed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from etcdpilot.model.bootstrap import Settled
from etcdpilot.model.errors import SpecError
from etcdpilot.model.rotation import Rotation
from etcdpilot.stores.rotation import FOLDER, NEXT, beside_place, is_there, read_rotation, signing_place
from etcdpilot.stores.writing import make_directory, write_private

IDENTITY = "identity.json"
ISSUED = "issued.json"
MACHINES = "machines.json"
ADDRESSES = "addresses.json"
BOOTSTRAP = "bootstrap.json"
ISSUED_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Identity:
    """What is written down before it is used: the token and the IDs that follow from it."""

    cluster: str
    token: str
    cluster_id: str
    member_ids: tuple[tuple[str, str], ...]
    formed: bool
    tried: tuple[str, ...] = ()  # SHA-256 of tokens of earlier first starts that came to nothing


@dataclass(frozen=True, slots=True)
class KeptPair:
    """A certificate and its key, both PEM."""

    certificate: str
    key: str


class StateFolder:
    """Reads are cheap and never create anything; the first write makes the folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __repr__(self) -> str:
        return f"StateFolder({str(self.root)!r})"

    @property
    def exists(self) -> bool:
        return self.root.is_dir()

    @property
    def journal(self) -> Path:
        return self.root / "journal.jsonl"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def backups(self) -> Path:
        """Snapshots that were taken before steps that cannot be undone, and where no other store is named."""
        return self.root / "backups"

    @property
    def operator_certificate(self) -> Path:
        return self.root / "client.crt"

    @property
    def operator_key(self) -> Path:
        return self.root / "client.key"

    @property
    def client_ca(self) -> Path:
        """What a client of this cluster must trust."""
        return self.root / "ca.crt"

    def make(self) -> None:
        """Make the folder; SpecError when its place cannot be written."""
        try:
            make_directory(self.root)
            ignore = self.root / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n")
        except OSError as error:
            raise SpecError(
                f"The state folder {self.root} cannot be made.",
                why=f"{error.strerror}: {error.filename}",
                remedy="Choose a place that can be written with --dir (for up) or --state.",
            ) from error

    def identity(self) -> Identity | None:
        """The identity written down earlier; SpecError when the file is damaged."""
        path = self.root / IDENTITY
        try:
            found = json.loads(path.read_text())
            ids = tuple((str(name), str(value)) for name, value in found["member_ids"])
            tried = tuple(str(each) for each in found.get("tried", ()))
            return Identity(found["cluster"], found["token"], found["cluster_id"], ids, bool(found["formed"]), tried)
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise SpecError(
                f"{path} is damaged.",
                why=f"It does not read as the identity of a cluster: {error}.",
                remedy="Bring it back from a copy (etcdpilot state import FILE); the cluster itself is not touched.",
            ) from error

    def write_identity(self, identity: Identity) -> None:
        document = {
            "cluster": identity.cluster,
            "token": identity.token,
            "cluster_id": identity.cluster_id,
            "member_ids": [list(pair) for pair in identity.member_ids],
            "formed": identity.formed,
        }
        if identity.tried:
            document["tried"] = list(identity.tried)
        self.make()
        write_private(self.root / IDENTITY, json.dumps(document, indent=1).encode())

    def machines(self) -> list[dict[str, Any]]:
        """The members of the file that was applied last, as plain documents; empty before the first."""
        try:
            found = json.loads((self.root / MACHINES).read_text())
        except (FileNotFoundError, ValueError):
            return []
        return found if isinstance(found, list) else []

    def write_machines(self, machines: list[dict[str, Any]]) -> None:
        write_private(self.root / MACHINES, json.dumps(machines, indent=1).encode())

    def authority(self, name: str) -> KeptPair | None:
        """Who signs now: while a rotation is under way its phase says which of two."""
        return self._pair(signing_place(self.root, name))

    def authority_beside(self, name: str) -> KeptPair | None:
        """Who is trusted too while a rotation is under way."""
        place = beside_place(self.root, name)
        return self._pair(place) if place else None

    def authorities(self) -> tuple[str, ...]:
        names = {path.stem for folder in (FOLDER, NEXT) for path in (self.root / folder).glob("*.crt")}
        return tuple(sorted(name for name in names if is_there(signing_place(self.root, name))))

    def rotation(self) -> Rotation | None:
        """A change of authorities that is under way; SpecError when its file is damaged."""
        return read_rotation(self.root)

    def write_authority(self, name: str, pair: KeptPair) -> None:
        """The key is there before the certificate: a certificate alone would be taken for a finished pair."""
        self._write_pair(self.root / "authorities" / name, pair)

    def key_hashes(self) -> tuple[tuple[str, str], ...]:
        """Fingerprints of issued leaves and the SHA-256 of their key files; the keys themselves are not kept."""
        try:
            found = json.loads((self.root / ISSUED).read_text())
            return tuple((str(fingerprint), str(digest)) for fingerprint, digest in found)
        except (FileNotFoundError, ValueError, TypeError):
            return ()

    def note_keys(self, hashes: tuple[tuple[str, str], ...]) -> None:
        """Noted before the pair leaves for its host, so that half a pair is known for what it is."""
        together = (*self.key_hashes(), *hashes)[-ISSUED_KEPT:]
        write_private(self.root / ISSUED, json.dumps(together).encode())

    def addresses(self) -> dict[str, tuple[str, str]]:
        """What was read on hosts whose member has an `interface:`: name, the interface and its address."""
        try:
            found = json.loads((self.root / ADDRESSES).read_text())
            return {str(name): (str(interface), str(address)) for name, (interface, address) in found.items()}
        except (FileNotFoundError, ValueError, TypeError, AttributeError):
            return {}

    def write_addresses(self, addresses: Mapping[str, tuple[str, str]]) -> None:
        self.make()
        write_private(self.root / ADDRESSES, json.dumps(dict(addresses)).encode())

    def bootstrap(self) -> Settled | None:
        """What was found out for the first start; None where nothing was, or the file is none."""
        try:
            found = json.loads((self.root / BOOTSTRAP).read_text())
            peers = tuple((str(name), str(own), str(known)) for name, own, known in found["peers"])
            return Settled(found["of"], found["url"], found["token"], peers, bool(found["listed"]))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def write_bootstrap(self, settled: Settled) -> None:
        self.make()
        write_private(self.root / BOOTSTRAP, json.dumps(asdict(settled), indent=1).encode())

    def operator(self) -> KeptPair | None:
        return self._pair(self.root / "client")

    def write_operator(self, pair: KeptPair, client_ca: str) -> None:
        write_private(self.client_ca, client_ca.encode())
        self._write_pair(self.root / "client", pair)

    def pair_at(self, stem: Path) -> KeptPair | None:
        """The pair STEM.crt and STEM.key; None when either is missing."""
        return self._pair(stem)

    def write_pair(self, stem: Path, pair: KeptPair) -> None:
        self._write_pair(stem, pair)

    def _pair(self, stem: Path) -> KeptPair | None:
        certificate, key = stem.with_name(stem.name + ".crt"), stem.with_name(stem.name + ".key")
        if not (certificate.exists() and key.exists()):
            return None
        return KeptPair(certificate.read_text(), key.read_text())

    def _write_pair(self, stem: Path, pair: KeptPair) -> None:
        self.make()
        make_directory(stem.parent)
        write_private(stem.with_name(stem.name + ".key"), pair.key.encode())
        write_private(stem.with_name(stem.name + ".crt"), pair.certificate.encode())


def state_root(file_folder: Path, cluster: str) -> Path:
    """Where the state of a cluster stands when nobody says otherwise: beside its file."""
    return file_folder.absolute() / ".etcdpilot" / cluster
