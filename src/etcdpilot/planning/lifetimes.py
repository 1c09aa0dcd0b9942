"""Certificates in their time: renewed before anybody is restarted, and nobody restarted while one is ending.

etcd reads its own certificates at every handshake, so a renewal needs no restart. Open connections live on when a
certificate ends, and new ones are refused: a cluster looks well until the first member that must join again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from etcdpilot.model.certificates import SERVER_AUTH, CertificateFacts
from etcdpilot.model.cluster import ClusterSpec
from etcdpilot.model.files import FileSpec, LeafCertificate, LeafKey
from etcdpilot.model.membership import MemberState
from etcdpilot.model.memory import Memory
from etcdpilot.model.observation import HostSeen, Process, Seen
from etcdpilot.model.plans import Refusal
from etcdpilot.model.rotation import Phase
from etcdpilot.model.steps import (
    AddLearner,
    MoveData,
    PromoteLearner,
    RemoveMember,
    RestartMember,
    Step,
    WriteFiles,
    listed,
)
from etcdpilot.planning.certificates import ends, is_running_out
from etcdpilot.rendering.certificate_files import client_authority, peer_authority
from etcdpilot.rendering.running import running_options

Files = dict[str, tuple[FileSpec, ...]]
SOON = timedelta(days=1)
# A member that joins shakes hands with all others as one does that comes back; one that leaves is not missed lightly then.
MEETS_PEERS_ANEW = (RestartMember, MoveData, AddLearner, PromoteLearner, RemoveMember)


def renewals_first(changes: Files, seen: Seen) -> tuple[Files, Files]:
    """What can be renewed in members that run, for nothing but the time or the signer is another; and the rest."""
    renewed, rest = {}, {}
    for name, files in changes.items():
        hot = renewals(files, seen.reachable[name]) if is_voting(name, seen) else ()
        renewed[name] = hot
        rest[name] = tuple(file for file in files if file not in hot)
    return with_files(renewed), with_files(rest)


def renewals(files: tuple[FileSpec, ...], host: HostSeen) -> tuple[FileSpec, ...]:
    """The pairs that say what those in their place say. One for another address waits for its member's restart."""
    same = {file.path for file in files if says_the_same(file, host)}
    return tuple(
        file
        for file in files
        if file.path in same or (isinstance(file.content, LeafKey) and file.content.certificate_path in same)
    )


def says_the_same(file: FileSpec, host: HostSeen) -> bool:
    there = host.certificate(file.path)
    if there is None or not isinstance(file.content, LeafCertificate):
        return False
    spec = file.content.spec
    return set(spec.hosts) == set(there.hosts) and spec.common_name == there.common_name


def is_voting(name: str, seen: Seen) -> bool:
    return name in seen.reachable and seen.membership.state_of(name) is MemberState.VOTING


def with_files(files: Files) -> Files:
    return {name: each for name, each in files.items() if each}


def rotation_warnings(memory: Memory) -> Iterator[str]:
    """An apply keeps to the phase that there is, for as long as anybody likes; somebody should know of it."""
    if memory.rotation is not None:
        verb = "rescue" if memory.rotation.phase is Phase.RESCUING else "rotate-ca"
        since = f"since {memory.rotation.began}, phase {memory.rotation.phase.value}"
        yield f"Its authorities are being exchanged, {since}. It goes on with: etcdpilot pki {verb}"


def untrusted_refusals(wanted: ClusterSpec, seen: Seen, memory: Memory) -> Iterator[Refusal]:
    """An authority that would be made now is trusted by nobody who runs: member by member they would lock each other out.

    Its key was lost, or the file asks for another set of authorities than the members were started with.
    """
    if not wanted.encrypted or wanted.tls.given is not None:
        return
    names = dict.fromkeys((client_authority(wanted), peer_authority(wanted)))
    missing = [name for name in names if memory.authority(name) is None]
    trusting = [name for name, host in seen.reachable.items() if host.process and trusts_somebody(host.process)]
    if missing and trusting:
        yield Refusal(
            f"{listed(tuple(missing))} would be new, and {listed(tuple(trusting))} would not trust it.",
            "They were started with other authorities, whose keys are not in the state folder.",
            "If the file asks for others than it did (tls.authorities), put that back. If the keys are elsewhere:\n"
            "    etcdpilot state import FILE\nIf they are lost:\n    etcdpilot pki rescue --new-ca",
            "I13",
        )


def trusts_somebody(process: Process) -> bool:
    return "trusted-ca-file" in running_options(process)


def expiry_refusals(steps: Iterable[Step], seen: Seen, now: datetime) -> Iterator[Refusal]:
    """A member that is restarted meets its peers anew: by then every certificate must hold, or have been renewed.

    Who leaves is not renewed any more: that others leave before it costs nothing, that somebody joins it might.
    """
    steps = tuple(steps)
    leaving = {step.member for step in steps if isinstance(step, RemoveMember)}
    written: set[tuple[str, str]] = set()
    gone: set[str] = set()
    for step in steps:
        if isinstance(step, WriteFiles):
            written |= {(member, file.path) for member, files in step.files for file in files}
        if isinstance(step, MEETS_PEERS_ANEW):
            missed = leaving if isinstance(step, RemoveMember) else gone
            ending = [
                each for each in ending_certificates(seen, now) if each[:2] not in written and each[0] not in missed
            ]
            if ending:
                yield about_to_end(step, *ending[0], now)
                return
        if isinstance(step, RemoveMember):
            gone.add(step.member)


def ending_certificates(seen: Seen, now: datetime) -> Iterator[tuple[str, str, CertificateFacts]]:
    """(member, path, facts) of what members that vote show each other or their clients, and will not show for long."""
    for name, host in seen.reachable.items():
        for path, facts in host.certificates if is_voting(name, seen) else ():
            shown = not facts.extended_usages or SERVER_AUTH in facts.extended_usages
            if shown and facts.not_after - now < SOON and is_running_out(facts, now):
                yield name, path, facts


def about_to_end(step: Step, member: str, path: str, facts: CertificateFacts, now: datetime) -> Refusal:
    sentence = str(step)
    return Refusal(
        f"{sentence[0].upper()}{sentence[1:]}: not among certificates that end.",
        f"{path} of {member}: {ends(facts, now)}. Members that are connected stay so; one that is restarted, or joins, "
        "could not speak to them.",
        "Renew them first, which needs no restart:\n    etcdpilot pki renew",
        "I12",
    )
