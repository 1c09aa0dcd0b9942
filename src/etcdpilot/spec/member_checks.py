"""One member by itself, and what no two members may share."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from etcdpilot.model.addresses import MemberUrl
from etcdpilot.spec import schema
from etcdpilot.spec.filling import Document
from etcdpilot.spec.report import Path, Report
from etcdpilot.spec.url_checks import check_urls, clash

Whole = list[tuple[int, Document]]
FLEETING = ("/tmp/", "/var/tmp/", "/run/", "/dev/shm/")


def check_member(said: schema.Member, document: Document, place: int, member: Document, report: Report) -> None:
    path, local = ("members", place), document["kind"] == "local"
    if not local and not said.host:
        report.wrong((*path, "host"), "is missing; write the name or address that SSH reaches it at")
    if said.address and said.interface:
        report.wrong((*path, "interface"), "the address is given already; keep address or interface")
    if local and said.interface:
        report.wrong((*path, "interface"), "is read over SSH; local members take address: or nothing")
    check_urls(document, path, member, report)
    check_paths(path, member, local, report)


def check_paths(path: Path, member: Document, local: bool, report: Report) -> None:
    """The data directory is moved aside whole when a member is replaced: nothing else may live in it."""
    paths, data = member["paths"], member["paths"]["data"]
    others = {"config": "paths.config", "bin": "paths.bin", "tls": "tls.directory", "env_file": "service.env-file"}
    for key, said in others.items():
        if paths[key] == data or paths[key].startswith(f"{data}/"):
            report.wrong((*path, "paths", "data"), f"{said} ({paths[key]}) lies inside the data directory {data}")
    if data.startswith(FLEETING) and not local:
        report.unwise((*path, "paths", "data"), f"{data} is emptied at a reboot or by age; a member needs its data")


def check_members_apart(document: Document, whole: Whole, report: Report) -> None:
    """`whole`: the members, with their places, whose own values are right."""
    once(whole, lambda m: [(("name",), m["name"])], "is the name of {0} too; names are unique", report)
    for key in ("advertise-peer-urls", "advertise-client-urls"):
        once(whole, listed(key), "{1} is told by {0} too; each member needs its own", report)
    if document["kind"] == "local":
        once(whole, lambda m: [(("paths", "data"), m["paths"]["data"])], "{1} is the data of {0} too", report)
    else:
        once(whole, lambda m: [(("host",), machine(m))], "is the host of {0} too; each member needs its own", report)
    check_ports(document, whole, report)


def once(whole: Whole, values: Callable[[Document], Iterable[tuple[Path, str]]], sentence: str, report: Report) -> None:
    """Each value belongs to one member; the sentence is told at the second one."""
    owner: dict[str, int] = {}
    for place, member in whole:
        for inner, value in values(member):
            first = owner.setdefault(value, place)
            if first != place:
                report.wrong(("members", place, *inner), sentence.format(f"members[{first}]", value))


def listed(key: str) -> Callable[[Document], list[tuple[Path, str]]]:
    field = key.replace("-", "_")
    return lambda member: [((key, place), url) for place, url in enumerate(member[field])]


def machine(member: Document) -> str:
    """What SSH connects to: hosts behind one address may differ by port or by jump host."""
    return f"{member['host'].lower()} {member['ssh']['port']} {member['ssh']['jump']}"


def check_ports(document: Document, whole: Whole, report: Report) -> None:
    """Two listeners cannot share an address and a port: of one member anywhere, of any two on one machine."""
    taken: list[tuple[int, MemberUrl]] = []
    for place, member in whole:
        if document["kind"] != "local":
            taken.clear()
        for key in ("listen-peer-urls", "listen-client-urls"):
            for inner, text in enumerate(member[key.replace("-", "_")]):
                url = MemberUrl.parse(text)
                if other := next((f"members[{owner}]" for owner, one in taken if clash(one, url)), ""):
                    told = f"{text} is listened on by {other} already; choose another port"
                    report.wrong(("members", place, key, inner), told)
                taken.append((place, url))
