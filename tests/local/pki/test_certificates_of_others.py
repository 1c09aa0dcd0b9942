"""Real clusters on certificates that somebody else makes or signs: files, requests, a signer, keys under a passphrase."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from etcdpilot.pki.authority import CLOCK_TOLERANCE
from etcdpilot.pki.reading import chain, key_matches, request_facts
from tests.etcd_versions import Etcd, usual_lines
from tests.local.changing import Cluster, known_ports
from tests.outside_ca import OutsideCa

pytestmark = [pytest.mark.local, pytest.mark.timeout(180)]
LINES = usual_lines()
long_run = pytest.mark.skipif(os.environ.get("ETCDPILOT_LONG") != "1", reason="the long run, ETCDPILOT_LONG=1")
NAMES = ("a", "b", "c")
LOOPBACK = ("127.0.0.1", "localhost")
GIVEN = """  given:
    server-cert: pki/{name}.crt
    server-key: pki/{name}.key
    client-ca: pki/CA
    operator-cert: pki/user.crt
    operator-key: pki/user.key
"""


class Corporate(Cluster):
    """A cluster of one file beside the folder `pki` of somebody else's authority."""

    name = "corp"

    @property
    def state(self) -> Path:
        return self.path / ".etcdpilot" / "corp"

    @property
    def file(self) -> Path:
        return self.path / "cluster.yaml"

    def write(self, etcd: Etcd, tls: str, *names: str) -> OutsideCa:
        if not self.file.exists():
            self.ports = known_ports()
        lines = [
            f"  - {{name: {name}, client-port: {client}, peer-port: {peer}}}"
            for name, (client, peer) in zip(names or NAMES, self.ports, strict=False)
        ]
        source = f"etcd: {{version: {etcd.version}, source: {{directory: {etcd.directory}}}}}"
        self.file.write_text(
            "\n".join(["name: corp", source, "hosts: {kind: local}", "tls:", tls.rstrip("\n"), "members:", *lines])
            + "\n"
        )
        return (
            OutsideCa.make(self.path / "pki") if not (self.path / "pki").exists() else OutsideCa.load(self.path / "pki")
        )

    def is_healthy(self) -> bool:
        return "healthy, proved" in self.run("health", code=None).out

    def has_nothing_to_do(self) -> bool:
        return self.run("plan").out.endswith("Nothing to do: corp is as its file says.\n")

    def tls(self, member: str, name: str) -> Path:
        return self.path / "members" / member / "tls" / name


@pytest.fixture(params=LINES or [None], ids=str)
def etcd(request: pytest.FixtureRequest) -> Etcd:
    if request.param is None:
        pytest.skip("no etcd on this machine; lab/binaries brings some")
    found: Etcd = request.param
    return found


@pytest.fixture
def newest() -> Etcd:
    if not LINES:
        pytest.skip("no etcd on this machine; lab/binaries brings some")
    return LINES[-1]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Corporate]:
    here = Corporate.at(tmp_path)
    yield here
    here.destroy()


def begun(cluster: Corporate, etcd: Etcd, trusted: str) -> OutsideCa:
    outside = cluster.write(etcd, GIVEN.replace("CA", trusted))
    for name in NAMES:
        outside.pair(name, LOOPBACK)
    outside.pair("user")
    cluster.run("apply", "--yes")
    return outside


def test_leaves_below_an_intermediate_make_a_cluster_of_every_line(cluster: Corporate, etcd: Etcd):
    begun(cluster, etcd, "root.crt")
    assert cluster.is_healthy() and cluster.has_nothing_to_do()
    assert cluster.tls("a", "server.crt").read_text().count("BEGIN CERTIFICATE") == 2
    assert not list(cluster.state.rglob("authorities"))  # nothing here can sign for this cluster


@long_run
def test_members_that_trust_the_intermediate_alone_are_a_cluster_of_every_line(cluster: Corporate, etcd: Etcd):
    """The root above it signs for a whole company; whoever trusts the intermediate lets in its own alone."""
    begun(cluster, etcd, "root.crt")
    cluster.edit("pki/root.crt", "pki/intermediate.crt")
    cluster.run("apply", "--yes")
    assert cluster.is_healthy() and cluster.has_nothing_to_do()


def test_a_file_that_changes_between_the_plan_and_its_step_is_not_installed(cluster: Corporate, newest: Etcd):
    outside = begun(cluster, newest, "root.crt")
    there = cluster.tls("b", "server.crt").read_bytes()
    outside.pair("b", LOOPBACK)
    cluster.run("plan", "--out", "plan.json")
    assert "PRIVATE" not in (cluster.path / "plan.json").read_text()
    outside.pair("b", LOOPBACK)
    ended = cluster.run("apply", "plan.json", "--yes", code=4)
    assert "stale" in ended.err and cluster.tls("b", "server.crt").read_bytes() == there
    before = cluster.members()
    cluster.run("apply", "--yes")
    assert cluster.members() == before and cluster.is_healthy()  # etcd reads leaves again by itself


@long_run
def test_another_authority_is_taken_in_three_rounds_and_never_in_one(cluster: Corporate, newest: Etcd):
    begun(cluster, newest, "root.crt")
    other = OutsideCa.make(cluster.path / "other")
    for name in NAMES:
        other.pair(name, LOOPBACK)
    other.pair("user")
    pki, kept = cluster.path / "pki", cluster.path / "kept"
    pki.rename(kept)
    (cluster.path / "other").rename(pki)
    ended = cluster.run("apply", "--yes", code=3)
    assert "Members would stop trusting each other on the way" in ended.err and "three rounds" in ended.err
    new = {path.name: path.read_bytes() for path in pki.iterdir()}
    old = {path.name: path.read_bytes() for path in kept.iterdir()}
    with cluster.under_load():
        for leaves, authority in (
            (old, old["root.crt"] + new["root.crt"]),
            (new, old["root.crt"] + new["root.crt"]),
            (new, new["root.crt"]),
        ):
            for name, data in (leaves | {"root.crt": authority}).items():
                (pki / name).write_bytes(data)
            cluster.run("apply", "--yes")
            assert cluster.is_healthy()
    assert cluster.has_nothing_to_do()


def test_requests_are_signed_elsewhere_and_wrong_answers_are_not_taken_in(cluster: Corporate, newest: Etcd):
    outside = cluster.write(newest, "  certificates: requested")
    assert "There are no certificates yet" in cluster.run("plan", code=3).out
    assert not cluster.members() and not (cluster.path / "members").exists()
    told = cluster.run("pki", "request", "--out", "csr", "-o", "json").document["requests"]
    assert [each["name"] for each in told] == [f"{n}-{role}" for n in NAMES for role in ("server", "peer")] + [
        "operator"
    ]
    keys = {path.name: path.read_bytes() for path in (cluster.state / "requests").glob("*.key")}
    assert len(keys) == 7 and all(path.stat().st_mode & 0o777 == 0o600 for path in cluster.state.rglob("*.key"))
    assert request_facts((cluster.path / "csr" / "operator.csr").read_bytes()).common_name == "root"
    cluster.run("pki", "request")  # a key is made once
    assert keys == {path.name: path.read_bytes() for path in (cluster.state / "requests").glob("*.key")}

    requests = sorted((cluster.path / "csr").glob("*.csr"))
    signed = {path.stem: str(outside.sign(path)) for path in requests}
    ca, between = ("--ca", "pki/root.crt"), "pki/intermediate.crt"
    ended = cluster.run("pki", "import", *ca, *signed.values(), code=2)
    assert "was not signed by any authority that is trusted here" in ended.err and "intermediates" in ended.err
    wrong = outside.sign(cluster.path / "csr" / "b-server.csr", ("10.9.9.9",))
    ended = cluster.run("pki", "import", *ca, between, *(signed | {"b-server": str(wrong)}).values(), code=2)
    assert "b-server does not cover 127.0.0.1" in ended.err and "nothing was taken in" in ended.err
    stranger = outside.pair("stranger", LOOPBACK)
    ended = cluster.run("pki", "import", *ca, str(stranger), code=2)
    assert "answers no request" in ended.err and not (cluster.state / "imported").exists()

    outside.sign(cluster.path / "csr" / "b-server.csr")
    some = [path for name, path in signed.items() if not name.startswith("c")]
    assert "Still missing: c-server, c-peer" in cluster.run("pki", "import", *ca, between, *some).out
    assert "of c, imported/c-server.crt, has not been imported" in cluster.run("plan", code=3).out
    rest = [path for name, path in signed.items() if name.startswith("c")]
    assert "Nothing is missing" in cluster.run("pki", "import", between, *rest).out
    assert not list((cluster.state / "requests").iterdir())
    cluster.run("apply", "--yes")
    assert cluster.is_healthy() and cluster.has_nothing_to_do()
    pair = [(cluster.state / "imported" / f"b-server.{suffix}").read_bytes() for suffix in ("key", "crt")]
    assert key_matches(*pair) and chain(pair[1], (cluster.path / "pki" / "root.crt").read_bytes())
    told = cluster.run("pki", "status").out
    assert told.count("yes  yes      yes") == 2 * len(NAMES) and "NO" not in told, told
    renewed_without_a_restart(cluster, outside)


def renewed_without_a_restart(cluster: Corporate, outside: OutsideCa) -> None:
    """A new key for one member: the old pair stays in use until the answer is there."""
    before, shown = cluster.members(), cluster.tls("a", "server.key").read_bytes()
    cluster.run("pki", "request", "a", "--out", "again")
    assert cluster.has_nothing_to_do()
    answers = [str(outside.sign(path)) for path in sorted((cluster.path / "again").glob("*.csr"))]
    cluster.run("pki", "import", "pki/intermediate.crt", *answers)
    cluster.run("apply", "--yes")
    assert cluster.is_healthy() and cluster.members() == before
    assert cluster.tls("a", "server.key").read_bytes() != shown


def test_a_signer_of_somebody_elses_signs_here_under_its_passphrase(cluster: Corporate, newest: Etcd):
    outside = cluster.write(newest, "  signer: {cert: pki/chain.crt, key: pki/intermediate.key}")
    outside.write_key(b"open sesame")
    for words, told in (({}, "there is none"), ({"ETCDPILOT_CA_PASSPHRASE": "guessed"}, "passphrase is another one")):
        assert told in cluster.run("apply", "--yes", code=2, **words).err
        assert not (cluster.path / "members").exists() and not (cluster.state / "authorities").exists()
    (cluster.path / "words").write_text("open sesame\n")
    cluster.run("apply", "--yes", ETCDPILOT_CA_PASSPHRASE_FILE="words")
    assert cluster.is_healthy() and cluster.has_nothing_to_do()
    assert cluster.tls("a", "server.crt").read_text().count("BEGIN CERTIFICATE") == 2
    assert "ENCRYPTED" in (cluster.state / "authorities" / "corp-ca.key").read_text()
    for pid in cluster.members().values():
        assert b"PASSPHRASE" not in Path(f"/proc/{pid}/environ").read_bytes()
    added = cluster.path / "members"
    assert not [path for path in added.rglob("*.key") if path.name not in ("server.key", "peer.key")]
    # A new name in the certificates wants a signature, and so the passphrase; looking wants none.
    cluster.edit("  signer:", "  extra-names: [etcd.example.com]\n  signer:")
    assert "it does not name etcd.example.com" in cluster.run("plan").out
    cluster.run("apply", "--yes", code=2)
    cluster.run("apply", "--yes", ETCDPILOT_CA_PASSPHRASE="open sesame")
    assert cluster.is_healthy()


@pytest.mark.parametrize("what", ["another key", "a leaf", "nothing"])
def test_a_signer_that_cannot_sign_is_refused_before_anything_is_touched(cluster: Corporate, newest: Etcd, what: str):
    outside = cluster.write(newest, "  signer: {cert: pki/chain.crt, key: pki/intermediate.key}")
    outside.write_key()
    leaf = outside.pair("leaf", LOOPBACK)
    if what == "another key":
        (outside.folder / "intermediate.key").write_bytes(leaf.with_suffix(".key").read_bytes())
    elif what == "a leaf":
        (outside.folder / "chain.crt").write_bytes(leaf.read_bytes())
    else:
        (outside.folder / "chain.crt").unlink()
    told = {"another key": "does not belong to the key", "a leaf": "is not an authority", "nothing": "is not there"}
    assert told[what] in cluster.run("plan", code=3).out


def test_keys_of_own_authorities_are_kept_under_a_passphrase_once_it_is_asked_for(cluster: Corporate, newest: Etcd):
    cluster.write(newest, "  key: ecdsa-p256")
    cluster.run("apply", "--yes")
    key = cluster.state / "authorities" / "peer-ca.key"
    assert "ENCRYPTED" not in key.read_text()
    cluster.edit("  key: ecdsa-p256", "  authority-passphrase: true")
    assert "encrypt the keys of peer-ca and client-ca with the passphrase" in cluster.run("plan").out
    assert "fewer than 8" in cluster.run("apply", "--yes", code=2, ETCDPILOT_CA_PASSPHRASE="short").err
    cluster.run("apply", "--yes", ETCDPILOT_CA_PASSPHRASE="long enough")
    assert "ENCRYPTED" in key.read_text() and key.stat().st_mode & 0o777 == 0o600
    assert cluster.has_nothing_to_do() and cluster.is_healthy()
    opened = subprocess.run(
        ["openssl", "pkey", "-in", str(key), "-passin", "env:WORDS", "-noout"],
        env={**os.environ, "WORDS": "long enough"},
        check=False,
        capture_output=True,
    )
    assert opened.returncode == 0, opened.stderr


@long_run
def test_a_cluster_whose_certificates_have_ended_comes_back_with_new_ones(cluster: Corporate, newest: Etcd):
    """With leaves of the same authority by apply alone; with another authority all members start anew together."""
    outside = cluster.write(newest, GIVEN.replace("CA", "root.crt"))
    soon = {"lifetime": timedelta(seconds=45) + CLOCK_TOLERANCE, "ago": CLOCK_TOLERANCE}
    for name in NAMES:
        outside.pair(name, LOOPBACK, **soon)
    outside.pair("user", **soon)
    cluster.run("apply", "--yes")
    cluster.run("ctl", "--", "put", "kept", "in the dark")
    assert until(lambda: "ended on" in cluster.run("plan", code=None).out, 60)
    before = cluster.members()
    for name in NAMES:
        outside.pair(name, LOOPBACK)
    outside.pair("user")
    cluster.run("apply", "--yes")
    assert cluster.is_healthy() and cluster.members() == before
    for path in (cluster.path / "pki").iterdir():
        path.unlink()
    other = OutsideCa.make(cluster.path / "pki")
    for name in NAMES:
        other.pair(name, LOOPBACK)
    other.pair("user")
    assert "three rounds" in cluster.run("plan", code=3).out
    cluster.run("down", "--yes")
    cluster.run("apply", "--yes")
    assert cluster.is_healthy()
    assert cluster.run("ctl", "--", "get", "kept", "--print-value-only").out == "in the dark\n"


def until(holds: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True


@long_run
def test_one_signer_of_somebody_elses_is_exchanged_for_another(cluster: Corporate, newest: Etcd):
    outside = cluster.write(newest, "  signer: {cert: pki/chain.crt, key: pki/intermediate.key}")
    outside.write_key()
    cluster.run("apply", "--yes")
    assert "names the signer that signs already" in cluster.run("pki", "rotate-ca", "--yes", code=3).err
    other = OutsideCa.make(cluster.path / "other")
    other.write_key(b"open sesame")
    cluster.edit("pki/chain.crt, key: pki/intermediate.key", "other/chain.crt, key: other/intermediate.key")
    assert "names another signer" in cluster.run("plan").out
    cluster.run("pki", "rotate-ca", "--yes", ETCDPILOT_CA_PASSPHRASE="open sesame")
    assert cluster.is_healthy() and cluster.has_nothing_to_do()
    shown, anchor = cluster.tls("a", "server.crt").read_bytes(), other.folder / "intermediate.crt"
    assert chain(shown, anchor.read_bytes()) and cluster.tls("a", "ca.crt").read_bytes() == anchor.read_bytes()
