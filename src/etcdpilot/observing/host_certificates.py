"""Certificates in files of the hosts, each held against what it is used for. Keys are never read, only their digests."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from etcdpilot.hosts.fleet import Fleet
from etcdpilot.model.addresses import host_part
from etcdpilot.model.certificate_rows import CertificateRow
from etcdpilot.model.certificates import CertificateFacts, Purpose
from etcdpilot.model.cluster import ClusterSpec, MemberSpec
from etcdpilot.model.errors import HostFailed, SpecError
from etcdpilot.model.files import AuthorityBundle, FileSeen, FileSpec, Given, LeafCertificate, LeafKey
from etcdpilot.model.findings import Finding, Severity
from etcdpilot.model.knowledge import Known, Unknown
from etcdpilot.model.memory import Memory
from etcdpilot.observing.files import question_for
from etcdpilot.rendering.certificate_files import certificate_files, client_authority, peer_authority
from etcdpilot.stores.state import StateFolder

NOT_SHOWN = "TLS-011"


@dataclass(frozen=True, slots=True)
class Ground:
    """What rows are made from."""

    wanted: ClusterSpec
    state: StateFolder
    memory: Memory
    now: datetime
    shown: dict[tuple[str, str], str]  # member and purpose: fingerprint of what its listener shows

    def trusted(self, name: str) -> bytes:
        return "".join(each.certificate for each in self.memory.trusted(name)).encode()


async def look_at_hosts(wanted: ClusterSpec, fleet: Fleet) -> dict[str, Known[tuple[FileSeen, ...]] | Unknown]:
    found = await asyncio.gather(*(look_at_host(wanted, member, fleet) for member in wanted.members))
    return {member.name: seen for member, seen in zip(wanted.members, found, strict=True)}


async def look_at_host(wanted: ClusterSpec, member: MemberSpec, fleet: Fleet) -> Known[tuple[FileSeen, ...]] | Unknown:
    files = certificate_files(wanted, member)
    texts = tuple(dict.fromkeys(file.path for file in files if not is_key(file)))
    try:
        host = await fleet.host(member.name)
        answer = await host.look(replace(question_for(wanted, member, files), texts=texts))
    except HostFailed as error:
        return Unknown(" ".join(part for part in (error.what, error.why) if part))
    return Known(answer.files)


def is_key(file: FileSpec) -> bool:
    return isinstance(file.content, LeafKey) or (isinstance(file.content, Given) and file.content.is_key)


def host_rows(member: MemberSpec, seen: dict[str, FileSeen], ground: Ground) -> Iterator[CertificateRow]:
    for file in certificate_files(ground.wanted, member):
        there = seen.get(file.path)
        match file.content:
            case LeafCertificate(spec):
                yield leaf_row(member, file.path, spec.purpose, there, seen, ground)
            case AuthorityBundle(authorities):
                yield from bundle_rows(member.name, file.path, authorities, there, ground)
            case Given(_, role, _) if not is_key(file):
                yield given_row(member, file.path, role, there, seen, ground)
            case _:
                continue


def leaf_row(
    member: MemberSpec,
    path: str,
    purpose: Purpose,
    there: FileSeen | None,
    seen: dict[str, FileSeen],
    ground: Ground,
) -> CertificateRow:
    facts = facts_of(there)
    row = CertificateRow(member.name, path, purpose.value, user_of(member, purpose), facts)
    if there is None or facts is None:
        return replace(row, findings=(missing(member.name, path, there is not None),))
    key = seen.get(key_path(member, path, ground.wanted))
    matches = key_match(facts, key, ground.memory)
    names = tuple(dict.fromkeys((client_authority(ground.wanted), peer_authority(ground.wanted))))
    anchor = peer_authority(ground.wanted) if purpose is Purpose.PEER else client_authority(ground.wanted)
    way_up = chain_of(there.text, ground.trusted(anchor if anchor in names else names[0]))
    shown = ground.shown.get((member.name, purpose.value))
    row = replace(
        row, key_matches=matches, trusted=bool(way_up), shown=None if shown is None else shown == facts.fingerprint
    )
    return replace(row, findings=(*judged(row, member, way_up, key, purpose, ground), *not_shown(row)))


def judged(
    row: CertificateRow,
    member: MemberSpec,
    way_up: tuple[CertificateFacts, ...],
    key: FileSeen | None,
    purpose: Purpose,
    ground: Ground,
) -> tuple[Finding, ...]:
    from etcdpilot.pki.judge import Use, judge

    assert row.facts is not None
    urls = member.advertise_peer_urls if purpose is Purpose.PEER else member.advertise_client_urls
    use = Use(
        where=f"{row.place} {row.path}",
        purpose=purpose,
        addresses=() if purpose is Purpose.CLIENT else tuple(dict.fromkeys(map(host_part, urls))),
        chain=way_up,
        key=None if row.key_matches is None else row.facts.public_key if row.key_matches else "another",
        key_mode=key.mode if key else None,
    )
    return judge(row.facts, use, ground.now)


def not_shown(row: CertificateRow) -> Iterator[Finding]:
    if row.shown is False:
        yield Finding(
            NOT_SHOWN,
            Severity.WARNING,
            f"{row.place} {row.path}",
            "is not the one that the member shows",
            "etcd reads the file at every handshake, so it was started with another one.",
            "Restart the member: etcdpilot restart",
        )


def missing(place: str, path: str, damaged: bool) -> Finding:
    what = "is no certificate" if damaged else "is not there"
    return Finding("TLS-009", Severity.ERROR, f"{place} {path}", what, "", "Write it: etcdpilot apply")


def bundle_rows(
    place: str, path: str, authorities: tuple[str, ...], there: FileSeen | None, ground: Ground
) -> Iterator[CertificateRow]:
    """Whom the member trusts, by its file: every authority in it, and every one that it lacks."""
    from etcdpilot.pki.judge import judge_authority

    used_by = "whom this member trusts"
    inside = all_facts(there)
    wanted = {kept.facts.fingerprint: kept for name in authorities for kept in ground.memory.trusted(name)}
    for facts in inside:
        known = facts.fingerprint in wanted
        findings = judge_authority(facts, f"{place} {path}", ground.now) if known else (stranger(place, path, facts),)
        purpose = wanted[facts.fingerprint].name if known else "authority"
        yield CertificateRow(place, path, purpose, used_by, facts, trusted=known, findings=findings)
    for fingerprint, kept in wanted.items():
        if fingerprint not in {facts.fingerprint for facts in inside}:
            finding = Finding(
                "TLS-010",
                Severity.ERROR,
                f"{place} {path}",
                f"does not hold {kept.name}",
                "Whom it signed for is refused after the next restart.",
                "Write it: etcdpilot apply",
            )
            yield CertificateRow(place, path, kept.name, used_by, None, findings=(finding,))


def stranger(place: str, path: str, facts: CertificateFacts) -> Finding:
    return Finding(
        "TLS-010",
        Severity.WARNING,
        f"{place} {path}",
        f"trusts an authority that is none of this cluster's: {facts.common_name}",
        "Whoever it signs for gets in.",
        "Take it out: etcdpilot apply",
    )


def given_row(
    member: MemberSpec, path: str, role: str, there: FileSeen | None, seen: dict[str, FileSeen], ground: Ground
) -> CertificateRow:
    """Of somebody else's making. Whom it must satisfy are the authorities that lie beside it."""
    from etcdpilot.pki.judge import judge_authority

    facts, purpose = facts_of(there), role.partition("_")[0]
    row = CertificateRow(member.name, path, purpose, "given", facts)
    if facts is None or there is None:
        return replace(row, findings=(missing(member.name, path, there is not None),))
    if facts.is_ca:
        return replace(row, findings=judge_authority(facts, f"{member.name} {path}", ground.now))
    used_for, files = purpose_of_role(role), ground.wanted.tls.files
    anchors = seen.get(f"{member.paths.tls}/{files.peer_ca if used_for is Purpose.PEER else files.client_ca}")
    way_up = chain_of(there.text, anchors.text.encode() if anchors else b"")
    key = seen.get(given_key_path(member, role, ground.wanted))
    shown = ground.shown.get((member.name, used_for.value))
    row = replace(
        row,
        key_matches=given_key_matches(member, role, key, there, ground),
        trusted=bool(way_up),
        shown=None if shown is None else shown == facts.fingerprint,
    )
    return replace(row, findings=(*judged(row, member, way_up, key, used_for, ground), *not_shown(row)))


def purpose_of_role(role: str) -> Purpose:
    return {"server_cert": Purpose.SERVER, "peer_cert": Purpose.PEER}.get(role, Purpose.CLIENT)


def given_key_path(member: MemberSpec, role: str, wanted: ClusterSpec) -> str:
    for file in certificate_files(wanted, member):
        if isinstance(file.content, Given) and file.content.role == role.replace("_cert", "_key"):
            return file.path
    return ""


def given_key_matches(
    member: MemberSpec, role: str, key: FileSeen | None, there: FileSeen, ground: Ground
) -> bool | None:
    """Judged as a pair when they were given: on the host both must be those; None where other ones lie here by now."""
    given = ground.wanted.tls.given
    if given is None or key is None:
        return False
    kept = [ground.state.root / given.of(each, member.name) for each in (role, role.replace("_cert", "_key"))]
    digests = [hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "" for file in kept]
    if digests[0] != there.sha256:
        return None
    return digests[1] == key.sha256


def key_path(member: MemberSpec, path: str, wanted: ClusterSpec) -> str:
    for file in certificate_files(wanted, member):
        if isinstance(file.content, LeafKey) and file.content.certificate_path == path:
            return file.path
    return ""


def key_match(facts: CertificateFacts, key: FileSeen | None, memory: Memory) -> bool | None:
    """By the digest that was noted when the pair was made: a key is never read back."""
    noted = dict(memory.key_hashes).get(facts.fingerprint)
    if key is None:
        return False
    return None if noted is None else noted == key.sha256


def user_of(member: MemberSpec, purpose: Purpose) -> str:
    match purpose:
        case Purpose.SERVER:
            return ", ".join(member.listen_client_urls)
        case Purpose.PEER:
            return ", ".join(member.listen_peer_urls)
        case _:
            return "clients on this host"


def facts_of(there: FileSeen | None) -> CertificateFacts | None:
    return next(iter(all_facts(there)), None)


def all_facts(there: FileSeen | None) -> tuple[CertificateFacts, ...]:
    from etcdpilot.pki.reading import read_certificates

    if there is None:
        return ()
    try:
        return read_certificates(there.text.encode())
    except SpecError:
        return ()


def chain_of(text: str, trusted: bytes) -> tuple[CertificateFacts, ...]:
    from etcdpilot.pki.reading import chain

    try:
        return chain(text.encode(), trusted)
    except SpecError:
        return ()
