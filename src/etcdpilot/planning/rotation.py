"""Certificates changed because it was asked for: renewed, their authorities rotated, or a dark cluster rescued.

A rotation has three phases, and a cluster is whole in each of them: trust both authorities, sign with the new one, trust
the new one alone. Authorities are read when etcd starts, so the first and the last phase roll through the members; leaf
certificates are read at every handshake, so the one between restarts nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from etcdpilot import planning
from etcdpilot.model.cluster import ClusterSpec
from etcdpilot.model.files import AuthorityBundle, FileSpec, LeafCertificate, LeafKey
from etcdpilot.model.knowledge import Known
from etcdpilot.model.memory import Memory
from etcdpilot.model.observation import Seen
from etcdpilot.model.plans import Plan, Refusal
from etcdpilot.model.rotation import Phase
from etcdpilot.model.steps import (
    EnableServices,
    IssueOperator,
    MoveLeader,
    RestartMember,
    SaveSnapshot,
    StartMembers,
    Step,
    StopMembers,
    TurnAuthorities,
    WriteFiles,
)
from etcdpilot.planning import proof
from etcdpilot.planning.changing import last_successor
from etcdpilot.planning.given import no_other_signer
from etcdpilot.planning.lifetimes import expiry_refusals
from etcdpilot.planning.members import Ground
from etcdpilot.planning.services import rolling_steps
from etcdpilot.planning.strangers import unreachable_refusals
from etcdpilot.planning.validity import late_clock_refusals
from etcdpilot.rendering.certificate_files import certificate_files, client_authority, peer_authority

ASKED = "it was asked for"
ONE_ROTATION = timedelta(days=1)
FRESH = timedelta(hours=1)
# Between two phases clients have time to follow: they must trust both before the new one signs, and show what the new
# one signed before the old one is trusted no longer.
CLIENTS_FOLLOW = {
    Phase.ISSUING: "Before step {number}, every client must trust both authorities (the file `ca.crt` of the state folder)",
    Phase.DROPPING: "Before step {number}, every client must show a certificate of the new authority (`pki client`)",
}


def authority_names(wanted: ClusterSpec) -> tuple[str, ...]:
    return tuple(dict.fromkeys((client_authority(wanted), peer_authority(wanted))))


# ---- renewal ----


def renewal_plan(wanted: ClusterSpec, seen: Seen, memory: Memory, now: datetime) -> Plan:
    """Every leaf of every member, and the operator's, whatever time they have left. Restarts nobody."""
    rest = planning.plan(wanted, seen, memory, now)
    if rest.refusals:
        return rest
    if refusal := not_settled(rest, wanted, replace(memory, rotation=None)):
        return refused(rest, refusal)
    leaves = {member.name: leaf_files(wanted, member.name) for member in wanted.members}
    steps = (IssueOperator(ASKED), WriteFiles(tuple(leaves.items()), because=ASKED))
    return planned(wanted, seen, now, steps)


def not_settled(rest: Plan, wanted: ClusterSpec, memory: Memory) -> Refusal | None:
    """Certificates are changed in a cluster that is as its file says, so that nothing else comes along unread."""
    if wanted.tls.given is not None or not wanted.encrypted:
        return none_of_ours(wanted)
    expected = is_of_certificates if memory.rotation is None else is_of_a_phase
    others = [each.step for each in rest.steps if not expected(each.step)]
    if not others:
        return None
    return Refusal(
        f"{wanted.name} is not as its file says.",
        f"Something else waits to be done first: {others[0]}.",
        "Look at it, and apply it:\n    etcdpilot apply\nA cluster whose certificates have all ended:\n"
        "    etcdpilot pki rescue",
    )


def is_of_certificates(step: Step) -> bool:
    match step:
        case IssueOperator():
            return True
        case WriteFiles():
            written = (file.content for _, files in step.files for file in files)
            return all(isinstance(content, LeafCertificate | LeafKey) for content in written)
        case _:
            return False


def is_of_a_phase(step: Step) -> bool:
    """What may be left of a phase that was cut off: whoever was caught between two lives is brought back first."""
    brought_back = StartMembers | StopMembers | RestartMember | MoveLeader | EnableServices
    return isinstance(step, brought_back | IssueOperator | WriteFiles)


def none_of_ours(wanted: ClusterSpec) -> Refusal:
    if not wanted.encrypted:
        return Refusal(f"{wanted.name} has no certificates.", "tls.mode is off.", "Set it to mutual, and apply.")
    return Refusal(
        f"The certificates of {wanted.name} are made by somebody else.",
        "Its file names them.",
        "Put new ones in their place, and apply:\n    etcdpilot apply",
    )


# ---- rotation ----


def rotation_plan(
    wanted: ClusterSpec,
    seen: Seen,
    memory: Memory,
    now: datetime,
    until: Phase = Phase.SETTLED,
    *,
    again: bool = False,
) -> Plan:
    """What is left of the rotation up to and with the phase `until`; of one that has not begun, all of it.

    Of one that ended a moment ago nothing is left, unless it is said that another is meant: a run that was cut off at
    its very end is run again too.
    """
    rest = planning.plan(wanted, seen, memory, now)
    if rest.refusals:
        return rest
    if memory.rotation is None and just_rotated(memory, now) and not again:
        return replace(rest, steps=(), changes=(), warnings=(rotated_words(memory),))
    if refusal := not_settled(rest, wanted, memory) or no_rotation_now(wanted, seen, memory):
        return refused(rest, refusal)
    steps = tuple(each.step for each in rest.steps)
    steps = (*steps, *later_phases(Ground(wanted, seen, memory, now), steps, until))
    return planned(wanted, seen, now, steps)


def just_rotated(memory: Memory, now: datetime) -> bool:
    return memory.rotated is not None and now - memory.rotated < ONE_ROTATION


def rotated_words(memory: Memory) -> str:
    assert memory.rotated is not None
    return (
        f"The authorities were replaced at {memory.rotated:%Y-%m-%d %H:%M} UTC. To do it once more, say --again: "
        "etcdpilot pki rotate-ca --again"
    )


def no_rotation_now(wanted: ClusterSpec, seen: Seen, memory: Memory) -> Refusal | None:
    if refusal := no_other_signer(wanted, memory):
        return refusal
    if not isinstance(seen.etcd.members, Known):
        return Refusal(
            f"The authorities of {wanted.name} cannot be rotated: nobody answers.",
            "A rotation goes member by member, and asks each of them.",
            "Bring it up first. If its certificates have ended:\n    etcdpilot pki rescue",
            "I2",
        )
    for refusal in unreachable_refusals(wanted.names, seen):
        return refusal
    if memory.rotation and memory.rotation.phase is Phase.RESCUING:
        return Refusal(
            f"A rescue of {wanted.name} is under way.",
            f"It began at {memory.rotation.began}.",
            "Finish it first:\n    etcdpilot pki rescue",
        )
    return None


def later_phases(ground: Ground, before: tuple[Step, ...], until: Phase) -> Iterator[Step]:
    """The phases after the one that is under way. Files are named and not compared: what they will hold is not made yet."""
    wanted, rotation = ground.wanted, ground.memory.rotation
    names = rotation.names if rotation else authority_names(wanted)
    done = rotation.phase.place if rotation else -1
    ground = replace(ground, handed_to=last_successor(before))

    def begins(phase: Phase) -> bool:
        return done < phase.place <= until.place

    if begins(Phase.TRUSTING):
        if not has_backup(ground):
            yield SaveSnapshot(because="its authorities change")
        yield TurnAuthorities(names, Phase.TRUSTING)
        rolled = tuple(roll(ground, "it must trust both authorities"))
        yield from rolled
        ground = replace(ground, handed_to=last_successor(rolled) or ground.handed_to)
    if begins(Phase.ISSUING):
        yield TurnAuthorities(names, Phase.ISSUING)
        leaves = {member.name: leaf_files(wanted, member.name) for member in wanted.members}
        yield WriteFiles(tuple(leaves.items()), because="another authority signs")
    if begins(Phase.DROPPING):
        yield TurnAuthorities(names, Phase.DROPPING)
        yield from roll(ground, "it must trust the new authority alone")
    if begins(Phase.SETTLED):
        yield TurnAuthorities(names, Phase.SETTLED)


def has_backup(ground: Ground) -> bool:
    """Whether one was taken within the last hour: by a run that was cut off, or by whoever thought of it first."""
    taken = ground.memory.backed_up
    return taken is not None and ground.now - taken < FRESH


def roll(ground: Ground, because: str) -> Iterator[Step]:
    wanted = ground.wanted
    files = {member.name: authority_files_of(wanted, member.name) for member in wanted.members}
    return rolling_steps(ground, files, dict.fromkeys(files, because))


def leaf_files(wanted: ClusterSpec, name: str) -> tuple[FileSpec, ...]:
    return of_kind(wanted, name, LeafCertificate, LeafKey)


def authority_files_of(wanted: ClusterSpec, name: str) -> tuple[FileSpec, ...]:
    return of_kind(wanted, name, AuthorityBundle)


def of_kind(wanted: ClusterSpec, name: str, *kinds: type) -> tuple[FileSpec, ...]:
    return tuple(file for file in certificate_files(wanted, wanted.member(name)) if isinstance(file.content, kinds))


# ---- the plan ----


def planned(wanted: ClusterSpec, seen: Seen, now: datetime, steps: tuple[Step, ...]) -> Plan:
    fenced = tuple(proof.fenced(steps, seen.membership))
    refusals = (
        *unreachable_refusals(wanted.names if steps else frozenset(), seen),
        *proof.alarm_refusals(steps, seen.etcd),
        *expiry_refusals(steps, seen, now),
        *late_clock_refusals(wanted, steps, seen, now),
        *proof.refusals(fenced),
    )
    return Plan(wanted.name, seen.membership, fenced, refusals, tuple(words_for_clients(steps)))


def words_for_clients(steps: tuple[Step, ...]) -> Iterator[str]:
    for number, step in enumerate(steps, 1):
        if isinstance(step, TurnAuthorities) and step.to in CLIENTS_FOLLOW:
            yield CLIENTS_FOLLOW[step.to].format(number=number)


def refused(rest: Plan, refusal: Refusal) -> Plan:
    return replace(rest, steps=(), changes=(), refusals=(refusal,))
