"""Decides, purely: wanted minus seen gives ordered, fenced steps with the quorum proof, or a refusal.

Start reading at `plan`; then members.py for the order and proof.py for the promise.
"""

from __future__ import annotations

from datetime import datetime

from etcdpilot.model.cluster import ClusterSpec
from etcdpilot.model.knowledge import Known
from etcdpilot.model.memory import Memory
from etcdpilot.model.observation import Seen
from etcdpilot.model.plans import Plan
from etcdpilot.model.steps import RemoveMember, Step, StopMembers, touched
from etcdpilot.planning import proof
from etcdpilot.planning.building import build
from etcdpilot.planning.changing import change
from etcdpilot.planning.data import data_refusals
from etcdpilot.planning.strangers import stranger_refusals, unreachable_refusals, unseen_warnings
from etcdpilot.planning.versions import version_refusals


def plan(wanted: ClusterSpec, seen: Seen, memory: Memory, now: datetime) -> Plan:
    """The rest of the way from what is seen to what is wanted; planning again after any cut-off gives that rest."""
    formed = has_formed(seen, memory)
    standing = (
        *stranger_refusals(wanted, seen, memory),
        *data_refusals(wanted, seen, formed=formed),
        *(version_refusals(wanted, seen) if formed else ()),
    )
    if standing:
        return Plan(wanted.name, seen.membership, (), standing)
    steps = tuple(change(wanted, seen, memory, now) if formed else build(wanted, seen, memory, now))
    fenced = tuple(proof.fenced(steps, seen.membership))
    needed = frozenset(name for step in steps for name in touched(step)) if formed and seen.reachable else wanted.names
    refusals = (*unreachable_refusals(needed, seen), *proof.refusals(fenced))
    return Plan(wanted.name, seen.membership, fenced, refusals, tuple(unseen_warnings(needed, seen)))


def stop_plan(wanted: ClusterSpec, seen: Seen, because: str) -> Plan:
    """Everybody who runs, together: stopping one by one would only make the last ones wait for a quorum."""
    running = tuple(name for name, host in seen.reachable.items() if host.process is not None)
    steps: tuple[Step, ...] = (StopMembers(running, because),) if running else ()
    return Plan(wanted.name, seen.membership, tuple(proof.fenced(steps, seen.membership)))


def has_formed(seen: Seen, memory: Memory) -> bool:
    """Whether there is a cluster already: remembered here, noted on a host, or answering."""
    noted = any(isinstance(host.marker, Known) and host.marker.value.cluster_id for host in seen.reachable.values())
    return memory.formed or noted or isinstance(seen.etcd.members, Known)


def removals(plan: Plan) -> tuple[RemoveMember, ...]:
    """The voters that a plan gives up: each wants its name said aloud."""
    return tuple(each.step for each in plan.steps if isinstance(each.step, RemoveMember))
