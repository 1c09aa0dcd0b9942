"""One run: the frozen cluster, a writer and a watcher, the verb, the fault at its moment, and one more apply."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from etcdpilot.testing.dying import last_begun, later
from etcdpilot.testing.load import Beside
from lab.commands import LabError
from lab.faulting import faults
from lab.faulting.eyes import Eyes, Told, longest_stop
from lab.faulting.faults import NEW_DISK, Fault, Scene
from lab.faulting.judging import ENDINGS, PATIENCE, Verdict, data_of, judge_stop, judge_writes, wanted_state
from lab.faulting.operations import Operation, Words, move_to
from lab.faulting.stages import Stage, Stages
from lab.faulting.table import ITSELF
from lab.host import Host
from lab.probes import until
from lab.site import DYING, ETCDPILOT, Site

RATE = 10.0
TOLD = "told.jsonl"  # in the site's folder: what the members say of themselves
HOLD = 6.0  # seconds that a fault stays, unless the verb ends before
MOST_PIECES = 90
KILLED = -9
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Cell:
    """Which run: an operation, a fault, a version, the how-manieth, and the seed that all of it is drawn from."""

    operation: Operation
    fault: Fault
    version: str
    turn: int
    seed: int

    @property
    def name(self) -> str:
        return f"{self.operation.name}/{self.fault.name}/{self.turn}"

    def chance(self) -> Random:
        return Random(f"{self.seed}/{self.name}/{self.version}")


@dataclass
class Run:
    """What came of it; `reached` is false where the verb had ended before the fault's moment."""

    operation: str
    fault: str
    turn: int
    version: str
    seed: int
    moment: str = ""
    step: str = ""
    reached: bool = True
    code: int | None = None
    again: int | None = None
    lines: int = 0
    runs: int = 1
    seconds: float = 0.0
    gap: float = 0.0
    stop: float = 0.0
    broken: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        found = asdict(self)
        if not self.broken:
            del found["said"]
        return found


def carry_out(stages: Stages, cell: Cell, lines: int) -> Run:
    """`lines` is how many the verb writes into its journal when nothing goes wrong."""
    began = time.monotonic()
    found = Run(cell.operation.name, cell.fault.name, cell.turn, cell.version, cell.seed)
    stage, verdict = stages.stage(cell.version), Verdict()
    try:
        _carry_out(stages, cell, stage, lines, found, verdict)
    except (AssertionError, LabError, RuntimeError, OSError, subprocess.SubprocessError) as problem:
        verdict.broken.append(f"{ITSELF}: {type(problem).__name__}: {problem}")
    found.broken, found.gap, found.stop = verdict.broken, verdict.gap, round(verdict.stop, 2)
    found.seconds = round(time.monotonic() - began, 1)
    return found


def _carry_out(stages: Stages, cell: Cell, stage: Stage, lines: int, found: Run, verdict: Verdict) -> None:
    operation, chance = cell.operation, cell.chance()
    small = (operation.newcomer, *NEW_DISK) if cell.fault is faults.FULL and operation.newcomer else None
    site = stages.begin(stage, operation.hosts, small)
    operation.prepare(site)
    before, file = data_of(site.lab.hosts), site.file.read_text()
    scene = Scene(site, operation, chance, *(site.lab.all_hosts[1],) * 3)
    with beside(scene, verdict):
        verb = operation.verb(site)
        if cell.fault is faults.PIECES:
            in_pieces(scene, verb, found, verdict)
        else:
            disturbed(scene, cell, verb, lines, found, verdict)
        # What was refused before it had begun is asked for again; what had begun is finished.
        begun = operation.verb(site)[0] == "apply" or site.file.read_text() != file
        found.again = one_more(site, operation.again if begun else verb, found, verdict)
    endpoint = f"https://{operation.host_of(operation.names[0], site).address}:{operation.ports[-1]}"
    wrong = list(wanted_state(site, stage, operation.names, endpoint))
    if wrong:  # a look on a box that stood still for seconds; what is really wrong is so the next time too
        found.said += wrong
        wrong = list(wanted_state(site, stage, operation.names, endpoint))
    verdict.broken += wrong
    gone = {where: path for where, path in before.items() if where not in data_of(site.lab.hosts)}
    verdict.require(not gone, f"data was deleted: {gone}")


def one_more(site: Site, words: Words, found: Run, verdict: Verdict) -> int:
    """The fault is over: one more apply, or the verb again, must end well."""
    site.forget_the_dead()
    done = site.run(*words, code=None, timeout=PATIENCE)
    found.said.append(f"$ {' '.join(words)}\n{done.stdout}{done.stderr}[{done.returncode}]")
    verdict.require(done.returncode == 0, f"the next `{' '.join(words)}` ended with {done.returncode}")
    return done.returncode


# The verb and the fault


def disturbed(scene: Scene, cell: Cell, verb: Words, lines: int, found: Run, verdict: Verdict) -> None:
    site, fault = scene.site, cell.fault
    before = len(site.journal())
    found.moment = moment_of(fault, lines, scene.chance)
    output = site.folder / "said"
    with output.open("w") as into:
        command = [*DYING, found.moment, *verb] if found.moment else [ETCDPILOT, *verb]
        going = site.lab.start(command, cwd=site.folder, stdout=into, stderr=subprocess.STDOUT)
    try:
        if found.moment and not fault.kills:
            found.reached = until(lambda: is_held(going.pid) or going.poll() is not None, PATIENCE) and not ended(going)
            if found.reached:
                begin(scene, fault, before, found)
                going.send_signal(18)  # SIGCONT
                wait(going, HOLD)
                scene.lift()
        wait(going, PATIENCE)
        found.code = going.poll()
        verdict.require(found.code is not None, f"it has not ended after {PATIENCE:.0f} s")
    finally:
        going.kill()
        going.wait()
        scene.lift()
    if fault.kills:
        found.reached = found.code == KILLED
    text = output.read_text()
    found.said.append(f"$ {' '.join(verb)}\n{text}[{found.code}]")
    found.lines = len(site.journal()) - before
    good = (0,) if fault is faults.NONE else (*ENDINGS, KILLED)
    verdict.require(found.code in good and "Traceback" not in text, f"it ended with {found.code}: {text[-1500:]}")


def moment_of(fault: Fault, lines: int, chance: Random) -> str:
    """When a step is noted and not begun, in the middle of one, or when one is done and not noted."""
    if fault is faults.NONE or not lines:
        return ""
    step = 2 * chance.randrange(max(1, lines // 2)) + 1
    hold = "" if fault.kills else "stop:"
    later = round(chance.uniform(0.02, 0.4), 2)
    return hold + chance.choice([f"after:{step}", f"after:{step}+{later}", f"before:{step + 1}"])


def begin(scene: Scene, fault: Fault, before: int, found: Run) -> None:
    """Who is who now, and then the fault; the controller is held meanwhile."""
    found.step = scene.site.journal()[-1]["step"] if len(scene.site.journal()) > before else ""
    site, operation, chance = scene.site, scene.operation, scene.chance
    told = Told.last(site.folder / TOLD)
    hosts = {host.address: host for host in site.lab.all_hosts} | {move_to(site): site.lab.all_hosts[1]}
    named = [name for name in dict.fromkeys(re.findall(r"etcd-\d", found.step)) if hosts_on(operation, name, site)]
    scene.target = operation.host_of(chance.choice(named), site) if named else scene.target
    voters = [hosts[address] for address in told["voters"]]
    others = [host for host in voters if host.on and host.name != scene.target.name] or [scene.target]
    scene.other = chance.choice(sorted(others, key=lambda host: host.name))
    scene.leader = hosts.get(told["leader"], scene.other)
    fault.begin(scene)
    found.step += f" · {fault.name}: target {scene.target.name}, other {scene.other.name}, leader {scene.leader.name}"


def hosts_on(operation: Operation, name: str, site: Site) -> bool:
    return operation.host_of(name, site).on


def in_pieces(scene: Scene, verb: Words, found: Run, verdict: Verdict) -> None:
    """Each run is killed when a step is noted, then in its middle, then when it is done and not noted.

    Where that step was cut off before at the same moment (a probe and a snapshot leave nothing behind), the next one.
    """
    words, site, file = verb, scene.site, scene.site.file.read_text()
    moments = ("after:1", f"after:1+{scene.chance.uniform(0.01, 0.3):.2f}", "before:2")
    further, cut = dict.fromkeys(moments, 0), set[tuple[str, str]]()
    for found.runs in range(1, MOST_PIECES):
        moment = moments[(found.runs - 1) % 3]
        done = site.dying(later(moment, 2 * further[moment]), *words)
        found.code = done.returncode
        found.said.append(f"$ {' '.join(words)}\n{done.stdout}{done.stderr}[{done.returncode}]")
        site.free_the_locks()  # taking one over writes a line of its own, and no step would ever begin
        if done.returncode != KILLED:
            verdict.require(done.returncode == 0, f"it ended with {done.returncode}: {done.stdout}{done.stderr}")
            return
        here = moment, last_begun(site.state / "journal.jsonl")
        further[moment] = further[moment] + 1 if here in cut else 0
        cut.add(here)
        words = scene.operation.again if verb[0] == "apply" or site.file.read_text() != file else verb
    verdict.broken.append(f"it does not come to an end in {MOST_PIECES} pieces")


def wait(going: subprocess.Popen[Any], seconds: float) -> None:
    try:
        going.wait(seconds)
    except subprocess.TimeoutExpired:
        pass


def ended(going: subprocess.Popen[Any]) -> bool:
    return going.poll() is not None


def is_held(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False


# Who records


@contextmanager
def beside(scene: Scene, verdict: Verdict) -> Iterator[None]:
    """A writer and a watcher, the members' own word, and our eyes, from before the verb until after the last apply."""
    site = scene.site
    urls = endpoints(scene)
    records = Path(site.folder)
    told, eyes = records / TOLD, Eyes(scene)
    load = Beside(urls, records / "load.json", keys=site.state, rate=RATE)
    load.command[2:3] = ["lab.faulting.recorder", "--told", str(told)]
    try:
        load.begin(lambda command: site.lab.start(command, cwd=ROOT))
        eyes.start()
        yield
        seen = load.end()
        judge_writes(verdict, seen)
        eyes.stop()
        also = {move_to(site): site.lab.all_hosts[1].address}
        judge_stop(verdict, longest_stop(map(tuple, seen["pauses"]), eyes, Told.read(told, also)))
    finally:
        eyes.over.set()
        load.kill()


def endpoints(scene: Scene) -> list[str]:
    hosts: Sequence[Host] = scene.site.lab.all_hosts[: scene.operation.hosts]
    addresses = [host.address for host in hosts]
    if scene.operation.name == "member update --host":
        addresses.append(move_to(scene.site))
    return [f"https://{address}:{port}" for address in addresses for port in scene.operation.ports]
