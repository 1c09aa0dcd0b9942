"""Which files of a member differ from what is wanted."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime
from typing import assert_never

from etcdpilot.model.cluster import ClusterSpec, MemberSpec
from etcdpilot.model.files import AuthorityBundle, FileSeen, FileSpec, Given, LeafCertificate, LeafKey, Text
from etcdpilot.model.memory import Memory
from etcdpilot.model.observation import HostSeen, Marker
from etcdpilot.planning.certificates import bundle_hash, due
from etcdpilot.rendering.certificate_files import certificate_files
from etcdpilot.rendering.member_files import member_files
from etcdpilot.rendering.options import InitialCluster


def initial_cluster(wanted: ClusterSpec, memory: Memory, *, formed: bool) -> InitialCluster:
    """What the files say of the cluster: `new` until it has formed, `existing` with every peer from then on."""
    peers = tuple((member.name, member.advertise_peer_urls) for member in wanted.members)
    return InitialCluster("existing" if formed else "new", memory.token, peers)


def marker_of(wanted: ClusterSpec, member: MemberSpec, memory: Memory, *, formed: bool) -> Marker:
    """What a host keeps of its cluster. It says that data is expected from the moment the cluster has formed."""
    token_hash = hashlib.sha256(memory.token.encode()).hexdigest()
    return Marker(
        cluster=wanted.name,
        member=member.name,
        cluster_id=memory.cluster_id if formed else "",
        member_ids=memory.member_ids,
        token_hash=token_hash,
        last_index=0,
    )


def wanted_files(
    wanted: ClusterSpec, member: MemberSpec, memory: Memory, *, formed: bool, initial: InitialCluster | None = None
) -> tuple[FileSpec, ...]:
    """Every file of a member: certificates first, so that a unit never names a file that is not there.

    `initial` is what a joining member is told of its peers; all others are told of the members of the file.
    """
    initial = initial or initial_cluster(wanted, memory, formed=formed)
    marker = marker_of(wanted, member, memory, formed=formed)
    certificates = tuple(with_digest(file, memory) for file in certificate_files(wanted, member))
    return (*certificates, *member_files(wanted, member, initial, marker))


def with_digest(file: FileSpec, memory: Memory) -> FileSpec:
    """What somebody else made is installed as it was judged, byte for byte."""
    if not isinstance(file.content, Given):
        return file
    return replace(file, content=replace(file.content, sha256=memory.given.sha256(file.content.path)))


def differing(files: tuple[FileSpec, ...], host: HostSeen, memory: Memory, now: datetime) -> tuple[FileSpec, ...]:
    """The files that must be written. A key and its certificate are one thing: both or neither."""
    renewed = {file.path for file in files if certificate_is_due(file, host, memory, now)}
    renewed |= {
        file.content.certificate_path
        for file in files
        if isinstance(file.content, LeafKey) and key_is_wrong(file, file.content, host, memory)
    }
    return tuple(file for file in files if differs(file, host, memory, renewed))


def differs(file: FileSpec, host: HostSeen, memory: Memory, renewed: set[str]) -> bool:
    there = host.file(file.path)
    match file.content:
        case Text() as text:
            return attributes_differ(file, there) or there is None or there.sha256 != text.sha256
        case AuthorityBundle(authorities):
            return attributes_differ(file, there) or there is None or there.sha256 != bundle_hash(authorities, memory)
        case Given(_, _, sha256):
            return attributes_differ(file, there) or there is None or there.sha256 != sha256
        case LeafCertificate():
            return file.path in renewed or attributes_differ(file, there)
        case LeafKey(certificate_path):
            return certificate_path in renewed
        case _:
            assert_never(file.content)


def certificate_is_due(file: FileSpec, host: HostSeen, memory: Memory, now: datetime) -> bool:
    if not isinstance(file.content, LeafCertificate):
        return False
    return bool(due(file.content.spec, host.certificate(file.path), memory, now))


def key_is_wrong(file: FileSpec, key: LeafKey, host: HostSeen, memory: Memory) -> bool:
    """Whether it is missing, too open, or of another certificate: a cut-off between the two leaves an odd pair."""
    there, leaf = host.file(file.path), host.certificate(key.certificate_path)
    if attributes_differ(file, there) or there is None or leaf is None:
        return True
    issued = dict(memory.key_hashes).get(leaf.fingerprint, there.sha256)
    return issued != there.sha256


def attributes_differ(file: FileSpec, there: FileSeen | None) -> bool:
    return there is None or there.mode != file.mode or bool(file.owner and there.owner != file.owner)
