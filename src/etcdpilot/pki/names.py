"""Subjects, alternative names and usages between our words and X.509's."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from etcdpilot.model.certificates import DistinguishedName, KeyUsage

NAME_PARTS = {
    "C": NameOID.COUNTRY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "L": NameOID.LOCALITY_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "CN": NameOID.COMMON_NAME,
    "serialNumber": NameOID.SERIAL_NUMBER,
    "dnQualifier": NameOID.DN_QUALIFIER,
}
PART_NAMES = {oid: part for part, oid in NAME_PARTS.items()}

EXTENDED_USAGES = {
    "any": ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    "server auth": ExtendedKeyUsageOID.SERVER_AUTH,
    "client auth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "code signing": ExtendedKeyUsageOID.CODE_SIGNING,
    "email protection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "ipsec end system": ObjectIdentifier("1.3.6.1.5.5.7.3.5"),
    "ipsec tunnel": ObjectIdentifier("1.3.6.1.5.5.7.3.6"),
    "ipsec user": ObjectIdentifier("1.3.6.1.5.5.7.3.7"),
    "timestamping": ExtendedKeyUsageOID.TIME_STAMPING,
    "ocsp signing": ExtendedKeyUsageOID.OCSP_SIGNING,
    "microsoft sgc": ObjectIdentifier("1.3.6.1.4.1.311.10.3.3"),
    "netscape sgc": ObjectIdentifier("2.16.840.1.113730.4.1"),
}
EXTENDED_USAGE_WORDS = {oid: word for word, oid in EXTENDED_USAGES.items()}

_USAGE_FIELDS = {
    KeyUsage.DIGITAL_SIGNATURE: "digital_signature",
    KeyUsage.CONTENT_COMMITMENT: "content_commitment",
    KeyUsage.KEY_ENCIPHERMENT: "key_encipherment",
    KeyUsage.DATA_ENCIPHERMENT: "data_encipherment",
    KeyUsage.KEY_AGREEMENT: "key_agreement",
    KeyUsage.CERT_SIGN: "key_cert_sign",
    KeyUsage.CRL_SIGN: "crl_sign",
    KeyUsage.ENCIPHER_ONLY: "encipher_only",
    KeyUsage.DECIPHER_ONLY: "decipher_only",
}


def x509_name(name: DistinguishedName) -> x509.Name:
    """ValueError where a part does not fit, such as a country of three letters."""
    return x509.Name([x509.NameAttribute(NAME_PARTS[part], value) for part, value in name])


def distinguished_name(name: x509.Name) -> DistinguishedName:
    return tuple((PART_NAMES.get(part.oid, part.oid.dotted_string), _text(part.value)) for part in name)


def alternative_names(dns_names: Iterable[str], addresses: Iterable[str]) -> list[x509.GeneralName]:
    """ValueError where a name is not ASCII; write an international name in its xn-- form."""
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in dns_names]
    return names + [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]


def key_usage(usages: Iterable[KeyUsage]) -> x509.KeyUsage:
    wanted = set(usages)
    return x509.KeyUsage(**{field: usage in wanted for usage, field in _USAGE_FIELDS.items()})


def key_usages(extension: x509.KeyUsage) -> frozenset[KeyUsage]:
    # The last two bits mean something only beside key agreement, and asking for them without it is an error.
    readable = set(KeyUsage)
    if not extension.key_agreement:
        readable -= {KeyUsage.ENCIPHER_ONLY, KeyUsage.DECIPHER_ONLY}
    return frozenset(usage for usage in readable if getattr(extension, _USAGE_FIELDS[usage]))


def extended_key_usage(usages: Iterable[str]) -> x509.ExtendedKeyUsage:
    return x509.ExtendedKeyUsage([EXTENDED_USAGES.get(word) or ObjectIdentifier(word) for word in usages])


def extended_key_usages(extension: x509.ExtendedKeyUsage) -> tuple[str, ...]:
    return tuple(EXTENDED_USAGE_WORDS.get(oid, oid.dotted_string) for oid in extension)


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.hex()
