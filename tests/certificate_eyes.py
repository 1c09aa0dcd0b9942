"""Looks at a cluster's certificates from outside: whom its listeners let in, and authorities and leaves of another time."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from etcdpilot.model.certificates import AuthoritySpec, CertificateSpec
from etcdpilot.model.handshakes import HandshakeOutcome
from etcdpilot.observing.handshake import Identity, Target, shake_hands
from etcdpilot.pki.authority import Authority, issue, load_authority, make_authority
from etcdpilot.pki.reading import read_certificate
from etcdpilot.stores.state import KeptPair, StateFolder

CLIENT, PEER = "client-ca", "peer-ca"
Urls = Iterable[tuple[str, str]]  # authority, URL


def authority_at(stem: Path) -> Authority:
    """STEM.crt and STEM.key, wherever they stand: also one that was retired."""
    certificate, key = (stem.with_name(f"{stem.name}.{suffix}").read_bytes() for suffix in ("crt", "key"))
    return load_authority(certificate, key)


def retired(state: Path, name: str) -> Path:
    """Where the youngest of the retired authorities stands."""
    return max(
        (state / "authorities" / "retired").glob(f"{name}-*.crt"), key=lambda path: path.stat().st_mtime
    ).with_suffix("")


def visitor(authority: Authority, folder: Path) -> Identity:
    """A client certificate of this authority that names no host, which a peer listener would compare."""
    made = issue(authority, CertificateSpec.of_client("visitor"), datetime.now(UTC))
    identity = Identity(folder / "visitor.crt", folder / "visitor.key")
    identity.certificate.write_bytes(made.certificate_pem)
    identity.key.write_bytes(made.key_pem)
    return identity


async def outcomes(
    urls: Urls, stem_of: Callable[[str], Path], state: Path, folder: Path
) -> dict[str, HandshakeOutcome]:
    """What each listener says to whom the authority at `stem_of` signed for; it is trusted with what is trusted today."""
    found = {}
    for name, url in urls:
        trusted = (state / "authorities" / f"{name}.crt").read_bytes()
        met = await shake_hands(Target(url, trusted, visitor(authority_at(stem_of(name)), folder)))
        found[url] = met.outcome
    return found


def everywhere(urls: Urls, stem_of: Callable[[str], Path], state: Path, folder: Path) -> set[HandshakeOutcome]:
    return set(asyncio.run(outcomes(list(urls), stem_of, state, folder)).values())


def repeated_at_most(times: int, seen: dict[str, Any]) -> None:
    """No write more often than that. A machine that is far too busy lets attempts run out of their second by itself, in a
    cluster that nobody touches too: there it says nothing about certificates."""
    if os.getloadavg()[0] < 4 * (os.cpu_count() or 1):
        assert seen["most_repeats_of_one"] <= times, seen["causes"]


def old_authorities(state: StateFolder, days: int = 30, **lifetime: int) -> None:
    """Authorities that were made a while ago, for a cluster that is yet to be built; it takes them as its own."""
    for name in (CLIENT, PEER):
        spec = AuthoritySpec(name, f"old {name}", lifetime=timedelta(**(lifetime or {"days": 3650})))
        made = make_authority(spec, datetime.now(UTC) - timedelta(days=days))
        state.write_authority(name, KeptPair(made.certificate_pem.decode(), made.key_pem().decode()))


def ended(state: StateFolder, certificate: bytes, authority: str) -> tuple[bytes, bytes]:
    """A certificate that says what this one says, and ended two days ago; and its key. Noted, as one of ours is."""
    facts = read_certificate(certificate)
    purpose = CertificateSpec.of_peer if facts.hosts else CertificateSpec.of_client
    hosts = (list(facts.hosts),) if facts.hosts else ()
    spec = purpose(facts.common_name, *hosts, authority=authority, lifetime=timedelta(days=1))
    pair = state.authority(authority)
    assert pair is not None
    signer = load_authority(pair.certificate.encode(), pair.key.encode())
    made = issue(signer, spec, datetime.now(UTC) - timedelta(days=3))
    digest = hashlib.sha256(made.key_pem).hexdigest()
    state.note_keys(((read_certificate(made.certificate_pem).fingerprint, digest),))
    return made.certificate_pem, made.key_pem
