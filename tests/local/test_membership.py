"""Members come, go, are replaced and move, on real local clusters, while somebody writes; cut off anywhere, resumed."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
from pathlib import Path

import pytest

from etcdpilot import pilot
from etcdpilot.model.events import Stale
from etcdpilot.model.plans import Plan
from etcdpilot.model.steps import RestartMember
from etcdpilot.planning import proof
from tests.etcd_versions import Etcd, all_versions
from tests.local.changing import EVERY_MOMENT, Cluster

pytestmark = [pytest.mark.local, pytest.mark.timeout(240)]

CLASSIC = [each for each in all_versions() if each.version in ("3.4.23", "3.5.30")]
NEWEST = all_versions()[-1:]


LONG = os.environ.get("ETCDPILOT_LONG") == "1"


@pytest.fixture(params=CLASSIC + NEWEST if LONG else NEWEST, ids=str)
def etcd(request: pytest.FixtureRequest) -> Etcd:
    return request.param


@pytest.fixture
def cluster(tmp_path: Path):
    """Its version is the newest that there is, unless a test starts it with another."""
    if not NEWEST:
        pytest.skip("no etcd on this machine; lab/binaries brings some")
    here = Cluster.at(tmp_path)
    yield here
    here.close()


def of(etcd: Etcd) -> tuple[str, str]:
    return ("--etcd", str(etcd.directory / "etcd"))


def test_a_cluster_grows_from_one_to_five_and_shrinks_to_one_under_a_writer(cluster: Cluster, etcd: Etcd):
    cluster.begin_with(1, *of(etcd))
    with cluster.under_load():
        cluster.add(1)
        cluster.add(2)
        assert cluster.states() == dict.fromkeys(("etcd-0", "etcd-1", "etcd-2"), "voting")
        cluster.name_members(0, 1, 2, 3, 4)
        cluster.run("apply", "--yes")
        assert list(cluster.states().values()) == ["voting"] * 5
        cluster.name_members(0, 1, 2)
        cluster.run("apply", "--yes", "--remove", "etcd-3", "--remove", "etcd-4")
        assert list(cluster.states().values()) == ["voting"] * 3
        cluster.run("member", "remove", "etcd-2", "--yes")
        cluster.run("member", "remove", "etcd-1", "--yes")
    cluster.is_settled("etcd-0")
    assert len(cluster.aside()) == 4


def test_all_three_members_are_exchanged_one_by_one_in_one_apply(cluster: Cluster, etcd: Etcd):
    cluster.begin_with(3, *of(etcd))
    cluster.name_members(3, 4, 5)
    gone = [word for name in ("etcd-0", "etcd-1", "etcd-2") for word in ("--remove", name)]
    with cluster.under_load() as seen:
        shown = cluster.run("apply", "--yes", *gone).out
    assert "5 voters" not in shown, "never more than one member larger than before"
    assert "tolerance 0" not in shown, "the last tolerance is never spent"
    assert seen["longest_gap"] < 2
    cluster.is_settled("etcd-3", "etcd-4", "etcd-5")


def test_several_changes_of_one_file_are_one_plan(cluster: Cluster):
    cluster.begin_with(3)
    cluster.name_members(0, 3, 2, 4)
    cluster.edit("etcd:\n", "etcd:\n  options: {max-txn-ops: 256}\n")
    with cluster.under_load():
        cluster.run("apply", "--yes", "--remove", "etcd-1")
    cluster.is_settled("etcd-0", "etcd-2", "etcd-3", "etcd-4")


def test_a_voter_that_only_the_file_dropped_is_not_given_up_by_yes(cluster: Cluster):
    cluster.begin_with(3)
    cluster.name_members(0, 1)
    refused = cluster.run("apply", "--yes", code=3).err
    assert "etcd-2 would leave the cluster" in refused and "--remove etcd-2" in refused
    assert len(cluster.members()) == 3


def test_the_leader_hands_over_before_it_is_removed(cluster: Cluster, etcd: Etcd):
    cluster.begin_with(3, *of(etcd))
    leader = cluster.leader()
    with cluster.under_load() as seen:
        shown = cluster.run("member", "remove", leader, "--yes").out
    assert 0 <= shown.rfind(f"hand the leadership of {leader}") < shown.rfind(f"remove {leader}"), shown
    left = cluster.rows()
    assert seen["longest_gap"] < 1
    cluster.is_settled(*left)


def test_a_dead_member_is_replaced_and_its_data_stays_aside(cluster: Cluster, etcd: Etcd):
    cluster.begin_with(3, *of(etcd))
    old = cluster.rows()["etcd-1"]["id"]
    cluster.kill("etcd-1")
    with cluster.under_load():
        cluster.run("member", "replace", "etcd-1", "--yes")
    assert cluster.rows()["etcd-1"]["id"] != old
    assert len(cluster.aside()) == 1
    cluster.is_settled("etcd-0", "etcd-1", "etcd-2")


def test_a_member_without_its_data_is_never_started_under_its_old_identity(cluster: Cluster, etcd: Etcd):
    cluster.begin_with(3, *of(etcd))
    cluster.kill("etcd-1")
    shutil.rmtree(cluster.state / "members" / "etcd-1" / "data")
    refused = cluster.run("apply", "--yes", code=3).err
    assert "The data of etcd-1" in refused and "etcdpilot member replace etcd-1" in refused
    assert sorted(cluster.members()) == ["etcd-0", "etcd-2"]
    with cluster.under_load():
        cluster.run("member", "replace", "etcd-1", "--yes")
    cluster.is_settled("etcd-0", "etcd-1", "etcd-2")


def test_a_live_member_is_replaced_where_it_stands_only_when_that_is_said(cluster: Cluster):
    cluster.begin_with(3)
    before = cluster.file.read_text()
    refused = cluster.run("member", "replace", "etcd-1", "--yes", code=3).err
    assert "etcd-1 is alive" in refused and "--allow-thin" in refused
    assert cluster.file.read_text() == before
    with cluster.under_load():
        cluster.run("member", "replace", "etcd-1", "--yes", "--allow-thin")
    assert len(cluster.aside()) == 1
    cluster.is_settled("etcd-0", "etcd-1", "etcd-2")


def test_a_live_member_is_replaced_on_other_ports(cluster: Cluster):
    cluster.begin_with(3)
    old = cluster.rows()["etcd-1"]["id"]
    client, peer = cluster.ports[5]
    cluster.edit(cluster.line(1), f'  - {{name: etcd-1, client-port: {client}, peer-port: {peer}, retire: "{old}"}}')
    cluster.run("apply", "--yes", code=3)
    with cluster.under_load():
        cluster.run("apply", "--yes", "--allow-thin")
    assert cluster.rows()["etcd-1"]["id"] != old
    cluster.is_settled("etcd-0", "etcd-1", "etcd-2")


@pytest.mark.parametrize("which", ["peer", "client", "both"])
def test_a_member_moves_to_other_ports_and_stays_who_it_is(cluster: Cluster, etcd: Etcd, which: str):
    cluster.begin_with(3, *of(etcd))
    row = cluster.rows()["etcd-1"]
    (old_client, old_peer), (new_client, new_peer) = cluster.ports[1], cluster.ports[5]
    client = new_client if which in ("client", "both") else old_client
    peer = new_peer if which in ("peer", "both") else old_peer
    cluster.edit(cluster.line(1), f"  - {{name: etcd-1, client-port: {client}, peer-port: {peer}}}")
    with cluster.under_load() as seen:
        cluster.run("apply", "--yes")
    now = cluster.rows()["etcd-1"]
    assert now["id"] == row["id"]
    assert now["peer_urls"] == [f"https://127.0.0.1:{peer}"] and now["client_urls"] == [f"https://127.0.0.1:{client}"]
    assert seen["longest_gap"] < 2
    cluster.is_settled("etcd-0", "etcd-1", "etcd-2")


def test_a_member_that_is_down_moves_too_and_the_others_are_told_before_it_starts(cluster: Cluster):
    """As a machine does that comes back with another address and its old disk."""
    cluster.begin_with(3)
    row = cluster.rows()["etcd-1"]
    cluster.kill("etcd-1")
    client, peer = cluster.ports[5]
    cluster.edit(cluster.line(1), f"  - {{name: etcd-1, client-port: {client}, peer-port: {peer}}}")
    with cluster.under_load():
        cluster.run("apply", "--yes")
    now = cluster.rows()["etcd-1"]
    assert now["id"] == row["id"] and now["peer_urls"] == [f"https://127.0.0.1:{peer}"]
    cluster.is_settled("etcd-0", "etcd-1", "etcd-2")


def test_a_learner_that_a_cut_off_run_left_is_promoted(cluster: Cluster):
    cluster.begin_with(3)
    client, peer = cluster.ports[3]
    cut = cluster.dying(
        "before:8", "member", "add", "etcd-3", "--client-port", str(client), "--peer-port", str(peer), "--yes"
    )
    assert cut.code == -9 and cluster.states()["etcd-3"] == "learning"
    cluster.run("member", "promote", "--yes")
    cluster.is_settled("etcd-0", "etcd-1", "etcd-2", "etcd-3")


def test_a_learner_that_is_not_wanted_any_more_leaves(cluster: Cluster):
    cluster.begin_with(3)
    client, peer = cluster.ports[3]
    for moment in ("before:6", "before:2"):  # registered and never started; and started
        cluster.dying(
            moment, "member", "add", "etcd-3", "--client-port", str(client), "--peer-port", str(peer), "--yes"
        )
    assert cluster.states()["etcd-3"] in ("added", "learning")
    cluster.run("member", "remove", "etcd-3", "--yes")
    cluster.is_settled("etcd-0", "etcd-1", "etcd-2")


def test_an_option_is_changed_member_by_member_with_the_leader_last(cluster: Cluster, etcd: Etcd):
    cluster.begin_with(3, *of(etcd))
    leader = cluster.leader()
    cluster.edit("etcd:\n", "etcd:\n  options: {max-txn-ops: 256}\n")
    with cluster.under_load() as seen:
        cluster.run("apply", "--yes")
    restarts = [entry["step"] for entry in cluster.journal() if entry["step"].startswith("restart")]
    assert restarts[-1].startswith(f"restart {leader},") and len(restarts) == 6
    assert seen["longest_gap"] < 2
    cluster.is_settled("etcd-0", "etcd-1", "etcd-2")


CHANGES = {
    "add": ("member", "add", "etcd-3", "--yes"),
    "remove": ("member", "remove", "etcd-1", "--yes"),
    "replace": ("member", "replace", "etcd-1", "--yes"),
    "option": ("apply", "--yes"),
    "restart": ("restart", "--yes"),
    "move": ("apply", "--yes"),
    "swap": ("apply", "--yes", "--remove", "etcd-0", "--remove", "etcd-1", "--remove", "etcd-2"),
}


@pytest.mark.parametrize("change", [each for each in CHANGES if LONG or each not in ("restart", "swap")])
def test_whatever_step_a_change_is_cut_off_at_the_same_command_finishes_it(cluster: Cluster, change: str):
    """SIGKILL when a step is noted, when it is under way, and when it is done and not noted: for every step."""
    cluster.begin_with(3)
    names, more = ["etcd-0", "etcd-1", "etcd-2"], ()
    match change:
        case "add":
            names.append("etcd-3")
            client, peer = cluster.ports[3]
            more = ("--client-port", str(client), "--peer-port", str(peer))
        case "remove":
            names.remove("etcd-1")
        case "replace":
            cluster.kill("etcd-1")
        case "option":
            cluster.edit("etcd:\n", "etcd:\n  options: {max-txn-ops: 256}\n")
        case "move":
            client, peer = cluster.ports[5]
            cluster.edit(cluster.line(1), f"  - {{name: etcd-1, client-port: {client}, peer-port: {peer}}}")
        case "swap":
            cluster.name_members(3, 4, 5)
            names = ["etcd-3", "etcd-4", "etcd-5"]
    with cluster.under_load():
        # A member that is replaced already, and alive, is not replaced again without a word.
        again = ("apply", "--yes") if change == "replace" else ()
        moments = ("before:2",) if change == "swap" else EVERY_MOMENT if LONG else ("after:1",)
        cluster.in_pieces(*CHANGES[change], *more, again=again, moments=moments)
    cluster.is_settled(*names)


def test_a_member_that_does_not_come_up_with_a_change_gets_back_what_it_had_and_the_run_stops(
    cluster: Cluster, etcd: Etcd
):
    cluster.begin_with(3, *of(etcd))
    before, processes = cluster.file.read_text(), cluster.members()
    scripts = {path: path.read_bytes() for path in cluster.state.glob("members/*/run")}
    # An address of nobody's: etcd finds out when it starts.
    cluster.edit("etcd:\n", "etcd:\n  options: {listen-metrics-urls: 'http://198.51.100.1:9'}\n")
    for _ in range(2):  # and again, from the very same state
        failed = cluster.run("apply", "--yes", code=6).err
        assert "did not come up with what was changed. It has what it had before, and answers again" in failed, failed
        assert "198.51.100.1" in failed, "the cause that etcd gave"
        assert set(cluster.states().values()) == {"voting"}
        assert {path: path.read_bytes() for path in scripts} == scripts
    others = [name for name, pid in cluster.members().items() if processes[name] == pid]
    assert len(others) == 2, "one member was tried, the others never touched"
    cluster.file.write_text(before)
    cluster.is_settled("etcd-0", "etcd-1", "etcd-2")


def test_a_member_that_nobody_here_created_is_never_removed(cluster: Cluster):
    cluster.begin_with(3)
    _, peer = cluster.ports[6]
    words = ("ctl", "--", "member", "add", "stranger", "--learner", f"--peer-urls=https://127.0.0.1:{peer}")
    while cluster.run(*words, code=None).code:  # a young cluster answers `unhealthy cluster` for five seconds
        pass
    refused = cluster.run("apply", "--yes", code=3).err
    assert "nobody here created it" in refused and "etcdpilot ctl -- member remove" in refused
    listed = cluster.run("ctl", "--", "member", "list").out
    assert str(peer) in listed


def test_nothing_is_added_while_a_voter_is_down_that_would_leave_no_quorum(cluster: Cluster):
    cluster.begin_with(2)
    cluster.kill("etcd-1")
    shutil.rmtree(cluster.state / "members" / "etcd-1" / "data")
    refused = cluster.run("member", "replace", "etcd-1", "--yes", code=3).err
    assert "Nobody can commit it" in refused and "1 of 2 voters answer, 2 are needed" in refused


def test_a_removal_that_would_lose_quorum_is_refused(cluster: Cluster):
    cluster.begin_with(3)
    cluster.kill("etcd-1")
    shutil.rmtree(cluster.state / "members" / "etcd-1" / "data")
    before = cluster.file.read_text()
    refused = cluster.run("member", "remove", "etcd-2", "--yes", code=3).err
    assert "etcd-1" in refused
    assert cluster.file.read_text() == before and len(cluster.members()) == 2


def test_an_even_number_of_members_is_warned_of(cluster: Cluster):
    cluster.begin_with(1)
    assert "two members tolerate no failure" in cluster.add(1).out


def test_a_data_directory_with_somebody_elses_files_is_not_taken(cluster: Cluster):
    cluster.begin_with(1)
    data = cluster.state / "members" / "etcd-1" / "data"
    data.mkdir(parents=True)
    (data / "letters.txt").write_text("dear diary")
    cluster.name_members(0, 1)
    refused = cluster.run("apply", "--yes", code=3).err
    assert "holds files that are not etcd's" in refused
    assert (data / "letters.txt").read_text() == "dear diary"


def test_data_of_another_cluster_on_a_new_members_place_is_moved_aside_never_deleted(cluster: Cluster):
    cluster.begin_with(3)
    cluster.run("member", "remove", "etcd-2", "--yes")
    first = cluster.aside()
    cluster.add(2)
    assert cluster.aside() == first
    cluster.is_settled("etcd-0", "etcd-1", "etcd-2")


def test_what_restart_and_move_leader_do_is_in_the_journal_with_who_did_it(cluster: Cluster):
    cluster.begin_with(3)
    leader = cluster.leader()
    with cluster.under_load() as seen:
        cluster.run("restart", "--yes")
    assert cluster.leader() != leader
    assert seen["longest_gap"] < 2
    to = next(name for name in cluster.states() if name != cluster.leader())
    cluster.run("member", "move-leader", to)
    assert cluster.leader() == to
    told = cluster.run("journal").out
    assert "restart etcd-0" in told and f"to {to}" in told


def test_who_leads_when_its_turn_comes_hands_over_whatever_the_plan_took_for_granted(cluster: Cluster):
    """As when an election comes between the plan and this step of it."""
    cluster.begin_with(3)
    leader = cluster.leader()
    asyncio.run(restart_alone(cluster, leader))
    assert cluster.leader() != leader
    said = (cluster.state / "members" / leader / "etcd.log").read_text()
    assert "skipped leadership transfer; local server is not leader" in said, "it led no more when it was stopped"


async def restart_alone(cluster: Cluster, name: str) -> None:
    wanted, _ = pilot.read_file(cluster.file)
    async with pilot.opened(wanted, cluster.state) as site:
        start = (await pilot.look(site, pilot.settle_identity(site))).membership
        steps = tuple(proof.fenced((RestartMember(name, "the test wants it"),), start))
        async for event in pilot.apply(site, Plan(wanted.name, start, steps)):
            assert not isinstance(event, Stale), event


@pytest.mark.skipif(not LONG, reason="the long form (ETCDPILOT_LONG=1) copies 600 MB")
def test_a_learner_that_copies_much_tells_how_far_it_is_in_events_that_programs_read(cluster: Cluster):
    cluster.begin_with(1)
    asyncio.run(filled(cluster, 600))
    client, peer = cluster.ports[1]
    ports = ("--client-port", str(client), "--peer-port", str(peer))
    said = cluster.run("member", "add", "etcd-1", *ports, "--yes", "--events").out
    events = [json.loads(line) for line in said.splitlines() if line.startswith('{"event"')]
    kinds = [event["event"] for event in events]
    assert kinds[0] == "planned" and {"started", "waiting", "done"} <= set(kinds)
    told = [event["on"] for event in events if event["event"] == "waiting" and " MiB " in event["on"]]
    assert told and all(re.search(r"\(\d+\.\d of \d+\.\d MiB copied\)", each) for each in told), kinds
    cluster.is_settled("etcd-0", "etcd-1")


async def filled(cluster: Cluster, megabytes: int) -> None:
    wanted, _ = pilot.read_file(cluster.file)
    async with pilot.opened(wanted, cluster.state) as site:
        for number in range(megabytes):
            await site.door.client().kv.put(f"/much/{number}", os.urandom(1_000_000), timeout=30)
