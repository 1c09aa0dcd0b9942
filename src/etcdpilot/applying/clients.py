"""Client certificates for whoever uses the cluster: issued here, noted without their keys, written where they are used."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from etcdpilot.applying.certificates import load
from etcdpilot.model.certificates import CertificateSpec, DistinguishedName, KeyKind
from etcdpilot.model.cluster import ClusterSpec
from etcdpilot.model.errors import Refused, SpecError
from etcdpilot.rendering.certificate_files import client_authority
from etcdpilot.stores.clients import IssuedClient, issued_clients, note_client
from etcdpilot.stores.state import StateFolder
from etcdpilot.stores.writing import make_directory, write_private


@dataclass(frozen=True, slots=True)
class ClientWish:
    """`name` is that of the files; `force` writes over what stands there."""

    name: str
    common_name: str
    directory: Path
    organisation: DistinguishedName = ()
    lifetime: timedelta | None = None
    force: bool = False

    @property
    def certificate(self) -> Path:
        return self.directory / f"{self.name}.crt"

    @property
    def key(self) -> Path:
        return self.directory / f"{self.name}.key"

    @property
    def trusted(self) -> Path:
        return self.directory / "ca.crt"


def issue_client(wanted: ClusterSpec, state: StateFolder, wish: ClientWish, now: datetime) -> IssuedClient:
    """Three files: the key (0600) first, so that half of it is never taken for a pair. Noted before they are written."""
    from etcdpilot.pki.authority import issue
    from etcdpilot.pki.reading import read_certificate

    require_free(wish, state)
    issued = issue(signer(wanted, state), specification(wanted, wish), now)
    facts = read_certificate(issued.certificate_pem)
    client = IssuedClient(
        name=wish.name,
        common_name=facts.common_name,
        fingerprint=facts.fingerprint,
        authority_key_id=facts.authority_key_id or "",
        not_before=facts.not_before.isoformat(),
        not_after=facts.not_after.isoformat(),
        directory=str(wish.directory.absolute()),
    )
    note_client(state.root, client)
    try:
        make_directory(wish.directory)
        write_private(wish.key, issued.key_pem)
        write_private(wish.trusted, state.client_ca.read_bytes(), 0o644)
        write_private(wish.certificate, issued.certificate_pem, 0o644)
    except OSError as error:
        raise SpecError(f"{error.filename} cannot be written.", why=f"{error.strerror}.") from error
    return client


def specification(wanted: ClusterSpec, wish: ClientWish) -> CertificateSpec:
    try:
        return CertificateSpec.of_client(
            wish.common_name,
            organisation=wish.organisation,
            authority=client_authority(wanted),
            lifetime=wish.lifetime or wanted.tls.leaf_lifetime,
            key=KeyKind(wanted.tls.key),
        )
    except ValueError as error:
        raise SpecError("That is no subject of a certificate.", why=f"{error}.") from error


def signer(wanted: ClusterSpec, state: StateFolder):  # type: ignore[no-untyped-def]
    if not wanted.encrypted:
        raise SpecError(f"{wanted.name} has no certificates: tls.mode is off.")
    if wanted.tls.given is not None:
        raise SpecError(
            f"The certificates of {wanted.name} are made by somebody else.", remedy="Ask whoever signs them for one."
        )
    try:
        return load(client_authority(wanted), state)
    except KeyError:
        raise SpecError(
            f"There is no authority of {wanted.name} here.",
            why=f"{state.root} does not hold its key.",
            remedy="Build the cluster first (etcdpilot apply), or name its state with --state DIR.",
        ) from None


def require_free(wish: ClientWish, state: StateFolder) -> None:
    """What was issued from here may be written over, that is how it is renewed; anybody else's files may not."""
    there = [path for path in (wish.certificate, wish.key) if path.exists()]
    if not there or wish.force or is_ours(wish.certificate, state):
        return
    raise Refused(
        f"{there[0]} is there already.",
        why="It was not issued from here, so it is not written over.",
        remedy="Choose another name or directory, or say --force.",
    )


def is_ours(path: Path, state: StateFolder) -> bool:
    from etcdpilot.pki.reading import read_certificate

    try:
        fingerprint = read_certificate(path.read_bytes()).fingerprint
    except (OSError, SpecError):
        return False
    return any(each.fingerprint == fingerprint for each in issued_clients(state.root))
