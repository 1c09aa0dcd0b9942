"""The files of one member whose text is known while planning, and where each of them stands."""

from __future__ import annotations

from etcdpilot.model.cluster import ClusterSpec, HostKind, MemberSpec
from etcdpilot.model.files import FileSpec, Text
from etcdpilot.model.observation import Marker
from etcdpilot.rendering.certificate_files import certificate_files, client_authority, files_owner, peer_authority
from etcdpilot.rendering.env_file import env_file
from etcdpilot.rendering.guard import GUARD, guard_path
from etcdpilot.rendering.local_script import local_script, script_path
from etcdpilot.rendering.marker import marker_text
from etcdpilot.rendering.options import InitialCluster, Options, member_options, placed
from etcdpilot.rendering.unit import unit, unit_path

__all__ = ["certificate_files", "client_authority", "member_files", "peer_authority"]


def member_files(
    spec: ClusterSpec, member: MemberSpec, initial: InitialCluster, marker: Marker
) -> tuple[FileSpec, ...]:
    """The unit and its env file, or the local script; the guard; the marker, last: it tells what the others are for."""
    environment, flags = placed(spec, member, member_options(spec, member, initial))
    owner = files_owner(spec, member)
    local = spec.kind is HostKind.LOCAL
    service = local_files(member, flags) if local else unit_files(spec, member, environment, flags)
    guard = FileSpec(guard_path(member), 0o755, owner, Text(GUARD))
    return (*service, guard, FileSpec(member.paths.marker, 0o644, owner, Text(marker_text(marker))))


def local_files(member: MemberSpec, flags: Options) -> tuple[FileSpec, ...]:
    return (FileSpec(script_path(member), 0o700, member.service.user, Text(local_script(member, flags))),)


def unit_files(spec: ClusterSpec, member: MemberSpec, environment: Options, flags: Options) -> tuple[FileSpec, ...]:
    """systemd itself reads both, as root. The env file holds the cluster's token, so nobody else does."""
    text = FileSpec(unit_path(member), 0o644, "root", Text(unit(spec, member, environment, flags)))
    if not environment:
        return (text,)
    return (FileSpec(member.paths.env_file, 0o600, "root", Text(env_file(environment))), text)
