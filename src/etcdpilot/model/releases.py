"""Which releases of etcd should not be run, and why. Source: etcd's changelogs and security advisories up to July 2026.

Building with a bad release is warned about: somebody may have to rebuild what they run today. Going to one is refused.
Releases newer than this table are trusted.
"""

from __future__ import annotations

from dataclasses import dataclass

from etcdpilot.model.versions import Version

Line = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong in the releases of one line from patch `since` up to, and without, patch `fixed`."""

    line: Line
    since: int
    fixed: int
    what: str

    def touches(self, version: Version) -> bool:
        return version.line == self.line and self.since <= version.patch < self.fixed


OLDEST_LINE: Line = (3, 4)

# The last patch of a line that etcd's maintainers have given up.
ENDED = {(3, 4): ("June 2026", Version(3, 4, 45))}

# The oldest patch of each line without a known flaw worth a warning.
RECOMMENDED = {
    (3, 4): Version(3, 4, 45),
    (3, 5): Version(3, 5, 33),
    (3, 6): Version(3, 6, 14),
    (3, 7): Version(3, 7, 1),
}

# Never to be built anew, and never the target of an upgrade.
KNOWN_BAD = (
    Flaw((3, 5), 0, 3, "members can come to hold different data after a crash, in silence"),
    Flaw((3, 6), 0, 5, "upgrades from 3.5 can turn voters back into learners, and data can be corrupted"),
    Flaw(
        (3, 7), 0, 1, "a watch can leak keys past the reader's permission, and open TLS handshakes can exhaust a member"
    ),
)

WATCH_LEAK = "a watch can leak keys past the reader's permission (GHSA-xg4h-6gfc-h4m8)"
HANDSHAKES = "clients that never finish a TLS handshake can exhaust a member (GHSA-6vch-q96h-7gc3)"
AUTH_BYPASS = "etcd's own permissions can be bypassed (CVE-2026-33343, CVE-2026-33413)"
PUT_BYPASS = "a put with prev_kv or a lease reads past the writer's permission (CVE-2026-44283)"
NO_MEMBER_LIST = "with auth on, only root may list members or alarms"
ADD_WHILE_DOWN = "no member can be added while another is down, even though quorum holds"
UPDATE_PROMOTES = "updating a learner's URLs promotes it"
CRL_BYPASS = "revoked certificates are accepted on the gRPC port beside listen-client-http-urls (GHSA-3wh4-j44w-pg92)"
STALE_READS = "linearizable reads can be stale after a pause or a change of leader"

# The gravest first: lost or different data, then access, then operations.
FLAWS = (
    Flaw((3, 4), 0, 21, "a lone member can lose an acknowledged write when it crashes"),
    Flaw((3, 4), 0, 38, "a snapshot taken while defragmenting can corrupt data"),
    Flaw((3, 4), 0, 32, "the revision can go back after a crash"),
    Flaw((3, 4), 0, 31, "a watch can miss events, and a deposed leader can revoke leases"),
    Flaw((3, 4), 0, 24, "a learner that never started can be promoted, which can cost quorum"),
    Flaw((3, 4), 0, 42, STALE_READS),
    Flaw((3, 4), 0, 25, "a client can act with another's permission (CVE-2021-28235)"),
    Flaw((3, 4), 0, 42, AUTH_BYPASS),
    Flaw((3, 4), 0, 44, PUT_BYPASS),
    Flaw((3, 4), 42, 43, NO_MEMBER_LIST),
    Flaw((3, 5), 0, 23, "data can be corrupted"),
    Flaw((3, 5), 0, 6, "a crash while defragmenting can leave members with different data"),
    Flaw((3, 5), 0, 14, "the revision can go back after a crash"),
    Flaw((3, 5), 0, 13, "a watch can miss events, and a deposed leader can revoke leases"),
    Flaw((3, 5), 0, 24, "a promoted learner can be a learner again after an upgrade to 3.6"),
    Flaw((3, 5), 0, 26, "removed members can come back after an upgrade to 3.6"),
    Flaw((3, 5), 0, 28, STALE_READS),
    Flaw((3, 5), 0, 28, AUTH_BYPASS),
    Flaw((3, 5), 0, 30, PUT_BYPASS),
    Flaw((3, 5), 0, 33, WATCH_LEAK),
    Flaw((3, 5), 0, 33, HANDSHAKES),
    Flaw((3, 5), 8, 32, CRL_BYPASS),
    Flaw((3, 5), 0, 30, ADD_WHILE_DOWN),
    Flaw((3, 5), 0, 31, UPDATE_PROMOTES),
    Flaw((3, 5), 28, 29, NO_MEMBER_LIST),
    Flaw((3, 5), 0, 32, "etcdutl check v2store overlooks what is only in the log, so an upgrade to 3.6 may fail"),
    Flaw((3, 6), 0, 5, "data can be corrupted"),
    Flaw((3, 6), 0, 9, STALE_READS),
    Flaw((3, 6), 0, 9, AUTH_BYPASS),
    Flaw((3, 6), 0, 11, PUT_BYPASS),
    Flaw((3, 6), 0, 14, WATCH_LEAK),
    Flaw((3, 6), 0, 14, HANDSHAKES),
    Flaw((3, 6), 0, 13, CRL_BYPASS),
    Flaw((3, 6), 0, 6, "force-new-cluster keeps learners, and with auth on only the leader can promote"),
    Flaw((3, 6), 0, 11, ADD_WHILE_DOWN),
    Flaw((3, 6), 0, 12, UPDATE_PROMOTES),
    Flaw((3, 6), 9, 10, NO_MEMBER_LIST),
    Flaw((3, 7), 0, 1, WATCH_LEAK),
    Flaw((3, 7), 0, 1, HANDSHAKES),
)


def flaws_of(version: Version) -> tuple[Flaw, ...]:
    """What is known to be wrong in this very release, the gravest first."""
    return tuple(flaw for flaw in FLAWS if flaw.touches(version))


def warnings_when_building(version: Version) -> tuple[str, ...]:
    """Sentences about a release that somebody is about to build with; none for a good one."""
    return tuple(sentence for sentence in (_age(version), _badness(version), _what_was_fixed(version)) if sentence)


def refusals_as_upgrade_target(version: Version) -> tuple[str, ...]:
    """Why nobody should go to this release; empty when one may."""
    return tuple(sentence for sentence in (_badness(version), _below_the_oldest(version)) if sentence)


def recommended(version: Version) -> Version | None:
    """The oldest release of its line that has no flaw known here; None for a line that this table does not know."""
    return RECOMMENDED.get(version.line)


def _age(version: Version) -> str:
    if version.line in ENDED:
        when, last = ENDED[version.line]
        line = f"{version.major}.{version.minor}"
        return f"etcd {line} has had no fixes since {when} ({last} was its last release); plan the way to a newer line."
    return _below_the_oldest(version)


def _below_the_oldest(version: Version) -> str:
    if version.line >= OLDEST_LINE:
        return ""
    return f"etcd {version} is older than 3.4, the oldest line that etcdpilot knows."


def _badness(version: Version) -> str:
    reasons = [flaw.what for flaw in KNOWN_BAD if flaw.touches(version)]
    if not reasons:
        return ""
    return f"etcd {version} must not be used: {'; '.join(reasons)}. Take {RECOMMENDED[version.line]} or newer."


def _what_was_fixed(version: Version) -> str:
    if _badness(version) or not (known := flaws_of(version)):
        return ""
    named = "; ".join(flaw.what for flaw in known[:3])
    more = f"; and {len(known) - 3} more" if len(known) > 3 else ""
    return f"etcd {version} has known flaws that {RECOMMENDED[version.line]} has not: {named}{more}."
