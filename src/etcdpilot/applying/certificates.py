"""Makes authorities on the controller and issues leaves on their way to a host. CA keys never leave the state folder."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, assert_never

from etcdpilot.applying.given import bytes_of, goes_first, take_operator
from etcdpilot.applying.signing import kept_key, opened, seal, signer_pair
from etcdpilot.model.certificates import AuthoritySpec, CertificateSpec, KeyKind
from etcdpilot.model.cluster import ClusterSpec, Profile
from etcdpilot.model.files import AuthorityBundle, FileSpec, FileToWrite, Given, LeafCertificate, LeafKey, Text
from etcdpilot.model.steps import MakeAuthorities, WriteFiles
from etcdpilot.observing.memory import authority as kept_authority
from etcdpilot.observing.memory import trusted
from etcdpilot.rendering.certificate_files import client_authority
from etcdpilot.stores.state import KeptPair, StateFolder

if TYPE_CHECKING:
    from etcdpilot.applying.world import RealWorld
    from etcdpilot.pki.authority import Authority, Issued

OPERATOR = "root"  # with etcd's own auth on, health, hashes and snapshots go on working


async def make_authorities(step: MakeAuthorities, world: RealWorld) -> None:
    if world.wanted.tls.given is not None:
        take_operator(world.wanted.tls.given, world)
        return await world.reopen_door()
    await asyncio.to_thread(make_missing, step.names, world.wanted, world.state, world.clock.now())
    kept = tuple(found for name in world.state.authorities() if (found := kept_authority(world.state, name)))
    world.memory = replace(world.memory, authorities=kept, has_operator=True)
    await world.reopen_door()


def make_missing(names: Iterable[str], wanted: ClusterSpec, state: StateFolder, now: datetime) -> None:
    from etcdpilot.pki.authority import make_authority

    for name in names:
        if wanted.tls.signer is not None:
            state.write_authority(name, signer_pair(wanted.tls.signer, wanted))
        elif state.authority(name) is None:
            made = make_authority(authority_spec(name, wanted), now)
            key = kept_key(made.key_pem().decode(), wanted)
            state.write_authority(name, KeptPair(made.certificate_pem.decode(), key))
        else:
            seal(name, wanted, state)
    write_operator(wanted, state, now)


def write_operator(wanted: ClusterSpec, state: StateFolder, now: datetime) -> None:
    """The pair that etcdpilot shows to the members, by who signs now; and all whom it trusts meanwhile."""
    from etcdpilot.pki.authority import issue

    name = client_authority(wanted)
    operator = issue(load(name, state), operator_spec(wanted), now)
    pair = KeptPair(operator.certificate_pem.decode(), operator.key_pem.decode())
    state.write_operator(pair, "".join(each.certificate for each in trusted(state, name)))


def authority_spec(name: str, wanted: ClusterSpec) -> AuthoritySpec:
    return AuthoritySpec(
        name=name,
        common_name=wanted.tls.authority_name if wanted.tls.single_authority else f"{wanted.name} {name}"[:64],
        lifetime=wanted.tls.authority_lifetime,
        key=KeyKind(wanted.tls.authority_key),
    )


def operator_spec(wanted: ClusterSpec) -> CertificateSpec:
    return CertificateSpec.of_client(
        OPERATOR,
        authority=client_authority(wanted),
        lifetime=wanted.tls.leaf_lifetime,
        key=KeyKind(wanted.tls.key),
    )


def load(name: str, state: StateFolder) -> Authority:
    """The authority with its key; KeyError when the state folder does not hold it."""
    from etcdpilot.pki.authority import load_authority

    pair = state.authority(name)
    if pair is None:
        raise KeyError(name)
    return load_authority(pair.certificate.encode(), pair.key.encode(), opened(pair))


def materialise(step: WriteFiles, world: RealWorld) -> dict[str, list[FileToWrite]]:
    """The bytes of every member's files. A key goes before its certificate, so that half a pair is seen as one.

    Where all members share a certificate it is issued once; otherwise equal wishes still get key pairs of their own.
    """
    shared: dict[CertificateSpec, Issued] = {}
    return {member: files_of(files, world, shared) for member, files in step.files}


def files_of(files: tuple[FileSpec, ...], world: RealWorld, shared: dict[CertificateSpec, Issued]) -> list[FileToWrite]:
    issued: dict[str, Issued] = {}
    for file in files:
        if isinstance(file.content, LeafCertificate):
            leaf = shared.get(file.content.spec) or issue_leaf(file.content.spec, world)
            issued[file.path] = leaf
            if world.wanted.tls.profile is Profile.SHARED:
                shared[file.content.spec] = leaf
    if issued:
        world.state.note_keys(tuple(fingerprint_and_hash(leaf) for leaf in issued.values()))
    ordered = sorted(files, key=lambda file: not goes_first(file.content))
    return [FileToWrite(file.path, file.mode, file.owner, content(file, issued, world)) for file in ordered]


def issue_leaf(spec: CertificateSpec, world: RealWorld) -> Issued:
    from etcdpilot.pki.authority import issue

    return issue(load(spec.authority, world.state), spec, world.clock.now())


def fingerprint_and_hash(leaf: Issued) -> tuple[str, str]:
    from etcdpilot.pki.reading import read_certificates

    return read_certificates(leaf.certificate_pem)[0].fingerprint, hashlib.sha256(leaf.key_pem).hexdigest()


def content(file: FileSpec, issued: dict[str, Issued], world: RealWorld) -> bytes:
    match file.content:
        case Text(text):
            return text.encode()
        case LeafCertificate():
            return issued[file.path].certificate_pem
        case LeafKey(certificate_path):
            return issued[certificate_path].key_pem
        case Given() as given:
            return bytes_of(given, world.state)
        case AuthorityBundle(authorities):
            return "".join(each.certificate for name in authorities for each in trusted(world.state, name)).encode()
        case _:
            assert_never(file.content)
