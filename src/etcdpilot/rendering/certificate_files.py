"""The certificate files of one member: what each is made from, never its bytes."""

from __future__ import annotations

import ipaddress

from etcdpilot.model.addresses import host_part
from etcdpilot.model.certificates import (
    CLIENT_AUTHORITY,
    PEER_AUTHORITY,
    CertificateSpec,
    KeyKind,
    Purpose,
    split_hosts,
)
from etcdpilot.model.cluster import ClusterSpec, HostKind, MemberSpec, Profile
from etcdpilot.model.files import AuthorityBundle, FileSpec, LeafCertificate, LeafKey
from etcdpilot.rendering.given_files import given_files
from etcdpilot.rendering.security import shared_common_name

LOOPBACK = ("localhost", "127.0.0.1", "::1")
OPERATOR = "root"  # etcd's own auth knows a user of this name, so health and snapshots go on working under it


def certificate_files(spec: ClusterSpec, member: MemberSpec) -> tuple[FileSpec, ...]:
    """Authorities first, then every certificate beside its key; nothing where TLS is off.

    Roles that name the same file share one certificate. ValueError when two authorities would sign the same file.
    """
    if not spec.encrypted:
        return ()
    if spec.tls.given is not None:
        return given_files(spec, member, spec.tls.given, files_owner(spec, member))
    return (*authority_files(spec, member), *leaf_files(spec, member), *client_files(spec, member))


def authority_files(spec: ClusterSpec, member: MemberSpec) -> tuple[FileSpec, ...]:
    """A file that both roles name holds both authorities."""
    files, owner = spec.tls.files, files_owner(spec, member)
    bundles: dict[str, tuple[str, ...]] = {}
    for name, authority in ((files.peer_ca, peer_authority(spec)), (files.client_ca, client_authority(spec))):
        bundles[name] = tuple(dict.fromkeys((*bundles.get(name, ()), authority)))
    return tuple(
        FileSpec(f"{member.paths.tls}/{name}", 0o644, owner, AuthorityBundle(authorities))
        for name, authorities in bundles.items()
    )


def leaf_files(spec: ClusterSpec, member: MemberSpec) -> tuple[FileSpec, ...]:
    files = spec.tls.files
    if files.server_cert == files.peer_cert:
        return pair(spec, member, files.server_cert, files.server_key, common_certificate(spec, member))
    return (
        *pair(spec, member, files.server_cert, files.server_key, server_certificate(spec, member)),
        *pair(spec, member, files.peer_cert, files.peer_key, peer_certificate(spec, member)),
    )


def client_files(spec: ClusterSpec, member: MemberSpec) -> tuple[FileSpec, ...]:
    """A client certificate beside the servers', where the file asks for one; its key is for root alone."""
    stem = spec.tls.client_file
    if not stem:
        return ()
    wanted = leaf(spec, client_authority(spec), Purpose.CLIENT, OPERATOR, ())
    # Named in the manner of the others: client.crt and client.key, or cfssl's client.pem and client-key.pem.
    cfssl = spec.tls.files.server_cert.endswith(".pem")
    cert, key = (f"{stem}.pem", f"{stem}-key.pem") if cfssl else (f"{stem}.crt", f"{stem}.key")
    return pair(spec, member, cert, key, wanted, key_owner=files_owner(spec, member))


def pair(
    spec: ClusterSpec, member: MemberSpec, cert: str, key: str, wanted: CertificateSpec, *, key_owner: str = ""
) -> tuple[FileSpec, FileSpec]:
    path = f"{member.paths.tls}/{cert}"
    owner = files_owner(spec, member)
    return (
        FileSpec(path, 0o644, owner, LeafCertificate(wanted)),
        FileSpec(f"{member.paths.tls}/{key}", 0o600, key_owner or member.service.user, LeafKey(path)),
    )


def server_certificate(spec: ClusterSpec, member: MemberSpec) -> CertificateSpec:
    hosts = [host for one in who(spec, member) for host in (*names_of(one), *listening(one.listen_client_urls))]
    loopback = LOOPBACK if spec.tls.loopback_names else ()
    names = (*hosts, *spec.tls.extra_names, *loopback)
    return leaf(spec, client_authority(spec), Purpose.SERVER, leaf_name(spec, member), names)


def peer_certificate(spec: ClusterSpec, member: MemberSpec) -> CertificateSpec:
    """It must name the address that its own connections come from: etcd compares them."""
    hosts = [host for one in who(spec, member) for host in (*names_of(one), *listening(one.listen_peer_urls))]
    return leaf(spec, peer_authority(spec), Purpose.PEER, leaf_name(spec, member), (*hosts, *spec.tls.extra_names))


def common_certificate(spec: ClusterSpec, member: MemberSpec) -> CertificateSpec:
    """One certificate in both roles: the names of both, and the usages, which are the same."""
    if peer_authority(spec) != client_authority(spec):
        raise ValueError("the server's and the peer's certificate are one file, which only a single authority can sign")
    server, peer = server_certificate(spec, member), peer_certificate(spec, member)
    return leaf(spec, server.authority, Purpose.SERVER, server.common_name, (*server.hosts, *peer.hosts))


def leaf(spec: ClusterSpec, authority: str, purpose: Purpose, name: str, hosts: tuple[str, ...]) -> CertificateSpec:
    names, addresses = split_hosts(hosts)
    parts, lifetime, key = spec.tls.subject.parts, spec.tls.leaf_lifetime, KeyKind(spec.tls.key)
    return CertificateSpec(authority, purpose, name, parts, names, addresses, lifetime, key)


def who(spec: ClusterSpec, member: MemberSpec) -> tuple[MemberSpec, ...]:
    """Whose names a certificate of this member carries: its own, or everybody's where all share one."""
    return spec.members if spec.tls.profile is Profile.SHARED else (member,)


def names_of(member: MemberSpec) -> tuple[str, ...]:
    return (*member.addresses, *member.extra_names)


def leaf_name(spec: ClusterSpec, member: MemberSpec) -> str:
    if spec.tls.profile is Profile.SHARED:
        return shared_common_name(spec)
    return spec.tls.subject.common_name or member.name


def listening(urls: tuple[str, ...]) -> tuple[str, ...]:
    """The hosts of listen URLs, wildcards left out: no certificate can name 0.0.0.0."""
    return tuple(host for url in urls if not is_wildcard(host := host_part(url)))


def is_wildcard(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def peer_authority(spec: ClusterSpec) -> str:
    return spec.tls.authority_name if spec.tls.single_authority else PEER_AUTHORITY


def client_authority(spec: ClusterSpec) -> str:
    return spec.tls.authority_name if spec.tls.single_authority else CLIENT_AUTHORITY


def files_owner(spec: ClusterSpec, member: MemberSpec) -> str:
    """On a host root owns what the service must not change; on a laptop all of it is the user's."""
    return member.service.user if spec.kind is HostKind.LOCAL else "root"
