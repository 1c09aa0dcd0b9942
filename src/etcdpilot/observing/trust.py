"""Whether members that run go on trusting each other while certificates of somebody else's making are exchanged.

Between the first and the last restart some members have the old files and some the new ones: every authority among them
must accept every certificate among them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from etcdpilot.model.cluster import ClusterSpec
from etcdpilot.model.errors import SpecError
from etcdpilot.model.findings import Finding, Severity
from etcdpilot.model.given import GivenFiles
from etcdpilot.model.memory import Memory
from etcdpilot.model.observation import Seen

# Who shows a certificate, and against which authorities it is checked.
CHECKED = (("peer_cert", "peer_ca"), ("server_cert", "client_ca"), ("operator_cert", "client_ca"))


@dataclass(frozen=True, slots=True)
class Side:
    """One file in force on some member, or about to be."""

    whose: str
    text: bytes
    is_new: bool

    def __str__(self) -> str:
        return f"{'the new' if self.is_new else 'the present'} one of {self.whose}"


def with_trust(memory: Memory, wanted: ClusterSpec, root: Path, seen: Seen) -> Memory:
    """The memory, with what would break on the way from what is installed to what was given."""
    given = wanted.tls.given
    running = [host for host in seen.reachable.values() if host.process is not None]
    if given is None or not memory.formed or not running:
        return memory  # who starts anew reads everything anew
    breaks = tuple(breaks_of(wanted, given, root, seen))
    return replace(memory, given=replace(memory.given, breaks=breaks))


def breaks_of(wanted: ClusterSpec, given: GivenFiles, root: Path, seen: Seen) -> Iterator[Finding]:
    """At most one for each kind of certificate: the first that somebody would refuse."""
    for certificate, authority in CHECKED:
        leaves = tuple(sides(certificate, wanted, given, root, seen))
        bundles = tuple(sides(authority, wanted, given, root, seen))
        if not changes(leaves) and not changes(bundles):
            continue
        refused = [(leaf, bundle) for leaf, bundle in distinct(leaves, bundles) if not accepts(bundle.text, leaf.text)]
        if refused:
            leaf, bundle = refused[0]
            whose = {"peer_cert": "peers'", "server_cert": "servers'", "operator_cert": "the operator's"}[certificate]
            yield Finding(
                "TLS-010",
                Severity.ERROR,
                f"{whose} certificates",
                f"would not be accepted everywhere: {leaf} was not signed by an authority of {bundle}",
                "While members are restarted one by one, some have the old files and some the new.",
                stops=True,
            )


def sides(role: str, wanted: ClusterSpec, given: GivenFiles, root: Path, seen: Seen) -> Iterator[Side]:
    """What runs now on every member that runs, and what was given for every member; of the operator, what it shows."""
    if role == "operator_cert":
        for path, is_new in ((root / given.of(role), True), (root / "client.crt", False)):
            if path.is_file():
                yield Side("the operator", path.read_bytes(), is_new)
        return
    for member in wanted.members:
        path = root / given.of(role, member.name)
        if path.is_file():
            yield Side(member.name, path.read_bytes(), is_new=True)
        host = seen.reachable.get(member.name)
        name = getattr(wanted.tls.files, role, "")
        if host is None or host.process is None or not name:
            continue
        there = host.file(f"{member.paths.tls}/{name}")
        if there is not None and there.text:
            yield Side(member.name, there.text.encode(), is_new=False)


def changes(files: tuple[Side, ...]) -> bool:
    """Whether some member that runs would get another one."""
    new = {each.whose: each.text for each in files if each.is_new}
    return any(new.get(each.whose, each.text) != each.text for each in files if not each.is_new)


def distinct(leaves: tuple[Side, ...], bundles: tuple[Side, ...]) -> Iterator[tuple[Side, Side]]:
    """Each certificate with each set of authorities, once."""
    by_leaf = {each.text: each for each in reversed(leaves)}
    by_bundle = {each.text: each for each in reversed(bundles)}
    for leaf in by_leaf.values():
        for bundle in by_bundle.values():
            yield leaf, bundle


def accepts(authorities: bytes, leaf: bytes) -> bool:
    from etcdpilot.pki.reading import chain

    try:
        return bool(chain(leaf, authorities))
    except SpecError:
        return True  # a damaged file is told by the judge, in better words
