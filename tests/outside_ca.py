"""Somebody else's authority, as a company has one: a root, an intermediate below it, and leaves that may be wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from etcdpilot.model.certificates import AuthoritySpec, CertificateSpec, KeyUsage, Purpose, split_hosts
from etcdpilot.pki.authority import (
    CLOCK_TOLERANCE,
    Authority,
    authority_key_identifier,
    issue,
    make_authority,
    sign_request,
)
from etcdpilot.pki.keys import key_pem, make_key, signing_hash
from etcdpilot.pki.names import key_usage, x509_name


def intermediate_below(root: Authority, name: str, now: datetime) -> Authority:
    """An intermediate that may sign leaves alone, with its root behind it."""
    from cryptography import x509

    spec = AuthoritySpec(name, name)
    key = make_key(spec.key)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    above = x509.SubjectKeyIdentifier.from_public_key(root.key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509_name((("O", "Example Corp"), ("CN", name))))
        .issuer_name(root.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_TOLERANCE)
        .not_valid_after(now + timedelta(days=1000))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage((KeyUsage.CERT_SIGN, KeyUsage.CRL_SIGN)), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(authority_key_identifier(above), critical=False)
        .sign(root.key, signing_hash(root.key))
    )
    return Authority(certificate, key, (root.certificate,))


@dataclass(frozen=True)
class OutsideCa:
    """What it writes goes below `folder`."""

    folder: Path
    root: Authority
    intermediate: Authority

    @classmethod
    def make(cls, folder: Path, now: datetime | None = None) -> OutsideCa:
        moment = now or datetime.now(UTC)
        folder.mkdir(parents=True, exist_ok=True)
        root = make_authority(AuthoritySpec("root", "Example Root", path_length=1), moment)
        made = cls(folder, root, intermediate_below(root, "Example Servers", moment))
        (folder / "root.crt").write_bytes(root.certificate_pem)
        (folder / "intermediate.crt").write_bytes(made.intermediate.certificate_pem)
        (folder / "chain.crt").write_bytes(made.intermediate.certificate_pem + root.certificate_pem)
        return made

    def __post_init__(self) -> None:
        _MADE[self.folder] = self

    @staticmethod
    def load(folder: Path) -> OutsideCa:
        """The one that was made there earlier in this run: its keys are in no file."""
        return _MADE[folder]

    def pair(self, name: str, hosts: tuple[str, ...] = (), *, ago: timedelta = timedelta(0), **changes: Any) -> Path:
        """`NAME.crt`, the intermediate after it, and `NAME.key`; as if it had been issued some time ago."""
        purpose = Purpose.SERVER if hosts else Purpose.CLIENT
        names, addresses = split_hosts(hosts)
        spec = CertificateSpec("outside", purpose, name, (("O", "Example Corp"),), names, addresses)
        leaf = issue(self.intermediate, replace(spec, **changes), datetime.now(UTC) - ago)
        (self.folder / f"{name}.crt").write_bytes(leaf.certificate_pem)
        key = self.folder / f"{name}.key"
        key.touch(0o600)
        key.write_bytes(leaf.key_pem)
        return self.folder / f"{name}.crt"

    def sign(self, request: Path, hosts: tuple[str, ...] | None = None) -> Path:
        """A certificate for a request, as it asks, or for other hosts; without the intermediate beside it."""
        from etcdpilot.pki.reading import request_facts

        asked = request_facts(request.read_bytes())
        names, addresses = split_hosts(asked.hosts if hosts is None else hosts)
        purpose = Purpose.SERVER if names + addresses else Purpose.CLIENT
        spec = CertificateSpec("outside", purpose, asked.common_name, (), names, addresses)
        signed = sign_request(self.intermediate, request.read_bytes(), spec, datetime.now(UTC))
        end = b"-----END CERTIFICATE-----\n"
        path = self.folder / f"{request.stem}.signed.crt"
        path.write_bytes(signed.partition(end)[0] + end)
        return path

    def write_key(self, passphrase: bytes | None = None) -> Path:
        """The intermediate's key, for a cluster that signs with it."""
        path = self.folder / "intermediate.key"
        path.touch(0o600)
        path.write_bytes(key_pem(self.intermediate.key, passphrase))
        return path


_MADE: dict[Path, OutsideCa] = {}
