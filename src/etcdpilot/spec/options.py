"""etcd's own options as the file gives them: known to the release, canonical, and none that etcdpilot writes itself."""

from __future__ import annotations

import re

from etcdpilot.model.etcd_options import option, why_unavailable
from etcdpilot.model.etcd_values import check_together, check_value
from etcdpilot.model.versions import Version
from etcdpilot.spec import schema
from etcdpilot.spec.filling import Document
from etcdpilot.spec.owned import why_option_is_owned
from etcdpilot.spec.report import Path, Report

Options = dict[str, str]

LOOPBACK_TIMERS = {"heartbeat-interval": "20", "election-timeout": "200"}
ETCD_DEFAULT_TIMERS = {"heartbeat-interval": "100", "election-timeout": "1000"}
LONGEST_ELECTION = 50_000  # etcd: `--election-timeout should be at most 50000ms`
KEY = re.compile(r"[a-z][a-z0-9-]{0,99}")


def settle_options(file: schema.ClusterFile, document: Document, report: Report) -> None:
    """Each member's options: ours, the cluster's, its own, in that order; judged where they stand."""
    version = Version.parse(document["version"]) if document["version"] else None
    shared = judged((file.etcd.options if file.etcd else None) or {}, ("etcd", "options"), version, report)
    for place, member in enumerate(document["members"]):
        path = ("members", place, "options")
        own = judged(file.members[place].options or {}, path, version, report)
        member["options"] = [list(pair) for pair in (our_defaults(document, version) | shared | own).items()]
    check_timers(file, document, report)
    check_combinations(file, document, report)


def our_defaults(document: Document, version: Version | None) -> Options:
    ours = dict(LOOPBACK_TIMERS) if document["timers"] == "loopback" else {}
    # Without it a lone member of 3.4 raises the term at every election it loses, and upsets the others when it is
    # back (2.7 to 3.0 s without a leader, measured). From 3.5 on it is etcd's own default.
    return ours | ({"pre-vote": "true"} if version and version.line == (3, 4) else {})


def judged(options: Options, path: Path, version: Version | None, report: Report) -> Options:
    """Those that may stand, canonical."""
    good: Options = {}
    for key, text in options.items():
        if why := why_option_is_owned(key) or why_unknown(key, version):
            report.wrong((*path, key), why)
            continue
        try:
            good[key] = canonical(key, text, version)
        except ValueError as error:
            report.wrong((*path, key), str(error))
    return good


def check_timers(file: schema.ClusterFile, document: Document, report: Report) -> None:
    """An election must outlast five heartbeats, or etcd does not start; and the same everywhere, which etcd never checks."""
    first: tuple[int, int] | None = None
    for place, member in enumerate(document["members"]):
        timers = {**ETCD_DEFAULT_TIMERS, **dict(member["options"])}
        heartbeat, election = int(timers["heartbeat-interval"]), int(timers["election-timeout"])
        path = timer_path(file, place)
        if election < 5 * heartbeat:
            told = f"election-timeout {election} must be at least five times heartbeat-interval {heartbeat}"
            report.wrong(path, f"{told}; write {5 * heartbeat} or more, or a shorter heartbeat")
        elif election > LONGEST_ELECTION:
            report.wrong(
                path, f"election-timeout {election} is longer than etcd allows; write {LONGEST_ELECTION} or less"
            )
        first = first or (heartbeat, election)
        if (heartbeat, election) != first:
            report.wrong(
                path, "heartbeat-interval and election-timeout must be the same on all members; use etcd.options"
            )


def check_combinations(file: schema.ClusterFile, document: Document, report: Report) -> None:
    """Options that are wrong only together; what stands under `etcd.options` is told once, not for every member."""
    told = set[tuple[Path, str]]()
    for place, member in enumerate(document["members"]):
        for name, why in check_together(dict(member["options"])).items():
            own = file.members[place].options or {}
            path: Path = ("members", place, "options", name) if name in own else ("etcd", "options", name)
            if (path, why) not in told:
                told.add((path, why))
                report.wrong(path, why)


def timer_path(file: schema.ClusterFile, place: int) -> Path:
    """Where the timers of a member are written, so that the problem is told there."""
    own, shared = file.members[place].options or {}, (file.etcd.options if file.etcd else None) or {}
    for key in ("election-timeout", "heartbeat-interval"):
        if key in own:
            return ("members", place, "options", key)
        if key in shared:
            return ("etcd", "options", key)
    return ("etcd", "timers")


def why_unknown(key: str, version: Version | None) -> str:
    if not KEY.fullmatch(key):
        plain = key.lower().removeprefix("etcd_").replace("_", "-").lstrip("-")
        return f"is no option of etcd; write {plain}" if KEY.fullmatch(plain) else "is no option of etcd"
    return why_unavailable(key, version)


def canonical(key: str, text: str, version: Version | None) -> str:
    """The value as etcd wants it; ValueError as the end of a sentence that begins with the option."""
    row = option(key)
    return check_value(row, text, version) if row else text
