"""Every mixture of member states, every cut-off, answers that are lost, hosts that fail and heal: no promise is broken,
and once nothing fails any more, running it again ends in what the file says."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from etcdpilot import planning
from etcdpilot.applying.engine import carry_out
from etcdpilot.model.answers import Alarm, AlarmType, MemberEntry
from etcdpilot.model.cluster import TlsMode
from etcdpilot.model.errors import EtcdpilotError
from etcdpilot.model.events import Waiting
from etcdpilot.model.identity import as_hex
from etcdpilot.model.knowledge import Known
from etcdpilot.model.membership import MemberState
from etcdpilot.model.observation import DataSeen
from etcdpilot.model.plans import Plan
from etcdpilot.model.steps import Step, WriteFiles
from etcdpilot.model.versions import Version
from etcdpilot.rendering.options import InitialCluster
from etcdpilot.testing.paper_site import PaperHost, PaperSite
from tests.paper.clusters import cluster, member
from tests.paper.invariants import broken

NAMES = ("etcd-0", "etcd-1", "etcd-2", "etcd-3", "etcd-4")
ROUNDS = 60
BEFORE, AFTER = Version(3, 5, 30), Version(3, 5, 35)
FATES = ("absent", "added", "learning", "voting", "voting", "voting", "stopped", "unreachable", "wiped")


class Broken(Exception):
    """A promise; never an error that a run may end with."""


@dataclass(frozen=True)
class Case:
    fates: tuple[str, ...]
    goal: tuple[int, ...]
    leftovers: frozenset[int]
    version: Version
    schedule: tuple[tuple[str, int], ...]
    stranger: bool


@st.composite
def cases(draw: st.DrawFn) -> Case:
    fates = list(draw(st.tuples(*[st.sampled_from(FATES)] * 5)))
    learners = [place for place, fate in enumerate(fates) if fate in ("added", "learning")]
    for place in learners[1:]:
        fates[place] = "absent"  # etcd takes one
    if "voting" not in fates:
        fates[0] = "voting"
    goal = draw(st.lists(st.integers(0, 4), min_size=1, max_size=5, unique=True))
    leftovers = draw(st.frozensets(st.integers(0, 4), max_size=2))
    faults = st.sampled_from(["none", "none", "none", "cut", "unheard", "fail", "heal", "kill", "dud"])
    schedule = draw(st.lists(st.tuples(faults, st.integers(0, 4)), max_size=25))
    version = draw(st.sampled_from([BEFORE, BEFORE, AFTER]))
    return Case(tuple(fates), tuple(goal), leftovers, version, tuple(schedule), draw(st.integers(0, 9)) == 0)


def plain(number: int):
    """Certificates have tests of their own; here everything is plain http."""
    one = member(number)
    urls = {
        key: tuple(url.replace("https", "http") for url in getattr(one, key))
        for key in ("listen_peer_urls", "advertise_peer_urls", "listen_client_urls", "advertise_client_urls")
    }
    return replace(one, **urls)


def built(case: Case) -> PaperSite:
    everybody = [plain(number) for number in range(5)]
    wanted = cluster(*[everybody[place] for place in case.goal], tls={"mode": TlsMode.OFF}, version=case.version)
    wanted = replace(wanted, former=tuple(each for place, each in enumerate(everybody) if place not in case.goal))
    site = PaperSite(wanted, {}, [])
    for place, (one, fate) in enumerate(zip(everybody, case.fates, strict=True)):
        host = PaperHost(binary=BEFORE, runs=BEFORE, enabled=True)
        site.hosts[one.name] = host
        if fate == "absent":
            host.data = 0xBAD if place in case.leftovers else None
            continue
        entry = MemberEntry(0x100 + place, one.name, one.advertise_peer_urls, (), fate in ("added", "learning"))
        site.entries.append(entry)
        host.data = None if fate in ("added", "wiped") else entry.id
        host.running = fate in ("voting", "learning")
        host.up = fate != "unreachable"
    site.memory = replace(
        site.memory, member_ids=tuple((site.name_of(entry), as_hex(entry.id)) for entry in site.voters())
    )
    if case.stranger:
        site.entries.append(MemberEntry(0x999, "stranger", ("http://192.0.2.9:2380",), (), False))
    site.elect()
    return site


def plan_of(site: PaperSite) -> Plan:
    memory = site.follow()
    return planning.plan(site.wanted, site.seen(), memory, site.clock.now())


class Weather:
    """What breaks before a step; never more voters at a time than the cluster tolerates."""

    def __init__(self, site: PaperSite, schedule: tuple[tuple[str, int], ...]) -> None:
        self.site, self.waiting = site, list(schedule)

    def __call__(self, step: Step) -> bool:
        fault, place = self.waiting.pop(0) if self.waiting else ("none", 0)
        host = self.site.hosts[NAMES[place]]
        match fault:
            case "cut":
                raise Cut("The line went dead.", remedy="Run it again.")
            case "fail" | "kill" if self.may_lose(NAMES[place]):
                # It falls after this step's ground was looked at: the step meets it, as a real one would.
                host.running = False
                host.up = fault == "kill"
                raise Cut("The line went dead.", remedy="Run it again.")
            case "dud":
                host.starts = False
            case "heal":
                heal(host)
        return fault != "unheard"

    def may_lose(self, name: str) -> bool:
        voters = self.site.voters()
        left = [entry for entry in voters if self.site.runs(entry) and self.site.name_of(entry) != name]
        return len(left) >= len(voters) // 2 + 1


class Cut(EtcdpilotError):
    pass


def heal(host: PaperHost) -> None:
    host.up = host.starts = True


def lived_through(case: Case) -> PaperSite:
    site = built(case)
    start = len(site.voters())

    def watch(step: Step) -> None:
        if why := broken(site, step, start):
            raise Broken(f"{why} — by {step}; {site.membership_now()}; file {sorted(site.wanted.names)}")

    site.watchers.append(watch)
    site.before_step = Weather(site, case.schedule)
    for _ in range(len(case.schedule) + 1):
        if not one_run(site):
            break
    site.before_step = lambda step: True
    for host in site.hosts.values():
        heal(host)
    for _ in range(ROUNDS):
        if not one_run(site):
            return site
    raise Broken(f"it does not come to an end: {site.membership_now()}, {[str(s) for s in site.taken[-8:]]}")


def one_run(site: PaperSite) -> bool:
    """Plan and carry out; False when there was nothing to do, or it was refused."""
    agreed = plan_of(site)
    if agreed.refusals or agreed.changes_nothing:
        return bool(site.before_step.__class__ is Weather and site.before_step.waiting and heal_one(site))
    asyncio.run(follow(agreed, site))
    return True


def heal_one(site: PaperSite) -> bool:
    _, place = site.before_step.waiting.pop(0)
    heal(site.hosts[NAMES[place]])
    return True


async def follow(agreed: Plan, site: PaperSite) -> None:
    site.run_began = len(site.notes)
    try:
        async for _ in carry_out(agreed, site):
            pass
    except EtcdpilotError:
        pass


def ends_well(case: Case) -> None:
    site = lived_through(case)
    last = plan_of(site)
    if last.refusals:
        assert all(refusal.invariant for refusal in last.refusals), last.refusals
        return
    assert set(site.membership_now().states) == {(name, MemberState.VOTING) for name in site.wanted.names}
    assert plan_of(site).changes_nothing
    for name in site.hosts.keys() - site.wanted.names:
        assert not site.hosts[name].running


THOROUGH = settings(
    max_examples=int(os.environ.get("ETCDPILOT_EXAMPLES", "300")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.timeout(300)
@THOROUGH
@given(cases())
def test_no_promise_is_broken_and_running_it_again_ends_in_what_the_file_says(case: Case):
    ends_well(case)


def test_planning_again_after_every_cut_off_gives_the_rest_of_the_plan():
    """Swap, growth and replacement, cut after each step, with and without the answer of the last step heard."""
    for goal in ((3, 4, 2), (0, 1, 2, 3, 4), (0,), (1, 2, 4)):
        case = Case(("voting",) * 3 + ("absent",) * 2, goal, frozenset({4}), AFTER, (), False)
        for cut in range(len(plan_of(built(case)).steps)):
            site = lived_through(replace(case, schedule=(("none", 0),) * cut + (("unheard", 0),)))
            done = [str(step) for step in site.taken if not isinstance(step, WriteFiles)]
            again = [step for step in done if done.count(step) > 1]
            assert not [step for step in again if step.startswith(("add", "remove", "move"))], again
            assert plan_of(site).changes_nothing


def mutant(monkeypatch: pytest.MonkeyPatch, *changes: tuple[str, object]) -> None:
    for where, what in changes:
        monkeypatch.setattr(where, what)


def unwanted(ground) -> list[str]:
    return sorted(ground.seen.membership.names - ground.wanted.names)


async def without_intent(number: int, step: Step, world: PaperSite):
    async for on in world.take(step):
        yield Waiting(number, step, on)
    world.note("done", step)


def as_if_it_were_new(wanted, memory, *, formed: bool):
    return InitialCluster("new", memory.token, tuple((each.name, each.advertise_peer_urls) for each in wanted.members))


NO_PROOF = ("etcdpilot.planning.proof.broken_promise", lambda each: None)
MUTANTS = {
    "no proof, and the dead do not leave first": [
        NO_PROOF,
        ("etcdpilot.planning.members.leaving", lambda ground: ([], unwanted(ground))),
    ],
    "no proof, and all leave first": [
        NO_PROOF,
        ("etcdpilot.planning.members.leaving", lambda ground: (unwanted(ground), [])),
    ],
    "data is not looked at": [("etcdpilot.planning.data_refusals", lambda *_, **__: ())],
    "members of nobody are ours": [("etcdpilot.planning.membership.members_of_nobody", lambda ground: ())],
    "no leader hands over": [
        ("etcdpilot.planning.members.successor", lambda *_: None),
        ("etcdpilot.planning.services.successor", lambda *_: None),
    ],
    "gates are open at once, and nobody looks again": [
        ("etcdpilot.testing.paper_site.PaperSite.require_answers", lambda *_: None),
        ("etcdpilot.applying.engine.came_up_meanwhile", lambda *_: True),
    ],
    "nothing is noted before it is done": [("etcdpilot.applying.engine.take", without_intent)],
    "files of a cluster that exists say new": [("etcdpilot.planning.files.initial_cluster", as_if_it_were_new)],
    "what only a first start reads causes restarts": [
        ("etcdpilot.rendering.running.is_bootstrap_only", lambda option: False)
    ],
    "a voter at once, no learner first": [
        NO_PROOF,
        ("etcdpilot.testing.paper_site.PaperSite.admit_as_learner", False),
    ],
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_caught(name: str, monkeypatch: pytest.MonkeyPatch):
    mutant(monkeypatch, *MUTANTS[name])

    @settings(
        max_examples=300, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(cases())
    def lived(case: Case) -> None:
        ends_well(case)

    with pytest.raises((Broken, AssertionError, ExceptionGroup)):
        lived()


def test_under_an_alarm_members_stay_as_they_are():
    site = built(Case(("voting",) * 3 + ("absent",) * 2, (0, 1, 2, 3), frozenset(), BEFORE, (), False))
    seen = site.seen()
    raised = replace(seen, etcd=replace(seen.etcd, alarms=(Alarm(0x100, AlarmType.NOSPACE),)))
    found = planning.plan(site.wanted, raised, site.follow(), site.clock.now())
    assert [refusal.invariant for refusal in found.refusals] == ["I22"]


def test_another_cluster_at_a_members_address_stops_everything():
    site = built(Case(("voting",) * 3 + ("absent",) * 2, (0, 1, 2, 3), frozenset(), BEFORE, (), False))
    memory = replace(site.follow(), cluster_id="feed")
    found = planning.plan(site.wanted, site.seen(), memory, site.clock.now())
    assert {refusal.invariant for refusal in found.refusals} == {"I1"} and not found.steps


def test_the_way_to_3_6_is_closed_while_the_second_api_is_served():
    site = built(Case(("voting",) * 3 + ("absent",) * 2, (0, 1, 2), frozenset(), Version(3, 6, 16), (), False))
    for name in ("etcd-0", "etcd-1", "etcd-2"):
        site.hosts[name].runs = Version(3, 5, 35)
    site.hosts["etcd-1"].environment = (("ETCD_ENABLE_V2", "true"),)
    found = plan_of(site)
    assert "etcd-1 serve it" in found.refusals[0].what and found.refusals[0].invariant == "I20"


def test_a_member_does_not_go_to_a_machine_that_holds_nothing_of_it():
    """Its peer URL is on the new machine; it answers from the old one."""
    site = built(Case(("voting",) * 3 + ("absent",) * 2, (0, 1, 2), frozenset(), BEFORE, (), False))
    seen = site.seen()
    empty = Known(replace(seen.reachable["etcd-1"], process=None, data=DataSeen(False, False, False, 0)))
    hosts = tuple((name, empty if name == "etcd-1" else host) for name, host in seen.hosts)
    found = planning.plan(site.wanted, replace(seen, hosts=hosts), site.follow(), site.clock.now())
    assert [each.invariant for each in found.refusals] == ["I7"] and "runs somewhere else" in found.refusals[0].what


def test_a_member_that_comes_back_at_another_address_is_told_of_before_it_starts():
    site = built(Case(("voting", "stopped", "voting") + ("absent",) * 2, (0, 1, 2), frozenset(), BEFORE, (), False))
    old = ("http://192.0.2.77:2380",)
    site.change("etcd-1", lambda entry: replace(entry, peer_urls=old))
    former = replace(site.wanted.member("etcd-1"), advertise_peer_urls=old)
    site.wanted = replace(site.wanted, before=(former,))
    steps = [str(each.step) for each in plan_of(site).steps]
    told = next(place for place, step in enumerate(steps) if step.startswith("tell the cluster that etcd-1 moves"))
    assert told < steps.index("start etcd-1")
