"""`etcdpilot pki check`: certificates in files, and those that listeners serve, before the judge."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from etcdpilot.cli.choosing import with_output
from etcdpilot.cli.views.text import clean

if TYPE_CHECKING:
    from etcdpilot.model.findings import Finding
    from etcdpilot.model.handshakes import Handshake
    from etcdpilot.observing.certificate_files import CheckedFile


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--ca", "trusted", type=click.Path(path_type=Path), help="The authorities that are trusted.")
@click.option("--key", type=click.Path(path_type=Path), help="The key of the certificate; else looked for beside it.")
@click.option("--purpose", type=click.Choice(["server", "peer", "client"]), help="Else told by the file's name.")
@click.option("--host", "hosts", multiple=True, help="A name or address that it must cover. May be repeated.")
@click.option("--source", "sources", multiple=True, help="An address that a peer's connections come from.")
@click.option("--connect", "urls", multiple=True, help="A listener to shake hands with, as https://10.0.1.10:2379.")
@click.option("--cert", type=click.Path(path_type=Path), help="The client certificate to show to listeners.")
@click.option("--cert-key", type=click.Path(path_type=Path), help="The key of --cert.")
@with_output
def check(
    output: str,
    files: tuple[Path, ...],
    trusted: Path | None,
    key: Path | None,
    purpose: str | None,
    hosts: tuple[str, ...],
    sources: tuple[str, ...],
    urls: tuple[str, ...],
    cert: Path | None,
    cert_key: Path | None,
) -> None:
    """Judge certificates in FILES, and listeners. Exit 1 when something is wrong, or due within 30 days."""
    from etcdpilot.observing.certificate_files import Question, check_file

    question = Question(trusted, key, purpose, hosts, sources)
    checked = [check_file(path, question) for path in files]
    met = asyncio.run(meet(urls, trusted, cert, cert_key)) if urls else []
    if not checked and not met:
        raise click.UsageError("Name certificate files, or listeners with --connect.")
    click.echo(as_json(checked, met) if output == "json" else as_text(checked, met))
    if any(each.is_due for each in checked) or not all(each.accepted for each in met):
        sys.exit(1)


async def meet(
    urls: tuple[str, ...], trusted: Path | None, cert: Path | None, cert_key: Path | None
) -> list[Handshake]:
    from etcdpilot.observing.handshake import Identity, Target, shake_hands

    if trusted is None:
        raise click.UsageError("--connect needs --ca: the authorities that may have signed the listener's certificate.")
    if (cert is None) != (cert_key is None):
        raise click.UsageError("--cert and --cert-key come together.")
    identity = Identity(cert, cert_key) if cert and cert_key else None
    try:
        authorities = trusted.read_bytes()
    except OSError as error:
        raise click.UsageError(f"{trusted} cannot be read: {error.strerror}") from None
    return list(await asyncio.gather(*(shake_hands(Target(url, authorities, identity)) for url in urls)))


def as_text(checked: list[CheckedFile], met: list[Handshake]) -> str:
    lines = [line for each in checked for line in file_lines(each)]
    lines += [("✓ " if each.accepted else "✗ ") + clean(str(each)) for each in met]
    return "\n".join(lines)


def file_lines(checked: CheckedFile) -> list[str]:
    from etcdpilot.model.certificates import name_text

    lines = []
    for facts in checked.certificates:
        kind = "CA" if facts.is_ca else ", ".join(facts.extended_usages) or "leaf"
        lines.append(f"{checked.file}: {clean(name_text(facts.subject))} ({kind}), until {facts.not_after:%Y-%m-%d}")
        lines += [f"    {clean(', '.join(facts.hosts))}"] if facts.hosts else []
    for finding in checked.findings:
        lines.append(f"  {finding.severity.letter} {finding.rule} {clean(finding.what)}")
        lines += [f"      {clean(part)}" for part in (finding.why, finding.remedy) if part]
    return lines or [f"{checked.file}: nothing to judge"]


def as_json(checked: list[CheckedFile], met: list[Handshake]) -> str:
    document = {
        "files": [file_document(each) for each in checked],
        "listeners": [{"url": each.url, "outcome": each.outcome.name.lower(), "why": each.why} for each in met],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def file_document(checked: CheckedFile) -> dict[str, Any]:
    from etcdpilot.model.certificates import name_text

    return {
        "file": str(checked.file),
        "certificates": [
            {
                "subject": name_text(facts.subject),
                "issuer": name_text(facts.issuer),
                "hosts": list(facts.hosts),
                "is_ca": facts.is_ca,
                "extended_usages": list(facts.extended_usages),
                "key": f"{facts.key_algorithm}-{facts.key_size}",
                "not_before": facts.not_before.isoformat(),
                "not_after": facts.not_after.isoformat(),
                "fingerprint": facts.fingerprint,
            }
            for facts in checked.certificates
        ],
        "findings": [finding_document(finding) for finding in checked.findings],
    }


def finding_document(finding: Finding) -> dict[str, str]:
    words = {name: getattr(finding, name) for name in ("rule", "where", "what", "why", "remedy")}
    return {**words, "severity": finding.severity.value}
