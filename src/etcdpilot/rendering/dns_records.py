"""The records that a DNS bootstrap wants, and how a BIND zone, dnsmasq and a program write them."""

from __future__ import annotations

from dataclasses import dataclass

from etcdpilot.model.addresses import MemberUrl, is_address
from etcdpilot.model.cluster import ClusterSpec, MemberSpec

TTL = 300


@dataclass(frozen=True, slots=True)
class Srv:
    """`_etcd-server-ssl._tcp.example.com` leads to a target and its port."""

    name: str
    target: str
    port: int


@dataclass(frozen=True, slots=True)
class HostRecord:
    """A or AAAA, by the form of the address."""

    name: str
    address: str

    @property
    def kind(self) -> str:
        return "AAAA" if ":" in self.address else "A"


Record = Srv | HostRecord


def service_name(role: str, domain: str, suffix: str, *, secure: bool) -> str:
    """As etcd and etcdctl ask for it; `role` is server (peers) or client."""
    return f"_etcd-{role}{'-ssl' if secure else ''}{'-' + suffix if suffix else ''}._tcp.{domain}"


def records(spec: ClusterSpec, domain: str, suffix: str = "") -> tuple[Record, ...]:
    """Servers, clients, then the addresses of the targets that are ours to name."""
    hosts: dict[str, HostRecord] = {}
    found: list[Record] = []
    for role in ("server", "client"):
        for member in spec.members:
            url = MemberUrl.parse((member.advertise_peer_urls if role == "server" else member.advertise_client_urls)[0])
            target = target_of(member, url.host, domain)
            name = service_name(role, domain, suffix, secure=url.scheme == "https")
            found.append(Srv(name, target, url.port))
            if address := url.host if is_address(url.host) else address_of(member):
                hosts.setdefault(target, HostRecord(target, address))
    return (*found, *hosts.values())


def target_of(member: MemberSpec, host: str, domain: str) -> str:
    """A name stays itself; an address becomes the member's name below the domain, for no SRV record leads to one."""
    return f"{member.name.lower().replace('_', '-')}.{domain}" if is_address(host) else host


def address_of(member: MemberSpec) -> str:
    """An address that stands in the file; empty where only names do, whose records are there already."""
    return next((each for each in (member.host, *member.addresses) if is_address(each)), "")


def bind_zone(found: tuple[Record, ...], domain: str) -> str:
    lines = [f"$ORIGIN {domain}."]
    for record in found:
        match record:
            case Srv(name, target, port):
                lines.append(f"{name}. {TTL} IN SRV 0 0 {port} {target}.")
            case HostRecord(name, address):
                lines.append(f"{name}. {TTL} IN {record.kind} {address}")
    return "\n".join(lines) + "\n"


def dnsmasq_lines(found: tuple[Record, ...], domain: str) -> str:
    """`host-record` makes the reverse record too, which etcd asks for where a peer's certificate has names alone."""
    lines = [f"local=/{domain}/", f"local-ttl={TTL}"]
    for record in found:
        match record:
            case Srv(name, target, port):
                lines.append(f"srv-host={name},{target},{port},0,0")
            case HostRecord(name, address):
                lines.append(f"host-record={name},{address}")
    return "\n".join(lines) + "\n"


def document(found: tuple[Record, ...]) -> list[dict[str, object]]:
    def one(record: Record) -> dict[str, object]:
        match record:
            case Srv(name, target, port):
                fields = {"type": "SRV", "name": name, "ttl": TTL, "priority": 0, "weight": 0}
                return {**fields, "port": port, "target": target}
            case HostRecord(name, address):
                return {"type": record.kind, "name": name, "ttl": TTL, "address": address}

    return [one(record) for record in found]
