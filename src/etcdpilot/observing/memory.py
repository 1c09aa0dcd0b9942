"""Reads the state folder: what was written down of a cluster, and the keyring that opens its door."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from etcdpilot.etcd.door import Door, Keyring
from etcdpilot.etcd.endpoints import Endpoint
from etcdpilot.model.certificates import CertificateFacts
from etcdpilot.model.cluster import ClusterSpec, earlier
from etcdpilot.model.errors import SpecError
from etcdpilot.model.memory import AuthorityKept, Memory
from etcdpilot.stores.passphrases import is_sealed
from etcdpilot.stores.restores import read_former
from etcdpilot.stores.rotation import ended_rotation
from etcdpilot.stores.state import Identity, KeptPair, StateFolder

_FACTS: dict[str, AuthorityKept] = {}


def remember_identity(identity: Identity) -> Memory:
    """Enough to look at a cluster; the authorities are not read."""
    return Memory(identity.token, identity.cluster_id, identity.member_ids, identity.formed)


def remember(state: StateFolder, identity: Identity) -> Memory:
    """Everything: enough to plan a change."""
    facts = operator(state)
    return Memory(
        token=identity.token,
        cluster_id=identity.cluster_id,
        member_ids=identity.member_ids,
        formed=identity.formed,
        authorities=tuple(kept for name in state.authorities() if (kept := authority(state, name))),
        has_operator=facts is not None,
        key_hashes=state.key_hashes(),
        rotation=state.rotation(),
        rotated=ended_rotation(state.root),
        backed_up=newest_backup(state),
        beside=tuple(kept for name in state.authorities() if (kept := authority_beside(state, name))),
        operator=facts,
        operator_trust=digest(state.client_ca),
        former=read_former(state),
        tried=identity.tried,
    )


def authority(state: StateFolder, name: str) -> AuthorityKept | None:
    """Who signs now."""
    return with_facts(name, state.authority(name))


def authority_beside(state: StateFolder, name: str) -> AuthorityKept | None:
    """Who is trusted too while a rotation is under way."""
    return with_facts(name, state.authority_beside(name))


def trusted(state: StateFolder, name: str) -> tuple[AuthorityKept, ...]:
    """As `Memory.trusted` has it."""
    rotation, pair = state.rotation(), (authority(state, name), authority_beside(state, name))
    ordered = reversed(pair) if rotation and rotation.phase.signs_new else pair
    return tuple(each for each in ordered if each)


def operator(state: StateFolder) -> CertificateFacts | None:
    pair = state.operator()
    if pair is None:
        return None
    from etcdpilot.pki.reading import read_certificate

    try:
        return read_certificate(pair.certificate.encode())
    except SpecError:  # damaged: it is issued anew
        return None


def newest_backup(state: StateFolder) -> datetime | None:
    """By the manifests in the state folder: one is written when its snapshot was proved."""
    times = [path.stat().st_mtime for path in state.backups.glob("*/*.json")]
    return datetime.fromtimestamp(max(times), UTC) if times else None


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def with_facts(name: str, pair: KeptPair | None) -> AuthorityKept | None:
    if pair is None:
        return None
    own = without_chain(pair.certificate)
    if own not in _FACTS:
        from etcdpilot.pki.reading import read_certificate

        _FACTS[own] = AuthorityKept(name, own, read_certificate(own.encode()))
    return replace(_FACTS[own], sealed=is_sealed(pair.key))


def without_chain(certificates: str) -> str:
    """Of an intermediate that came with its chain, itself alone: whoever trusted its root would trust all that it signed."""
    own, end, _ = certificates.partition("-----END CERTIFICATE-----\n")
    return own + end


def open_door(wanted: ClusterSpec, state: StateFolder, ways: Mapping[str, int] = MappingProxyType({})) -> Door:
    """The door to the members of this file and the last, by their first client URL, or by the port here that leads to
    it; with the operator's certificate."""
    urls = {member.name: member.advertise_client_urls[0] for member in (*wanted.members, *wanted.former)}
    urls |= {
        earlier(member.name): member.advertise_client_urls[0]
        for member in wanted.before
        if bare(member.advertise_client_urls[0]) != bare(urls[member.name])
    }
    own = {name: Endpoint.parse(url) for name, url in urls.items()}
    near = {name: Endpoint("127.0.0.1", port, own[name].secure, own[name].host) for name, port in ways.items()}
    return Door({**own, **near}, keyring(state))


def bare(url: str) -> str:
    """Without its scheme: at one address a member answers in one of them, and the door finds out which."""
    return url.partition("://")[2]


def keyring(state: StateFolder) -> Keyring | None:
    pair = state.operator()
    if pair is None or not state.client_ca.exists():
        return None
    return Keyring(state.client_ca.read_bytes(), pair.certificate.encode(), pair.key.encode())
