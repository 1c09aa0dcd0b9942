"""Certificates that somebody else signs: keys and requests are made here, what comes back is judged and taken in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from etcdpilot.model.certificates import CertificateSpec, Purpose
from etcdpilot.model.cluster import ClusterSpec
from etcdpilot.model.errors import SpecError
from etcdpilot.model.findings import Finding, Severity
from etcdpilot.model.given import GivenFiles
from etcdpilot.observing.given_certificates import PairUse, authority_findings, look_at_pair, uses
from etcdpilot.rendering.requests import wanted_requests
from etcdpilot.stores.requests import RequestFolder

if TYPE_CHECKING:
    from cryptography import x509


@dataclass(frozen=True, slots=True)
class Request:
    """A request in the state folder. `why`: why it was made now; empty for one that waits already."""

    name: str
    path: Path
    spec: CertificateSpec
    why: str


def require_requested(wanted: ClusterSpec) -> GivenFiles:
    """Where the certificates of this cluster come in; SpecError where its file does not say that others sign them."""
    given = wanted.tls.given if wanted.encrypted else None
    if given is None or not given.imported:
        raise SpecError(
            f"The certificates of {wanted.name} are not asked of somebody else.",
            why="The cluster file does not say certificates: requested in its tls section.",
            remedy="Write it there:\n    tls: {certificates: requested}",
        )
    return given


def make_requests(wanted: ClusterSpec, root: Path, owners: tuple[str, ...]) -> tuple[Request, ...]:
    """The requests that wait for a signature, those that were missing made now: a key is made once.

    With `owners` (members, or `operator`) those are asked for anew, under new keys; else whatever is missing, or does
    not say what the cluster file wants.
    """
    require_requested(wanted)
    all_of_them = tuple(wanted_requests(wanted))
    if unknown := sorted(set(owners) - {owner for owner, _, _ in all_of_them}):
        known = ", ".join(dict.fromkeys(owner for owner, _, _ in all_of_them))
        raise SpecError(f"{', '.join(unknown)} is nobody here.", remedy=f"Name one of {known}.")
    folder = RequestFolder(root)
    chosen = (each for each in all_of_them if not owners or each[0] in owners)
    return tuple(made for _, name, spec in chosen if (made := make(name, spec, folder, asked=bool(owners))))


def make(name: str, spec: CertificateSpec, folder: RequestFolder, *, asked: bool) -> Request | None:
    from etcdpilot.pki.authority import make_request
    from etcdpilot.pki.keys import load_key

    waiting, there = folder.request(name), folder.pair(name)
    if waiting is not None and asks_for(waiting[0], spec):
        return Request(name, folder.path(name), spec, "")
    if waiting is None and there is not None and not asked and (lacking := lacks(there[0], spec)) == "":
        return None
    why = "the file wants something else now" if waiting else lacking if there and not asked else "it was asked for"
    key = load_key(waiting[1], source=f"{name}.key") if waiting else None
    folder.write_request(name, *make_request(spec, key))
    return Request(name, folder.path(name), spec, why if waiting or there else "there was none")


def asks_for(request: bytes, spec: CertificateSpec) -> bool:
    """Whether a request says what is wanted of it, and its key is of the wanted kind."""
    from etcdpilot.pki.reading import request_facts

    found = request_facts(request)
    return (found.common_name, set(found.hosts), found.key) == (spec.common_name, set(spec.hosts), spec.key)


def lacks(certificate: bytes, spec: CertificateSpec) -> str:
    """What a certificate that is in use does not name, in words; empty when it names all."""
    from etcdpilot.pki.reading import read_certificate

    missing = sorted(set(spec.hosts) - set(read_certificate(certificate).hosts))
    return f"its certificate does not name {', '.join(missing)}" if missing else ""


@dataclass(frozen=True, slots=True)
class Import:
    """What was taken in, what is unwise in it, and what is still missing."""

    names: tuple[str, ...]
    authorities: tuple[str, ...]
    warnings: tuple[Finding, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A leaf that somebody handed in: the request that it belongs to, and the key that was made for it."""

    name: str
    file: str
    certificate: x509.Certificate
    key: bytes


Files = list[tuple[str, bytes]]


def take_in(
    wanted: ClusterSpec, root: Path, files: Files, client_ca: bytes | None, peer_ca: bytes | None, now: datetime
) -> Import:
    """Judge everything first, then write; SpecError with all that is wrong, and nothing is written.

    `files` hold leaves, in any order and several in one, and the intermediates between them and their authority.
    """
    given, folder = require_requested(wanted), RequestFolder(root)
    trusted = {"client_ca": client_ca, "peer_ca": peer_ca or client_ca}
    authorities = {role: text or folder.authority(role.replace("_", "-")) for role, text in trusted.items()}
    leaves, between = sorted_out(files)
    found = [match(file, leaf, wanted, folder) for file, leaf in leaves]
    texts = texts_in_use(wanted, given, folder) | {given.of(role): text for role, text in authorities.items()}
    pairs = list(uses(wanted, given))
    for each in found:
        for path, text in handed_in(each, pairs, authorities, between):
            texts[path] = text
    warnings = judged(wanted, given, pairs, texts, root, now)
    for each in found:
        folder.write_pair(each.name, texts[f"imported/{each.name}.crt"] or b"", each.key)
    taken = tuple(role.replace("_", "-") for role, text in trusted.items() if text)
    for role in taken:
        folder.write_authority(role, authorities[role.replace("-", "_")] or b"")
    missing = tuple(name for _, name, _ in wanted_requests(wanted) if folder.pair(name) is None)
    return Import(tuple(each.name for each in found), taken, warnings, missing)


def sorted_out(files: Files) -> tuple[list[tuple[str, x509.Certificate]], list[x509.Certificate]]:
    """Leaves with the files they came in, and the authorities' certificates among them."""
    from etcdpilot.pki.reading import facts, load_certificates

    try:
        loaded = [(name, each) for name, text in files for each in load_certificates(text)]
    except SpecError as error:
        bad = next(name for name, text in files if not holds_certificates(text))
        raise SpecError(f"{bad} holds no certificate.", why=error.why or error.what) from None
    leaves = [(name, each) for name, each in loaded if not facts(each).is_ca]
    return leaves, [each for _, each in loaded if facts(each).is_ca]


def holds_certificates(text: bytes) -> bool:
    from etcdpilot.pki.reading import load_certificates

    try:
        return bool(load_certificates(text))
    except SpecError:
        return False


def match(file: str, leaf: x509.Certificate, wanted: ClusterSpec, folder: RequestFolder) -> Found:
    """The request whose key the leaf was made for; SpecError where its key is none that was made here."""
    from etcdpilot.pki.keys import load_key, public_key_digest
    from etcdpilot.pki.reading import facts

    digest = public_key_digest(leaf.public_key())
    for _, name, _ in wanted_requests(wanted):
        for pair in (folder.request(name), folder.pair(name)):
            if pair is not None and public_key_digest(load_key(pair[1], source=name).public_key()) == digest:
                return Found(name, file, leaf, pair[1])
    raise SpecError(
        f"{file} answers no request of {wanted.name}.",
        why=f"It was made out to {facts(leaf).common_name or 'nobody'}, for a key that was not made here.",
        remedy="See which requests wait:\n    etcdpilot pki request",
    )


def handed_in(
    found: Found, pairs: list[PairUse], authorities: dict[str, bytes | None], between: list[x509.Certificate]
) -> Iterator[tuple[str, bytes]]:
    """What would stand in the state folder: the leaf with every intermediate that it needs, and its key."""
    from etcdpilot.pki.reading import climb, load_certificates, pem

    certificate, key = f"imported/{found.name}.crt", f"imported/{found.name}.key"
    role = (
        "peer_ca" if {use.purpose for use in pairs if use.certificate == certificate} == {Purpose.PEER} else "client_ca"
    )
    trusted = authorities[role]
    if trusted is None:
        raise SpecError("It is not known who signed these certificates.", remedy="Say whom to trust: --ca CA.crt")
    anchors = load_certificates(trusted)
    path = climb([found.certificate], anchors, between) or [found.certificate]
    yield certificate, b"".join(pem(each) for each in path if each not in anchors)
    yield key, found.key


def texts_in_use(wanted: ClusterSpec, given: GivenFiles, folder: RequestFolder) -> dict[str, bytes | None]:
    texts: dict[str, bytes | None] = {}
    for _, name, _ in wanted_requests(wanted):
        certificate, key = folder.pair(name) or (None, None)
        texts |= {f"imported/{name}.crt": certificate, f"imported/{name}.key": key}
    return texts


def judged(
    wanted: ClusterSpec,
    given: GivenFiles,
    pairs: Iterable[PairUse],
    texts: dict[str, bytes | None],
    root: Path,
    now: datetime,
) -> tuple[Finding, ...]:
    """What is unwise; SpecError with everything that nothing can be built with."""
    known = {path: text for path, text in texts.items() if text is not None}
    found = [finding for finding in authority_findings(given, texts, now) if finding.where in known]
    for use in pairs:
        if use.certificate in known:
            found += look_at_pair(use, texts, root, now).findings
    wrong = [finding for finding in found if finding.stops]
    if wrong:
        chain = (
            "Hand in the intermediates too, if there are any. " if any(each.rule == "TLS-010" for each in wrong) else ""
        )
        raise SpecError(
            "These certificates cannot be used; nothing was taken in.",
            why="\n".join(f"{Path(each.where).stem} {each.what}. {each.why}" for each in wrong),
            remedy=f"{chain}Have them signed as their requests say; those wait where they were:\n"
            "    etcdpilot pki request",
        )
    return tuple(finding for finding in found if finding.severity is not Severity.INFO)
