"""Looks at certificates of somebody else's making before anything is planned: every file, and what the judge says."""

from __future__ import annotations

import hashlib
import ipaddress
import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from etcdpilot.model.addresses import host_part, is_address
from etcdpilot.model.certificates import CertificateFacts, Purpose
from etcdpilot.model.cluster import ClusterSpec, MemberSpec
from etcdpilot.model.errors import SpecError
from etcdpilot.model.findings import Finding, Severity
from etcdpilot.model.given import IMPORTED, OPERATOR_PAIR, GivenFiles, GivenPair, GivenSeen
from etcdpilot.model.memory import Memory
from etcdpilot.rendering.security import tls_options

MISSING = "There is no such file, or it cannot be read."
NO_FILE = "TLS-018"  # a file that was given cannot be read, or is not what it should be


def with_given(memory: Memory, wanted: ClusterSpec, root: Path, now: datetime) -> Memory:
    """The memory, with what was given now; `root` is the state folder. The same where certificates are made here."""
    given, signer = wanted.tls.given, wanted.tls.signer
    if signer is not None and wanted.encrypted:
        from etcdpilot.observing.signers import look_at_signer

        return replace(memory, given=GivenSeen(signer=look_at_signer(signer, now)))
    if given is None or not wanted.encrypted:
        return memory
    seen = look_at_given(wanted, given, root, now)
    taken = [(root / name, given.of(role)) for name, role in TAKEN]
    has_operator = all(digest(read(path)) == seen.sha256(source) for path, source in taken)
    return replace(memory, given=seen, has_operator=has_operator)


TAKEN = (("client.crt", "operator_cert"), ("client.key", "operator_key"), ("ca.crt", "client_ca"))


def look_at_given(wanted: ClusterSpec, given: GivenFiles, root: Path, now: datetime) -> GivenSeen:
    texts = {path: read(root / path) for path in dict.fromkeys(paths(wanted, given))}
    hashes = tuple((path, digest(text)) for path, text in texts.items() if text is not None)
    pairs = tuple(look_at_pair(use, texts, root, now) for use in uses(wanted, given))
    return GivenSeen(hashes, pairs, tuple(authority_findings(given, texts, now)))


def paths(wanted: ClusterSpec, given: GivenFiles) -> Iterator[str]:
    for role in ("client_ca", "peer_ca", "operator_cert", "operator_key"):
        yield given.of(role)
    for member in wanted.members:
        for role in ("server_cert", "server_key", "peer_cert", "peer_key"):
            yield given.of(role, member.name)


class PairUse:
    """What one pair is used for: its files, whom it must satisfy, and by which names."""

    def __init__(self, owner: str, purpose: Purpose, files: tuple[str, str, str], wanted: ClusterSpec) -> None:
        self.owner, self.purpose = owner, purpose
        self.certificate, self.key, self.authority = files
        self.addresses: tuple[str, ...] = ()
        self.nearby: tuple[str, ...] = ()
        self.sources: tuple[str, ...] = ()
        self.common_name = ""
        if purpose is not Purpose.CLIENT:
            self.ask_for_names(wanted, wanted.member(owner))

    def ask_for_names(self, wanted: ClusterSpec, member: MemberSpec) -> None:
        peer = self.purpose is Purpose.PEER
        advertised = member.advertise_peer_urls if peer else member.advertise_client_urls
        listening = member.listen_peer_urls if peer else member.listen_client_urls
        extra = (*wanted.tls.extra_names, *member.extra_names)
        self.addresses = tuple(dict.fromkeys((*map(host_part, advertised), *extra)))
        bound = (host_part(url) for url in listening if url.startswith("https://"))
        self.nearby = tuple(dict.fromkeys(host for host in bound if host not in self.addresses and not is_wild(host)))
        if peer:
            self.sources = tuple(host for host in self.addresses if is_address(host))
            self.common_name = tls_options(wanted, member).get("peer-cert-allowed-cn", "")


def uses(wanted: ClusterSpec, given: GivenFiles) -> Iterator[PairUse]:
    """Every pair by what it is used for; one pair in two roles is judged in each."""
    for member in wanted.members:
        for purpose, role, authority in ((Purpose.SERVER, "server", "client_ca"), (Purpose.PEER, "peer", "peer_ca")):
            files = (
                given.of(f"{role}_cert", member.name),
                given.of(f"{role}_key", member.name),
                given.of(authority),
            )
            yield PairUse(member.name, purpose, files, wanted)
    operator = (given.of("operator_cert"), given.of("operator_key"), given.of("client_ca"))
    yield PairUse(OPERATOR_PAIR, Purpose.CLIENT, operator, wanted)


Texts = dict[str, bytes | None]


def look_at_pair(use: PairUse, texts: Texts, root: Path, now: datetime) -> GivenPair:
    from etcdpilot.pki.judge import Use, judge
    from etcdpilot.pki.reading import chain, read_certificate

    def pair(facts: CertificateFacts | None, *findings: Finding) -> GivenPair:
        return GivenPair(use.owner, use.purpose, use.certificate, facts, findings, use.addresses)

    text, trusted = texts[use.certificate], texts[use.authority]
    if text is None:
        return pair(None, unreadable(use.certificate, MISSING))
    try:
        facts = read_certificate(text)
        way_up = chain(text, trusted) if trusted is not None else None
    except SpecError as error:
        return pair(None, unreadable(use.certificate, error.why or error.what))
    public_key, key_findings = look_at_key(use.key, texts[use.key])
    judged = judge(
        facts,
        Use(
            where=use.certificate,
            purpose=use.purpose,
            addresses=use.addresses,
            nearby=use.nearby,
            common_name=use.common_name,
            sources=use.sources,
            chain=way_up,
            key=public_key,
            key_mode=mode_of(root / use.key),
        ),
        now,
    )
    return pair(facts, *key_findings, *judged)


def look_at_key(path: str, text: bytes | None) -> tuple[str | None, tuple[Finding, ...]]:
    """The digest of its public key, or why there is none."""
    from etcdpilot.pki.keys import load_key, public_key_digest

    if text is None:
        return None, (unreadable(path, MISSING),)
    try:
        return public_key_digest(load_key(text, source=path).public_key()), ()
    except SpecError as error:
        return None, (unreadable(path, " ".join(filter(None, (error.what, error.why)))),)


def authority_findings(given: GivenFiles, texts: Texts, now: datetime) -> Iterator[Finding]:
    from etcdpilot.pki.judge import judge_authority
    from etcdpilot.pki.reading import read_certificates

    for path in dict.fromkeys((given.of("client_ca"), given.of("peer_ca"))):
        text = texts[path]
        if text is None:
            yield unreadable(path, MISSING)
            continue
        try:
            authorities = read_certificates(text)
        except SpecError as error:
            yield unreadable(path, error.why or error.what)
            continue
        for authority in authorities:
            yield from judge_authority(authority, path, now)


def unreadable(path: str, why: str) -> Finding:
    what = "cannot be used" if why != MISSING else "has not been imported" if is_imported(path) else "is not there"
    return Finding(NO_FILE, Severity.ERROR, path, what, "" if is_imported(path) else why, "Put it there.", stops=True)


def is_imported(path: str) -> bool:
    return path.startswith(f"{IMPORTED}/")


def read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def digest(text: bytes | None) -> str:
    return "" if text is None else hashlib.sha256(text).hexdigest()


def mode_of(path: Path) -> int | None:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return None


def is_wild(host: str) -> bool:
    """0.0.0.0 and ::, which no certificate can name."""
    return is_address(host) and ipaddress.ip_address(host.strip("[]")).is_unspecified
