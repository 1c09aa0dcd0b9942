"""The way from whatever is there to a whole cluster restored from one snapshot; planned again, the rest of that way.

Everything that can fail for want of room, of a line, or of a sound file is done beside the old data while the old cluster
still runs. Then all of it stops together, for a mixture of old and new members panics or serves two truths; the new
identity is written on every host, so that no old data can be started any more; the old data move aside; and the new
members start together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from etcdpilot.model.cluster import ClusterSpec, HostKind
from etcdpilot.model.knowledge import Absent
from etcdpilot.model.membership import MemberState
from etcdpilot.model.memory import Memory
from etcdpilot.model.observation import HostSeen, Seen
from etcdpilot.model.plans import Plan, Refusal
from etcdpilot.model.restoring import DEFAULT_QUOTA, MiB, Restore
from etcdpilot.model.steps import (
    BeginAnew,
    DisableService,
    EnableServices,
    InstallBinaries,
    MoveDataAside,
    PlaceData,
    PrepareData,
    ProveRestored,
    StartMembers,
    Step,
    WriteFiles,
    listed,
)
from etcdpilot.model.versions import Version
from etcdpilot.planning import proof
from etcdpilot.planning.building import Files, every
from etcdpilot.planning.certificates import authority_steps
from etcdpilot.planning.data import foreign, of_somebody
from etcdpilot.planning.files import differing, wanted_files
from etcdpilot.planning.given import given_refusals
from etcdpilot.planning.members import needs_binary
from etcdpilot.planning.strangers import stranger_refusals
from etcdpilot.rendering.options import InitialCluster


@dataclass(frozen=True, slots=True)
class Ground:
    """What it is decided from. `begun`: the identity that is remembered is already that of the restore."""

    wanted: ClusterSpec
    seen: Seen
    memory: Memory
    restore: Restore
    now: datetime

    @property
    def begun(self) -> bool:
        return self.memory.token == self.restore.token

    @property
    def anew(self) -> Memory:
        """The memory once the new identity has taken the place of the old one."""
        new = self.restore
        return replace(self.memory, token=new.token, cluster_id=new.cluster_id, member_ids=new.member_ids, formed=True)

    @property
    def because(self) -> str:
        return f"it is restored from {self.restore.source.name}"

    def placed(self, name: str) -> bool:
        """Whether its data directory holds what this restore made."""
        host = self.seen.reachable.get(name)
        own = dict(self.restore.member_ids).get(name)
        return (
            host is not None
            and own is not None
            and (host.data.cluster_id, host.data.member_id) == (self.restore.cluster_id, own)
        )


def restore_plan(wanted: ClusterSpec, seen: Seen, memory: Memory, restore: Restore, now: datetime) -> Plan:
    """`memory` is what is remembered now: the old identity, or, where an earlier run was cut off, the new one."""
    ground = Ground(wanted, seen, memory, restore, now)
    refusals = tuple(refused(ground))
    if refusals:
        return Plan(wanted.name, seen.membership, (), refusals)
    steps = tuple(restore_steps(ground))
    fenced = tuple(proof.fenced(steps, seen.membership))
    return Plan(wanted.name, seen.membership, fenced, (), tuple(warnings(ground)))


def restore_steps(ground: Ground) -> Iterator[Step]:
    restore, seen = ground.restore, ground.seen
    files = {name: files_of(name, ground) for name in restore.members}
    unplaced = tuple(name for name in restore.members if not ground.placed(name))
    stopping = tuple(name for name, host in seen.reachable.items() if not ground.placed(name) and is_up(host))
    yield from authority_steps(ground.wanted, every(files), ground.memory, ground.now)
    lacking = tuple(name for name in unplaced if needs_binary(ground.wanted, seen.reachable[name]))
    if lacking:
        yield InstallBinaries(lacking, str(ground.wanted.version))
    unprepared = tuple(name for name in unplaced if seen.reachable[name].data.prepared != restore.mark)
    if unprepared:
        yield PrepareData(unprepared, restore.source.name)
    if not ground.begun or stopping:
        yield BeginAnew(stopping, restore.members, restore.cluster_id, ground.because)
    leaving = [name for name in seen.reachable if name not in restore.members]
    for name in leaving:
        if ground.wanted.kind is not HostKind.LOCAL and seen.reachable[name].service.enabled:
            yield DisableService(name, because=f"{name} is not among the members that are restored")
    # Before the data move: from here on the guard lets nobody start on old data, whatever starts them.
    if changes := changed(files, unplaced, ground):
        yield WriteFiles(tuple(changes.items()), because=ground.because)
    for name in (*unplaced, *leaving):
        if seen.reachable[name].data.has_member:
            yield MoveDataAside(name, ground.wanted.machine(name).paths.data, because=ground.because)
    if unplaced:
        yield PlaceData(unplaced)
    yield from starting(ground)


def starting(ground: Ground) -> Iterator[Step]:
    restore, seen = ground.restore, ground.seen
    disabled = tuple(name for name in restore.members if not seen.reachable[name].service.enabled)
    if disabled and ground.wanted.kind is not HostKind.LOCAL:
        yield EnableServices(disabled)
    silent = tuple(name for name in restore.members if not (ground.placed(name) and answers(name, seen)))
    if silent:
        yield StartMembers(silent)
    yield ProveRestored(restore.members, restore.source.name)


def answers(name: str, seen: Seen) -> bool:
    return seen.membership.state_of(name) is MemberState.VOTING


def is_up(host: HostSeen) -> bool:
    """Runs, or is about to: systemd tries a failed member again every five seconds."""
    return host.process is not None or host.service.active in ("active", "activating")


def files_of(name: str, ground: Ground) -> tuple:  # type: ignore[type-arg]
    """Its files from now on: they say `existing`, for its data are there before it starts."""
    peers = tuple((each, ground.wanted.member(each).advertise_peer_urls) for each in ground.restore.members)
    initial = InitialCluster("existing", ground.restore.token, peers)
    return wanted_files(ground.wanted, ground.wanted.member(name), ground.anew, formed=True, initial=initial)


def changed(files: Files, names: tuple[str, ...], ground: Ground) -> Files:
    found = {
        name: differing(files[name], ground.seen.reachable[name], ground.anew, ground.now)
        for name in ground.restore.members
        if name in names or not answers(name, ground.seen)
    }
    return {name: each for name, each in found.items() if each}


# What must be clear before


def refused(ground: Ground) -> Iterator[Refusal]:
    yield from cannot_be_fenced(ground)
    yield from stranger_refusals(ground.wanted, ground.seen, with_new(ground))
    yield from data_of_others(ground)
    yield from cannot_be_read(ground)
    yield from given_refusals(ground.wanted, ground.seen, ground.memory)


def with_new(ground: Ground) -> Memory:
    """Marks of the old identity and of the new one are both ours."""
    return replace(ground.memory, formed=True)


def cannot_be_fenced(ground: Ground) -> Iterator[Refusal]:
    """A member that may still run where nobody reaches it: with others of its kind it would go on as the old cluster."""
    lost = set(ground.restore.lost)
    for name, why in ground.seen.unreachable.items():
        if name in lost:
            continue
        yield Refusal(
            f"{name} can neither be stopped nor fenced: its host cannot be looked at.",
            f"{why}\nAs long as it may run, the old cluster may go on beside the restored one.",
            f"Bring the host back. If its machine is gone for good, say so; it is left out, and replaced later:\n"
            f"    etcdpilot {ground.restore.verb} … --lost {name}",
            "I18",
        )


def data_of_others(ground: Ground) -> Iterator[Refusal]:
    known = {ground.memory.cluster_id, ground.restore.cluster_id, *(each.cluster_id for each in ground.memory.former)}
    for name in ground.restore.members:
        host = ground.seen.reachable.get(name)
        if host is None:
            continue
        if host.data.foreign:
            yield foreign(ground.wanted.member(name))
        elif host.data.has_member and isinstance(host.marker, Absent) and host.data.cluster_id not in known:
            yield of_somebody(ground.wanted.member(name))


def cannot_be_read(ground: Ground) -> Iterator[Refusal]:
    """What this etcd could not read, or what nobody could look after once it is there."""
    source, version = ground.restore.source, ground.wanted.version
    if source.etcd and version is not None and Version.parse(source.etcd).line > version.line:
        yield Refusal(
            f"{source.name} was written by etcd {'.'.join(source.etcd.split('.')[:2])}, and {version} is to read it.",
            "An older etcd does not start on what a newer one wrote, or misunderstands it in silence.",
            "Set etcd.version to that line, or restore an older snapshot.",
            "I19",
        )
    if source.auth_enabled and not ground.wanted.encrypted:
        yield Refusal(
            f"{source.name} has etcd's own auth on, and {ground.wanted.name} has no TLS.",
            "Nobody could prove the restored cluster: the operator is known to etcd by a certificate for root.",
            "Restore it into a cluster with TLS.",
        )


def warnings(ground: Ground) -> Iterator[str]:
    source, restore = ground.restore.source, ground.restore
    if restore.lost:
        yield f"{listed(restore.lost)} stay out of it; replace them when there are machines for them"
    if not restore.bump:
        yield (
            f"etcd {ground.wanted.version or 'of this cluster'} cannot bump the revision in a restore (3.4.27, 3.5.10 "
            "and 3.6 can): revisions go back, and a watcher that knew later ones hears nothing until they come again. "
            "Restart every client that watches: kube-apiserver, controllers, Patroni, APISIX"
        )
    if source.alarms:
        yield f"the alarms {', '.join(source.alarms)} come along in {source.name}; they are disarmed at the end"
    for name in restore.members:
        quota = quota_of(ground.wanted, name)
        if 0 < quota < source.size * 1.25:
            yield (
                f"{source.name} has {source.size // MiB} MiB, and the quota of {name} is {quota // MiB} MiB: raise "
                "quota-backend-bytes if the members raise NOSPACE"
            )
            return


def quota_of(wanted: ClusterSpec, name: str) -> int:
    """Bytes; 0 and what is left out stand for etcd's default, less than 0 for no quota at all."""
    given = int(dict(wanted.member(name).options).get("quota-backend-bytes", "0"))
    return given or DEFAULT_QUOTA
