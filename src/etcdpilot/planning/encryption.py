"""From http to https on a live cluster, and back, without losing a voter.

In between every member has its certificates and still answers http: from there it can speak to both kinds of peers. Who
has none cannot dial a peer that speaks https, so nobody speaks it before all have theirs, and nobody drops his before
all speak http again. Seen on 3.4 and later: certificates beside an http URL are ignored by the listener, and used for
dialling.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from enum import Enum

from etcdpilot.model.cluster import ClusterSpec, MemberSpec, TlsMode
from etcdpilot.model.files import FileSpec, Text
from etcdpilot.model.membership import MemberState
from etcdpilot.model.plans import Refusal
from etcdpilot.model.steps import Step
from etcdpilot.planning.building import Files, all_changes
from etcdpilot.planning.files import wanted_files
from etcdpilot.planning.members import Ground
from etcdpilot.planning.services import rolling_steps
from etcdpilot.rendering.running import running_options


class Speaks(Enum):
    PLAIN = "http, and has no certificates"
    BETWEEN = "http, and has certificates"
    SECRET = "https"


def spoken(ground: Ground) -> dict[str, Speaks]:
    """How each voter of the file speaks to its peers; of one that does not run, as the member list has it."""
    found = {}
    for name, entry in ground.entries.items():
        host = ground.seen.reachable.get(name)
        if name not in ground.wanted.names or name not in ground.seen.membership.voters:
            continue
        if host is None or host.process is None:
            secret = any(url.startswith("https:") for url in entry.peer_urls)
            beside = Speaks.BETWEEN if not ground.wanted.encrypted else Speaks.PLAIN
            found[name] = Speaks.SECRET if secret else beside
            continue
        options = running_options(host.process)
        if options.get("listen-peer-urls", entry.peer_urls[0]).startswith("https:"):
            found[name] = Speaks.SECRET
        else:
            found[name] = Speaks.BETWEEN if "peer-cert-file" in options else Speaks.PLAIN
    return found


def crossing(ground: Ground) -> bool:
    """Whether some voter still has to change how it speaks."""
    there = Speaks.SECRET if ground.wanted.encrypted else Speaks.PLAIN
    found = spoken(ground)
    if there is Speaks.PLAIN and Speaks.SECRET not in found.values():
        # A plain cluster whose voters do not run looks as if it were half-way; that it once had certificates is not seen.
        found = {name: how for name, how in found.items() if is_running(name, ground)}
    return any(how is not there for how in found.values())


def is_running(name: str, ground: Ground) -> bool:
    host = ground.seen.reachable.get(name)
    return host is not None and host.process is not None


def half_way(wanted: ClusterSpec) -> ClusterSpec:
    """Every member with its certificates, and every URL http."""
    members = tuple(with_plain_urls(member) for member in wanted.members)
    return replace(wanted, tls=replace(wanted.tls, mode=TlsMode.MUTUAL), members=members)


def with_plain_urls(member: MemberSpec) -> MemberSpec:
    def plain(urls: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys("http://" + url.partition("://")[2] for url in urls))

    return replace(
        member,
        listen_peer_urls=plain(member.listen_peer_urls),
        advertise_peer_urls=plain(member.advertise_peer_urls),
        listen_client_urls=plain(member.listen_client_urls),
        advertise_client_urls=plain(member.advertise_client_urls),
    )


def to_half_way(ground: Ground) -> tuple[tuple[Step, ...], Files]:
    """The restarts that bring every voter there that is still behind it, and the files that they bring."""
    behind = Speaks.PLAIN if ground.wanted.encrypted else Speaks.SECRET
    why = (
        "it gets its certificates before anybody speaks https"
        if ground.wanted.encrypted
        else "it speaks http from now on, and keeps its certificates until all do"
    )
    middle = half_way(ground.wanted)
    late = [name for name, how in spoken(ground).items() if how is behind and name in ground.seen.membership.voters]
    files = {name: wanted_files(middle, middle.member(name), ground.memory, formed=True) for name in late}
    if not ground.wanted.encrypted:  # what they have they keep: the file says nothing of certificates any more
        files = {name: tuple(file for file in each if isinstance(file.content, Text)) for name, each in files.items()}
    changes = all_changes(files, ground.seen, ground.memory, ground.now)
    steps = tuple(rolling_steps(replace(ground, wanted=middle), changes, dict.fromkeys(late, why)))
    return steps, changes


def from_half_way(changes: Files, brought: Files, ground: Ground) -> tuple[Files, dict[str, str]]:
    """What is left to write once all are there, and why each is restarted."""
    left: Files = {}
    for name, files in changes.items():
        had: set[FileSpec] = set(brought.get(name, ()))
        left[name] = tuple(file for file in files if file not in had)
    why = (
        "it speaks https from now on" if ground.wanted.encrypted else "all speak http, and it needs no certificates now"
    )
    there = Speaks.SECRET if ground.wanted.encrypted else Speaks.PLAIN
    return left, {name: why for name, how in spoken(ground).items() if how is not there}


def crossing_refusals(ground: Ground) -> Iterator[Refusal]:
    """One thing at a time: who joins or leaves meanwhile would have to speak to both kinds of peers."""
    if not crossing(ground):
        return
    towards = "https" if ground.wanted.encrypted else "http"
    seen = ground.seen.membership
    moving = sorted(seen.names ^ ground.wanted.names)
    moving += [name for name in sorted(seen.learners) if name not in moving]
    if moving:
        yield Refusal(
            f"The cluster does not go to {towards} while {', '.join(moving)} joins or leaves.",
            "A member that joins speaks to all others at once, and they are of both kinds on the way.",
            "Change tls.mode alone in the cluster file, apply, then change the members; or the other way about.",
            "I4",
        )
    down = [name for name, state in seen.states if state is MemberState.DOWN and not is_reachable(name, ground)]
    if down:
        yield Refusal(
            f"The cluster does not go to {towards} while {', '.join(down)} cannot be reached.",
            "It would come back as the only one that speaks as before, and nobody would understand it.",
            "Bring it back, or replace it, before tls.mode is changed.",
            "I4",
        )


def is_reachable(name: str, ground: Ground) -> bool:
    return name in ground.seen.reachable


def crossing_warnings(ground: Ground) -> Iterator[str]:
    if not crossing(ground):
        return
    old, new = ("http", "https") if ground.wanted.encrypted else ("https", "http")
    yield (
        f"Clients follow member by member: from its last restart on each answers {new} alone, at the same port. Give "
        f"them the {new} URLs beside the {old} ones now, with the client authority and a certificate, and take the "
        f"{old} ones away when this is done."
    )
    if not ground.wanted.encrypted:
        yield "Without certificates everybody who reaches a port may read and write everything."
