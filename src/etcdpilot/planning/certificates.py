"""Which certificates are due: missing, of another authority, saying something else, or running out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime

from etcdpilot.model.certificates import CertificateFacts, CertificateSpec
from etcdpilot.model.cluster import ClusterSpec
from etcdpilot.model.files import AuthorityBundle, FileSpec, LeafCertificate
from etcdpilot.model.memory import Memory
from etcdpilot.model.steps import IssueOperator, MakeAuthorities
from etcdpilot.rendering.certificate_files import client_authority


def authority_steps(
    wanted: ClusterSpec, files: Iterator[FileSpec], memory: Memory, now: datetime
) -> Iterator[MakeAuthorities | IssueOperator]:
    """The authorities that some wanted file needs and the state folder does not hold; and the operator's own pair."""
    if not wanted.encrypted:
        return
    if wanted.tls.given is not None:
        if not memory.has_operator:
            yield MakeAuthorities(())
        return
    needed = dict.fromkeys(name for file in files for name in authorities_of(file))
    missing = tuple(name for name in needed if memory.authority(name) is None)
    how = "make" if wanted.tls.signer is None else "take"
    if missing or not memory.has_operator:
        yield MakeAuthorities(missing or tuple(needed), how)
    elif signer_was_renewed(wanted, memory):
        yield MakeAuthorities(tuple(needed), how)
    elif open_keys := keys_to_seal(wanted, needed, memory):
        yield MakeAuthorities(open_keys, "seal")
    elif why := operator_due(wanted, memory, now):
        yield IssueOperator(why)


def keys_to_seal(wanted: ClusterSpec, needed: Iterable[str], memory: Memory) -> tuple[str, ...]:
    """The authorities whose keys lie open while the file wants them under a passphrase."""
    if not wanted.tls.sealed or memory.rotation is not None:
        return ()
    return tuple(name for name in needed if (kept := memory.authority(name)) and not kept.sealed)


def signer_was_renewed(wanted: ClusterSpec, memory: Memory) -> bool:
    """Whether somebody else's authority has another certificate now, for the same key."""
    seen, kept = memory.given.signer, memory.authority(client_authority(wanted))
    if seen is None or seen.facts is None or kept is None or memory.rotation is not None:
        return False
    return seen.facts.public_key == kept.facts.public_key and seen.facts.fingerprint != kept.facts.fingerprint


def operator_due(wanted: ClusterSpec, memory: Memory, now: datetime) -> str:
    """Why the certificate that etcdpilot itself shows must be issued anew, in words; empty when it need not be."""
    name = client_authority(wanted)
    own, signer = memory.operator, memory.authority(name)
    if own is None or signer is None or wanted.tls.given is not None:
        return ""
    if own.authority_key_id != signer.facts.subject_key_id:
        return f"it was not signed by this cluster's {name}"
    if is_running_out(own, now):
        return ends(own, now)
    if memory.operator_trust != bundle_hash((name,), memory):
        return "it trusts other authorities than the cluster has"
    return ""


def bundle_hash(authorities: tuple[str, ...], memory: Memory) -> str:
    """SHA-256 of the file that holds all that are trusted."""
    kept = [each.certificate for name in authorities for each in memory.trusted(name)]
    return hashlib.sha256("".join(kept).encode()).hexdigest()


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
    return ends(seen, now) if is_running_out(seen, now) else ""


def is_running_out(seen: CertificateFacts, now: datetime) -> bool:
    """A third of the life left is the time to renew; every plan does it."""
    return seen.not_after - now < (seen.not_after - seen.not_before) / 3


def ends(seen: CertificateFacts, now: datetime) -> str:
    if seen.not_after <= now:
        return f"it ended on {seen.not_after:%Y-%m-%d %H:%M} UTC"
    return f"it ends in {seen.days_left(now)} days"
