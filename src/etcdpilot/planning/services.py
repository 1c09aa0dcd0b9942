"""Which services must be started, enabled, or restarted, and in what order."""

from __future__ import annotations

from collections.abc import Iterator

from etcdpilot.model.cluster import ClusterSpec, HostKind, MemberSpec
from etcdpilot.model.files import AuthorityBundle, FileSpec, Given, Text
from etcdpilot.model.identity import as_hex
from etcdpilot.model.knowledge import Known, Unknown
from etcdpilot.model.membership import MemberState
from etcdpilot.model.observation import HostSeen, Seen
from etcdpilot.model.steps import (
    EnableServices,
    InstallBinaries,
    MoveData,
    MoveLeader,
    RestartMember,
    StartMembers,
    Step,
    UpdateMember,
    WriteFiles,
    listed,
)
from etcdpilot.model.versions import Version
from etcdpilot.planning.members import Ground, leads, needs_binary, successor
from etcdpilot.planning.moving import data_elsewhere
from etcdpilot.rendering.certificate_files import certificate_files
from etcdpilot.rendering.options import InitialCluster, member_options
from etcdpilot.rendering.running import options_that_differ, running_options

Files = dict[str, tuple[FileSpec, ...]]


def start_steps(wanted: ClusterSpec, seen: Seen) -> Iterator[StartMembers]:
    """Everybody who does not answer, together: no member of a stopped cluster gets ready alone.

    One that runs and does not answer is among them: asking again starts nothing twice, and the gate waits for it.
    """
    silent = tuple(member.name for member in wanted.members if is_silent(member, seen))
    if silent:
        yield StartMembers(silent)


def is_silent(member: MemberSpec, seen: Seen) -> bool:
    return member.name in seen.reachable and seen.membership.state_of(member.name) is MemberState.DOWN


def enable_steps(wanted: ClusterSpec, seen: Seen) -> Iterator[EnableServices]:
    if wanted.kind is HostKind.LOCAL:
        return
    disabled = tuple(
        name
        for name, host in seen.reachable.items()
        if name in wanted.names and not host.service.enabled and is_no_joiner(name, seen)
    )
    if disabled:
        yield EnableServices(disabled)


def is_no_joiner(name: str, seen: Seen) -> bool:
    """A member that joins is enabled when its turn comes; before the first start there is no list to join."""
    return not isinstance(seen.etcd.members, Known) or name in seen.membership.voters


def rolling_steps(ground: Ground, changes: Files, reasons: dict[str, str]) -> Iterator[Step]:
    """One member at a time, its files and then its restart; the leader last, and asked to hand over first."""
    order = sorted(reasons, key=lambda name: (leads(name, ground), name))
    elsewhere, names = data_elsewhere(ground.wanted, ground.seen), sorted(ground.wanted.names)
    for name in order:
        member, entry, host = ground.wanted.member(name), ground.entries[name], ground.seen.reachable[name]
        if set(entry.peer_urls) != set(member.advertise_peer_urls):
            yield UpdateMember(name, as_hex(entry.id), member.advertise_peer_urls)
        give_up = MoveLeader(name, to) if leads(name, ground) and (to := successor(name, ground, names)) else None
        if give_up and name in elsewhere:
            yield give_up
        if name in elsewhere:
            yield MoveData(name, elsewhere[name], member.paths.data, because=reasons[name])
        if files := changes.get(name):
            yield WriteFiles(((name, files),), because=reasons[name])
        if give_up and name not in elsewhere:
            yield give_up
        if needs_binary(ground.wanted, host):
            yield InstallBinaries((name,), str(ground.wanted.version))
        yield StartMembers((name,)) if name in elsewhere else RestartMember(name, because=reasons[name])


def restarts_alone(ground: Ground, reasons: dict[str, str]) -> Iterator[Step]:
    """As each runs now: what the file wants besides, such as another version, has gates of its own and waits for apply."""
    for name in sorted(reasons, key=lambda name: (leads(name, ground), name)):
        if leads(name, ground) and (to := successor(name, ground, sorted(ground.wanted.names))):
            yield MoveLeader(name, to)
        yield RestartMember(name, because=reasons[name])


def reason_to_restart(
    wanted: ClusterSpec,
    name: str,
    seen: Seen,
    changed: tuple[FileSpec, ...],
    initial: InitialCluster,
) -> str:
    """Why a running member must be restarted, in words; empty when it need not be.

    What it runs with counts, not what its files say: a file changed by hand and put back needs no restart, and a
    member that was never restarted after its files were written does. `initial-*` and `discovery*` do not count.
    """
    host, status, version = seen.reachable[name], seen.etcd.status(name), wanted.version
    if host.process is None:
        return ""
    # With no version named, the running binary is its own.
    if version is not None and isinstance(status, Known) and Version.parse(status.value.version) != version:
        return f"it runs etcd {status.value.version} and {version} is wanted"
    if wanted.kind is HostKind.SSH and not host.process.executable.endswith(f"/lib/etcdpilot/etcd-{version}/etcd"):
        # Another binary was put in its place, or an earlier run was cut off between the install and the restart.
        return f"it still runs {host.process.executable}"
    if wanted.kind is HostKind.SSH and isinstance(host.binary, Unknown):
        return f"the etcd in its place is not the one that was installed ({host.binary.why})"
    options = member_options(wanted, wanted.member(name), initial)
    differing = options_that_differ(options, running_options(host.process), version)
    if differing:
        return f"it runs with another {listed(differing)}"
    if bundle := next((file for file in changed if is_authority(file)), None) or newer_bundle(wanted, name, host):
        return f"etcd reads {bundle.path} only when it starts"
    if units := [file for file in changed if is_unit(file) and host.file(file.path) and not only_initial(file, host)]:
        return f"{units[0].path.rsplit('/', 1)[-1]} changed"
    return ""


# What a host says of both times is good to a few hundredths of a second; a member that was just started has read them.
SAME_MOMENT = 0.05


def newer_bundle(wanted: ClusterSpec, name: str, host: HostSeen) -> FileSpec | None:
    """One that came after the process did, by a run that was cut off before the restart."""
    if host.process is None or not host.process.started:
        return None
    for file in certificate_files(wanted, wanted.member(name)):
        there = host.file(file.path)
        if is_authority(file) and there and host.process.started + SAME_MOMENT < there.modified <= host.machine.clock:
            return file
    return None


def is_authority(file: FileSpec) -> bool:
    return isinstance(file.content, AuthorityBundle) or (isinstance(file.content, Given) and file.content.is_authority)


def is_unit(file: FileSpec) -> bool:
    return file.path.endswith(".service")


def only_initial(file: FileSpec, host: HostSeen) -> bool:
    """Whether two versions of a unit differ in nothing but what is read at a first start."""
    there = host.file(file.path)
    if there is None or not isinstance(file.content, Text):
        return False
    return without_initial(there.text) == without_initial(file.content.text)


def without_initial(unit: str) -> list[str]:
    return [line for line in unit.splitlines() if "--initial-" not in line and "--discovery" not in line]
