"""Certificates on real hosts: renewed and rotated under a writer and a watcher, cut off anywhere, rescued when dark."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from etcdpilot.model.handshakes import HandshakeOutcome
from etcdpilot.stores.state import StateFolder
from etcdpilot.testing.dying import last_begun, later
from etcdpilot.testing.load import Beside
from lab import Lab
from lab.probes import until
from tests.certificate_eyes import CLIENT, PEER, ended, everywhere, old_authorities, repeated_at_most, retired
from tests.hosts.site import Site, pid

LONG = os.environ.get("ETCDPILOT_LONG") == "1"
in_the_long_run = pytest.mark.skipif(not LONG, reason="ETCDPILOT_LONG=1 has the long form of certificates")
pytestmark = pytest.mark.timeout(3600 if LONG else 400)
ROTATE = ("pki", "rotate-ca", "--yes")
MOMENTS = ("after:1", "after:1+0.05", "before:2")  # of the first step that is left: begun, in the middle, done
MOST_RUNS = 60
TLS = "/etc/etcd/tls"


@pytest.fixture(scope="module")
def prod(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """One cluster for this whole file; each test leaves it well. Its authorities are older than it is, so that a
    certificate of theirs can have ended."""
    lab.clean(3)
    site = Site(lab, tmp_path_factory.mktemp("prod")).init()
    old_authorities(StateFolder(site.state))
    site.apply()
    site.ctl("put", "kept", "through everything")
    return site


def urls(site: Site) -> list[tuple[str, str]]:
    ports = ((CLIENT, 2379), (PEER, 2380))
    return [(name, f"https://{host.address}:{port}") for host in site.lab.hosts for name, port in ports]


def old_is_refused(site: Site, folder: Path) -> None:
    """By every listener, of clients and of peers; and the new one is let in by each."""
    with site.lab.inside_controller():
        old = everywhere(urls(site), lambda name: retired(site.state, name), site.state, folder)
        new = everywhere(urls(site), lambda name: site.state / "authorities" / name, site.state, folder)
    assert old == {HandshakeOutcome.CLIENT_OF_ANOTHER_AUTHORITY}
    assert new == {HandshakeOutcome.ACCEPTED}


def is_well(site: Site) -> None:
    assert site.settled() and site.healthy()
    assert site.ctl("get", "kept", "--print-value-only") == "through everything\n"
    assert "nothing is due" in site.run("pki", "status").stdout


@contextmanager
def under_load(site: Site, into: Path) -> Iterator[dict[str, Any]]:
    """200 writes a second, each attempt with a second, and a watcher: nothing lost, nothing doubled, in order."""
    endpoints = [f"https://{host.address}:2379" for host in site.lab.hosts]
    beside = Beside(endpoints, into, keys=site.state, rate=200)
    beside.begin(lambda command: subprocess.Popen(site.lab.controller_argv(command)))
    seen: dict[str, Any] = {}
    try:
        yield seen
        seen |= beside.end()
    finally:
        beside.kill()
    print({name: value for name, value in seen.items() if value})
    for wrong in ("lost", "not_watched", "watched_twice", "out_of_order"):
        assert seen[wrong] == [], seen
    assert seen["given_up"] == 0


def a_day_passes(site: Site) -> None:
    """Since the last rotation: within a day of it another one is asked for aloud."""
    noted = site.state / "rotation.json"
    if noted.exists():
        document = json.loads(noted.read_text())
        noted.write_text(json.dumps(document | {"ended": "2020-01-01T00:00:00+00:00"}))


def processes(site: Site) -> list[str]:
    return [pid(host) for host in site.lab.hosts]


def test_leaves_are_renewed_under_a_writer_without_a_restart_and_without_a_repeat(prod: Site, tmp_path: Path):
    before, fingerprints = processes(prod), shown(prod)
    with under_load(prod, tmp_path / "load.json") as seen:
        prod.run("pki", "renew", "--yes")
    repeated_at_most(1, seen)
    assert processes(prod) == before
    assert not set(shown(prod)) & set(fingerprints)
    is_well(prod)


def shown(site: Site) -> list[str]:
    """Fingerprints of what listeners show; every one of them shows what lies on the disk."""
    rows: list[dict[str, Any]] = []

    def all_were_asked() -> bool:
        said = site.says("pki", "status")["certificates"]
        rows[:] = [row for row in said if row["purpose"] in ("server", "peer")]
        return None not in [row["shown"] for row in rows]

    assert until(all_were_asked, 60)
    assert [row["shown"] for row in rows] == [True] * 6
    return [row["fingerprint"] for row in rows]


@in_the_long_run
def test_authorities_are_rotated_under_a_writer_and_the_old_ones_are_refused_by_every_listener(
    prod: Site, tmp_path: Path
):
    a_day_passes(prod)
    with under_load(prod, tmp_path / "load.json") as seen:
        prod.run(*ROTATE)
    repeated_at_most(1, seen)
    old_is_refused(prod, tmp_path)
    is_well(prod)


def test_a_rotation_whose_controller_is_killed_is_finished_by_the_same_command(prod: Site, tmp_path: Path):
    """In the long run at each boundary of each step. Else: in the middle of a new authority; with a host's files changed
    and its member not restarted; when the new one has begun to sign; and when the old one is put aside."""
    a_day_passes(prod)
    with under_load(prod, tmp_path / "load.json") as seen:
        if LONG:
            assert runs_until_it_is_through(prod) > 15
        else:
            for moment in ("after:3+0.05", "before:6", "before:13", "before:20"):
                killed(prod, moment)
            prod.run(*ROTATE)
    repeated_at_most(2, seen)  # who was caught between two lives costs one more
    old_is_refused(prod, tmp_path)
    is_well(prod)


def runs_until_it_is_through(site: Site) -> int:
    """Cut off at one step after the other; one that was cut off before at the same moment is left behind."""
    further, cut = 0, set[tuple[str, str]]()
    for run in range(1, MOST_RUNS):
        here = set[tuple[str, str]]()
        for moment in MOMENTS:
            if not killed(site, later(moment, 2 * further)):
                return run
            here.add((moment, last_begun(site.state / "journal.jsonl")))
        further = 0 if here - cut else further + 1
        cut |= here
    raise AssertionError("it does not come to an end")


def killed(site: Site, moment: str) -> bool:
    """Whether it was; else it had nothing left to do. Quorum holds whatever it was killed in."""
    done = site.dying(moment, *ROTATE)
    assert done.returncode in (0, -signal.SIGKILL), f"{moment}: {done.returncode}\n{done.stdout}{done.stderr}"
    site.forget_the_dead()
    assert site.says("status")["cluster"]["tolerance"] >= 0
    return done.returncode != 0


def test_a_cluster_whose_certificates_have_all_ended_is_dark_and_one_command_brings_it_back(prod: Site):
    """Rotated authorities are new ones, so the old ones take their place once more: what they signed can have ended."""
    let_all_end(prod)
    for host in prod.lab.hosts:
        host.run("systemctl restart --no-block etcd")
    assert until(lambda: not prod.healthy())
    assert "ended on" in prod.run("pki", "status", code=1).stdout
    prod.run("pki", "rescue", "--yes")
    is_well(prod)


def let_all_end(site: Site) -> None:
    state = StateFolder(site.state)
    for name in (CLIENT, PEER):
        (site.state / "authorities" / f"{name}.crt").unlink()
    old_authorities(state)
    for host in site.lab.hosts:
        for role, authority in (("server", CLIENT), ("peer", PEER)):
            certificate, key = ended(state, host.read(f"{TLS}/{role}.crt").encode(), authority)
            put(host, f"{TLS}/{role}.key", key)
            put(host, f"{TLS}/{role}.crt", certificate)
            put(host, f"{TLS}/{authority}.crt", (site.state / "authorities" / f"{authority}.crt").read_bytes())
    pair = state.operator()
    assert pair is not None
    certificate, key = ended(state, pair.certificate.encode(), CLIENT)
    (site.state / "client.key").write_bytes(key)
    (site.state / "client.crt").write_bytes(certificate)
    (site.state / "ca.crt").write_bytes((site.state / "authorities" / f"{CLIENT}.crt").read_bytes())


def put(host: Any, path: str, data: bytes) -> None:
    """The same file with other contents: its owner and mode stay."""
    host.run(f"cat >{path} <<'END'\n{data.decode()}END\n")


@in_the_long_run
def test_with_the_state_folder_lost_the_clusters_name_is_said_and_new_authorities_take_over(prod: Site, tmp_path: Path):
    second = Site(prod.lab, tmp_path / "second").write(prod.file.read_text())
    refused = second.apply(code=3)
    assert "pki rescue --new-ca" in refused
    before = processes(prod)
    assert "--yes-i-mean prod" in second.run("pki", "rescue", "--new-ca", "--yes", code=3).stderr
    assert processes(prod) == before
    second.run("pki", "rescue", "--new-ca", "--yes-i-mean", "prod")
    is_well(second)
    with prod.lab.inside_controller():
        old = everywhere(urls(prod), lambda name: prod.state / "authorities" / name, second.state, tmp_path)
    assert old == {HandshakeOutcome.CLIENT_OF_ANOTHER_AUTHORITY}
