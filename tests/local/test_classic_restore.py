"""The last part of the classic tutorial, as it stands there: a snapshot, three restores of nine words each, three starts.

What etcd says is compared word by word, for scripts were written against it; then the same in one command of ours.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from etcdpilot.model.versions import Version
from tests.etcd_versions import Etcd, all_versions, every_line
from tests.local.restoring import LONG, Restoring, in_the_long_form

pytestmark = [pytest.mark.local, pytest.mark.timeout(300)]
if not every_line():
    pytest.skip("no etcd binary; install the extra `local`", allow_module_level=True)

CLASSIC = [each for each in all_versions() if each.version in ("3.4.23", "3.5.1", "3.5.30")]
RUN = list(dict.fromkeys([*CLASSIC, *every_line()])) if LONG else (CLASSIC[-1:] or every_line()[-1:])
UP_SECONDS = 30.0


@pytest.fixture
def cluster(tmp_path: Path):
    here = Restoring.at(tmp_path)
    yield here
    here.destroy()


class ByHand:
    """etcd's own programs, in the folder that the tutorial is followed in."""

    def __init__(self, cluster: Restoring, etcd: Etcd) -> None:
        self.cluster, self.etcd = cluster, etcd
        self.environment = {"ETCDCTL_API": "3", "PATH": os.environ["PATH"]}

    @property
    def line(self) -> tuple[int, int]:
        return Version.parse(self.etcd.version).line

    def run(self, program: str, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.etcd.directory / program), *words],
            cwd=self.cluster.path,
            env=self.environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def ctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run("etcdctl", *words)

    def restore(self, *words: str) -> subprocess.CompletedProcess[str]:
        """From 3.6 on etcdctl restores no more; etcdutl takes the same words."""
        return self.run("etcdctl" if self.line < (3, 6) else "etcdutl", "snapshot", "restore", *words)

    @contextmanager
    def started(self, *words: str):
        """`etcd …&`, as the tutorial starts its members; ended by process id."""
        log = self.cluster.path / f"etcd-{time.monotonic_ns()}.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [str(self.etcd.directory / "etcd"), *words],
                cwd=self.cluster.path,
                env=self.environment,
                stdout=stream,
                stderr=stream,
            )
        try:
            yield log
        finally:
            process.kill()
            process.wait()


@pytest.mark.parametrize("etcd", RUN, ids=str)
def test_the_classic_tutorials_backup_is_restored_on_every_node_by_hand(cluster: Restoring, etcd: Etcd) -> None:
    """S0-27, S0-28, S0-30 and S0-31, from the file that `backup save` wrote."""
    cluster.begin_with(3, "--etcd", str(etcd.directory / "etcd"), "--no-tls")
    hand = ByHand(cluster, etcd)
    endpoints = [f"http://127.0.0.1:{client}" for client, _ in cluster.ports[:3]]

    # S0-27: of one member, never of several; 0600, and a checksum of 32 bytes behind the database.
    several = hand.ctl("--endpoints", ",".join(endpoints), "snapshot", "save", "several.db")
    assert (
        several.returncode != 0 and "snapshot must be requested to one selected node" in several.stderr + several.stdout
    )
    one = hand.ctl("--endpoints", endpoints[0], "snapshot", "save", "byhand.db")
    assert one.returncode == 0 and "Snapshot saved at byhand.db" in one.stdout, one
    cluster.patiently("backup", "save", "snapshot.db")
    for name in ("byhand.db", "snapshot.db"):
        made = (cluster.path / name).stat()
        assert made.st_mode & 0o777 == 0o600 and made.st_size % 512 == 32
        assert cluster.run("backup", "verify", name).code == 0
    before = cluster.run("status", "-o", "json").document["cluster"]["id"]
    cluster.run("down")

    # S0-28: without a word into default.etcd; with a name alone it does not find itself; never over what is there.
    assert hand.restore("snapshot.db").returncode == 0 and (cluster.path / "default.etcd" / "member" / "wal").is_dir()
    again = hand.restore("snapshot.db")
    assert again.returncode != 0 and "default.etcd" in again.stderr + again.stdout
    alone = hand.restore("snapshot.db", "--name", "test")
    assert alone.returncode != 0
    assert 'couldn\'t find local name "test" in the initial cluster configuration' in alone.stderr + alone.stdout
    whole = (cluster.path / "snapshot.db").read_bytes()
    (cluster.path / "short.db").write_bytes(whole[:-32])
    short = hand.restore("short.db", "--data-dir", "short.etcd")
    assert short.returncode != 0 and "snapshot missing hash but --skip-hash-check=false" in short.stderr + short.stdout
    (cluster.path / "bent.db").write_bytes(whole[:9000] + bytes([whole[9000] ^ 1]) + whole[9001:])
    bent = hand.restore("bent.db", "--data-dir", "bent.etcd")
    assert bent.returncode != 0 and "expected sha256 [" in bent.stderr + bent.stdout
    for name in ("short.db", "bent.db"):
        assert cluster.run("backup", "verify", name, code=1).code == 1
    table = hand.run("etcdctl" if hand.line < (3, 6) else "etcdutl", "snapshot", "status", "snapshot.db", "-w", "table")
    assert all(title in table.stdout.upper() for title in ("HASH", "REVISION", "TOTAL KEYS", "TOTAL SIZE")), table

    # S0-30: the same file on every node, each with its own words, and one token that the old cluster did not have.
    ports = {f"m{number}": cluster.ports[2 + number] for number in (1, 2, 3)}
    everybody = ",".join(f"{name}=http://127.0.0.1:{peer}" for name, (_, peer) in ports.items())
    for name, (_, peer) in ports.items():
        words = (
            *("snapshot.db", "--name", name, "--initial-cluster", everybody),
            *("--initial-cluster-token", "etcd-cluster-1", "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}"),
        )
        restored = hand.restore(*words)
        assert restored.returncode == 0 and (cluster.path / f"{name}.etcd" / "member" / "wal").is_dir(), restored

    # S0-31: started from there without one initial word; a name cannot be listened on.
    client, peer = ports["m1"]
    with hand.started(
        "--name", "m1", "--listen-client-urls", f"http://host1:{client}", *listening("m1", client, peer)[4:]
    ) as log:
        said = eventually(log, "expected IP in URL for binding")
        assert f"host1:{client}" in said
    with (
        hand.started(*listening("m1", *ports["m1"])),
        hand.started(*listening("m2", *ports["m2"])),
        hand.started(*listening("m3", *ports["m3"])),
    ):
        urls = [f"http://127.0.0.1:{client}" for client, _ in ports.values()]
        found = until_it_reads(hand, urls)
        for url in urls:
            assert hand.ctl("--endpoints", url, "get", "kept").stdout == "kept\nfrom the beginning\n"
        assert f"{found:x}" != before
        # And a fourth way in: our `status` and `health` of what was not built by us.
        assert cluster.run("health", "--endpoints", ",".join(urls)).code == 0


def listening(name: str, client: int, peer: int) -> tuple[str, ...]:
    return (
        *("--name", name, "--listen-client-urls", f"http://127.0.0.1:{client}"),
        *("--advertise-client-urls", f"http://127.0.0.1:{client}", "--listen-peer-urls", f"http://127.0.0.1:{peer}"),
    )


def eventually(log: Path, words: str) -> str:
    deadline = time.monotonic() + UP_SECONDS
    while words not in (said := log.read_text()):
        assert time.monotonic() < deadline, said
        time.sleep(0.05)
    return said


def until_it_reads(hand: ByHand, urls: list[str]) -> int:
    """The cluster's ID, once every member has answered a true read."""
    deadline = time.monotonic() + UP_SECONDS
    while True:
        read = [hand.ctl("--endpoints", url, "get", "kept", "-w", "json") for url in urls]
        if all(each.returncode == 0 for each in read):
            (found,) = {json.loads(each.stdout)["header"]["cluster_id"] for each in read}
            return int(found)
        assert time.monotonic() < deadline, read
        time.sleep(0.1)


@in_the_long_form
@pytest.mark.parametrize("etcd", RUN, ids=str)
def test_what_was_plain_in_the_tutorial_is_restored_into_a_cluster_of_https(
    cluster: Restoring, etcd: Etcd, tmp_path: Path
) -> None:
    """S0-29: `the example is unencrypted; production should use https`. The whole of it in one command."""
    cluster.begin_with(3, "--etcd", str(etcd.directory / "etcd"), "--no-tls")
    cluster.patiently("backup", "save", "s.db")
    other = Restoring.at(tmp_path / "other")
    other.path.mkdir()
    try:
        other.begin_with(3, "--etcd", str(etcd.directory / "etcd"))
        other.run("ctl", "--", "put", "kept", "what is replaced")
        cluster.run("restore", "s.db", "--to", str(other.file), "--yes")
        assert other.run("ctl", "--", "get", "kept", "--print-value-only").out == "from the beginning\n"
        schemes = {url.split("://")[0] for row in other.rows().values() for url in row["client_urls"]}
        assert schemes == {"https"} and set(other.states().values()) == {"voting"}
        other.run("health")
        assert cluster.run("ctl", "--", "get", "kept").out == "kept\nfrom the beginning\n"
    finally:
        other.destroy()
