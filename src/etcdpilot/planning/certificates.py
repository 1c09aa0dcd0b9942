"""Which certificates are due: missing, of another authority, saying something else, or running out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from etcdpilot.model.certificates import CertificateFacts, CertificateSpec
from etcdpilot.model.cluster import ClusterSpec
from etcdpilot.model.files import AuthorityBundle, FileSpec, LeafCertificate
from etcdpilot.model.memory import Memory
from etcdpilot.model.steps import MakeAuthorities


def authority_steps(wanted: ClusterSpec, files: Iterator[FileSpec], memory: Memory) -> Iterator[MakeAuthorities]:
    """The authorities that some wanted file needs and the state folder does not hold."""
    if not wanted.encrypted:
        return
    if wanted.tls.given is not None:
        if not memory.has_operator:
            yield MakeAuthorities(())
        return
    needed = dict.fromkeys(name for file in files for name in authorities_of(file))
    missing = tuple(name for name in needed if memory.authority(name) is None)
    if missing or not memory.has_operator:
        yield MakeAuthorities(missing or tuple(needed))


def authorities_of(file: FileSpec) -> tuple[str, ...]:
    match file.content:
        case LeafCertificate(spec):
            return (spec.authority,)
        case AuthorityBundle(authorities):
            return authorities
        case _:
            return ()


def due(spec: CertificateSpec, seen: CertificateFacts | None, memory: Memory, now: datetime) -> str:
    """Why a leaf must be issued anew, in words; empty when it need not be."""
    authority = memory.authority(spec.authority)
    if seen is None:
        return "there is none"
    if authority is None:
        return f"the authority {spec.authority} is new"
    if seen.authority_key_id != authority.facts.subject_key_id:
        return f"it was not signed by this cluster's {spec.authority}"
    if missing := sorted(set(spec.hosts) - set(seen.hosts)):
        return f"it does not name {', '.join(missing)}"
    if surplus := sorted(set(seen.hosts) - set(spec.hosts)):
        return f"it still names {', '.join(surplus)}"
    if seen.common_name != spec.common_name:
        return f"it is made out to {seen.common_name}"
    if set(spec.extended_usages) - set(seen.extended_usages):
        return "it lacks a usage"
    # A third of the life left is the time to renew; every plan does it.
    if seen.not_after - now < (seen.not_after - seen.not_before) / 3:
        return f"it ends in {seen.days_left(now)} days"
    return ""
