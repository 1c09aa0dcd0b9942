"""A plan in a file: `etcdpilot plan --out plan.json`, to be read, agreed to, and carried out exactly or not at all.

It holds no secret: keys are never in a plan, and of a file that only its owner may read the digest stands for the text.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from etcdpilot.model.codec import decode, encode
from etcdpilot.model.files import FileSpec, Text
from etcdpilot.model.plans import Fenced, Plan
from etcdpilot.model.steps import Step, WriteFiles

VERSION = 1
FORMAT = "etcdpilot plan"


def plan_to_document(plan: Plan) -> dict[str, Any]:
    return {"format": FORMAT, "version": VERSION, "plan": encode(without_secrets(plan))}


def plan_from_document(document: object) -> Plan:
    """The plan, its secrets withheld; ValueError when it is none, or of another release's making."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError("it is not a plan that `etcdpilot plan --out` wrote")
    if document.get("version") != VERSION:
        raise ValueError(f"it is of version {document.get('version')!r}, and this etcdpilot reads {VERSION}")
    plan: Plan = decode(Plan, document.get("plan"))
    return plan


def without_secrets(plan: Plan) -> Plan:
    return replace(plan, steps=tuple(replace(each, step=withheld(each.step)) for each in plan.steps))


def withheld(step: Step) -> Step:
    if not isinstance(step, WriteFiles):
        return step
    return replace(step, files=tuple((name, tuple(public(file) for file in files)) for name, files in step.files))


def public(file: FileSpec) -> FileSpec:
    if isinstance(file.content, Text) and not file.mode & 0o077:
        return replace(file, content=Text(f"withheld, sha256 {file.content.sha256}"))
    return file


def first_difference(saved: Plan, now: Plan) -> str:
    """In words, where a plan made now departs from a saved one; empty when it is the same."""
    now = without_secrets(now)
    if saved.cluster != now.cluster:
        return f"it is a plan for {saved.cluster}, not for {now.cluster}"
    if saved.start != now.start:
        return f"the members were {saved.start}, and are {now.start}"
    for number, (then, today) in enumerate(zip(saved.steps, now.steps, strict=False), 1):
        if then != today:
            return f"step {number} was: {then.step}; now it would be: {today.step}{same_words(then, today)}"
    if len(saved.steps) != len(now.steps):
        return f"it had {len(saved.steps)} steps, and now there are {len(now.steps)}"
    if saved.changes != now.changes:
        return "files on the hosts are no longer what they were"
    return "" if saved.refusals == now.refusals else "what stands in its way has changed"


def same_words(then: Fenced, today: Fenced) -> str:
    return ", with other contents" if str(then.step) == str(today.step) else ""
