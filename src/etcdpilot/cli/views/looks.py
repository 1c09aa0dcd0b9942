"""What a look found, for people: status and health."""

from __future__ import annotations

from datetime import timedelta

from etcdpilot.cli.views.text import clean, columns, mark, size
from etcdpilot.model.health import Health
from etcdpilot.model.membership import Quorum
from etcdpilot.model.status import Backups, MemberRow, Status


def quorum_text(quorum: Quorum) -> str:
    if quorum.voters == 0:
        return "no cluster yet"
    return (
        f"{quorum.answering} of {quorum.voters} voters answer, {quorum.needed} are needed, tolerance {quorum.tolerance}"
    )


def status_text(status: Status) -> str:
    rows = [member_cells(row) for row in status.members]
    head = ("member", "state", "leader", "version", "db size", "revision of raft", "certificate", "client URL")
    lines = [summary(status), columns(head, rows)]
    lines += [f"{mark(False)} {clean(row.name)}: {clean(error)}" for row in status.members for error in row.errors]
    lines += [f"{mark(False)} alarm: {clean(alarm)}" for alarm in status.alarms]
    if any("NOSPACE" in alarm for alarm in status.alarms):
        lines.append("  Writes are refused. The way out: etcdpilot recover nospace")
    if status.backups and (status.backups.newest or status.backups.wanted_every):
        lines.append(backups_text(status.backups))
    return "\n".join(lines)


def backups_text(backups: Backups) -> str:
    sign = "!" if backups.overdue else " "
    if backups.newest is None or backups.age is None:
        return f"{sign} no proved backup is known here; take one with: etcdpilot backup save"
    newest = backups.newest
    return f"{sign} newest proved backup: {ago(backups.age)} old, revision {newest.revision}, {clean(newest.where)}"


def ago(age: timedelta) -> str:
    """`3 h`, `2 d`: whole units of the largest that fits."""
    seconds = max(0, round(age.total_seconds()))
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def summary(status: Status) -> str:
    words = [
        clean(status.name),
        "healthy" if status.healthy else "NOT HEALTHY",
        quorum_text(status.quorum),
        f"etcd {status.version or '?'}",
        f"revision {'?' if status.revision is None else status.revision}",
        f"cluster ID {status.id or '?'}",
    ]
    return f"{mark(status.healthy)} " + "    ".join(words)


def member_cells(row: MemberRow) -> tuple[str, ...]:
    ends = row.certificate_expires.strftime("until %Y-%m-%d") if row.certificate_expires else "-"
    leader = "?" if row.is_leader is None else "leader" if row.is_leader else ""
    index = "?" if row.raft_index is None else f"{row.raft_index}"
    return (row.name, row.state, leader, row.version or "?", size(row.db_size), index, ends, ",".join(row.client_urls))


def health_text(health: Health) -> str:
    lines = []
    for proof in health.proofs:
        what = f"{proof.what} through {proof.where}" if proof.where else proof.what
        lines.append(f"{mark(proof.holds)} {clean(what)}" + (f": {clean(proof.why)}" if proof.why else ""))
    return "\n".join([*lines, "healthy, proved" if health.healthy else "NOT healthy"])
