"""Views for programs: one JSON document, or one event a line. Names and shapes are stable."""

from __future__ import annotations

import json
from dataclasses import asdict, is_dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

from etcdpilot.model.membership import Membership

if TYPE_CHECKING:  # every look uses this view, and most of them know neither plans nor steps
    from etcdpilot.model.events import Event
    from etcdpilot.model.health import Health
    from etcdpilot.model.membership import Quorum
    from etcdpilot.model.plans import Plan
    from etcdpilot.model.status import Backups, MemberRow, Status
    from etcdpilot.model.steps import Step


def dump(document: object) -> str:
    return json.dumps(document, indent=2, default=plain)


def line(document: object) -> str:
    return json.dumps(document, default=plain)


def status_document(status: Status) -> dict[str, Any]:
    backups = status.backups
    told = backups is not None and (backups.newest is not None or backups.wanted_every is not None)
    return {
        "cluster": {
            "name": status.name,
            "id": status.id,
            "healthy": status.healthy,
            "revision": status.revision,
            "leader": status.leader,
            "quorum": quorum_document(status.quorum),
            "tolerance": status.quorum.tolerance,
            "version": status.version,
            "alarms": list(status.alarms),
        },
        "members": [member_document(row) for row in status.members],
    } | ({"backups": backups_document(backups)} if backups is not None and told else {})


def backups_document(backups: Backups) -> dict[str, Any]:
    """`age` and `wanted_every` in seconds; `newest` is null where no proved backup is known here."""
    newest, every = backups.newest, backups.wanted_every
    return {
        "newest": newest
        and {**asdict(newest), "taken_at": newest.taken_at.isoformat(), "proved_at": newest.proved_at.isoformat()},
        "age": None if backups.age is None else round(backups.age.total_seconds()),
        "wanted_every": None if every is None else round(every.total_seconds()),
        "overdue": backups.overdue,
    }


def member_document(row: MemberRow) -> dict[str, Any]:
    expires = row.certificate_expires
    return {**asdict(row), "certificate_expires": expires.isoformat() if expires else None}


def quorum_document(quorum: Quorum) -> dict[str, Any]:
    return {"voters": quorum.voters, "answering": quorum.answering, "needed": quorum.needed, "holds": quorum.holds}


def health_document(health: Health) -> dict[str, Any]:
    return {"healthy": health.healthy, "proofs": [asdict(proof) for proof in health.proofs]}


def plan_document(plan: Plan) -> dict[str, Any]:
    return {
        "cluster": plan.cluster,
        "changes": not plan.changes_nothing,
        "now": membership_document(plan.start),
        "steps": [{**step_document(each.step), "leaves": membership_document(each.leaves)} for each in plan.steps],
        "refusals": [asdict(refusal) for refusal in plan.refusals],
        "warnings": list(plan.warnings),
        "files": [asdict(change) for change in plan.changes],
    }


def step_document(step: Step) -> dict[str, Any]:
    return {"step": type(step).__name__, "says": str(step)}


def membership_document(membership: Membership) -> dict[str, Any]:
    return {
        "members": {name: state.value for name, state in membership.states},
        "quorum": quorum_document(membership.quorum),
        "tolerance": membership.quorum.tolerance,
    }


def event_line(event: Event) -> str:
    fields = {name: getattr(event, name) for name in event.__dataclass_fields__}
    found: dict[str, Any] = {"event": type(event).__name__.lower()}
    for name, value in fields.items():
        if name == "step":
            found.update(step_document(value))
        else:
            found[name] = membership_document(value) if isinstance(value, Membership) else value
    return json.dumps(found, default=plain)


def plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return str(value)
