"""What etcd is told about certificates, and what is unwise in what the file asks for."""

from __future__ import annotations

from etcdpilot.model.cluster import ClusterSpec, MemberSpec, Profile


def tls_options(spec: ClusterSpec, member: MemberSpec) -> dict[str, str]:
    """Certificate paths and client checks; nothing at all where TLS is off."""
    if not spec.encrypted:
        return {}
    files, folder = spec.tls.files, member.paths.tls
    return {
        "cert-file": f"{folder}/{files.server_cert}",
        "key-file": f"{folder}/{files.server_key}",
        "trusted-ca-file": f"{folder}/{files.client_ca}",
        "client-cert-auth": "true",
        "peer-cert-file": f"{folder}/{files.peer_cert}",
        "peer-key-file": f"{folder}/{files.peer_key}",
        "peer-trusted-ca-file": f"{folder}/{files.peer_ca}",
        "peer-client-cert-auth": "true",
    } | peer_check(spec, member)


def peer_check(spec: ClusterSpec, member: MemberSpec) -> dict[str, str]:
    """Under one CA every client certificate opens the peer port, unless the peers' common name is asked for."""
    name = peers_common_name(spec)
    asked = dict(member.options)
    if not name or not (spec.tls.single_authority or spec.tls.given):
        return {}
    if "peer-cert-allowed-cn" in asked or "peer-cert-allowed-hostname" in asked:
        return {}
    return {"peer-cert-allowed-cn": name}


def peers_common_name(spec: ClusterSpec) -> str:
    """The common name that all peer certificates share; empty where each has its member's."""
    if spec.tls.subject.common_name or spec.tls.given is not None:
        return spec.tls.subject.common_name  # whom others make certificates out to is known only where the file says
    if spec.tls.profile is Profile.SHARED:
        return shared_common_name(spec)
    return spec.members[0].name if len(spec.members) == 1 else ""


def shared_common_name(spec: ClusterSpec) -> str:
    """One certificate for all members cannot carry one member's name."""
    return spec.tls.subject.common_name or spec.name
