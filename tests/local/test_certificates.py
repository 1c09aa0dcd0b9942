"""Certificates of a running cluster: renewed, their authorities rotated, rescued when all have ended; cut off anywhere."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from etcdpilot.model.handshakes import HandshakeOutcome
from etcdpilot.pki.reading import read_certificate
from etcdpilot.stores.state import StateFolder
from tests.certificate_eyes import CLIENT, PEER, ended, everywhere, old_authorities, repeated_at_most, retired
from tests.etcd_versions import all_versions
from tests.local.changing import EVERY_MOMENT, KILLED, Cluster

pytestmark = [pytest.mark.local, pytest.mark.timeout(1800 if os.environ.get("ETCDPILOT_LONG") == "1" else 240)]

LONG = os.environ.get("ETCDPILOT_LONG") == "1"
in_the_long_run = pytest.mark.skipif(not LONG, reason="ETCDPILOT_LONG=1 has the long form of certificates")
ACCEPTED = {HandshakeOutcome.ACCEPTED}
REFUSED = {HandshakeOutcome.CLIENT_OF_ANOTHER_AUTHORITY}
NAMES = ("etcd-0", "etcd-1", "etcd-2")


class Certified(Cluster):
    def listeners(self) -> list[tuple[str, str]]:
        pairs = self.ports[:3]
        return [
            (name, f"https://127.0.0.1:{port}")
            for name, port in (each for client, peer in pairs for each in ((CLIENT, client), (PEER, peer)))
        ]

    def current(self, name: str) -> Path:
        return self.state / "authorities" / name

    def lets_in(self, stem_of: Any) -> set[HandshakeOutcome]:
        return everywhere(self.listeners(), stem_of, self.state, self.path)

    def old_is_refused(self) -> None:
        assert self.lets_in(lambda name: retired(self.state, name)) == REFUSED
        assert self.lets_in(self.current) == ACCEPTED

    def tls(self, member: str) -> Path:
        return self.state / "members" / member / "tls"

    def leaves(self) -> dict[str, str]:
        paths = (self.tls(member) / f"{role}.crt" for member in NAMES for role in ("server", "peer"))
        return {str(path): read_certificate(path.read_bytes()).fingerprint for path in paths}

    def let_all_end(self) -> None:
        """Every leaf, and the operator's, ended two days ago; and nobody has a connection from before."""
        state = StateFolder(self.state)
        for member in NAMES:
            for role, authority in (("server", CLIENT), ("peer", PEER)):
                path = self.tls(member) / f"{role}.crt"
                certificate, key = ended(state, path.read_bytes(), authority)
                path.with_suffix(".key").write_bytes(key)
                path.write_bytes(certificate)
        pair = state.operator()
        assert pair is not None
        certificate, key = ended(state, pair.certificate.encode(), CLIENT)
        (self.state / "client.key").write_bytes(key)
        (self.state / "client.crt").write_bytes(certificate)

    def is_dark(self) -> None:
        for name in self.members():
            self.kill(name)
        for member in NAMES:
            os.spawnlp(os.P_WAIT, "sh", "sh", "-c", f"{self.state}/members/{member}/run >/dev/null 2>&1 </dev/null &")
        while len(self.members()) < 3:
            pass
        assert self.run("health", code=1).out == "" or "healthy, proved" not in self.run("health", code=1).out

    def until_finished(self, moments: tuple[str, ...], *verb: str) -> None:
        """Killed at each of these moments, one run after the other, then run to its end."""
        for moment in moments:
            ended_ = self.dying(moment, *verb)
            assert ended_.code in (KILLED, 0), f"{moment}: {ended_.code}\n{ended_.out}\n{ended_.err}"
        self.run(*verb)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Certified]:
    if not all_versions():
        pytest.skip("no etcd on this machine; lab/binaries brings some")
    here = Certified.at(tmp_path)
    yield here
    here.destroy()


@in_the_long_run
def test_leaves_are_renewed_and_shown_without_a_restart(cluster: Certified):
    cluster.begin_with(3)
    before, processes = cluster.leaves(), cluster.members()
    with cluster.under_load() as seen:
        cluster.run("pki", "renew", "--yes")
    repeated_at_most(0, seen)
    assert cluster.members() == processes
    after = cluster.leaves()
    assert set(after) == set(before) and not set(after.values()) & set(before.values())
    report = cluster.run("pki", "status", "-o", "json").document
    shown = [row["shown"] for row in report["certificates"] if row["purpose"] in ("server", "peer")]
    assert shown == [True] * 6
    cluster.is_settled(*NAMES)


@in_the_long_run
def test_authorities_are_rotated_under_a_writer_and_the_old_ones_are_refused_by_every_listener(cluster: Certified):
    cluster.begin_with(3)
    with cluster.under_load() as seen:
        cluster.run("pki", "rotate-ca", "--yes")
    repeated_at_most(1, seen)
    cluster.old_is_refused()
    assert "nothing is due" in cluster.run("pki", "status").out
    cluster.is_settled(*NAMES)


def test_a_rotation_that_is_cut_off_is_finished_by_the_same_command(cluster: Certified):
    """In the long run at every boundary of every step; else where a host is changed and its member not yet restarted,
    between two phases, and when the old one is put aside."""
    cluster.begin_with(3)
    rotate = ("pki", "rotate-ca", "--yes")
    if LONG:
        cluster.in_pieces(*rotate, moments=EVERY_MOMENT)
    else:
        cluster.until_finished(("after:3+0.02", "before:6", "after:1", "before:13", "before:6", "after:9"), *rotate)
    cluster.old_is_refused()
    assert cluster.run("pki", "status").code == 0
    cluster.is_settled(*NAMES)


@in_the_long_run
def test_a_rotation_stops_after_each_phase_so_that_clients_can_follow(cluster: Certified):
    cluster.begin_with(3)
    cluster.run("pki", "client", "app", "--out", str(cluster.path / "app"))
    old = {name: cluster.path / f"old-{name}" for name in (CLIENT, PEER)}
    for name, copy in old.items():
        for suffix in ("crt", "key"):
            shutil.copy(f"{cluster.current(name)}.{suffix}", f"{copy}.{suffix}")

    said = cluster.run("pki", "rotate-ca", "--until", "trusted", "--yes").out
    assert "Every member trusts both authorities" in said
    assert (cluster.state / "ca.crt").read_bytes().count(b"BEGIN CERTIFICATE") == 2
    assert cluster.run("pki", "status", code=1).out.count("under way") == 1
    assert "Nothing to do" in cluster.run("apply", "--yes").out
    new = cluster.state / "authorities" / "next"
    assert cluster.lets_in(lambda name: old[name]) == cluster.lets_in(lambda name: new / name) == ACCEPTED

    before, processes = cluster.leaves(), cluster.members()
    cluster.run("pki", "rotate-ca", "--until", "issued", "--yes")
    assert not set(cluster.leaves().values()) & set(before.values())
    assert cluster.members() == processes
    assert "was signed by the old authority" in cluster.run("pki", "status", code=1).out
    cluster.run("pki", "client", "app", "--out", str(cluster.path / "app"))
    assert "was signed by the old authority" not in cluster.run("pki", "status", code=1).out

    cluster.run("pki", "rotate-ca", "--yes")
    cluster.old_is_refused()
    assert cluster.lets_in(lambda name: old[name]) == REFUSED
    assert "nothing is due" in cluster.run("pki", "status").out
    cluster.is_settled(*NAMES)


@in_the_long_run
def test_a_cluster_whose_certificates_have_all_ended_is_brought_back_by_one_command(cluster: Certified):
    old_authorities(StateFolder(cluster.state))
    cluster.begin_with(3)
    cluster.let_all_end()
    cluster.is_dark()
    assert "ended" in cluster.run("pki", "status", code=1).out
    moments = EVERY_MOMENT if LONG else ("before:6",)
    if LONG:
        cluster.in_pieces("pki", "rescue", "--yes", moments=moments)
    else:
        cluster.until_finished(moments, "pki", "rescue", "--yes")
    cluster.run("pki", "status")
    cluster.is_settled(*NAMES)


@in_the_long_run
def test_with_an_authority_that_has_ended_too_the_rescue_makes_a_new_one(cluster: Certified):
    state = StateFolder(cluster.state)
    old_authorities(state)
    cluster.begin_with(3)
    cluster.let_all_end()
    for name in (CLIENT, PEER):
        (cluster.state / "authorities" / f"{name}.crt").unlink()
    old_authorities(state, days=40, hours=24 * 39)
    for member in NAMES:
        for name in (CLIENT, PEER):
            shutil.copy(cluster.current(name).with_suffix(".crt"), cluster.tls(member) / f"{name}.crt")
    cluster.is_dark()
    said = cluster.run("pki", "rescue", "--yes", code=3)
    assert "pki rescue --new-ca" in said.out + said.err
    cluster.until_finished(("before:4", "after:5"), "pki", "rescue", "--new-ca", "--yes")
    cluster.run("pki", "status")
    assert cluster.lets_in(cluster.current) == ACCEPTED
    cluster.is_settled(*NAMES)


def test_a_cluster_whose_state_folder_is_lost_is_taken_over_with_new_authorities(cluster: Certified):
    cluster.begin_with(3)
    token = StateFolder(cluster.state).identity()
    for path in cluster.state.iterdir():
        if path.is_file() and path.name != "cluster.yaml":
            path.unlink()
    shutil.rmtree(cluster.state / "authorities")
    said = cluster.run("apply", "--yes", code=3)
    assert "pki rescue --new-ca" in said.out + said.err
    cluster.run("pki", "rescue", "--new-ca", "--yes")
    assert StateFolder(cluster.state).identity() == token
    cluster.is_settled(*NAMES)


@in_the_long_run
def test_nobody_is_restarted_while_certificates_are_ending_and_an_apply_renews_them_first(cluster: Certified):
    old_authorities(StateFolder(cluster.state))
    cluster.begin_with(3)
    cluster.run("apply", "--yes")
    state, processes = StateFolder(cluster.state), cluster.members()
    path = cluster.tls("etcd-1") / "peer.crt"
    certificate, key = ended(state, path.read_bytes(), PEER)
    path.with_suffix(".key").write_bytes(key)
    path.write_bytes(certificate)
    refused = cluster.run("restart", "--yes", code=3)
    assert "pki renew" in refused.out + refused.err
    assert cluster.members() == processes
    cluster.edit("etcd:\n", "etcd:\n  options: {max-txn-ops: 256}\n")
    steps = [line for line in cluster.run("apply", "--yes").out.splitlines() if "✓" in line]
    assert "peer.crt" in steps[0] and "restart" not in steps[0]
    assert all(pid != processes[name] for name, pid in cluster.members().items())
    assert read_certificate(path.read_bytes()).not_after > datetime.now(UTC) + timedelta(days=300)
    cluster.is_settled(*NAMES)


def test_a_rescue_leaves_a_cluster_that_answers_alone(cluster: Certified):
    cluster.begin_with(1)
    processes = cluster.members()
    assert "Nothing to do" in cluster.run("pki", "rescue", "--yes").out
    refused = cluster.run("pki", "rescue", "--new-ca", "--yes", code=3)
    assert "rotate-ca" in refused.out + refused.err
    assert cluster.members() == processes


def test_a_client_gets_its_files_and_only_files_of_our_own_are_written_over(cluster: Certified):
    cluster.begin_with(1)
    out = cluster.path / "there"
    cluster.run("pki", "client", "billing", "--cn", "billing-writer", "--subject", "O=shop", "--out", str(out))
    assert sorted(path.name for path in out.iterdir()) == ["billing.crt", "billing.key", "ca.crt"]
    assert stat.S_IMODE((out / "billing.key").stat().st_mode) == 0o600
    facts = read_certificate((out / "billing.crt").read_bytes())
    assert facts.subject == (("O", "shop"), ("CN", "billing-writer")) and facts.extended_usages == ("client auth",)
    url = f"https://127.0.0.1:{cluster.ports[0][0]}"
    flags = ("--endpoints", url, "--cacert", str(out / "ca.crt"), "--cert", str(out / "billing.crt"))
    cluster.run("status", *flags, "--key", str(out / "billing.key"))
    cluster.run("pki", "client", "billing", "--out", str(out))  # again: that is how it is renewed
    strangers = out / "other.crt"
    strangers.write_text("somebody else's")
    refused = cluster.run("pki", "client", "other", "--out", str(out), code=3)
    assert "--force" in refused.err and strangers.read_text() == "somebody else's"
    for words in (("../up",), ("x", "--subject", "CN=root"), ("x", "--cn", "y" * 65)):
        assert cluster.run("pki", "client", *words, "--out", str(out), code=2).err
    assert "billing" in cluster.run("pki", "status").out
