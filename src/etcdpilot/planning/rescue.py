"""A cluster that is dark because its certificates have ended, or their authorities' keys are lost: brought back.

The one plan that restarts members while certificates are ending: nobody answers any more, so all of them stop, get their
files, and start together. Their data is not touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from etcdpilot.model.cluster import ClusterSpec
from etcdpilot.model.membership import MemberState
from etcdpilot.model.memory import Memory
from etcdpilot.model.observation import Seen
from etcdpilot.model.plans import Plan, Refusal
from etcdpilot.model.rotation import Phase
from etcdpilot.model.steps import IssueOperator, StartMembers, Step, StopMembers, TurnAuthorities, WriteFiles
from etcdpilot.planning import proof
from etcdpilot.planning.certificates import operator_due
from etcdpilot.planning.data import data_refusals
from etcdpilot.planning.files import differing
from etcdpilot.planning.given import no_other_signer
from etcdpilot.planning.rotation import authority_names, just_rotated, none_of_ours
from etcdpilot.planning.services import Files, newer_bundle
from etcdpilot.planning.strangers import stranger_refusals, unseen_warnings
from etcdpilot.planning.validity import late_clock_refusals
from etcdpilot.rendering.certificate_files import certificate_files

DARK = "its certificates do not hold any more"


def rescue_plan(wanted: ClusterSpec, seen: Seen, memory: Memory, now: datetime, *, new_authority: bool) -> Plan:
    """All of it, or the rest of one that was cut off. `new_authority`: the old one has ended, or its key is lost."""
    if answers(seen) and memory.rotation is None and just_rotated(memory, now):
        return Plan(wanted.name, seen.membership, ())
    standing = (
        *stranger_refusals(wanted, seen, memory),
        *data_refusals(wanted, seen, formed=True),
        *no_rescue_now(wanted, seen, memory, now, new_authority=new_authority),
    )
    if standing:
        return Plan(wanted.name, seen.membership, (), standing)
    if can_ask_again(wanted, memory, now) and not new_authority:
        steps: tuple[Step, ...] = (IssueOperator(operator_due(wanted, memory, now)),)
    else:
        steps = tuple(rescue_steps(wanted, seen, memory, now, new_authority=new_authority))
    fenced = tuple(proof.fenced(steps, seen.membership))
    warnings = tuple(unseen_warnings(frozenset(), seen))
    refusals = (*late_clock_refusals(wanted, steps, seen, now), *proof.refusals(fenced))
    return Plan(wanted.name, seen.membership, fenced, refusals, warnings)


def can_ask_again(wanted: ClusterSpec, memory: Memory, now: datetime) -> bool:
    """With a certificate of our own that has ended nobody answers us, however well they are: that comes first, alone."""
    own = memory.operator
    return own is not None and own.not_after <= now and bool(operator_due(wanted, memory, now))


def rescue_steps(
    wanted: ClusterSpec, seen: Seen, memory: Memory, now: datetime, *, new_authority: bool
) -> Iterator[Step]:
    names, under_way = authority_names(wanted), is_under_way(memory)
    begins = new_authority and not under_way and not answers(seen)
    files = every_file(wanted, seen) if begins else files_due(wanted, seen, memory, now)
    if begins:
        yield TurnAuthorities(names, Phase.RESCUING)
    elif why := operator_due(wanted, memory, now):
        yield IssueOperator(why)
    running = [name for name, host in seen.reachable.items() if name in wanted.names and host.process is not None]
    if stopping := tuple(name for name in running if name in files or newer_bundle(wanted, name, seen.reachable[name])):
        yield StopMembers(stopping, because=DARK)
    if files:
        yield WriteFiles(tuple(files.items()), because=DARK)
    silent = tuple(name for name in seen.reachable if name in wanted.names and not votes(name, seen))
    if silent:
        yield StartMembers(silent)
    if begins or under_way:
        yield TurnAuthorities(names, Phase.SETTLED)


def every_file(wanted: ClusterSpec, seen: Seen) -> Files:
    return {name: certificate_files(wanted, wanted.member(name)) for name in seen.reachable if name in wanted.names}


def files_due(wanted: ClusterSpec, seen: Seen, memory: Memory, now: datetime) -> Files:
    found = {
        name: differing(files, seen.reachable[name], memory, now) for name, files in every_file(wanted, seen).items()
    }
    return {name: files for name, files in found.items() if files}


def no_rescue_now(
    wanted: ClusterSpec, seen: Seen, memory: Memory, now: datetime, *, new_authority: bool
) -> Iterator[Refusal]:
    if not wanted.encrypted or wanted.tls.given is not None:
        yield none_of_ours(wanted)
        return
    if new_authority and (refusal := no_other_signer(wanted, memory)):
        yield refusal
    if not memory.formed:
        yield Refusal(
            f"There is no cluster {wanted.name} to rescue.",
            "None was built from here, and the hosts do not agree on one, or nobody remembers its token.",
            "Build one:\n    etcdpilot apply\nOr bring its state back:\n    etcdpilot state import FILE",
        )
        return
    yield from too_few_hosts(wanted, seen)
    under_way = is_under_way(memory)
    if answers(seen) and not under_way and (files_due(wanted, seen, memory, now) or new_authority):
        yield Refusal(
            f"{wanted.name} answers, and a rescue stops all of it.",
            f"{seen.membership.quorum.answering} of {seen.membership.quorum.voters} voters answer.",
            "Certificates are renewed, and authorities rotated, without a pause:\n    etcdpilot pki renew\n"
            "    etcdpilot pki rotate-ca",
        )
    if not new_authority and not under_way:
        yield from no_authority_to_sign(wanted, memory, now)


def too_few_hosts(wanted: ClusterSpec, seen: Seen) -> Iterator[Refusal]:
    """Whoever is missing gets its files by an `apply` once it is back; but a majority must come up now."""
    there = sum(name in seen.reachable for name in wanted.names)
    needed = len(wanted.members) // 2 + 1
    if there < needed:
        who, why = next(iter(seen.unreachable.items()))
        yield Refusal(
            f"{there} of {len(wanted.members)} hosts can be reached, and {needed} are needed.",
            f"{who}: {why}",
            "Bring hosts back first; nothing was touched.",
            "I18",
        )


def no_authority_to_sign(wanted: ClusterSpec, memory: Memory, now: datetime) -> Iterator[Refusal]:
    for name in authority_names(wanted):
        kept = memory.authority(name)
        if kept is None:
            yield Refusal(
                f"The key of {name} is not in the state folder.",
                "Nothing that the members trust can be signed here.",
                "Bring it back from where the cluster was made:\n    etcdpilot state import FILE\n"
                "If it is lost, make a new authority; every client then needs a new certificate, and must trust it:\n"
                "    etcdpilot pki rescue --new-ca",
            )
        elif kept.facts.not_after <= now:
            yield Refusal(
                f"{name} itself has ended, on {kept.facts.not_after:%Y-%m-%d %H:%M} UTC.",
                "What it signs now nobody accepts.",
                "Make a new authority; every client then needs a new certificate, and must trust it:\n"
                "    etcdpilot pki rescue --new-ca",
            )


def is_under_way(memory: Memory) -> bool:
    return memory.rotation is not None and memory.rotation.phase is Phase.RESCUING


def answers(seen: Seen) -> bool:
    quorum = seen.membership.quorum
    return quorum.voters > 0 and quorum.holds


def votes(name: str, seen: Seen) -> bool:
    return seen.membership.state_of(name) is MemberState.VOTING
