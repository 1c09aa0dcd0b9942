"""Space in the database: which members to defragment and in what order, and the way out of NOSPACE.

While a member is defragmented it answers nothing, as if it were restarted: one at a time, the leader last and after it
has handed over, and none while another is down, learns or lags.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from etcdpilot.model.answers import AlarmType, MemberStatus
from etcdpilot.model.cluster import ClusterSpec
from etcdpilot.model.identity import as_hex
from etcdpilot.model.knowledge import Known, Unknown
from etcdpilot.model.membership import MemberState
from etcdpilot.model.observation import Seen
from etcdpilot.model.plans import Plan, Refusal
from etcdpilot.model.steps import MoveLeader, SaveSnapshot, Step
from etcdpilot.model.upkeep import CompactHistory, DefragmentMember, DisarmNoSpace, ProveWrite
from etcdpilot.model.versions import Version
from etcdpilot.planning import proof

MIB = 2**20
LAGGING = 1000  # log entries behind the foremost
# The new database is written beside the old one and then takes its place.
ROOM_FACTOR = 1.1
ROOM_LEFT = 64 * MIB  # the log preallocates its files


@dataclass(frozen=True, slots=True)
class Worth:
    """From how much free space in a database on its defragmentation is worth the pause; both must be reached.

    `share` of the database's size, 0 to 1; `bytes` is what it would give back.
    """

    share: float = 0.45
    bytes: int = 100 * MIB


def defrag_plan(wanted: ClusterSpec, seen: Seen, worth: Worth, only: frozenset[str] = frozenset()) -> Plan:
    """Every member whose database is worth it, or, of `only` these, each that is named."""
    statuses = statuses_of(seen)
    chosen = [name for name in statuses if is_worth_it(statuses[name], worth) and (not only or name in only)]
    steps = tuple(defrag_steps(chosen, seen, {name: because(statuses[name]) for name in chosen}))
    return judged(wanted, seen, steps, chosen)


def nospace_plan(wanted: ClusterSpec, seen: Seen, keep: int) -> Plan:
    """Backup, compaction, defragmentation of everybody, disarming, proof. Without the alarm the proof alone."""
    raised = tuple(sorted({as_hex(each.member_id) for each in seen.etcd.alarms if each.type is AlarmType.NOSPACE}))
    if not raised:
        return judged(wanted, seen, (ProveWrite(),), [])
    statuses = statuses_of(seen)
    steps = tuple(nospace_steps(seen, statuses, raised, keep))
    return judged(wanted, seen, steps, list(statuses))


def nospace_steps(seen: Seen, statuses: dict[str, MemberStatus], raised: tuple[str, ...], keep: int) -> Iterator[Step]:
    yield SaveSnapshot("what a compaction takes away can be read from a backup alone")
    if (revision := safe_revision(statuses, keep)) > 1:
        yield CompactHistory(revision, f"the database is full; the last {keep} revisions stay for who still reads them")
    yield from defrag_steps(list(statuses), seen, dict.fromkeys(statuses, "the compaction freed space inside it alone"))
    yield DisarmNoSpace(raised)
    yield ProveWrite()


def safe_revision(statuses: dict[str, MemberStatus], keep: int) -> int:
    """What the slowest member has, less `keep`: somebody who watches or pages through keys is a little behind.

    Compacting at the present revision would cancel every watch that has not read the very last change.
    """
    return min((status.revision for status in statuses.values()), default=0) - keep


def defrag_steps(names: list[str], seen: Seen, reasons: dict[str, str]) -> Iterator[Step]:
    statuses = statuses_of(seen)
    for name in sorted(names, key=lambda each: (statuses[each].is_leader, each)):
        if statuses[name].is_leader and (to := best_successor(name, seen)):
            yield MoveLeader(name, to)
        yield DefragmentMember(name, reasons[name])


def best_successor(leader: str, seen: Seen) -> str:
    """Another voter that answers; empty when there is none."""
    others = [
        name for name in statuses_of(seen) if name != leader and seen.membership.state_of(name) is MemberState.VOTING
    ]
    return min(others, default="")


def statuses_of(seen: Seen) -> dict[str, MemberStatus]:
    return {name: status.value for name, status in seen.etcd.statuses if isinstance(status, Known)}


def is_worth_it(status: MemberStatus, worth: Worth) -> bool:
    free = free_bytes(status)
    return free >= worth.bytes and free >= worth.share * status.db_size


def free_bytes(status: MemberStatus) -> int:
    return max(0, status.db_size - status.db_size_in_use)


def because(status: MemberStatus) -> str:
    free, size = free_bytes(status), max(1, status.db_size)
    return f"{free / MIB:.1f} of {size / MIB:.1f} MiB in its database are free ({100 * free // size} %)"


def judged(wanted: ClusterSpec, seen: Seen, steps: tuple[Step, ...], defragmented: list[str]) -> Plan:
    fenced = tuple(proof.fenced(steps, seen.membership))
    standing = (*ill_health(seen), *no_room(seen, defragmented)) if defragmented else tuple(no_quorum(seen))
    refusals = standing or tuple(proof.refusals(fenced))
    return Plan(wanted.name, seen.membership, fenced, refusals, tuple(warnings(seen, defragmented)))


def no_quorum(seen: Seen) -> Iterator[Refusal]:
    quorum = seen.membership.quorum
    if not quorum.holds:
        yield Refusal(
            "There is no quorum, so nothing can be written.",
            f"{proof.short_of(quorum)}.",
            "Bring the members that are down back first. What each one says:\n    etcdpilot status",
            "I2",
        )


def ill_health(seen: Seen) -> Iterator[Refusal]:
    """Whatever makes the pause of one member dangerous."""
    wait = "Look at it, and run this again:\n    etcdpilot status"
    yield from no_quorum(seen)
    down = [name for name, status in seen.etcd.statuses if isinstance(status, Unknown)]
    if down:
        yield Refusal(
            "No member is defragmented while another is down.", f"{', '.join(down)} does not answer.", wait, "I4"
        )
    if seen.membership.learners:
        names = ", ".join(sorted(seen.membership.learners))
        yield Refusal(
            "No member is defragmented while another learns.",
            f"{names} is still a learner; etcd has corrupted data where both happened at once.",
            "Let it be promoted first:\n    etcdpilot apply",
            "I23",
        )
    if any(alarm.type is AlarmType.CORRUPT for alarm in seen.etcd.alarms):
        yield Refusal("Nothing is moved under the alarm CORRUPT.", "Members differ in what they hold.", wait, "I22")
    yield from lagging(seen)


def lagging(seen: Seen) -> Iterator[Refusal]:
    applied = {name: status.raft_applied_index for name, status in statuses_of(seen).items()}
    slow = [name for name, index in applied.items() if max(applied.values()) - index > LAGGING]
    if slow:
        yield Refusal(
            "No member is defragmented while another catches up.",
            f"{', '.join(slow)} is more than {LAGGING} entries behind.",
            "Wait until it has caught up, and run this again.",
            "I23",
        )


def no_room(seen: Seen, names: list[str]) -> Iterator[Refusal]:
    for name in names:
        status, host = seen.etcd.status(name), seen.host(name)
        if not isinstance(status, Known) or not isinstance(host, Known) or not host.value.machine.free_bytes:
            continue
        needed = int(status.value.db_size_in_use * ROOM_FACTOR) + ROOM_LEFT
        if host.value.machine.free_bytes < needed:
            yield Refusal(
                f"The disk of {name} has no room for a second copy of the database.",
                f"{host.value.machine.free_bytes // MIB} MiB are free there, {needed // MIB} MiB are needed.",
                f"Free space on {name}, and run this again.",
            )


def warnings(seen: Seen, names: list[str]) -> Iterator[str]:
    """Releases that are known to lose their way when something else happens during a defragmentation."""
    old = sorted({status.version for name, status in statuses_of(seen).items() if name in names and is_risky(status)})
    if old:
        yield (
            f"etcd {', '.join(old)} can corrupt a member that crashes, or receives a snapshot, while it is defragmented; "
            "3.4.38, 3.5.23 and 3.6.5 cannot"
        )


def is_risky(status: MemberStatus) -> bool:
    version = Version.parse(status.version)
    mended = {(3, 4): Version(3, 4, 38), (3, 5): Version(3, 5, 23), (3, 6): Version(3, 6, 5)}
    first = mended.get(version.line)
    return first is not None and version < first
