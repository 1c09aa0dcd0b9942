"""Members whose data lies elsewhere than their file says: it goes there before they start there.

A member that was started on the new, empty path would be one without its data (I7).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from etcdpilot.model.cluster import ClusterSpec, HostKind, MemberSpec
from etcdpilot.model.observation import HostSeen, Seen
from etcdpilot.model.plans import Refusal
from etcdpilot.rendering.running import running_options
from etcdpilot.rendering.unit import unit_path

WRITTEN = re.compile(r"""(?:^\s*ETCD_DATA_DIR=|--data-dir=)["']?([^"'\s\\]+)""", re.MULTILINE)


def data_elsewhere(wanted: ClusterSpec, seen: Seen) -> dict[str, str]:
    """Where the data of such members is, by their names. A local member's path is its state folder's."""
    if wanted.kind is HostKind.LOCAL:
        return {}
    found = {
        member.name: data_now(member, seen.reachable[member.name])
        for member in wanted.members
        if member.name in seen.reachable and member.name in seen.membership.voters
    }
    return {
        name: place
        for name, place in found.items()
        if place and place != wanted.member(name).paths.data and not seen.reachable[name].data.has_member
    }


def data_now(member: MemberSpec, host: HostSeen) -> str:
    """By what it runs with; or, where it does not run, by the files that it would be started with."""
    if host.process is not None:
        return running_options(host.process).get("data-dir", "").rstrip("/")
    texts = [file.text for path in (member.paths.env_file, unit_path(member)) if (file := host.file(path))]
    return next((match[1].rstrip("/") for text in texts if (match := WRITTEN.search(text))), "")


def two_places(wanted: ClusterSpec, seen: Seen) -> Iterator[Refusal]:
    """It runs on one directory, and another with data in it is where it is to go."""
    for member in wanted.members if wanted.kind is not HostKind.LOCAL else ():
        host = seen.reachable.get(member.name)
        if host is None or host.process is None or not host.data.has_member:
            continue
        place = data_now(member, host)
        if place and place != member.paths.data and member.name in seen.membership.voters:
            yield Refusal(
                f"{member.paths.data} of {member.name} holds the data of a member already.",
                f"{member.name} runs on {place}, and its data is to move there.",
                f"Move what is in {member.paths.data} away yourself, or name another directory in paths.data.",
                "I7",
            )
