"""What must hold before, during and after every step, as predicates; each returns what is broken, or nothing.

Numbered as the promises are. They look at the paper world itself, never at what a plan claims.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from etcdpilot.model.etcd_options import available
from etcdpilot.model.files import Text
from etcdpilot.model.steps import (
    AddLearner,
    PromoteLearner,
    RemoveMember,
    RestartMember,
    StartLearner,
    StartMembers,
    Step,
    UpdateMember,
    WriteFiles,
)
from etcdpilot.model.versions import Version
from etcdpilot.testing.paper_site import PaperSite, environment_of

COMMITTED = (AddLearner, PromoteLearner, RemoveMember, UpdateMember)


@dataclass(frozen=True)
class Moment:
    """The world just before a step, counted."""

    voters: int
    answering: int
    learners: int
    leader: str

    @property
    def margin(self) -> int:
        return self.answering - (self.voters // 2 + 1)


def moment(site: PaperSite) -> Moment:
    site.elect()
    voters = site.voters()
    leader = next((site.name_of(entry) for entry in voters if entry.id == site.leader), "")
    return Moment(len(voters), sum(map(site.runs, voters)), len(site.entries) - len(voters), leader)


def entry_named(site: PaperSite, name: str):
    return next((entry for entry in site.entries if site.name_of(entry) == name), None)


def answers(site: PaperSite, name: str) -> bool:
    entry = entry_named(site, name)
    return entry is not None and site.runs(entry)


def i2_quorum_is_kept(site: PaperSite, step: Step) -> str:
    now = moment(site)
    voters, answering = now.voters, now.answering
    match step:
        case AddLearner(name) if not site.admit_as_learner and entry_named(site, name) is None:
            voters += 1
        case RestartMember(name) if answers(site, name):
            answering -= voters > 2 or answering < voters  # one or two that are all well: it cannot be had otherwise
        case RemoveMember(name):
            if entry_named(site, name) in site.voters():
                voters, answering = voters - 1, answering - answers(site, name)
        case PromoteLearner(name):
            voters, answering = voters + 1, answering + answers(site, name)
        case _:
            return ""
    return "quorum is lost" if now.margin >= 0 and answering < voters // 2 + 1 else ""


def i3_the_last_tolerance_is_kept(site: PaperSite, step: Step) -> str:
    """Unless the file itself wants fewer."""
    match step:
        case RemoveMember(name) if answers(site, name) and entry_named(site, name) in site.voters():
            now = moment(site)
            left = Moment(now.voters - 1, now.answering - 1, now.learners, "")
            shrinking = left.voters >= len(site.wanted.members)
            return "the last tolerance is spent" if now.margin >= 1 > left.margin and not shrinking else ""
    return ""


def i5_learner_first_and_alive(site: PaperSite, step: Step) -> str:
    match step:
        case PromoteLearner(name):
            entry, now = entry_named(site, name), moment(site)
            if entry is None or not entry.is_learner:
                return ""  # an earlier run has promoted it, and was not heard
            if not site.runs(entry):
                return "a dead learner is promoted"
            if now.voters > 1 and now.answering < (now.voters + 1) // 2 + 1:
                return "quorum would hang on the learner"
    return ""


def i6_one_learner_and_one_member_more(site: PaperSite, step: Step, start: int) -> str:
    now = moment(site)
    if isinstance(step, AddLearner) and now.learners and entry_named(site, step.member) is None:
        return "a second learner"
    if isinstance(step, AddLearner) and now.voters + 1 > max(start, len(site.wanted.members)) + 1:
        return "more than one member too many"
    return ""


def i7_no_old_identity_without_its_data(site: PaperSite, step: Step) -> str:
    match step:
        case StartMembers(names):
            started: tuple[str, ...] = names
        case StartLearner(name) | RestartMember(name):
            started = (name,)
        case _:
            return ""
    for name in started:
        entry, host = entry_named(site, name), site.hosts[name]
        if entry and not entry.is_learner and host.up and host.data != entry.id:
            return f"{name} is started as a voter without its data"
    return ""


def i8_nobody_healthy_leaves_while_another_is_down(site: PaperSite, step: Step) -> str:
    match step:
        case RemoveMember(name) if answers(site, name) and entry_named(site, name) in site.voters():
            now = moment(site)
            return "a healthy voter leaves while another is down" if now.answering < now.voters else ""
    return ""


def i9_the_leader_hands_over_first(site: PaperSite, step: Step) -> str:
    match step:
        case RestartMember(name) | RemoveMember(name) if answers(site, name):
            now = moment(site)
            return f"{name} leads" if now.leader == name and now.answering > 1 else ""
    return ""


def i19_versions_stay_neighbours(site: PaperSite, step: Step) -> str:
    match step:
        case RestartMember(name) | StartLearner(name):
            next_line = (site.hosts[name].binary or Version(0, 0, 0)).line
            lines = [host.runs.line for host in site.hosts.values() if host.running and host.runs]
            if any(abs(next_line[1] - line[1]) > 1 for line in lines):
                return f"{next_line} beside {lines}"
    return ""


def i24_nobody_elses_member_leaves(site: PaperSite, step: Step) -> str:
    match step:
        case RemoveMember(name) if name == "stranger":
            return "a stranger is removed"
    return ""


def i23_nothing_restarts_beside_a_learner(site: PaperSite, step: Step) -> str:
    return "a learner is catching up" if isinstance(step, RestartMember) and moment(site).learners else ""


def i4_the_last_one_is_back_before_the_next(site: PaperSite, step: Step) -> str:
    """One thing at a time: whoever the run's last step restarted, started or promoted answers before another begins."""
    before = [each for event, each in site.notes[site.run_began :] if event == "done"]
    last = site.taken[-1] if before and site.taken and str(site.taken[-1]) == before[-1] else None
    match last:
        case RestartMember(name) | StartLearner(name) | PromoteLearner(name):
            moved: tuple[str, ...] = (name,)
        case StartMembers(names):
            moved = names
        case _:
            return ""
    silent = [name for name in moved if not answers(site, name)]
    return f"{silent} are not back from: {last}" if silent else ""


def i12_nobody_meets_an_ending_certificate(site: PaperSite, step: Step) -> str:
    if not isinstance(step, RestartMember | AddLearner | StartLearner | PromoteLearner | RemoveMember):
        return ""
    soon = site.clock.now() + timedelta(hours=24)
    leaves = isinstance(step, RemoveMember)  # who is given up himself is not renewed any more
    for entry in site.voters():
        if leaves and site.name_of(entry) not in site.wanted.names:
            continue
        for path, facts in (site.hosts[site.name_of(entry)].certificates if site.runs(entry) else {}).items():
            if facts.not_after < soon:
                return f"{path} of {site.name_of(entry)} ends {facts.not_after}"
    return ""


def i15_the_journal_knows_before_it_is_done(site: PaperSite, step: Step) -> str:
    mine = site.notes[site.run_began :]
    if not mine or mine[-1] != ("started", str(step)):
        return "nothing was noted before the call"
    open_ones = [each for place, each in enumerate(mine[:-1]) if each[0] == "started" and not is_closed(mine, place)]
    return f"{open_ones} have no result" if open_ones else ""


def is_closed(notes: list[tuple[str, str]], place: int) -> bool:
    return notes[place + 1][0] in ("done", "failed") and notes[place + 1][1] == notes[place][1]


def i21_files_are_what_that_release_reads_of_a_cluster_that_exists(site: PaperSite, step: Step) -> str:
    match step:
        case WriteFiles(files):
            texts = [
                (name, file.content.text)
                for name, each in files
                for file in each
                if file.path.endswith(".env") and isinstance(file.content, Text)
            ]
            found = (wrong_in(text, site) for _, text in texts)
            return next((why for why in found if why), "")
        case RestartMember(name) if site.memory.formed:
            host = site.hosts[name]
            same = without_initial(host.environment) == without_initial(environment_of(host))
            needless = same and host.runs == host.binary and "asked" not in step.because
            return f"{name} is restarted for nothing but how it once began" if needless else ""
    return ""


def without_initial(environment: tuple[tuple[str, str], ...]) -> set[tuple[str, str]]:
    return {pair for pair in environment if not pair[0].startswith(("ETCD_INITIAL_", "ETCD_DISCOVERY"))}


def wrong_in(text: str, site: PaperSite) -> str:
    lines = [line.partition("=") for line in text.splitlines() if line.startswith("ETCD_")]
    names = [name for name, _, _ in lines]
    version = site.wanted.version
    assert version is not None
    if twice := [name for name in names if names.count(name) > 1]:
        return f"{twice[0]} stands there twice"
    known = {name: name.removeprefix("ETCD_").lower().replace("_", "-") for name in names}
    if odd := [name for name, option in known.items() if not available(option, version)]:
        return f"etcd {version} does not know {odd[0]}"
    state = next((value.strip('"') for name, _, value in lines if name == "ETCD_INITIAL_CLUSTER_STATE"), "existing")
    return "a cluster that exists is told to begin anew" if state != "existing" else ""


STEPWISE: tuple[Callable[[PaperSite, Step], str], ...] = (
    i2_quorum_is_kept,
    i3_the_last_tolerance_is_kept,
    i4_the_last_one_is_back_before_the_next,
    i5_learner_first_and_alive,
    i7_no_old_identity_without_its_data,
    i8_nobody_healthy_leaves_while_another_is_down,
    i9_the_leader_hands_over_first,
    i12_nobody_meets_an_ending_certificate,
    i15_the_journal_knows_before_it_is_done,
    i19_versions_stay_neighbours,
    i21_files_are_what_that_release_reads_of_a_cluster_that_exists,
    i23_nothing_restarts_beside_a_learner,
    i24_nobody_elses_member_leaves,
)


def broken(site: PaperSite, step: Step, start: int) -> str:
    found = [f"{rule.__name__}: {why}" for rule in STEPWISE if (why := rule(site, step))]
    if why := i6_one_learner_and_one_member_more(site, step, start):
        found.append(f"i6: {why}")
    return "; ".join(found)
