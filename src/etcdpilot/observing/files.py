"""Turns what a look brought into what is known of a host: its certificates, its marker, its version."""

from __future__ import annotations

import re
from collections.abc import Iterable

from etcdpilot.hosts.port import Answer, Question
from etcdpilot.model.addresses import MemberUrl, is_address
from etcdpilot.model.certificates import CertificateFacts
from etcdpilot.model.cluster import ClusterSpec, MemberSpec
from etcdpilot.model.files import Content, FileSeen, FileSpec, Given, LeafCertificate, Text
from etcdpilot.model.knowledge import Absent, Known, Unknown
from etcdpilot.model.observation import HostSeen, Marker
from etcdpilot.model.versions import Version
from etcdpilot.rendering.marker import read_marker

VERSION = re.compile(r"\d+\.\d+\.\d+\S*")


def question_for(wanted: ClusterSpec, member: MemberSpec, files: Iterable[FileSpec]) -> Question:
    """Hashes of every wanted file, and the words of those that are read again: certificates, units, the marker."""
    paths = list(files)
    texts = tuple(file.path for file in paths if is_read_again(file.content))
    return Question(
        unit=member.service.unit,
        etcd=f"{member.paths.bin}/etcd",
        data=member.paths.data,
        files=tuple(dict.fromkeys(file.path for file in paths)),
        texts=texts,
        ports=tuple(sorted({MemberUrl.parse(url).port for url in member.listen_client_urls + member.listen_peer_urls})),
        peers=peers_of(wanted, member),
    )


def peers_of(wanted: ClusterSpec, member: MemberSpec) -> tuple[str, ...]:
    """Where the other members are, as addresses; nothing where nobody compares where a connection comes from."""
    others = (each for each in wanted.members if each.name != member.name and wanted.encrypted)
    hosts = (MemberUrl.parse(url).host for other in others for url in other.advertise_peer_urls)
    return tuple(dict.fromkeys(host for host in hosts if is_address(host)))


def is_read_again(content: Content) -> bool:
    return isinstance(content, LeafCertificate | Text) or (isinstance(content, Given) and not content.is_key)


def host_seen(answer: Answer, member: MemberSpec) -> HostSeen:
    return HostSeen(
        machine=answer.machine,
        files=answer.files,
        certificates=tuple(certificates(answer.files)),
        binary=version_of(answer.version),
        service=answer.service,
        process=answer.process,
        data=answer.data,
        marker=marker(answer.files, member.paths.marker),
        busy_ports=answer.busy_ports,
        interface_addresses=answer.interface_addresses,
        sources=answer.sources,
    )


def certificates(files: Iterable[FileSeen]) -> Iterable[tuple[str, CertificateFacts]]:
    for file in files:
        if "BEGIN CERTIFICATE" in file.text:
            # Imported here: a cluster without certificates, or a quick look at its processes, does not pay for it.
            from etcdpilot.pki.reading import read_certificates

            try:
                facts = read_certificates(file.text.encode())
            except Exception:  # a damaged certificate counts as none, and is written anew
                continue
            if facts:
                yield file.path, facts[0]


def version_of(line: str) -> Known[Version] | Absent | Unknown:
    if not line:
        return Absent()
    found = VERSION.search(line)
    if found is None:
        return Unknown(f"it says {line!r}")
    return Known(Version.parse(found[0]))


def marker(files: Iterable[FileSeen], path: str) -> Known[Marker] | Absent | Unknown:
    there = next((file for file in files if file.path == path), None)
    if there is None:
        return Absent()
    try:
        return Known(read_marker(there.text))
    except ValueError as error:
        return Unknown(str(error))
