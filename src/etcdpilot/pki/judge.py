"""The judge of certificates: what one says, held against what it is used for.

Nothing here opens a file, a connection or a key: whoever asks passes in what was seen. `None` in a `Use` means that it
was not looked at, and the rule that needs it keeps silent.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from etcdpilot.model.certificates import (
    CLIENT_AUTH,
    SERVER_AUTH,
    CertificateFacts,
    KeyUsage,
    Purpose,
    name_text,
)
from etcdpilot.model.findings import Finding, Severity

ANY_USAGE = "any"


@dataclass(frozen=True, slots=True)
class Use:
    """What a certificate is used for, and what was seen around it."""

    where: str  # such as "etcd-0 /etc/etcd/tls/server.crt"
    purpose: Purpose | None = None  # None: any leaf, of which nothing more is known
    addresses: tuple[str, ...] = ()  # every name and address that others dial it by
    nearby: tuple[str, ...] = ()  # what only who sits on the same machine dials, such as 127.0.0.1
    common_name: str = ""  # the only one that peers let in, where they are told one
    sources: tuple[str, ...] = ()  # the addresses that a member's own connections to its peers come from
    chain: tuple[CertificateFacts, ...] | None = None  # from it up to a trusted authority; empty: there is none
    key: str | None = None  # `public_key` of the key that lies beside it
    key_mode: int | None = None  # permission bits of the key's file
    key_readable: bool | None = None  # whether the user that etcd runs as can read it


def judge(leaf: CertificateFacts, use: Use, now: datetime) -> tuple[Finding, ...]:
    """Everything that is wrong with a leaf for this use, the gravest first."""
    rules = (lifetime, names, allowed_name, sources, usages, trust, subject, key_pair, strength)
    found = [finding for rule in rules for finding in rule(leaf, use, now)]
    return tuple(sorted(found, key=lambda finding: finding.severity.rank))


def judge_authority(authority: CertificateFacts, where: str, now: datetime) -> tuple[Finding, ...]:
    """Everything that is wrong with a CA certificate that somebody is to trust."""
    use = Use(where)
    rules = (authority_lifetime, authority_usages, strength)
    found = [finding for rule in rules for finding in rule(authority, use, now)]
    return tuple(sorted(found, key=lambda finding: finding.severity.rank))


def covers(certificate: CertificateFacts, host: str) -> bool:
    """Whether a client in Go, OpenSSL or Python accepts it for this host.

    An address is looked for among the addresses alone, a name among the names; a star stands for one whole label. The
    common name is looked at by nobody (Go: since 1.15).
    """
    try:
        return str(ipaddress.ip_address(host.strip("[]"))) in certificate.ip_addresses
    except ValueError:
        wanted = host.lower().rstrip(".")
        parent = "*." + wanted.partition(".")[2]
        return any(name.lower().rstrip(".") in (wanted, parent) for name in certificate.dns_names)


def lifetime(leaf: CertificateFacts, use: Use, now: datetime) -> Iterator[Finding]:
    """Expired, about to expire, or not yet valid."""
    if now < leaf.not_before:
        yield Finding(
            "TLS-001",
            Severity.ERROR,
            use.where,
            f"is not valid before {_date(leaf.not_before)}",
            f"By the clock that was asked it is {_date(now)}: every handshake is refused.",
            "Set the clock right; if it is right, issue the certificate again: etcdpilot pki renew",
            stops=True,
        )
    elif severity := _urgency(leaf.not_after - now):
        days = leaf.days_left(now)
        what = f"ended on {_date(leaf.not_after)}" if days < 0 else f"ends in {days} days, on {_date(leaf.not_after)}"
        # etcd starts with an expired certificate and old connections live on, so a cluster may look well until its
        # next restart.
        why = "New connections are refused; those that are open live on until the next restart." if days < 0 else ""
        remedy = "Issue it again: etcdpilot pki renew"
        yield Finding("TLS-001", severity, use.where, what, why, remedy, stops=leaf.not_after <= now)


def names(leaf: CertificateFacts, use: Use, now: datetime) -> Iterator[Finding]:
    """Every address it is dialled by stands in it."""
    for hosts, severity in ((use.addresses, Severity.ERROR), (use.nearby, Severity.WARNING)):
        missing = [host for host in hosts if not covers(leaf, host)]
        if missing:
            why = (
                f"It is valid for {', '.join(leaf.hosts)}."
                if leaf.hosts
                else "It has only a common name, which is ignored."
            )
            yield Finding(
                "TLS-003",
                severity,
                use.where,
                f"does not cover {', '.join(missing)}",
                f"{why} Who connects by what is missing refuses it.",
                "Name every address that is advertised or listened on, and issue it again: etcdpilot apply",
                stops=severity is Severity.ERROR,
            )


def allowed_name(leaf: CertificateFacts, use: Use, now: datetime) -> Iterator[Finding]:
    """Peers that are told one common name (`peer-cert-allowed-cn`) let in nobody else."""
    if use.common_name and leaf.common_name != use.common_name:
        yield Finding(
            "TLS-017",
            Severity.ERROR,
            use.where,
            f"is made out to {leaf.common_name or 'nobody'}, and peers let in {use.common_name} alone",
            "etcd refuses every connection of this member to its peers.",
            f"Issue it again with the common name {use.common_name}: etcdpilot apply",
            stops=True,
        )


def sources(leaf: CertificateFacts, use: Use, now: datetime) -> Iterator[Finding]:
    """etcd compares the source address of a connection from a peer with the names in the peer's certificate.

    A certificate without any alternative name is not compared. With DNS names among them, etcd asks the reverse DNS
    of the address, then each name; an entry of /etc/hosts for the address overrides the DNS.
    """
    if use.purpose is not Purpose.PEER or not leaf.hosts:
        return
    for source in use.sources:
        if covers(leaf, source):
            continue
        by_name = bool(leaf.dns_names)
        yield Finding(
            "TLS-006",
            Severity.WARNING if by_name else Severity.ERROR,
            use.where,
            f"does not cover {source}, where this member's connections to its peers come from",
            "Peers accept it only while the reverse DNS of the address leads to one of its names."
            if by_name
            else f"Peers refuse the connection; it is valid for {', '.join(leaf.ip_addresses)}.",
            "Add the address to the certificate and issue it again: etcdpilot apply",
            stops=not by_name,
        )


def usages(leaf: CertificateFacts, use: Use, now: datetime) -> Iterator[Finding]:
    """The extended usages that its purpose needs, and the signature that a handshake is made with."""
    if use.purpose is None:
        return
    rule, wanted = _WANTED[use.purpose]
    # No extension at all, or "any", allows everything.
    if leaf.extended_usages and ANY_USAGE not in leaf.extended_usages:
        for usage in wanted:
            if usage not in leaf.extended_usages:
                why = _WITHOUT[use.purpose, usage]
                remedy = f"Issue it again with the usage “{usage}”: etcdpilot apply"
                # etcd itself does without the client's usage in a server's certificate; only its gateway does not.
                stops = (use.purpose, usage) != (Purpose.SERVER, CLIENT_AUTH)
                yield Finding(rule, Severity.ERROR, use.where, f"lacks the usage “{usage}”", why, remedy, stops=stops)
    if leaf.usages and KeyUsage.DIGITAL_SIGNATURE not in leaf.usages:
        why = "A TLS 1.3 handshake is signed, and this key may not sign."
        yield Finding(
            rule,
            Severity.ERROR,
            use.where,
            "lacks the usage “digital signature”",
            why,
            "Issue it again: etcdpilot pki renew",
            stops=True,
        )


_WANTED = {
    Purpose.SERVER: ("TLS-004", (SERVER_AUTH, CLIENT_AUTH)),
    Purpose.PEER: ("TLS-005", (SERVER_AUTH, CLIENT_AUTH)),
    Purpose.CLIENT: ("TLS-016", (CLIENT_AUTH,)),
}
_WITHOUT = {
    (Purpose.SERVER, SERVER_AUTH): "Every client refuses it.",
    (Purpose.SERVER, CLIENT_AUTH): "etcd's HTTP gateway dials its own member with it and is refused: gRPC works, every "
    "call to /v3/… fails, which is what Patroni and APISIX use.",
    (Purpose.PEER, SERVER_AUTH): "Peers refuse to connect to this member.",
    (Purpose.PEER, CLIENT_AUTH): "Peers refuse this member's connections; half of the streams break while every health "
    "check stays green.",
    (Purpose.CLIENT, CLIENT_AUTH): "Members refuse it: incompatible key usage.",
}


def trust(leaf: CertificateFacts, use: Use, now: datetime) -> Iterator[Finding]:
    """A chain of signatures up to a trusted authority, each link of which may sign and outlives what it signed."""
    if use.chain is None:
        return
    if not use.chain:
        yield Finding(
            "TLS-010",
            Severity.ERROR,
            use.where,
            "was not signed by any authority that is trusted here",
            f"Its issuer is {name_text(leaf.issuer)}; an authority of that name with another key does not count.",
            "Trust the issuer, or issue the certificate from the authority that is trusted.",
            stops=True,
        )
    for signed, issuer in zip(use.chain, use.chain[1:], strict=False):
        yield from _link(signed, issuer, use, now)


def _link(signed: CertificateFacts, issuer: CertificateFacts, use: Use, now: datetime) -> Iterator[Finding]:
    name = name_text(issuer.subject)
    if not issuer.is_ca or (issuer.usages and KeyUsage.CERT_SIGN not in issuer.usages):
        what = f"was signed by {name}, which may not sign certificates"
        yield Finding("TLS-010", Severity.ERROR, use.where, what, "Everybody refuses it.", stops=True)
    if issuer.not_after < now <= signed.not_after:
        why = f"{name} ended on {_date(issuer.not_after)}: what it signed is refused with it."
        yield Finding(
            "TLS-001",
            Severity.CRITICAL,
            use.where,
            "has an expired authority",
            why,
            "Make a new authority, and issue everything from it: etcdpilot pki rescue --new-ca",
            stops=True,
        )
    elif issuer.not_after < signed.not_after:
        yield Finding(
            "TLS-015",
            Severity.WARNING,
            use.where,
            f"outlives its authority: {_date(signed.not_after)} against {_date(issuer.not_after)}",
            f"From {_date(issuer.not_after)} on it is refused, whatever it says itself.",
            "Go over to a new authority before that day: etcdpilot pki rotate-ca",
        )


def subject(leaf: CertificateFacts, use: Use, now: datetime) -> Iterator[Finding]:
    """A leaf of its authority's own subject."""
    if not leaf.is_self_issued or leaf.is_ca:
        return
    # OpenSSL 3.0: refused as self-signed (error 18) without the identifier, accepted with one that is not its own.
    told_apart = leaf.authority_key_id is not None and leaf.authority_key_id != leaf.subject_key_id
    yield Finding(
        "TLS-014",
        Severity.INFO if told_apart else Severity.WARNING,
        use.where,
        f"has the subject of its authority: {name_text(leaf.subject)}",
        "Only its key identifiers tell it from a self-signed certificate."
        if told_apart
        else "OpenSSL, curl, Python and gRPC outside of Go take it for a self-signed certificate and refuse it; Go, and "
        "so etcd, does not.",
        "Give the authority or the certificate another common name, and issue it again.",
        # What we speak to a member with is BoringSSL, which refuses it as OpenSSL does.
        stops=use.purpose is Purpose.SERVER and not told_apart,
    )


def key_pair(leaf: CertificateFacts, use: Use, now: datetime) -> Iterator[Finding]:
    """The key beside it: whether it is its own, and who can read it."""
    if use.key is not None and use.key != leaf.public_key:
        why = "etcd does not start with this pair, and a running one refuses every handshake."
        remedy = "Put both files of one pair in place: etcdpilot apply"
        what = "does not belong to the key beside it"
        yield Finding("TLS-009", Severity.ERROR, use.where, what, why, remedy, stops=True)
    if use.key_mode is not None and use.key_mode & 0o077:
        why = "Whoever reads the key can pose as this member." if use.key_mode & 0o004 else "It is more than 0600."
        what = f"has a key file of mode {use.key_mode & 0o7777:04o}"
        yield Finding("TLS-009", Severity.ERROR, use.where, what, why, "chmod 600 on the key file")
    if use.key_readable is False:
        why = "etcd exits with “permission denied” at its next start."
        remedy = "Make the user that etcd runs as the owner of the key file."
        what = "has a key that its member cannot read"
        yield Finding("TLS-009", Severity.ERROR, use.where, what, why, remedy, stops=True)


def strength(certificate: CertificateFacts, use: Use, now: datetime) -> Iterator[Finding]:
    """Keys and signatures that are too weak today."""
    if certificate.key_algorithm == "rsa" and certificate.key_size < 2048:
        what = f"has an RSA key of {certificate.key_size} bits"
        yield Finding(
            "TLS-012",
            Severity.WARNING,
            use.where,
            what,
            "Fewer than 2048 are too few.",
            "Issue it again: etcdpilot pki renew",
        )
    if "sha1" in certificate.signature or "md5" in certificate.signature:
        why = "Go refuses such signatures, and so do the defaults of OpenSSL 3."
        what = f"is signed with {certificate.signature}"
        if not certificate.is_self_issued:  # nobody checks the signature of a root
            remedy = "Issue it again: etcdpilot pki renew"
            yield Finding("TLS-012", Severity.ERROR, use.where, what, why, remedy, stops=True)


def authority_lifetime(authority: CertificateFacts, use: Use, now: datetime) -> Iterator[Finding]:
    """An authority takes everything it signed with it, and replacing it takes three rounds: the warning comes early."""
    days = authority.days_left(now)
    if days < 0:
        what, why = f"ended on {_date(authority.not_after)}", "Everything that it signed is refused."
        yield Finding(
            "TLS-002",
            Severity.CRITICAL,
            use.where,
            what,
            why,
            "Make a new authority, and issue everything from it: etcdpilot pki rescue --new-ca",
            stops=True,
        )
    elif days < 365:
        severity = Severity.ERROR if days < 90 else Severity.WARNING
        what = f"ends in {days} days, on {_date(authority.not_after)}"
        why = "Everything that it signed ends with it."
        yield Finding(
            "TLS-002",
            severity,
            use.where,
            what,
            why,
            "Go over to a new authority before that day: etcdpilot pki rotate-ca",
        )


def authority_usages(authority: CertificateFacts, use: Use, now: datetime) -> Iterator[Finding]:
    if not authority.is_ca or (authority.usages and KeyUsage.CERT_SIGN not in authority.usages):
        what = f"is not an authority's certificate: {name_text(authority.subject)}"
        why, remedy = "What it signed is refused.", "Trust the CA instead."
        yield Finding("TLS-010", Severity.ERROR, use.where, what, why, remedy, stops=True)


def _urgency(left: timedelta) -> Severity | None:
    for days, severity in ((3, Severity.CRITICAL), (14, Severity.ERROR), (30, Severity.WARNING)):
        if left < timedelta(days=days):
            return severity
    return None


def _date(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
