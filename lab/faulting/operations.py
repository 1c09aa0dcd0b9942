"""What is done to a running cluster: each change that the product offers, as a user asks for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from lab.etcd_binaries import etcd_folder
from lab.host import Host
from lab.site import Site

Words = tuple[str, ...]
THREE = ("etcd-0", "etcd-1", "etcd-2")
EVERY = ("3.5.30", "3.4.23", "3.7.3", "3.6.16")  # lines that an operation runs on, the usual one first
APPLY = ("apply", "--yes")


@dataclass(frozen=True, slots=True)
class Operation:
    """One change. `verb` is asked for, `again` finishes it once the file says it; `names` vote in the end.

    `prepare` makes what the change is about (a dead machine, a learner that was left) before anybody looks;
    `where` are members that do not stand on the host of their number by the end.
    """

    name: str
    verb: Callable[[Site], Words]
    names: Words = THREE
    again: Words = APPLY
    prepare: Callable[[Site], None] = lambda site: None
    versions: Words = EVERY
    hosts: int = 4
    where: dict[str, int] = field(default_factory=dict)
    newcomer: int | None = None  # the number of the host where a member joins on an empty disk
    ports: tuple[int, ...] = (2379,)

    def host_of(self, member: str, site: Site) -> Host:
        return site.lab.all_hosts[self.where.get(member, int(member.rpartition("-")[2]))]


def saying(*words: str) -> Callable[[Site], Words]:
    return lambda site: words


def edited(*changes: tuple[str, str]) -> Callable[[Site], None]:
    def prepare(site: Site) -> None:
        site.edit(*changes)

    return prepare


def address(site: Site, number: int) -> str:
    return site.lab.all_hosts[number].address


def name_members(site: Site, *numbers: int) -> None:
    head = site.file.read_text().split("members:\n")[0]
    lines = (f"  - {{name: etcd-{number}, host: {address(site, number)}}}\n" for number in numbers)
    site.write(head + "members:\n" + "".join(lines))


def lose_the_data(site: Site) -> None:
    """Of a member that has stopped: its directory is elsewhere, as after a disk that was exchanged."""
    site.lab.all_hosts[1].run("systemctl stop etcd; mv /var/lib/etcd /var/lib/etcd.lost")


def lose_the_machine(site: Site) -> None:
    site.lab.all_hosts[1].power_cut()


def move_to(site: Site) -> str:
    return site.lab.all_hosts[1].address.removesuffix("12") + "112"


def leave_a_learner(site: Site) -> None:
    """By runs that were each killed when a step was done, the last of them before it could promote it."""
    add = ("member", "add", "etcd-3", address(site, 3), "--yes")
    for moment in ("before:10", *["before:2"] * 5):
        site.dying(moment, *add)
        site.free_the_locks()
        if any(row["state"] == "learning" for row in site.says("status")["members"]):
            return
    raise AssertionError(site.run("status", code=None).stdout)


def other_ports(site: Site) -> None:
    """Of every member, for clients and for peers."""
    for number in range(3):
        host = address(site, number)
        site.edit((f"host: {host}}}", f"host: {host}, client-port: 2479, peer-port: 2480}}"))


def to_version(version: str) -> Callable[[Site], Words]:
    return lambda site: ("upgrade", version, "--etcd-dir", str(etcd_folder() / version), "--yes")


GONE = tuple(word for name in THREE for word in ("--remove", name))

OPERATIONS = (
    Operation(
        "member add",
        lambda site: ("member", "add", "etcd-3", address(site, 3), "--yes"),
        names=(*THREE, "etcd-3"),
        newcomer=3,
    ),
    Operation(
        "grow to five",
        saying(*APPLY),
        names=(*THREE, "etcd-3", "etcd-4"),
        prepare=lambda site: name_members(site, 0, 1, 2, 3, 4),
        hosts=5,
        newcomer=3,
    ),
    Operation(
        "member remove",
        saying("member", "remove", "etcd-1", "--yes"),
        names=("etcd-0", "etcd-2"),
        again=(*APPLY, "--remove", "etcd-1"),
        hosts=3,
    ),
    Operation("member replace", saying("member", "replace", "etcd-1", "--yes"), prepare=lose_the_data, hosts=3),
    Operation(
        "member replace --host",
        lambda site: ("member", "replace", "etcd-1", "--host", address(site, 3), "--yes"),
        prepare=lose_the_machine,
        where={"etcd-1": 3},
        newcomer=3,
    ),
    Operation(
        "member update --host",
        lambda site: ("member", "update", "etcd-1", "--host", move_to(site), "--yes"),
        prepare=lambda site: site.lab.also_at(site.lab.all_hosts[1], move_to(site)),
        hosts=3,
    ),
    Operation(
        "member promote",
        saying("member", "promote", "--yes"),
        names=(*THREE, "etcd-3"),
        prepare=leave_a_learner,
        newcomer=3,
    ),
    Operation(
        "swap of three hosts",
        saying(*APPLY, *GONE),
        names=("etcd-3", "etcd-4", "etcd-5"),
        again=(*APPLY, *GONE),
        prepare=lambda site: name_members(site, 3, 4, 5),
        hosts=6,
        newcomer=3,
    ),
    Operation("restart", saying("restart", "--yes"), again=("restart", "--yes"), hosts=3),
    Operation(
        "changed option",
        saying(*APPLY),
        prepare=edited(("auto-compaction-retention: 1h", "auto-compaction-retention: 2h")),
        hosts=3,
    ),
    Operation("changed unit", saying(*APPLY), prepare=edited(("style: env-file", "style: flags")), hosts=3),
    Operation("changed ports", saying(*APPLY), prepare=other_ports, hosts=3, ports=(2379, 2479)),
    Operation(
        "changed data path",
        saying(*APPLY),
        prepare=edited(("data: /var/lib/etcd", "data: /srv/etcd")),
        hosts=3,
    ),
    Operation(
        "changed binary path",
        saying(*APPLY),
        prepare=edited(("bin: /usr/local/bin", "bin: /opt/etcd/bin")),
        hosts=3,
    ),
    Operation("upgrade 3.4.23 to 3.5.30", to_version("3.5.30"), versions=("3.4.23",), hosts=3),
    Operation("downgrade 3.6.16 to 3.5.35", to_version("3.5.35"), versions=("3.6.16",), hosts=3),
    Operation("downgrade 3.7.3 to 3.6.16", to_version("3.6.16"), versions=("3.7.3",), hosts=3),
)


def possible(operation: Operation) -> Words:
    """Versions that this machine has; none where a target is missing too."""
    there = tuple(version for version in operation.versions if (etcd_folder() / version / "etcd").exists())
    target = operation.name.rpartition(" to ")[2] if "grade" in operation.name else ""
    return there if not target or (etcd_folder() / target / "etcd").exists() else ()
