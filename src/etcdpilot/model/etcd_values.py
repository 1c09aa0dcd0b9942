"""Values of etcd's options: read as a person writes them, and given back as etcd wants them.

etcd takes many wrong values in silence: a bad `metrics` is `basic`, a bad bcrypt cost is the default, and a retention of
`1h` in revision mode is 3,600,000,000,000 revisions, so nothing is ever compacted. They are refused here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import assert_never
from urllib.parse import urlsplit

from etcdpilot.model.addresses import MemberUrl, is_address
from etcdpilot.model.etcd_option_table import GATE_RELEASES, Kind, Option, is_since
from etcdpilot.model.versions import Version

TRUE = ("true", "t", "1", "yes", "on")
FALSE = ("false", "f", "0", "no", "off")
PLAIN = re.compile(r"[0-9]{1,18}")
SIZE = re.compile(r"(-?[0-9]{1,30}(?:\.[0-9]{1,30})?) *([A-Za-z]*)")
UNITS = {"": 1, "B": 1} | {
    name: base**power
    for power, letter in enumerate("KMGT", start=1)
    for name, base in ((f"{letter}iB", 1024), (f"{letter}i", 1024), (f"{letter}B", 1000))
}
PART = re.compile(r"([0-9]{1,30}(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")
NANOSECONDS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
LARGEST = {Kind.INT: 2**63 - 1, Kind.UINT: 2**64 - 1, Kind.BYTES: 2**63 - 1}
ROTATION_KEYS = {"maxsize": int, "maxage": int, "maxbackups": int, "localtime": bool, "compress": bool}


def check_value(option: Option, text: str, version: Version | None = None) -> str:
    """The value as etcd wants it: bytes for `8GiB`, milliseconds for `100ms`, `true` for `yes`.

    ValueError says what is wrong, as the end of a sentence that begins with the option. Without a version the newest
    rules hold.
    """
    text = text.strip()
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in text):
        raise ValueError("must not hold line breaks or control characters")
    match option.kind:
        case Kind.BOOL:
            return _boolean(text)
        case Kind.INT | Kind.UINT:
            return _within(option, _whole(text))
        case Kind.BYTES:
            return _within(option, _size(text))
        case Kind.MEGABYTES:
            return _within(option, int(text) if PLAIN.fullmatch(text) else _divided(_size(text), 2**20, "MiB"))
        case Kind.MILLISECONDS:
            return _within(option, _in_units(text, "ms"))
        case Kind.SECONDS:
            return _within(option, _in_units(text, "s"))
        case Kind.DURATION:
            return _duration(text)
        case Kind.RETENTION:
            return text if PLAIN.fullmatch(text) else _duration(text)
        case Kind.CHOICE:
            return _chosen(option, text, version)
        case Kind.URLS:
            return ",".join(_url(option, part) for part in _parts(text))
        case Kind.ORIGINS:
            return text if text == "*" else ",".join(_url(option, part) for part in _parts(text))
        case Kind.LIST:
            return _list(option, text, version)
        case Kind.GATES:
            return ",".join(_gate(part, version) for part in _parts(text))
        case Kind.JSON:
            return _json(text)
        case Kind.PATH:
            return _path(text)
        case Kind.TEXT:
            return text
        case _:
            assert_never(option.kind)


def check_together(values: Mapping[str, str]) -> dict[str, str]:
    """Options that are good alone and wrong together: option → what is wrong, as the end of a sentence."""
    wrong: dict[str, str] = {}
    retention, mode = values.get("auto-compaction-retention", "0"), values.get("auto-compaction-mode", "periodic")
    if mode == "revision" and not PLAIN.fullmatch(retention):
        wrong["auto-compaction-retention"] = (
            f"is {retention}, but auto-compaction-mode is revision: write how many revisions to keep, such as 10000"
        )
    least, most = values.get("tls-min-version", "TLS1.2"), values.get("tls-max-version", "")
    if most and least > most:
        wrong["tls-max-version"] = f"is {most}, which is older than tls-min-version {least}"
    if least == "TLS1.3" and values.get("cipher-suites"):
        wrong["cipher-suites"] = "cannot be chosen where only TLS1.3 is spoken: etcd would not start; leave it out"
    gates = values.get("feature-gates", "").split(",")
    if "LeaseCheckpointPersist=true" in gates and "LeaseCheckpoint=true" not in gates:
        wrong["feature-gates"] = "has LeaseCheckpointPersist=true, which needs LeaseCheckpoint=true beside it"
    return wrong


def _boolean(text: str) -> str:
    if text.lower() in TRUE:
        return "true"
    if text.lower() in FALSE:
        return "false"
    raise ValueError(f"is {text!r}; write true or false")


def _whole(text: str) -> int:
    plain = text.replace("_", "")
    if not re.fullmatch(r"-?[0-9]{1,20}", plain):
        raise ValueError(f"is {text!r}; write a whole number")
    return int(plain)


def _size(text: str) -> int:
    found = SIZE.fullmatch(text.replace("_", ""))
    if found is None:
        raise ValueError(f"is {text!r}; write a size such as 8GiB, or bytes")
    if found[2] not in UNITS:
        letter = found[2][:1].upper()
        meant = f"{found[1]}{letter}iB or {found[1]}{letter}B" if f"{letter}iB" in UNITS else "bytes, KiB, MiB or GiB"
        raise ValueError(f"is {text!r}; write {meant}")
    amount = Decimal(found[1]) * UNITS[found[2]]
    if amount != int(amount):
        raise ValueError(f"is {text!r}, which is no whole number of bytes")
    return int(amount)


def _divided(amount: int, unit: int, name: str) -> int:
    if amount % unit:
        raise ValueError(f"must be a whole number of {name}")
    return amount // unit


def _in_units(text: str, unit: str) -> int:
    """A plain number is in etcd's unit already."""
    if re.fullmatch(r"-?[0-9]{1,20}", text):
        return int(text)
    nanoseconds = _nanoseconds(text)
    if nanoseconds % NANOSECONDS[unit]:
        raise ValueError(f"is {text!r}; etcd counts it in whole {'milliseconds' if unit == 'ms' else 'seconds'}")
    return int(nanoseconds) // NANOSECONDS[unit]


def _duration(text: str) -> str:
    """Go's notation, kept as it was written."""
    if text != "0" and not _nanoseconds(text) < 2**63:
        raise ValueError(f"is {text!r}, longer than etcd can count")
    return "0s" if text == "0" else text


def _nanoseconds(text: str) -> Decimal:
    if text and PART.sub("", text) == "":
        return sum((Decimal(amount) * NANOSECONDS[unit] for amount, unit in PART.findall(text)), Decimal(0))
    if days := re.fullmatch(r"([0-9]{1,5})d", text):
        raise ValueError(f"is {text!r}; etcd knows no days, write {int(days[1]) * 24}h")
    if PLAIN.fullmatch(text):
        raise ValueError(f"is {text!r}; say the unit, such as {text}s or {text}m")
    raise ValueError(f"is {text!r}; write a time such as 10m, 1h30m or 100ms")


def _within(option: Option, number: int) -> str:
    least, most = option.limits or (-(2**63) if option.kind is Kind.INT else 0, None)
    if number < least:
        raise ValueError(f"is {number}; {least} is the least that etcd takes")
    if most is None:
        most = LARGEST.get(option.kind, 2**63 - 1)
    if number > most:
        raise ValueError(f"is {number}; {most} is the most that etcd takes")
    return str(number)


def _chosen(option: Option, text: str, version: Version | None) -> str:
    words = [word for word in map(_word, option.choices.split()) if _is_there(word, version)]
    if text in (name for name, _, _ in words) or text == option.default:
        return text
    listed = ", ".join(name for name, _, _ in words)
    raise ValueError(f"is {text!r}; etcd{f' {version}' if version else ''} knows {listed}")


def _word(word: str) -> tuple[str, str, str]:
    """`name@since!until` in its three parts; `since` in the table's own notation."""
    name, _, until = word.partition("!")
    name, _, since = name.partition("@")
    return name, since.replace(",", " "), until


def _is_there(word: tuple[str, str, str], version: Version | None) -> bool:
    _, since, until = word
    if version is None:
        return not until
    return is_since(since, version) and (not until or version < Version.parse(f"{until}.0"))


def _url(option: Option, text: str) -> str:
    if text.startswith(("unix://", "unixs://")):
        return text
    try:
        url = MemberUrl.parse(text)
    except ValueError as error:
        raise ValueError(f"is wrong: {error}") from error
    if urlsplit(text).path:
        raise ValueError(f"is {text!r}; etcd takes no slash at the end of it")
    if option.name.startswith("listen-") and not is_address(url.host) and url.host != "localhost":
        raise ValueError(f"is {text!r}; etcd listens on addresses alone, write the IP address of {url.host}")
    return str(url)


def _list(option: Option, text: str, version: Version | None) -> str:
    parts = _parts(text)
    if len(parts) > 1 and option.one_before and version and not is_since(option.one_before, version):
        # Before, the whole text was one name, commas and all: nobody would have been let in.
        raise ValueError(f"may be a single word until etcd {option.one_before}, and this is {version}")
    return ",".join(parts)


def _parts(text: str) -> list[str]:
    parts = [part.strip() for part in text.split(",")] if text else []
    if "" in parts:
        raise ValueError(f"is {text!r}, with nothing between two commas")
    return parts


def _gate(text: str, version: Version | None) -> str:
    name, _, value = text.partition("=")
    known = [gate for gate, since in GATE_RELEASES.items() if version is None or is_since(since, version)]
    if name not in known:
        raise ValueError(f"has no gate {name!r}; there are {', '.join(known) or 'none'}")
    return f"{name}={_boolean(value or 'true')}"


def _json(text: str) -> str:
    """The settings of log rotation; etcd ignores a key that it does not know."""
    try:
        read = json.loads(text)
    except ValueError as error:
        raise ValueError(f"is no JSON: {error}") from error
    if not isinstance(read, dict):
        raise ValueError("must be a JSON object")
    for key, value in read.items():
        if key not in ROTATION_KEYS:
            raise ValueError(f"has a key {key!r}; there are {', '.join(ROTATION_KEYS)}")
        if type(value) is not (wanted := ROTATION_KEYS[key]):
            raise ValueError(
                f"has {key!r} as {value!r}; write {'true or false' if wanted is bool else 'a whole number'}"
            )
    return json.dumps(read)


def _path(text: str) -> str:
    if text and not text.startswith("/"):
        raise ValueError(f"is {text!r}; write an absolute path, since etcd's own directory is none of yours")
    return text
