"""flannel's network file: text in, the network or every problem out, judged as flannel judges it at its start.

Source: flannel's reading of its configuration (`pkg/subnet/config.go`, 0.26). Where flannel takes an impossible value and
fails later, that too is a problem here.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from etcdpilot.model.errors import Problem, SpecError

BACKENDS = (
    *("vxlan", "host-gw", "udp", "wireguard", "ipip", "ipsec"),
    *("alloc", "extension", "tencent-vpc", "ali-vpc", "awsvpc", "gce"),
)
FOUR_SUBNETS = "network must be able to accommodate at least four subnets"


@dataclass(frozen=True, slots=True)
class FlannelNetwork:
    """What flannel will do with the file: `subnet_length` is each host's, `first` and `last` are the subnets it gives."""

    network: str
    subnet_length: int
    first: str
    last: str
    backend: str


@dataclass(frozen=True, slots=True)
class _Family:
    """The four fields of IPv4 or of IPv6, and the lengths that flannel allows them."""

    network: str
    length: str
    lowest: str
    highest: str
    bits: int
    usual: int


V4 = _Family("Network", "SubnetLen", "SubnetMin", "SubnetMax", 32, 24)
V6 = _Family("IPv6Network", "IPv6SubnetLen", "IPv6SubnetMin", "IPv6SubnetMax", 128, 64)


def read_network(raw: bytes, source: str) -> FlannelNetwork:
    """SpecError with every problem of the file."""
    fields = _fields(raw, source)
    problems = list(_problems(fields))
    if problems:
        raise SpecError(
            f"{source} is no network that flannel could use.",
            remedy='Such as {"Network": "172.16.0.0/16", "SubnetLen": 24, "Backend": {"Type": "vxlan"}}',
            problems=tuple(Problem(source, 0, 0, path, what) for path, what in problems),
        )
    family = V4 if fields.get("enableipv4", True) else V6
    network, length = _network(fields, family), _length(fields, family)
    first, last = _range(fields, family)
    backend = (fields.get("backend") or {}).get("type") or "udp"
    return FlannelNetwork(str(network), length, f"{first}/{length}", f"{last}/{length}", backend)


def _fields(raw: bytes, source: str) -> dict[str, Any]:
    """By their names in small letters: Go, and so flannel, does not mind how they are written."""
    try:
        found = json.loads(raw.decode())
    except (ValueError, RecursionError) as wrong:
        raise SpecError(f"{source} is not JSON.", why=str(wrong)) from None
    if not isinstance(found, dict):
        raise SpecError(f"{source} holds no JSON object.", why=f"It holds a {type(found).__name__}.")
    return _small(found)


def _small(found: dict[str, Any]) -> dict[str, Any]:
    fields = {name.lower(): value for name, value in found.items() if value is not None}
    if isinstance(fields.get("backend"), dict):
        fields["backend"] = {name.lower(): value for name, value in fields["backend"].items()}
    return fields


def _problems(fields: dict[str, Any]) -> Iterator[tuple[str, str]]:
    flags = {name: fields.get(name.lower(), usual) for name, usual in (("EnableIPv4", True), ("EnableIPv6", False))}
    for name, value in flags.items():
        if not isinstance(value, bool):
            yield name, "it is true or false"
    if not any(flags.values()):
        yield "EnableIPv4", "a network without IPv4 and IPv6 holds nobody"
    for name, family in (("EnableIPv4", V4), ("EnableIPv6", V6)):
        if flags[name] is True:
            yield from _problems_of(fields, family)
    yield from _problems_of_backend(fields.get("backend"))


def _problems_of(fields: dict[str, Any], family: _Family) -> Iterator[tuple[str, str]]:
    try:
        network = _network(fields, family)
    except ValueError as wrong:
        yield family.network, str(wrong)
        return
    try:
        _length(fields, family)
    except ValueError as wrong:
        yield family.length, str(wrong)
        return
    for name in (family.lowest, family.highest):
        try:
            _edge(fields, family, name)
        except ValueError as wrong:
            yield name, str(wrong)
            return
    first, last = _range(fields, family)
    if int(first) > int(last):
        yield family.lowest, f"it is above {family.highest}: no subnet of {network} is left to give"


def _network(fields: dict[str, Any], family: _Family) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    text = fields.get(family.network.lower())
    if not isinstance(text, str) or not text:
        raise ValueError("please define it: an address and a length, such as 172.16.0.0/16")
    if "/" not in text:
        raise ValueError(f"{text} has no length, such as 172.16.0.0/16")
    kind = ipaddress.IPv4Network if family.bits == 32 else ipaddress.IPv6Network
    if not text.rpartition("/")[2].isdecimal():
        raise ValueError(f"{text}: its length is not a number")
    return kind(text, strict=False)


def _length(fields: dict[str, Any], family: _Family) -> int:
    """Each host's, given or chosen as flannel does."""
    prefix, given = _network(fields, family).prefixlen, fields.get(family.length.lower(), 0)
    if isinstance(given, bool) or not isinstance(given, int) or given < 0:
        raise ValueError("it is a number of bits")
    if given == 0:
        if prefix > family.bits - 4:
            raise ValueError(f"network is too small. Minimum useful network prefix is /{family.bits - 4}")
        return family.usual if prefix <= family.usual - 2 else prefix + 2
    if given > family.bits - 2:
        raise ValueError(f"it must be less than /{family.bits - 1}")
    if given < prefix + 2:
        raise ValueError(f"{FOUR_SUBNETS}: a /{prefix} takes /{prefix + 2} and longer")
    return given


def _edge(fields: dict[str, Any], family: _Family, name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    text = fields.get(name.lower())
    if text is None or text == "":
        return None
    if not isinstance(text, str):
        raise ValueError("it is an address")
    kind = ipaddress.IPv4Address if family.bits == 32 else ipaddress.IPv6Address
    address, network, length = kind(text), _network(fields, family), _length(fields, family)
    if address not in network:
        raise ValueError(f"{text} is not in the range of {network}")
    if int(address) % (1 << (family.bits - length)):
        raise ValueError(
            f"{text} is not on a SubnetLen boundary: those are {1 << (family.bits - length)} addresses apart"
        )
    return address


def _range(fields: dict[str, Any], family: _Family) -> tuple[Any, Any]:
    """The first and the last subnet to give. The very first of the network is left out, as flannel does."""
    network, size = _network(fields, family), 1 << (family.bits - _length(fields, family))
    first, last = _edge(fields, family, family.lowest), _edge(fields, family, family.highest)
    return (
        first if first is not None else network.network_address + size,
        last if last is not None else network.broadcast_address - size + 1,
    )


def _problems_of_backend(backend: object) -> Iterator[tuple[str, str]]:
    if backend is None:
        return
    if not isinstance(backend, dict):
        yield "Backend", 'it is an object, such as {"Type": "vxlan"}'
        return
    kind = backend.get("type") or "udp"
    if kind not in BACKENDS:
        yield "Backend.Type", f"flannel knows no backend {kind!r}; it knows {', '.join(BACKENDS)}"
    number = backend.get("vni", 1)
    if kind == "vxlan" and (isinstance(number, bool) or not isinstance(number, int) or not 0 < number < 1 << 24):
        yield "Backend.VNI", "it is a number from 1 to 16777215"
