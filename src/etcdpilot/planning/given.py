"""What stands in the way of certificates of somebody else's making, said before anything is touched."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from etcdpilot.model.cluster import ClusterSpec
from etcdpilot.model.findings import Finding, Severity
from etcdpilot.model.given import OPERATOR_PAIR, GivenFiles, GivenPair
from etcdpilot.model.knowledge import Known
from etcdpilot.model.memory import Memory
from etcdpilot.model.observation import Seen
from etcdpilot.model.plans import Refusal
from etcdpilot.rendering.certificate_files import client_authority

UNTOUCHED = "Nothing was touched."


def given_refusals(wanted: ClusterSpec, seen: Seen, memory: Memory) -> Iterator[Refusal]:
    given = wanted.tls.given
    yield from signer_refusals(wanted, memory)
    if given is None or not wanted.encrypted:
        return
    if given.imported and not memory.given.hashes:
        yield nothing_imported()
        return
    for finding in memory.given.authorities:
        if finding.stops:
            yield Refusal(f"The authority in {finding.where} {finding.what}.", finding.why, remedy_for_authority(given))
    for pair in memory.given.pairs:
        stopping = [finding for finding in pair.findings if finding.stops]
        if stopping:
            yield refusal(pair, stopping, given)
    if memory.given.breaks:
        yield crossing(memory.given.breaks, answers=isinstance(seen.etcd.members, Known))
    yield from clock_refusals(wanted, seen, memory)


def signer_refusals(wanted: ClusterSpec, memory: Memory) -> Iterator[Refusal]:
    """One that was taken into the state folder signs from there, whatever became of its files."""
    seen = memory.given.signer
    if seen is None or memory.authority(client_authority(wanted)) is not None:
        return
    stopping = [finding for finding in seen.findings if finding.stops]
    if stopping:
        first, *others = stopping
        why = [first.why, *(f"It also {finding.what}." for finding in others), UNTOUCHED]
        remedy = "Name an authority's certificate and its key in tls.signer, and run this again."
        yield Refusal(f"The signer {first.where} {first.what}.", " ".join(filter(None, why)), remedy)


def signer_warnings(wanted: ClusterSpec, memory: Memory) -> Iterator[str]:
    seen, kept = memory.given.signer, memory.authority(client_authority(wanted))
    if seen is None:
        return
    for finding in seen.findings:
        if not finding.stops:
            yield f"The signer {finding.where} {finding.what}. {finding.why}"
    if seen.facts is None or kept is None or memory.rotation is not None:
        return
    if seen.facts.public_key != kept.facts.public_key:
        yield (
            "The file names another signer than the one that signs for this cluster, which goes on signing until it is "
            "exchanged: etcdpilot pki rotate-ca"
        )


def no_other_signer(wanted: ClusterSpec, memory: Memory) -> Refusal | None:
    """A rotation goes over to the signer that the file names, which must be another one, and able to sign."""
    seen, kept = memory.given.signer, memory.authority(client_authority(wanted))
    if seen is None or memory.rotation is not None:
        return None
    for finding in seen.findings:
        if finding.stops:
            remedy = "Name an authority's certificate and its key in tls.signer, and run this again."
            return Refusal(f"The signer {finding.where} {finding.what}.", f"{finding.why} {UNTOUCHED}".strip(), remedy)
    if seen.facts is not None and kept is not None and seen.facts.public_key == kept.facts.public_key:
        return Refusal(
            "The file names the signer that signs already.",
            "A rotation goes over to another one.",
            "Name the new one in tls.signer, and run this again.",
        )
    return None


def given_warnings(wanted: ClusterSpec, memory: Memory) -> Iterator[str]:
    """What works today."""
    yield from signer_warnings(wanted, memory)
    for finding in memory.given.authorities:
        if not finding.stops and finding.severity is not Severity.INFO:
            yield f"The authority in {finding.where} {finding.what}. {finding.why}"
    for pair in memory.given.pairs:
        for finding in pair.findings:
            if not finding.stops and finding.severity is not Severity.INFO:
                said = f"{subject(pair, finding)} {finding.what}. {finding.why}".strip()
                yield f"{said[0].upper()}{said[1:]}"


def nothing_imported() -> Refusal:
    return Refusal(
        "There are no certificates yet.",
        "The cluster file says certificates: requested, and none were imported.",
        "Have the requests signed, and bring the certificates in:\n    etcdpilot pki request\n"
        "    etcdpilot pki import --ca CA.crt FILES…",
    )


def refusal(pair: GivenPair, stopping: list[Finding], given: GivenFiles) -> Refusal:
    """One for each pair: its first cause on top, all others with it."""
    first, *others = stopping
    why = [first.why, *(f"Besides, {subject(pair, each)} {each.what}." for each in others), UNTOUCHED]
    said = subject(pair, first)
    return Refusal(f"{said[0].upper()}{said[1:]} {first.what}.", " ".join(filter(None, why)), remedy(pair, given))


def crossing(breaks: tuple[Finding, ...], *, answers: bool) -> Refusal:
    """An exchange of authorities in one go, which no order of restarts survives; all together they may."""
    said = "; ".join(f"{each.where} {each.what}" for each in breaks)
    if not answers:
        return Refusal(
            "Nobody answers, and these certificates have another authority than those that the members run with.",
            f"etcd reads authorities only when it starts. {said[0].upper()}{said[1:]}. {UNTOUCHED}",
            "Stop all members, whose data stay where they are, and start them with the new files:\n"
            "    etcdpilot down\n    etcdpilot apply",
            "I13",
        )
    return Refusal(
        "Members would stop trusting each other on the way to these certificates.",
        f"{breaks[0].why} {said[0].upper()}{said[1:]}. {UNTOUCHED}",
        "Exchange an authority in three rounds, each followed by `etcdpilot apply`: give a file that holds the old and\n"
        "the new authority; then the new certificates; then the new authority alone.",
        "I13",
    )


def subject(pair: GivenPair, finding: Finding) -> str:
    """`the peer certificate of etcd-0, pki/etcd-0.crt,`, or its key."""
    whose = f"{pair.purpose.value} certificate of {pair.owner}"
    if pair.owner == OPERATOR_PAIR:
        whose = "certificate of the operator"
    return f"the {whose}, {pair.path}," if finding.where == pair.path else f"the key of the {whose}, {finding.where},"


def remedy(pair: GivenPair, given: GivenFiles) -> str:
    for_hosts = f" for {', '.join(pair.hosts)}" if pair.hosts else ""
    if given.imported:
        return (
            f"Have it signed again{for_hosts}, then import it:\n    etcdpilot pki request {pair.owner}\n"
            "    etcdpilot pki import FILE"
        )
    return f"Have it issued again{for_hosts}, with its key beside it, and run this again."


def remedy_for_authority(given: GivenFiles) -> str:
    if given.imported:
        return "Import the authority that signed:\n    etcdpilot pki import --ca CA.crt"
    return "Name the authority that signed the certificates, and run this again."


def clock_refusals(wanted: ClusterSpec, seen: Seen, memory: Memory) -> Iterator[Refusal]:
    """A host whose clock stands before the beginning of a certificate, or after its end, refuses every handshake."""
    for pair in memory.given.pairs:
        host = seen.reachable.get(pair.owner)
        if host is None or pair.facts is None or not host.machine.clock:
            continue
        clock = datetime.fromtimestamp(host.machine.clock, UTC)
        if not pair.facts.not_before <= clock < pair.facts.not_after and not any(each.stops for each in pair.findings):
            yield Refusal(
                f"By the clock of {pair.owner}'s host it is {clock:%Y-%m-%d %H:%M} UTC, and its certificate is valid "
                f"from {pair.facts.not_before:%Y-%m-%d %H:%M} to {pair.facts.not_after:%Y-%m-%d %H:%M}.",
                f"It would refuse every handshake. {UNTOUCHED}",
                f"Set the clock of {wanted.member(pair.owner).host} right, and run this again.",
            )
