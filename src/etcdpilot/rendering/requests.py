"""What each certificate must say that somebody else is asked to sign."""

from __future__ import annotations

from collections.abc import Iterator

from etcdpilot.model.certificates import CertificateSpec, Purpose
from etcdpilot.model.cluster import ClusterSpec, MemberSpec
from etcdpilot.model.given import OPERATOR_PAIR
from etcdpilot.rendering.certificate_files import (
    OPERATOR,
    client_authority,
    leaf,
    peer_certificate,
    server_certificate,
)


def wanted_requests(spec: ClusterSpec) -> Iterator[tuple[str, str, CertificateSpec]]:
    """(whose, its name, what it asks for): `("etcd-0", "etcd-0-server", …)`, and last the operator's."""
    for member in spec.members:
        yield from member_requests(spec, member)
    yield OPERATOR_PAIR, OPERATOR_PAIR, leaf(spec, client_authority(spec), Purpose.CLIENT, OPERATOR, ())


def member_requests(spec: ClusterSpec, member: MemberSpec) -> Iterator[tuple[str, str, CertificateSpec]]:
    """One where a member shows the same file to clients and peers, else two."""
    server, peer = server_certificate(spec, member), peer_certificate(spec, member)
    if spec.tls.files.server_cert == spec.tls.files.peer_cert:
        both = leaf(spec, server.authority, Purpose.SERVER, server.common_name, (*server.hosts, *peer.hosts))
        yield member.name, f"{member.name}-server", both
    else:
        yield member.name, f"{member.name}-server", server
        yield member.name, f"{member.name}-peer", peer
