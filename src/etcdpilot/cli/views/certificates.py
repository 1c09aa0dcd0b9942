"""The certificates of a cluster, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import click

from etcdpilot.cli.views.text import clean, columns, mark
from etcdpilot.model.certificate_rows import CertificateReport, CertificateRow
from etcdpilot.model.certificates import name_text
from etcdpilot.model.findings import Finding

UNKNOWN = {None: "?", True: "yes", False: "NO"}


def report_text(report: CertificateReport) -> str:
    head = ("where", "file", "what for", "subject", "days left", "key", "trusted", "shown")
    lines = [columns(head, [cells(row, report.now) for row in report.rows])]
    lines += [f"{mark(False)} {clean(name)} was not looked at: {clean(why)}" for name, why in report.unseen]
    for row in report.rows:
        lines += [line for finding in row.findings for line in finding_lines(finding)]
    if report.rotation is not None:
        lines.append(
            f"{mark(False)} a change of authorities is under way since {report.rotation.began}, "
            f"phase {report.rotation.phase.value}\n    It goes on: etcdpilot pki "
            + ("rescue" if report.rotation.phase.value == "rescuing" else "rotate-ca")
        )
    if not report.is_due and not report.unseen:
        lines.append(f"{mark(True)} nothing is due")
    return "\n".join(lines)


def cells(row: CertificateRow, now: datetime) -> tuple[str, ...]:
    subject = name_text(row.facts.subject) if row.facts else ""
    days = str((row.not_after - now).days) if row.not_after else ""
    states = (row.key_matches, row.trusted, row.shown)
    on_listener = row.purpose in ("server", "peer") and not (row.facts and row.facts.is_ca)
    applies = ("" if value is None and not on_listener else UNKNOWN[value] for value in states)
    return (row.place, row.path.rpartition("/")[2], row.purpose, subject, days, *applies)


def finding_lines(finding: Finding) -> Iterator[str]:
    text = f"{finding.severity.letter} {finding.rule} {clean(finding.where)} {clean(finding.what)}"
    yield click.style(text, fg="red" if finding.severity.rank < 2 else "yellow")
    yield from (f"    {clean(part)}" for part in (finding.why, finding.remedy) if part)


def report_document(report: CertificateReport) -> str:
    document = {
        "cluster": report.cluster,
        "due": report.is_due,
        "rotation": {
            "phase": report.rotation.phase.value,
            "authorities": list(report.rotation.names),
            "began": report.rotation.began,
        }
        if report.rotation
        else None,
        "certificates": [row_document(row, report.now) for row in report.rows],
        "errors": [{"member": name, "why": why} for name, why in report.unseen],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def row_document(row: CertificateRow, now: datetime) -> dict[str, Any]:
    facts = row.facts
    return {
        "place": row.place,
        "path": row.path,
        "purpose": row.purpose,
        "used_by": row.used_by,
        "subject": name_text(facts.subject) if facts else None,
        "issuer": name_text(facts.issuer) if facts else None,
        "hosts": list(facts.hosts) if facts else None,
        "not_before": facts.not_before.isoformat() if facts else None,
        "not_after": row.not_after.isoformat() if row.not_after else None,
        "days_left": (row.not_after - now).days if row.not_after else None,
        "fingerprint": facts.fingerprint if facts else None,
        "key_matches": row.key_matches,
        "trusted": row.trusted,
        "shown": row.shown,
        "findings": [
            {
                "rule": each.rule,
                "severity": each.severity.value,
                "what": each.what,
                "why": each.why,
                "remedy": each.remedy,
            }
            for each in row.findings
        ],
    }
