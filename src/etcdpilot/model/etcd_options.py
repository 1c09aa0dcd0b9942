"""What may be asked of the table of etcd's options: which release has what, what is it called there, is a value good."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache

from etcdpilot.model.etcd_option_table import GATE_RELEASES, OPTIONS, Option, is_since
from etcdpilot.model.etcd_values import check_together, check_value
from etcdpilot.model.versions import Version

__all__ = [
    "Option",
    "available",
    "check_together",
    "check_value",
    "env_name",
    "gates_for",
    "nearest",
    "option",
    "options_for",
    "translated",
    "why_unavailable",
]

BY_NAME = {option.name: option for option in OPTIONS}


def option(name: str) -> Option | None:
    """The row of an option of any release, by its name without dashes."""
    return BY_NAME.get(name)


def available(name: str, version: Version) -> bool:
    """Whether that release takes it; False for what is no option at all."""
    found = BY_NAME.get(name)
    return found is not None and not _is_gone(found, version) and is_since(found.since, version)


@cache
def options_for(version: Version) -> tuple[Option, ...]:
    """All that the release takes, hidden ones too, in the table's order."""
    return tuple(each for each in OPTIONS if available(each.name, version))


def gates_for(version: Version) -> tuple[str, ...]:
    """The feature gates of the release."""
    return tuple(gate for gate, since in GATE_RELEASES.items() if is_since(since, version))


def nearest(name: str, version: Version) -> str | None:
    """What was probably meant, among the options of that release; a renamed option is found by its old name."""
    known = BY_NAME.get(name)
    if known is not None and (sibling := _name_in(known, version)) is not None:
        return sibling
    close = get_close_matches(name, [each.name for each in options_for(version)], n=1, cutoff=0.7)
    return close[0] if close else None


def env_name(option: Option) -> str:
    """The environment variable that etcd reads it from."""
    return "ETCD_" + option.name.upper().replace("-", "_")


def why_unavailable(name: str, version: Version | None) -> str:
    """The end of a sentence that begins with the option, and what to write instead; empty when it may be used.

    Without a version every option of every release is good.
    """
    found = BY_NAME.get(name)
    if found is None:
        return _unknown(name, version or Version(3, 999, 0))
    if version is None or available(name, version):
        return ""
    if _is_gone(found, version):
        return f"is gone since etcd {found.until}, and this is {version}; {_instead(found, version)}"
    came = " and ".join(found.since.split())
    other = _name_in(found, version)
    advice = f"write {other}" if other else "leave it out, or take a newer release"
    return f"came with etcd {came}, and this is {version}; {advice}"


def translated(options: Mapping[str, str], version: Version) -> dict[str, str]:
    """The same wishes in the words of another release: old names to new ones, booleans to feature gates, and back.

    What that release cannot express is left as it stands, for the loader to refuse. A wish that stands there under both
    names keeps the value of the release's own.
    """
    result: dict[str, str] = {}
    gates: dict[str, str] = {}
    for name, value in options.items():
        found = BY_NAME.get(name)
        if name == "feature-gates":
            gates |= _gates_of(value)
        elif found is None or available(name, version):
            result[name] = value
        elif found.gate and available("feature-gates", version):
            gates.setdefault(found.gate, value)
        else:
            result.setdefault(_name_in(found, version) or name, value)
    return _worded(gates, version) | result


def _is_gone(found: Option, version: Version) -> bool:
    return bool(found.until) and version >= Version.parse(f"{found.until}.0")


def _name_in(found: Option, version: Version) -> str | None:
    """Its name in that release: the new one, or the old one of an option that was not renamed yet; not gates."""
    if found.renamed and not found.gate and available(found.renamed, version):
        return found.renamed
    if available(found.name, version):
        return found.name
    older = (each.name for each in OPTIONS if each.renamed == found.name and not each.gate)
    return next((name for name in older if available(name, version)), None)


def _instead(found: Option, version: Version) -> str:
    if found.gate and available("feature-gates", version):
        return f"write feature-gates: {found.gate}=true (or false)"
    if found.name == "debug":
        return "write log-level: debug"
    other = _name_in(found, version)
    return f"write {other}" if other else "leave it out"


def _unknown(name: str, version: Version) -> str:
    meant = nearest(name.lower().removeprefix("etcd_").replace("_", "-").strip("-"), version)
    return f"is no option of etcd; did you mean {meant}?" if meant else "is no option of etcd"


def _gates_of(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(",") if part.strip())
    return {gate.strip(): value.strip() or "true" for gate, _, value in pairs}


def _worded(gates: Mapping[str, str], version: Version) -> dict[str, str]:
    """Gates as `feature-gates`, or before 3.6 as the options that they were."""
    if available("feature-gates", version):
        return {"feature-gates": ",".join(f"{gate}={value}" for gate, value in gates.items())} if gates else {}
    was = {each.gate: each.name for each in OPTIONS if each.gate}
    old = {was[gate]: value for gate, value in gates.items() if gate in was}
    beyond = [f"{gate}={value}" for gate, value in gates.items() if gate not in was]
    return old | ({"feature-gates": ",".join(beyond)} if beyond else {})
