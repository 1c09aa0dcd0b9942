"""Certificates in files of this machine, each with what the judge says of it."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from etcdpilot.model.certificates import CertificateFacts, Purpose
from etcdpilot.model.errors import SpecError
from etcdpilot.model.findings import Finding, Severity
from etcdpilot.pki.judge import Use, judge, judge_authority
from etcdpilot.pki.keys import load_key, public_key_digest
from etcdpilot.pki.reading import chain, read_certificates


@dataclass(frozen=True, slots=True)
class Question:
    """What a file is held against; what is not given is looked for, or not judged."""

    trusted: Path | None = None
    key: Path | None = None
    purpose: str | None = None
    hosts: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """The certificates of one file in their order, and what is wrong with them."""

    file: Path
    certificates: tuple[CertificateFacts, ...]
    findings: tuple[Finding, ...]

    @property
    def is_due(self) -> bool:
        """Whether somebody has something to do."""
        return any(finding.severity is not Severity.INFO for finding in self.findings)


def check_file(path: Path, question: Question, now: datetime | None = None) -> CheckedFile:
    """Judge one file: its leaf with the chain that it brings, or every authority of a bundle. SpecError: no certificate."""
    moment, text = now or datetime.now(UTC), _read(path)
    certificates = read_certificates(text)
    leaf, where = certificates[0], str(path)
    if leaf.is_ca:
        found = [finding for authority in certificates for finding in judge_authority(authority, where, moment)]
        return CheckedFile(path, certificates, tuple(found))
    use = _use(path, text, question)
    return CheckedFile(path, certificates, judge(leaf, use, moment))


def _use(path: Path, text: bytes, question: Question) -> Use:
    key = question.key or key_beside(path)
    return Use(
        where=str(path),
        purpose=Purpose(question.purpose) if question.purpose else purpose_of(path),
        addresses=question.hosts,
        sources=question.sources,
        chain=chain(text, _read(question.trusted)) if question.trusted else None,
        key=_public_key(key) if key else None,
        key_mode=stat.S_IMODE(key.stat().st_mode) if key else None,
    )


def key_beside(path: Path) -> Path | None:
    """The key that goes by the certificate's name: x.pem has x-key.pem, x.crt has x.key."""
    for name in (f"{path.stem}-key{path.suffix}", f"{path.stem}-key.pem", f"{path.stem}.key"):
        if (beside := path.with_name(name)) != path and beside.is_file():
            return beside
    return None


def purpose_of(path: Path) -> Purpose | None:
    """What the file's name says it is for."""
    return next((purpose for purpose in Purpose if purpose.value in path.stem.lower()), None)


def _public_key(path: Path) -> str | None:
    """None for a key that is encrypted: it cannot be looked at here."""
    text = _read(path)
    return None if b"ENCRYPTED" in text else public_key_digest(load_key(text, source=str(path)).public_key())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SpecError(f"{path} cannot be read.", why=error.strerror or str(error)) from None
