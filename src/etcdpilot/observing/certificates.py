"""Every certificate of a cluster: on the controller, on the hosts, and what listeners show. Changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from etcdpilot.etcd.door import Door
from etcdpilot.hosts.fleet import Fleet
from etcdpilot.model.certificate_rows import CertificateReport, CertificateRow
from etcdpilot.model.certificates import CertificateFacts, Purpose
from etcdpilot.model.cluster import ClusterSpec
from etcdpilot.model.errors import SpecError
from etcdpilot.model.findings import Finding, Severity
from etcdpilot.model.knowledge import Known, Unknown
from etcdpilot.model.memory import AuthorityKept, Memory
from etcdpilot.model.rotation import Phase
from etcdpilot.observing.host_certificates import Ground, chain_of, host_rows, look_at_hosts
from etcdpilot.observing.shown_certificates import look_at_listeners
from etcdpilot.rendering.certificate_files import client_authority
from etcdpilot.stores.clients import IssuedClient, issued_clients
from etcdpilot.stores.state import StateFolder

CONTROLLER = "controller"


async def look_at_certificates(
    wanted: ClusterSpec, state: StateFolder, fleet: Fleet, door: Door, memory: Memory, now: datetime
) -> CertificateReport:
    looked, shown = await asyncio.gather(
        look_at_hosts(wanted, fleet), look_at_listeners(wanted, door, anchors(state, memory))
    )
    ground = Ground(wanted, state, memory, now, shown)
    rows = [*controller_rows(ground)]
    for member in wanted.members:
        files = looked[member.name]
        if isinstance(files, Known):
            rows += host_rows(member, {file.path: file for file in files.value}, ground)
    unseen = tuple((name, files.why) for name, files in looked.items() if isinstance(files, Unknown))
    return CertificateReport(wanted.name, now, tuple(rows), memory.rotation, unseen)


def anchors(state: StateFolder, memory: Memory) -> bytes:
    """Whoever may have signed what a listener shows; empty where nothing is known of it."""
    texts = [each.certificate for each in (*memory.authorities, *memory.beside)]
    given = state.client_ca.read_text() if state.client_ca.exists() and not texts else ""
    return "".join((*texts, given)).encode()


def controller_rows(ground: Ground) -> Iterator[CertificateRow]:
    for kept in ground.memory.authorities:
        yield authority_row(kept, "who signs", ground)
    for kept in ground.memory.beside:
        yield authority_row(kept, "trusted beside it, while the rotation goes on", ground)
    if ground.memory.operator is not None:
        yield operator_row(ground.memory.operator, ground)
    for client in issued_clients(ground.state.root):
        yield client_row(client, ground)


def authority_row(kept: AuthorityKept, used_by: str, ground: Ground) -> CertificateRow:
    from etcdpilot.pki.judge import judge_authority

    path = f"authorities/{kept.name}.crt"
    findings = judge_authority(kept.facts, f"{CONTROLLER} {kept.name}", ground.now)
    return CertificateRow(
        CONTROLLER, path, kept.name, used_by, kept.facts, key_matches=True, trusted=True, findings=findings
    )


def operator_row(facts: CertificateFacts, ground: Ground) -> CertificateRow:
    from etcdpilot.pki.judge import Use, judge

    pair = ground.state.operator()
    given = ground.wanted.tls.given is not None and ground.state.client_ca.exists()
    trusted = ground.state.client_ca.read_bytes() if given else ground.trusted(client_authority(ground.wanted))
    way_up = chain_of(pair.certificate, trusted) if pair else ()
    use = Use(f"{CONTROLLER} client.crt", Purpose.CLIENT, chain=way_up)
    findings = judge(facts, use, ground.now)
    row = CertificateRow(CONTROLLER, "client.crt", "operator", "etcdpilot itself", facts)
    return replace(row, key_matches=operator_key_matches(ground), trusted=bool(way_up), findings=findings)


def operator_key_matches(ground: Ground) -> bool:
    from etcdpilot.pki.reading import key_matches

    pair = ground.state.operator()
    try:
        return pair is not None and key_matches(pair.key.encode(), pair.certificate.encode())
    except SpecError:
        return False


def client_row(client: IssuedClient, ground: Ground) -> CertificateRow:
    """One that was issued from here and is somewhere else by now."""
    signers = {kept.facts.subject_key_id: kept for kept in ground.memory.trusted(client_authority(ground.wanted))}
    signer = signers.get(client.authority_key_id)
    findings = tuple(client_findings(client, signer, ground))
    path = f"{client.directory}/{client.name}.crt"
    row = CertificateRow("issued", path, f"client {client.common_name}", "a client", None)
    ends = datetime.fromisoformat(client.not_after)
    return replace(row, ends=ends, trusted=bool(signer), findings=findings)


def client_findings(client: IssuedClient, signer: AuthorityKept | None, ground: Ground) -> Iterator[Finding]:
    where = f"client {client.name}"
    remedy = f"etcdpilot pki client {client.name} --cn {client.common_name} --out {client.directory}"
    ends = datetime.fromisoformat(client.not_after)
    left = (ends - ground.now).days
    rotation = ground.memory.rotation
    if signer is None:
        what = "was signed by an authority that no member trusts any more"
        yield Finding("TLS-010", Severity.WARNING, where, what, "Members refuse it.", f"Issue it again: {remedy}")
    elif rotation and rotation.phase is Phase.ISSUING and signer not in ground.memory.authorities:
        what, why = "was signed by the old authority", "Members refuse it when the rotation goes on."
        yield Finding("TLS-010", Severity.WARNING, where, what, why, f"Issue it again now: {remedy}")
    elif left < 30:
        what = f"ended on {ends:%Y-%m-%d}" if left < 0 else f"ends in {left} days, on {ends:%Y-%m-%d}"
        yield Finding("TLS-001", Severity.WARNING, where, what, "", f"Issue it again: {remedy}")
