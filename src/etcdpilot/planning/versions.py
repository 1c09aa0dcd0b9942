"""Which members need other binaries, and whether etcd allows the way from what runs to what is wanted.

One minor at a time: a member refuses to join, or to read, what is further away. Sources: etcd's upgrade guides, and
what each release was seen to do.
"""

from __future__ import annotations

from collections.abc import Iterator

from etcdpilot.model.cluster import ClusterSpec, HostKind
from etcdpilot.model.knowledge import Known
from etcdpilot.model.membership import MemberState
from etcdpilot.model.observation import Seen
from etcdpilot.model.plans import Refusal
from etcdpilot.model.releases import refusals_as_upgrade_target
from etcdpilot.model.steps import CheckMemberTables, EnableDowngrade, InstallBinaries, SaveSnapshot, Step, listed
from etcdpilot.model.versions import Version
from etcdpilot.rendering.running import running_options

# From this release on a promoted learner and a removed member are right on the disk too, which 3.6 reads.
SAFE_FOR_3_6 = Version(3, 5, 32)
FIRST_WITH_DOWNGRADE = (3, 6)


def install_steps(wanted: ClusterSpec, seen: Seen) -> Iterator[InstallBinaries]:
    """Where no member answers: a host that is about to start one. A local cluster runs its binary where it stands."""
    if wanted.kind is HostKind.LOCAL or wanted.version is None:
        return
    lacking = tuple(
        name
        for name, host in seen.reachable.items()
        if name in wanted.names
        and host.binary != Known(wanted.version)
        and not (isinstance(seen.etcd.members, Known) and seen.membership.state_of(name) is not MemberState.DOWN)
    )
    if lacking:
        yield InstallBinaries(lacking, str(wanted.version))


def running(seen: Seen) -> dict[str, Version]:
    """What the members that answer say they are."""
    return {
        name: Version.parse(status.value.version)
        for name, status in seen.etcd.statuses
        if isinstance(status, Known) and status.value.version
    }


def preparing_steps(wanted: ClusterSpec, seen: Seen, reasons: dict[str, str]) -> Iterator[Step]:
    """Before the first member changes its version: a snapshot; and what the new line must not find on the disk."""
    now = running(seen)
    if wanted.version is None or not any(now[name] != wanted.version for name in reasons if name in now):
        return
    yield SaveSnapshot(because=f"the members go from {lowest(now)} to {wanted.version}")
    if lowest(now).line < (3, 6) <= wanted.version.line:
        yield CheckMemberTables(tuple(sorted(now)))
    if wanted.version.line < min(version.line for version in now.values()):
        yield EnableDowngrade(f"{wanted.version.major}.{wanted.version.minor}.0")


def lowest(now: dict[str, Version]) -> Version:
    return min(now.values())


def version_refusals(wanted: ClusterSpec, seen: Seen) -> Iterator[Refusal]:
    """Ways that etcd does not allow, or that are known to lose data. Building with a release is never refused here."""
    now = running(seen)
    target = wanted.version
    if target is None or not now or all(version == target for version in now.values()):
        return
    first, last = min(now.values()), max(now.values())
    for why in refusals_as_upgrade_target(target):
        yield Refusal(f"The members are not taken to {target}.", why, "Set etcd.version to a good release.", "I19")
    if target.line > first.line:
        yield from upgrade_refusals(target, first)
    if first.line < (3, 6) <= target.line:
        yield from second_store_refusals(target, seen)
    if target.line < last.line and first.line != target.line:
        yield from downgrade_refusals(target, last)


def second_store_refusals(target: Version, seen: Seen) -> Iterator[Refusal]:
    """3.6 refuses to start on what the old v2 API stored; while that API is on, something may be stored through it."""
    on = [
        name
        for name, host in seen.reachable.items()
        if host.process is not None and running_options(host.process).get("enable-v2") == "true"
    ]
    if on:
        yield Refusal(
            f"etcd {target} has no v2 API, and {listed(tuple(on))} serve it.",
            "What was stored through it does not come along, and 3.6 does not start beside it.",
            "Take enable-v2 out of etcd.options and apply; look at what is left on a copy of each data directory:\n"
            "    etcdutl check v2store --data-dir COPY      (3.5.32 or newer)\nThen upgrade.",
            "I20",
        )


def upgrade_refusals(target: Version, first: Version) -> Iterator[Refusal]:
    if target.major != first.major or target.minor - first.minor > 1:
        step = f"{first.major}.{first.minor + 1}"
        yield Refusal(
            f"etcd {first} cannot become {target} in one go.",
            "Members work together with those of the next minor release and no further.",
            f"Go to {step} first, then on:\n    etcdpilot upgrade {step}.x",
            "I19",
        )
    elif first.line == (3, 5) and first < SAFE_FOR_3_6:
        yield Refusal(
            f"etcd {first} must not become {target} yet.",
            f"Before {SAFE_FOR_3_6} learners and removed members may come back when 3.6 reads the disk.",
            f"Go to {SAFE_FOR_3_6} or newer first:\n    etcdpilot upgrade {SAFE_FOR_3_6}",
            "I20",
        )


def downgrade_refusals(target: Version, last: Version) -> Iterator[Refusal]:
    if last.line < FIRST_WITH_DOWNGRADE:
        yield Refusal(
            f"etcd {last} cannot go back to {target}.",
            "etcd can go back from 3.6 on only; older data is refused by the older binary.",
            "Restore a snapshot that the older one took, or stay.",
            "I19",
        )
    elif target.major != last.major or last.minor - target.minor > 1:
        yield Refusal(
            f"etcd {last} cannot become {target} in one go.",
            "It goes back one minor release at a time.",
            f"Go to {last.major}.{last.minor - 1} first.",
            "I19",
        )
