"""Judges what DNS says against what a bootstrap through it needs. etcd compares addresses and ports, never names."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from etcdpilot.model.addresses import MemberUrl, is_address
from etcdpilot.model.bootstrap import Settled, of_file
from etcdpilot.model.cluster import ClusterSpec, MemberSpec
from etcdpilot.model.errors import Refused
from etcdpilot.model.files import LeafCertificate
from etcdpilot.model.findings import Finding, Severity
from etcdpilot.model.names import NamesSeen, Target
from etcdpilot.model.observation import Seen
from etcdpilot.model.steps import listed
from etcdpilot.rendering.certificate_files import leaf_files
from etcdpilot.rendering.options import cannot_ask_dns

RECORDS = "See which it needs:\n    etcdpilot dns records"


def peers_in_dns(wanted: ClusterSpec, seen: NamesSeen) -> dict[str, Target]:
    """By member, the SRV record that etcd would take for it."""
    found = {
        member.name: [target for target in seen.targets if leads_to(target, member, seen)] for member in wanted.members
    }
    return {name: targets[0] for name, targets in found.items() if targets}


def settled_names(wanted: ClusterSpec, seen: NamesSeen) -> Settled:
    """The peer URLs that DNS knows the members by; Refused with everything that is wrong with the records."""
    wrong = [each for each in name_findings(wanted, seen) if each.severity is Severity.ERROR]
    if wrong:
        raise Refused(
            f"The members cannot find each other through {seen.domain}.",
            why="\n".join(f"{each.where}: {each.what}." for each in wrong),
            remedy="Put the records right; they are told by\n    etcdpilot dns records\nand compared by\n"
            "    etcdpilot dns check",
        )
    known = peers_in_dns(wanted, seen)
    own = ((member.name, member.advertise_peer_urls[0]) for member in wanted.members)
    return Settled(of_file(wanted), peers=tuple((name, url, known[name].url) for name, url in own))


def warnings_of_names(wanted: ClusterSpec, seen: NamesSeen) -> tuple[str, ...]:
    said = [f"{each.where}: {each.what}" for each in name_findings(wanted, seen) if each.severity is Severity.WARNING]
    if cannot_ask_dns(wanted):
        said.append("etcd 3.4 cannot read SRV records of http (its own defect): they were read here, and are listed")
    return tuple(said)


def leads_to(target: Target, member: MemberSpec, seen: NamesSeen) -> bool:
    url = MemberUrl.parse(member.advertise_peer_urls[0])
    if (url.scheme, url.port) != (target.scheme, target.port):
        return False
    return target.name == url.host.lower() or bool(set(target.addresses) & set(seen.own.get(member.name, ())))


def name_findings(wanted: ClusterSpec, seen: NamesSeen) -> tuple[Finding, ...]:
    """The gravest first; an error keeps the cluster from forming through DNS, a warning costs something later."""
    if seen.trouble:
        where = ", ".join(seen.resolvers) or "the resolver of this machine"
        return (error(where, f"{seen.trouble}", "Without an answer nothing can be compared."),)
    found = (*missing(wanted, seen), *surplus(wanted, seen), *unresolvable(seen), *uneven(seen))
    effects = (*reverse_effects(wanted, seen), *pinned_effects(wanted, seen), *unasked(seen))
    return tuple(sorted((*found, *effects), key=lambda each: each.severity.rank))


def missing(wanted: ClusterSpec, seen: NamesSeen) -> Iterator[Finding]:
    there = peers_in_dns(wanted, seen)
    for member in wanted.members:
        url = member.advertise_peer_urls[0]
        if not seen.own.get(member.name):
            yield error(member.name, f"{MemberUrl.parse(url).host} does not resolve", "It is the name of its peer URL.")
        elif member.name not in there:
            yield error(member.name, f"no SRV record below {seen.domain} leads to {url}{near(member, seen)}")


def near(member: MemberSpec, seen: NamesSeen) -> str:
    """What there is instead: the right address at another port or of another scheme."""
    url, own = MemberUrl.parse(member.advertise_peer_urls[0]), set(seen.own.get(member.name, ()))
    for target in seen.targets:
        if target.name == url.host or own & set(target.addresses):
            wrong = "its scheme differs" if target.scheme != url.scheme else "its port differs"
            return f"; there is {target.url}, {wrong}"
    return ""


def surplus(wanted: ClusterSpec, seen: NamesSeen) -> Iterator[Finding]:
    """One record too many, and every member waits for one that never comes."""
    used = [target.url for target in peers_in_dns(wanted, seen).values()]
    for target in seen.targets:
        if target.url in used:
            used.remove(target.url)
        elif any(shares(target, member, seen) for member in wanted.members):
            continue  # told as the wrong port or scheme of that member
        else:
            yield error(target.name, f"the record to {target.url} belongs to no member of the file")


def shares(target: Target, member: MemberSpec, seen: NamesSeen) -> bool:
    host = MemberUrl.parse(member.advertise_peer_urls[0]).host
    return target.name == host or bool(set(target.addresses) & set(seen.own.get(member.name, ())))


def unresolvable(seen: NamesSeen) -> Iterator[Finding]:
    for target in seen.targets:
        if not target.addresses:
            yield error(target.name, "the target of an SRV record has no address")


def uneven(seen: NamesSeen) -> Iterator[Finding]:
    """A host believes the first of its resolvers that answers, also when that one knows nothing."""
    for each in seen.otherwise:
        who = f"the hosts of {listed(each.members)} ask it"
        if each.silent and each.alone:
            yield error(each.resolver, f"does not answer, and the hosts of {listed(each.alone)} have no other")
        elif each.silent:
            yield warning(each.resolver, f"does not answer, and {who}", "They wait for it before they ask another.")
        else:
            said = [f"it lacks {', '.join(each.lacks)}"] if each.lacks else []
            said += [f"it has {', '.join(each.adds)}"] if each.adds else []
            yield error(each.resolver, f"answers otherwise than the others: {'; '.join(said)}; {who}")


def unasked(seen: NamesSeen) -> Iterator[Finding]:
    for name in seen.unasked:
        what = "its resolver listens on its own loopback, and cannot be asked from here"
        yield warning(name, what, "What it says may be something else.")


def reverse_effects(wanted: ClusterSpec, seen: NamesSeen) -> Iterator[Finding]:
    """A certificate with names alone is checked against the reverse record of the address a peer comes from."""
    if not wanted.encrypted:
        return
    for member in wanted.members:
        if any(is_address(each) for each in (*member.addresses, *member.extra_names)):
            continue
        for address in seen.own.get(member.name, ()):
            names = seen.reverse.get(address, ())
            if names and not set(names) & set(member.addresses):
                what = f"{address} is {names[0]} in reverse, which its certificate does not name"
                yield warning(member.name, what, "A peer that sees names alone asks for the reverse record first.")


def pinned_effects(wanted: ClusterSpec, seen: NamesSeen) -> Iterator[Finding]:
    for name, lines in seen.pinned.items():
        others = [line for line in lines if not loopback(line)]
        wrong = [line for line in lines if loopback(line)]
        if wrong:
            yield error(name, f"/etc/hosts says {wrong[0]}", "etcd would take that for the address of a peer.")
        if others and wanted.encrypted:
            yield warning(name, f"/etc/hosts says {others[0]}", "It wins over DNS, in reverse as well.")


def certificate_findings(wanted: ClusterSpec, seen: Seen) -> tuple[Finding, ...]:
    """Names that DNS bootstrap and `etcdctl --discovery-srv` check: the domain itself, and each member's own target."""
    found = []
    for member in wanted.members:
        host = seen.reachable.get(member.name)
        for file in leaf_files(wanted, member) if host else ():
            there = host.certificate(file.path) if host else None
            if there is None or not isinstance(file.content, LeafCertificate):
                continue
            lacking = [name for name in file.content.spec.dns_names if name not in there.dns_names]
            if lacking:
                what = f"{file.path} does not name {', '.join(lacking)}"
                found.append(warning(member.name, what, "`etcdpilot apply` issues it anew."))
    return tuple(found)


def loopback(line: str) -> bool:
    first = line.split()[0]
    return is_address(first) and ipaddress.ip_address(first).is_loopback


def error(where: str, what: str, why: str = "") -> Finding:
    return Finding("DNS-001", Severity.ERROR, where, what, why, RECORDS)


def warning(where: str, what: str, why: str) -> Finding:
    return Finding("DNS-002", Severity.WARNING, where, what, why)
