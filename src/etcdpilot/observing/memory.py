"""Reads the state folder: what was written down of a cluster, and the keyring that opens its door."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from etcdpilot.etcd.door import Door, Keyring
from etcdpilot.etcd.endpoints import Endpoint
from etcdpilot.model.cluster import ClusterSpec, earlier
from etcdpilot.model.memory import AuthorityKept, Memory
from etcdpilot.stores.state import Identity, StateFolder

_FACTS: dict[str, AuthorityKept] = {}


def remember_identity(identity: Identity) -> Memory:
    """Enough to look at a cluster; the authorities are not read."""
    return Memory(identity.token, identity.cluster_id, identity.member_ids, identity.formed)


def remember(state: StateFolder, identity: Identity) -> Memory:
    """Everything: enough to plan a change."""
    return Memory(
        token=identity.token,
        cluster_id=identity.cluster_id,
        member_ids=identity.member_ids,
        formed=identity.formed,
        authorities=tuple(kept for name in state.authorities() if (kept := authority(state, name))),
        has_operator=state.operator_certificate.exists() and state.operator_key.exists(),
        key_hashes=state.key_hashes(),
    )


def authority(state: StateFolder, name: str) -> AuthorityKept | None:
    pair = state.authority(name)
    if pair is None:
        return None
    if pair.certificate not in _FACTS:
        from etcdpilot.pki.reading import read_certificate

        _FACTS[pair.certificate] = AuthorityKept(name, pair.certificate, read_certificate(pair.certificate.encode()))
    return _FACTS[pair.certificate]


def open_door(wanted: ClusterSpec, state: StateFolder, ways: Mapping[str, int] = MappingProxyType({})) -> Door:
    """The door to the members of this file and the last, by their first client URL, or by the port here that leads to
    it; with the operator's certificate."""
    urls = {member.name: member.advertise_client_urls[0] for member in (*wanted.members, *wanted.former)}
    urls |= {earlier(member.name): member.advertise_client_urls[0] for member in wanted.before}
    own = {name: Endpoint.parse(url) for name, url in urls.items()}
    near = {name: Endpoint("127.0.0.1", port, own[name].secure, own[name].host) for name, port in ways.items()}
    return Door({**own, **near}, keyring(state) if wanted.encrypted else None)


def keyring(state: StateFolder) -> Keyring | None:
    pair = state.operator()
    if pair is None or not state.client_ca.exists():
        return None
    return Keyring(state.client_ca.read_bytes(), pair.certificate.encode(), pair.key.encode())
