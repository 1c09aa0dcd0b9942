"""Which certificate files a member has, whom they name, and who may read them."""

from __future__ import annotations

import pytest

from etcdpilot.model.certificates import CLIENT_AUTHORITY, PEER_AUTHORITY, CertificateSpec, Purpose
from etcdpilot.model.cluster import CertificateFiles, ClusterSpec, Profile, Subject, TlsMode
from etcdpilot.model.files import AuthorityBundle, FileSpec, LeafCertificate, LeafKey
from etcdpilot.rendering.certificate_files import certificate_files
from tests.paper.clusters import cluster, member


def files_of(spec: ClusterSpec, number: int = 0) -> dict[str, FileSpec]:
    return {file.path.removeprefix("/etc/etcd/tls/"): file for file in certificate_files(spec, spec.members[number])}


def leaf(file: FileSpec) -> CertificateSpec:
    assert isinstance(file.content, LeafCertificate)
    return file.content.spec


def test_a_member_has_two_pairs_under_two_authorities_and_its_keys_are_its_own():
    files = files_of(cluster())
    assert list(files) == ["peer-ca.crt", "client-ca.crt", "server.crt", "server.key", "peer.crt", "peer.key"]
    assert files["peer-ca.crt"].content == AuthorityBundle((PEER_AUTHORITY,))
    assert files["client-ca.crt"].content == AuthorityBundle((CLIENT_AUTHORITY,))
    assert {(file.mode, file.owner) for name, file in files.items() if name.endswith(".key")} == {(0o600, "etcd")}
    assert {(file.mode, file.owner) for name, file in files.items() if name.endswith(".crt")} == {(0o644, "root")}
    assert files["peer.key"].content == LeafKey("/etc/etcd/tls/peer.crt")


def test_a_certificate_names_exactly_what_the_member_is_reached_by():
    files = files_of(cluster(tls={"extra_names": ("etcd.example.com",)}))
    server, peer = leaf(files["server.crt"]), leaf(files["peer.crt"])
    assert (server.authority, server.purpose, server.common_name) == (CLIENT_AUTHORITY, Purpose.SERVER, "etcd-0")
    assert server.dns_names == ("etcd.example.com", "localhost")
    assert server.ip_addresses == ("10.0.0.11", "127.0.0.1", "::1")
    assert (peer.authority, peer.dns_names, peer.ip_addresses) == (
        PEER_AUTHORITY,
        ("etcd.example.com",),
        ("10.0.0.11",),
    )


def test_a_members_own_further_names_are_in_its_certificates_alone():
    spec = cluster(member(0, extra_names=("db0.example.com",)), member(1))
    assert "db0.example.com" in leaf(files_of(spec)["peer.crt"]).dns_names
    assert "db0.example.com" in leaf(files_of(spec)["server.crt"]).dns_names
    assert "db0.example.com" not in leaf(files_of(spec, 1)["server.crt"]).dns_names


def test_a_wildcard_is_not_a_name():
    spec = cluster(
        member(0, listen_client_urls=("https://0.0.0.0:2379", "https://[::]:2379")), tls={"loopback_names": False}
    )
    assert leaf(files_of(spec)["server.crt"]).hosts == ("10.0.0.11",)


def test_a_shared_certificate_is_the_same_on_every_member():
    spec = cluster(tls={"profile": Profile.SHARED})
    each = [leaf(files_of(spec, number)["server.crt"]) for number in range(3)]
    assert each[0] == each[1] == each[2]
    assert each[0].common_name == "prod"
    assert {"10.0.0.11", "10.0.0.12", "10.0.0.13"} <= set(each[0].ip_addresses)


def test_roles_that_name_one_file_share_one_certificate():
    names = CertificateFiles("k.pem", "k-key.pem", "k.pem", "k-key.pem", "ca.pem", "ca.pem")
    tls = {
        "files": names,
        "single_authority": True,
        "authority_name": "kubernetes-ca",
        "subject": Subject("kubernetes", (("O", "k8s"),)),
    }
    files = files_of(cluster(tls=tls))
    assert list(files) == ["ca.pem", "k.pem", "k-key.pem"]
    assert files["ca.pem"].content == AuthorityBundle(("kubernetes-ca",))
    made = leaf(files["k.pem"])
    assert (made.authority, made.common_name, made.organisation) == ("kubernetes-ca", "kubernetes", (("O", "k8s"),))
    assert "127.0.0.1" in made.hosts


def test_two_authorities_cannot_sign_one_file():
    names = CertificateFiles("k.pem", "k.key", "k.pem", "k.key")
    with pytest.raises(ValueError, match="single authority"):
        files_of(cluster(tls={"files": names}))


def test_one_file_of_authorities_holds_both():
    names = CertificateFiles(client_ca="ca.pem", peer_ca="ca.pem")
    assert files_of(cluster(tls={"files": names}))["ca.pem"].content == AuthorityBundle(
        (PEER_AUTHORITY, CLIENT_AUTHORITY)
    )


def test_a_client_certificate_is_installed_where_the_file_asks_for_one():
    files = files_of(cluster(tls={"client_file": "client"}))
    assert leaf(files["client.crt"]).purpose is Purpose.CLIENT
    assert (files["client.key"].mode, files["client.key"].owner) == (0o600, "root")


def test_without_tls_there_are_no_certificates():
    assert not files_of(cluster(tls={"mode": TlsMode.OFF}))
