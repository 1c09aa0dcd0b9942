"""What goes wrong meanwhile. Each is begun while the controller is held at a moment of its journal, and lifted later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from lab.faulting.operations import Operation
from lab.host import Host
from lab.probes import until
from lab.site import Site

BOOT = 90.0  # seconds that a host may take to come up on a busy box
NEW_DISK = ("/var/lib", 300)  # where a newcomer's small disk is, and how many MB it has


@dataclass
class Scene:
    """One run's cluster, and who is who at the moment of the fault.

    `target` is the host that the step is about, `other` a host of another voter, `leader` that of the leader.
    `cut` are the addresses of hosts that hear no other member.
    """

    site: Site
    operation: Operation
    chance: Random
    target: Host
    other: Host
    leader: Host
    cut: set[str] = field(default_factory=set)
    lifts: list[Callable[[], object]] = field(default_factory=list)

    def lift(self) -> None:
        while self.lifts:
            self.lifts.pop()()


@dataclass(frozen=True, slots=True)
class Fault:
    """`kills`: it is the controller that dies, at once; the others hold it while they begin."""

    name: str
    begin: Callable[[Scene], None] = lambda scene: None
    kills: bool = False
    newcomers_only: bool = False


def drop_ssh(scene: Scene) -> None:
    """The connections end, and the scripts that ran in them with them."""
    scene.target.drop_ssh()


def silence_ssh(scene: Scene) -> None:
    """Nothing from the controller reaches the host, and nobody is told; the members hear each other."""
    scene.site.lab.cut("ctl", scene.target.name)
    scene.lifts.append(scene.site.lab.heal)


def kill_host(host: Host, scene: Scene) -> None:
    host.power_cut()
    scene.lifts.append(lambda: host.power_on(BOOT))


def kill_member(scene: Scene) -> None:
    """Its etcd alone, by SIGKILL; systemd starts it again after five seconds."""
    killed = scene.other.kill("etcd")
    if killed:
        scene.lifts.append(lambda: until(lambda: scene.other.runs("etcd"), 30))


def partition_leader(scene: Scene) -> None:
    """From every other member; the controller still reaches it."""
    leader = scene.leader
    scene.site.lab.isolate(leader.name, keep=["ctl"])
    scene.cut.add(leader.address)
    scene.lifts.append(lambda: (scene.site.lab.heal(), scene.cut.clear()))


def reboot(scene: Scene) -> None:
    """The power is gone for a moment."""
    scene.target.power_cut()
    scene.target.start_booting()
    scene.lifts.append(lambda: scene.target.wait_until_up(BOOT))


def fill_disk(scene: Scene) -> None:
    """Of the host where a member joins, to the last byte."""
    assert scene.operation.newcomer is not None
    host = scene.site.lab.all_hosts[scene.operation.newcomer]
    host.fill_disk(NEW_DISK[0])
    scene.lifts.append(lambda: host.empty_disk(NEW_DISK[0]))


NONE = Fault("none")
KILLED = Fault("controller killed", kills=True)
PIECES = Fault("controller killed at every step boundary", kills=True)
FULL = Fault("disk full on the new member", fill_disk, newcomers_only=True)
FAULTS = (
    NONE,
    PIECES,
    KILLED,
    Fault("SSH dropped", drop_ssh),
    Fault("SSH silent", silence_ssh),
    Fault("target host dead", lambda scene: kill_host(scene.target, scene)),
    Fault("another member killed", kill_member),
    Fault("another host dead", lambda scene: kill_host(scene.other, scene)),
    Fault("leader partitioned", partition_leader),
    Fault("target rebooted", reboot),
    FULL,
)
