"""The JSON of a certificate request: `{"CN": …, "hosts": […], "key": {…}, "names": […], "ca": {…}}`."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from etcdpilot.model.certificates import KeyKind
from etcdpilot.pki.cfssl.documents import Section
from etcdpilot.pki.cfssl.errors import KEY_GENERATION, REQUEST, REQUEST_INVALID, CfsslError
from etcdpilot.pki.keys import PrivateKey, make_key
from etcdpilot.pki.names import NAME_PARTS

DEFAULT_AUTHORITY_EXPIRY = timedelta(hours=43800)  # five years, whatever the signing configuration says

# One relative name per part, with as many values as there are entries of it, as Go's pkix.Name writes a subject.
PART_ORDER = ("C", "ST", "L", "O", "OU")

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAME = re.compile(r"[A-Za-z0-9_*](?:[A-Za-z0-9_*-]*[A-Za-z0-9_])?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Hosts:
    """The alternative names: what is an address, a mail address or a URI is one, the rest are DNS names."""

    dns_names: tuple[str, ...] = ()
    addresses: tuple[IpAddress, ...] = ()
    mails: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()

    def general_names(self) -> list[x509.GeneralName]:
        names: list[x509.GeneralName] = [x509.DNSName(name) for name in self.dns_names]
        names += [x509.RFC822Name(mail) for mail in self.mails]
        names += [x509.IPAddress(address) for address in self.addresses]
        return names + [x509.UniformResourceIdentifier(uri) for uri in self.uris]


@dataclass(frozen=True, slots=True)
class KeyWish:
    """Which key to make: algorithm and bits."""

    algorithm: str
    size: int

    def make(self) -> PrivateKey:
        if self.algorithm == "rsa":
            return rsa.generate_private_key(public_exponent=65537, key_size=self.size)
        return make_key(KeyKind(f"ecdsa-p{self.size}"))


@dataclass(frozen=True, slots=True)
class Request:
    """What one JSON asks for. `expiry` and `path_length` count for a CA alone."""

    subject: x509.Name
    hosts: Hosts
    key: KeyWish
    expiry: timedelta | None
    path_length: int | None

    @property
    def has_subject(self) -> bool:
        return len(list(self.subject)) > 0


def read_request(text: bytes | str, hostname: str = "") -> Request:
    """Read the JSON; `hostname` (separated by commas) takes the place of its hosts. CfsslError says what is wrong."""
    document = Section.read(text, "the request", REQUEST)
    authority = document.section("ca")
    hosts = hostname.split(",") if hostname else document.texts("hosts")
    return Request(
        subject=read_subject(document),
        hosts=read_hosts(hosts),
        key=_key(document.section("key")),
        expiry=authority.duration("expiry") if authority else None,
        path_length=_path_length(authority) if authority else None,
    )


def read_subject(document: Section) -> x509.Name:
    names = document.sections("names")
    parts = [(part, [name.text(part) for name in names]) for part in PART_ORDER]
    parts += [("CN", [document.text("CN")]), ("serialNumber", [document.text("serialnumber")])]
    try:
        return x509.Name([_relative_name(part, values) for part, values in parts if any(values)])
    except ValueError as error:
        raise CfsslError(REQUEST, f"the subject cannot be written: {error}") from None


def read_hosts(hosts: Iterable[str]) -> Hosts:
    """Sort the hosts by kind; CfsslError lists those that are neither names nor addresses.

    An empty one is passed over: the classic tutorials write `"hosts": [""]` for none.
    """
    found: dict[str, dict[Any, None]] = {"dns": {}, "ip": {}, "mail": {}, "uri": {}, "": {}}
    for host in hosts:
        if host:
            kind, value = _host(host)
            found[kind][value] = None
    if bad := list(found[""]):
        raise CfsslError(
            REQUEST_INVALID,
            f"neither names nor addresses: {', '.join(map(repr, bad))}",
            why="A certificate that names them covers nothing: no client would ever match one.",
            remedy="Write addresses without a port, and names of letters, digits, dots and hyphens.",
        )
    return Hosts(*(tuple(found[kind]) for kind in ("dns", "ip", "mail", "uri")))


def _host(host: str) -> tuple[str, Any]:
    try:
        return "ip", ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        pass
    if "://" in host and host.isascii() and (parts := urlsplit(host)).scheme and parts.netloc:
        return "uri", host
    if re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", host, re.ASCII) and _is_name(host.partition("@")[2]):
        return "mail", host
    return ("dns", host) if _is_name(host) else ("", host)


def _is_name(name: str) -> bool:
    labels = name.removesuffix(".").split(".")
    # 10.0.0.300 is no address, and no name either: a last label of digits alone can only have meant an address.
    meant_address = len(labels) > 1 and labels[-1].isdigit()
    return (
        len(name) <= 253 and not meant_address and all(_NAME.fullmatch(label) and len(label) <= 63 for label in labels)
    )


def _key(section: Section | None) -> KeyWish:
    """cfssl's limits: ECDSA 256, 384 and 521, RSA from 2048 to 8192 bits; ECDSA 256 where nothing is said."""
    if section is None:
        return KeyWish("ecdsa", 256)
    algorithm, size = section.text("algo"), section.number("size")
    match algorithm:
        case "rsa" if 2048 <= size <= 8192:
            return KeyWish("rsa", size)
        case "rsa":
            words = "RSA key is too weak" if size < 2048 else "RSA key size too large"
            raise CfsslError(KEY_GENERATION, words, why=f"{size} bits were asked for; use 2048, 3072 or 4096.")
        case "ecdsa" if size in (256, 384, 521):
            return KeyWish("ecdsa", size)
        case "ecdsa":
            raise CfsslError(KEY_GENERATION, "invalid curve", why=f"{size} was asked for; there are 256, 384 and 521.")
        case _:
            words = f"{algorithm!r} was asked for; there are rsa and ecdsa."
            raise CfsslError(KEY_GENERATION, "invalid algorithm", why=words)


def _path_length(authority: Section) -> int | None:
    """0 means "not limited" unless `pathlenzero` stands beside it."""
    length = authority.number("pathlen")
    if length < 0:
        raise authority.error("pathlen", "must not be negative")
    return length if length > 0 or authority.flag("pathlenzero") else None


def _relative_name(part: str, values: list[str]) -> x509.RelativeDistinguishedName:
    distinct = dict.fromkeys(value for value in values if value)
    return x509.RelativeDistinguishedName([x509.NameAttribute(NAME_PARTS[part], value) for value in distinct])
