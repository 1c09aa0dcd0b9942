"""The days on which certificates are valid: by the clocks of the hosts that check them, and those of their authorities.

A host whose clock is behind takes a new certificate for one of the future; an authority takes everything that it signed
with it when it ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from etcdpilot.model.cluster import ClusterSpec
from etcdpilot.model.files import LeafCertificate
from etcdpilot.model.memory import Memory
from etcdpilot.model.observation import HostSeen, Seen
from etcdpilot.model.plans import Refusal
from etcdpilot.model.steps import Step, WriteFiles

# A leaf is valid from five minutes before it is made (`pki.authority`), so that a clock may be that much behind.
TOLERANCE = timedelta(minutes=5)
EARLY = 365  # days


def late_clock_refusals(wanted: ClusterSpec, steps: Iterable[Step], seen: Seen, now: datetime) -> Iterator[Refusal]:
    """Hosts that get a certificate and are so far behind that they would take it for one of the future."""
    getting = {
        name
        for step in steps
        if isinstance(step, WriteFiles)
        for name, files in step.files
        if any(isinstance(file.content, LeafCertificate) for file in files)
    }
    for name, clock in clocks(seen):
        if name in getting and clock < now - TOLERANCE:
            yield Refusal(
                f"The clock of {name}'s host is {in_words(now - clock)} behind this machine's.",
                f"There it is {clock:%Y-%m-%d %H:%M} UTC, and a certificate that is made now is not valid yet: every "
                "handshake would be refused. Nothing was touched.",
                f"Set one of the two right (timedatectl on {wanted.machine(name).host}), and run this again.",
            )


def late_clock_warnings(seen: Seen) -> Iterator[str]:
    """Hosts by whose clock their own certificates are not valid."""
    for name, clock in clocks(seen):
        host = seen.reachable[name]
        for path in invalid_at(host, clock):
            yield f"By the clock of {name}'s host ({clock:%Y-%m-%d %H:%M} UTC) its certificate {path} is not valid."


def authority_warnings(memory: Memory, now: datetime) -> Iterator[str]:
    """A year ahead: a rotation takes three rounds, and the clients must follow."""
    for kept in memory.authorities:
        days = kept.facts.days_left(now)
        if 0 <= days < EARLY:
            yield f"The authority {kept.name} ends in {days} days, and everything that it signed with it: pki rotate-ca."


def invalid_at(host: HostSeen, clock: datetime) -> Iterator[str]:
    for path, facts in host.certificates:
        if not facts.is_ca and not facts.not_before <= clock < facts.not_after:
            yield path


def clocks(seen: Seen) -> Iterator[tuple[str, datetime]]:
    """Of every host that said what time it is."""
    for name, host in seen.reachable.items():
        if host.machine.clock:
            yield name, datetime.fromtimestamp(host.machine.clock, UTC)


def in_words(behind: timedelta) -> str:
    minutes = int(behind.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} minutes"
    return f"{minutes // 60} hours" if minutes < 48 * 60 else f"{minutes // 1440} days"
