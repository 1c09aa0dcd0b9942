"""What a certificate should say (`CertificateSpec`, `AuthoritySpec`) and what one does say (`CertificateFacts`).

No keys and no bytes: a plan that holds specifications can be printed and computed again.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

DistinguishedName = tuple[tuple[str, str], ...]  # (("C", "US"), ("CN", "etcd-0")), in the certificate's own order

PEER_AUTHORITY = "peer-ca"  # signs what members show each other
CLIENT_AUTHORITY = "client-ca"  # signs what members show clients, and what clients show members

# Every authority made here carries this attribute and no leaf may. A CA and a leaf of one subject look like one
# self-signed certificate to OpenSSL, Python and curl, which then refuse the leaf; Go alone does not mind.
AUTHORITY_ATTRIBUTE = "dnQualifier"

SUBJECT_PARTS = ("C", "ST", "L", "O", "OU", "CN", "serialNumber", AUTHORITY_ATTRIBUTE)

DEFAULT_LEAF_LIFETIME = timedelta(days=365)
DEFAULT_AUTHORITY_LIFETIME = timedelta(days=3650)


class Purpose(Enum):
    """Which of a member's listeners, or which client, a certificate is for."""

    SERVER = "server"
    PEER = "peer"
    CLIENT = "client"


class KeyKind(Enum):
    """The keys we make. `KeyKind("rsa-2048")` reads the cluster file's word."""

    ECDSA_P256 = "ecdsa-p256"
    ECDSA_P384 = "ecdsa-p384"
    ECDSA_P521 = "ecdsa-p521"
    RSA_2048 = "rsa-2048"
    RSA_3072 = "rsa-3072"
    RSA_4096 = "rsa-4096"

    @property
    def algorithm(self) -> str:
        return self.value.partition("-")[0]

    @property
    def size(self) -> int:
        """Bits of the modulus, or of the curve's field."""
        return int(self.value.partition("-")[2].lstrip("p"))


class KeyUsage(Enum):
    """The nine bits of the key usage extension, RFC 5280 section 4.2.1.3."""

    DIGITAL_SIGNATURE = "digital signature"
    CONTENT_COMMITMENT = "content commitment"
    KEY_ENCIPHERMENT = "key encipherment"
    DATA_ENCIPHERMENT = "data encipherment"
    KEY_AGREEMENT = "key agreement"
    CERT_SIGN = "cert sign"
    CRL_SIGN = "crl sign"
    ENCIPHER_ONLY = "encipher only"
    DECIPHER_ONLY = "decipher only"


SERVER_AUTH = "server auth"
CLIENT_AUTH = "client auth"

# A server certificate also says clientAuth: etcd's HTTP gateway dials its own member with it, and without the usage
# every call through the gateway is refused while gRPC goes on working.
EXTENDED_USAGES = {
    Purpose.SERVER: (SERVER_AUTH, CLIENT_AUTH),
    Purpose.PEER: (SERVER_AUTH, CLIENT_AUTH),
    Purpose.CLIENT: (CLIENT_AUTH,),
}


@dataclass(frozen=True, slots=True)
class CertificateSpec:
    """A leaf to be made: names and addresses are checked and canonical, and the lifetime is positive.

    `usages` and `extended_usages` left empty mean those of the purpose and the key. ValueError says what is wrong.
    """

    authority: str
    purpose: Purpose
    common_name: str
    organisation: DistinguishedName = ()
    dns_names: tuple[str, ...] = ()
    ip_addresses: tuple[str, ...] = ()
    lifetime: timedelta = DEFAULT_LEAF_LIFETIME
    key: KeyKind = KeyKind.ECDSA_P256
    usages: tuple[KeyUsage, ...] = ()
    extended_usages: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require_subject(self.common_name, self.organisation)
        require_lifetime(self.lifetime)
        for address in self.ip_addresses:
            if str(ipaddress.ip_address(address)) != address:
                raise ValueError(f"write the address {address!r} as {ipaddress.ip_address(address)}")
        if self.purpose is not Purpose.CLIENT and not self.dns_names + self.ip_addresses:
            raise ValueError(f"the {self.purpose.value} certificate of {self.common_name} names no host and no address")
        set_ = object.__setattr__
        set_(self, "usages", self.usages or default_usages(self.key))
        set_(self, "extended_usages", self.extended_usages or EXTENDED_USAGES[self.purpose])

    @classmethod
    def of_server(
        cls,
        common_name: str,
        hosts: Iterable[str],
        *,
        authority: str = CLIENT_AUTHORITY,
        lifetime: timedelta = DEFAULT_LEAF_LIFETIME,
        key: KeyKind = KeyKind.ECDSA_P256,
    ) -> CertificateSpec:
        """For the client listener of a member; the loopback names are added, or a local etcdctl would be refused."""
        names, addresses = split_hosts((*hosts, "localhost", "127.0.0.1", "::1"))
        return cls(authority, Purpose.SERVER, common_name, (), names, addresses, lifetime, key)

    @classmethod
    def of_peer(
        cls,
        common_name: str,
        hosts: Iterable[str],
        *,
        authority: str = PEER_AUTHORITY,
        lifetime: timedelta = DEFAULT_LEAF_LIFETIME,
        key: KeyKind = KeyKind.ECDSA_P256,
    ) -> CertificateSpec:
        """For a member among its peers; `hosts` must hold the address that its own connections come from."""
        names, addresses = split_hosts(hosts)
        return cls(authority, Purpose.PEER, common_name, (), names, addresses, lifetime, key)

    @classmethod
    def of_client(
        cls,
        common_name: str,
        *,
        organisation: DistinguishedName = (),
        authority: str = CLIENT_AUTHORITY,
        lifetime: timedelta = DEFAULT_LEAF_LIFETIME,
        key: KeyKind = KeyKind.ECDSA_P256,
    ) -> CertificateSpec:
        """For a client; the common name is its user when etcd's own auth is on."""
        return cls(authority, Purpose.CLIENT, common_name, organisation, (), (), lifetime, key)

    @property
    def hosts(self) -> tuple[str, ...]:
        return self.dns_names + self.ip_addresses


@dataclass(frozen=True, slots=True)
class AuthoritySpec:
    """A certificate authority to be made."""

    name: str
    common_name: str
    organisation: DistinguishedName = ()
    lifetime: timedelta = DEFAULT_AUTHORITY_LIFETIME
    key: KeyKind = KeyKind.ECDSA_P256
    path_length: int | None = 0

    def __post_init__(self) -> None:
        require_subject(self.common_name, self.organisation)
        require_lifetime(self.lifetime)


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What one certificate says. Times are aware and in UTC; fingerprints and identifiers are lower-case hex."""

    subject: DistinguishedName
    issuer: DistinguishedName
    serial: int
    dns_names: tuple[str, ...]
    ip_addresses: tuple[str, ...]
    other_names: tuple[str, ...]  # e-mail addresses and URIs among the alternative names
    not_before: datetime
    not_after: datetime
    key_algorithm: str  # rsa, ecdsa, ed25519, …
    key_size: int
    usages: frozenset[KeyUsage]
    extended_usages: tuple[str, ...]  # "server auth", "client auth", …; a dotted number where no word is known
    is_ca: bool
    path_length: int | None
    fingerprint: str  # SHA-256 of the DER
    public_key: str  # SHA-256 of the subject public key info: equal where a key and a certificate belong together
    subject_key_id: str | None
    authority_key_id: str | None
    signature: str  # such as "ecdsa-sha256"

    @property
    def common_name(self) -> str:
        return next((value for part, value in self.subject if part == "CN"), "")

    @property
    def hosts(self) -> tuple[str, ...]:
        return self.dns_names + self.ip_addresses

    @property
    def is_self_issued(self) -> bool:
        return self.subject == self.issuer

    @property
    def key(self) -> KeyKind | None:
        """The kind of its key, where it is one that we make."""
        prefix = "ecdsa-p" if self.key_algorithm == "ecdsa" else f"{self.key_algorithm}-"
        return next((kind for kind in KeyKind if kind.value == f"{prefix}{self.key_size}"), None)

    def days_left(self, now: datetime) -> int:
        """Whole days until it ends; negative once it has ended."""
        return (self.not_after - now) // timedelta(days=1)


def default_usages(key: KeyKind) -> tuple[KeyUsage, ...]:
    """RSA also needs key encipherment for the key exchange of TLS 1.2; on an ECDSA key that bit means nothing."""
    if key.algorithm == "rsa":
        return KeyUsage.DIGITAL_SIGNATURE, KeyUsage.KEY_ENCIPHERMENT
    return (KeyUsage.DIGITAL_SIGNATURE,)


def split_hosts(hosts: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names and addresses apart, each once, in the order given; addresses in canonical form."""
    names: dict[str, None] = {}
    addresses: dict[str, None] = {}
    for host in hosts:
        try:
            addresses[str(ipaddress.ip_address(host.strip("[]")))] = None
        except ValueError:
            names[host] = None
    return tuple(names), tuple(addresses)


def name_text(name: DistinguishedName) -> str:
    """`C=US, ST=CA, CN=etcd-0`, as openssl prints a subject."""
    return ", ".join(f"{part}={value}" for part, value in name) or "(empty)"


def require_subject(common_name: str, organisation: DistinguishedName) -> None:
    """ValueError where a subject cannot be written: RFC 5280 allows a common name 64 characters, a country two."""
    if not 0 < len(common_name) <= 64:
        raise ValueError(f"a common name has 1 to 64 characters, {common_name!r} has {len(common_name)}")
    for part, value in organisation:
        if part not in SUBJECT_PARTS or part in ("CN", AUTHORITY_ATTRIBUTE):
            raise ValueError(f"{part!r} is not a part of an organisation; use C, ST, L, O, OU or serialNumber")
        if not value:
            raise ValueError(f"the part {part} of the organisation is empty")
        if part == "C" and len(value) != 2:
            raise ValueError(f"a country is two letters, not {value!r}")


def require_lifetime(lifetime: timedelta) -> None:
    if lifetime <= timedelta(0):
        raise ValueError(f"a lifetime is positive, not {lifetime}")
