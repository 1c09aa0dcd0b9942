"""The certificate files of a member where somebody else makes the certificates."""

from __future__ import annotations

from etcdpilot.model.cluster import ClusterSpec, MemberSpec
from etcdpilot.model.files import FileSpec, Given
from etcdpilot.model.given import GivenFiles

ROLES = ("peer_ca", "client_ca", "server_cert", "server_key", "peer_cert", "peer_key")


def given_files(spec: ClusterSpec, member: MemberSpec, given: GivenFiles, owner: str) -> tuple[FileSpec, ...]:
    """Authorities first, then each certificate beside its key. Roles that name the same file are one file."""
    wanted = [(role, getattr(spec.tls.files, role)) for role in ROLES]
    if spec.tls.client_file:
        cfssl = spec.tls.files.server_cert.endswith(".pem")
        stem = spec.tls.client_file
        wanted += [("operator_cert", f"{stem}.pem" if cfssl else f"{stem}.crt")]
        wanted += [("operator_key", f"{stem}-key.pem" if cfssl else f"{stem}.key")]
    files: dict[str, FileSpec] = {}
    for role, name in wanted:
        path = f"{member.paths.tls}/{name}"
        content = Given(given.of(role, member.name), role)
        files.setdefault(path, FileSpec(path, mode_of(content), owner_of(content, member, owner), content))
    return tuple(files.values())


def mode_of(content: Given) -> int:
    return 0o600 if content.is_key else 0o644


def owner_of(content: Given, member: MemberSpec, owner: str) -> str:
    """etcd reads its own keys; a client's key beside them is for root alone."""
    return member.service.user if content.role in ("server_key", "peer_key") else owner
