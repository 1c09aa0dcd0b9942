"""Why a member that runs does not get in: its own log hides it, its certificates and its neighbours' logs do not.

A peer that refuses a certificate says so in its own log alone; the one that was refused hears `bad certificate`, or
nothing at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from etcdpilot.hosts.fleet import Fleet
from etcdpilot.hosts.port import Question
from etcdpilot.model.addresses import host_part, is_address
from etcdpilot.model.certificates import Purpose
from etcdpilot.model.cluster import ClusterSpec, HostKind, MemberSpec
from etcdpilot.model.errors import HostFailed, SpecError
from etcdpilot.observing.causes import cause_in, words_of
from etcdpilot.observing.services import look_at_service
from etcdpilot.rendering.security import tls_options

REJECTED = "rejected connection"


async def why_kept_out(member: MemberSpec, wanted: ClusterSpec, fleet: Fleet, now: datetime) -> str:
    """A sentence without its full stop; empty where nothing is known, or nobody could be asked."""
    if not wanted.encrypted:
        return ""
    try:
        return await wrong_certificate(member, wanted, fleet, now) or await refused_by(member, wanted, fleet)
    except HostFailed:
        return ""


async def wrong_certificate(member: MemberSpec, wanted: ClusterSpec, fleet: Fleet, now: datetime) -> str:
    """What is wrong with the certificates that lie on its host, whoever put them there."""
    options = tls_options(wanted, member)
    paths = tuple(options[name] for name in ("cert-file", "trusted-ca-file", "peer-cert-file", "peer-trusted-ca-file"))
    host = await fleet.host(member.name)
    asked = Question(member.service.unit, f"{member.paths.bin}/etcd", member.paths.data, paths, paths, ())
    texts = {file.path: file.text.encode() for file in (await host.look(asked)).files}
    for purpose, prefix in ((Purpose.PEER, "peer-"), (Purpose.SERVER, "")):
        certificate, authority = (
            texts.get(options[f"{prefix}cert-file"]),
            texts.get(options[f"{prefix}trusted-ca-file"]),
        )
        for what in wrong_with(certificate, authority, purpose, member, now):
            return f"its {purpose.value} certificate {what}"
    return ""


def wrong_with(
    certificate: bytes | None, authority: bytes | None, purpose: Purpose, member: MemberSpec, now: datetime
) -> Iterator[str]:
    from etcdpilot.pki.judge import Use, judge
    from etcdpilot.pki.reading import chain, read_certificate

    if certificate is None or authority is None:
        return
    urls = member.advertise_peer_urls if purpose is Purpose.PEER else member.advertise_client_urls
    addresses = tuple(dict.fromkeys(map(host_part, urls)))
    sources = tuple(address for address in addresses if is_address(address)) if purpose is Purpose.PEER else ()
    try:
        use = Use("", purpose, addresses=addresses, sources=sources, chain=chain(certificate, authority))
        found = judge(read_certificate(certificate), use, now)
    except SpecError as error:
        yield f"cannot be read: {error.why or error.what}"
        return
    yield from (f"{finding.what}. {finding.why}".removesuffix(".") for finding in found if finding.stops)


async def refused_by(member: MemberSpec, wanted: ClusterSpec, fleet: Fleet) -> str:
    """What another member says of connections from this one's host."""
    if wanted.kind is HostKind.LOCAL:
        return ""  # all of them come from one address, and so does everybody else on this machine
    own = await look_at_service(member, fleet)
    addresses = {address for _, address in own.interface_addresses} | set(member.addresses)
    for other in wanted.members:
        if other.name != member.name:
            answer = await look_at_service(other, fleet, log=True)
            said = [line for line in answer.service.log_tail if is_about(line, addresses)]
            if cause := cause_in(said):
                return f"{other.name} refuses its connections: {cause}"
    return ""


def is_about(line: str, addresses: set[str]) -> bool:
    """`rejected connection` from one of these. 3.4 writes a line of text, 3.5 and later JSON."""
    if REJECTED not in words_of(line):
        return False
    found = re.search(r'"(?:remote-addr":\s*")?\[?([0-9A-Fa-f.:]+?)\]?:\d+"', line)
    return found is not None and found[1] in addresses
