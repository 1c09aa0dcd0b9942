"""Which engine of gRPC a process reads with: gRPC asks for it once, when it is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from etcdpilot.etcd import reading_engine
from etcdpilot.etcd.reading_engine import VARIABLE, read_where_it_is_awaited

# Tells what gRPC will read when somebody first imports it, and goes on as if nothing had been.
SPY = f"""
import os, sys
class Spy:
    def find_spec(self, name, path=None, target=None):
        if name == "grpc":
            print("engine:", os.environ.get("{VARIABLE}"), file=sys.stderr)
sys.meta_path.insert(0, Spy())
from etcdpilot.cli.main import run
run()
"""
CLUSTER = """
name: quiet
etcd: {version: 3.5.33, source: {directory: /opt/etcd}}
members: [{name: etcd-0, host: 127.0.0.1, client-port: 1, peer-port: 2}]
"""


@pytest.fixture
def not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "grpc", raising=False)
    monkeypatch.setenv(VARIABLE, "")  # so that it is put back
    monkeypatch.delenv(VARIABLE)


def test_a_backup_is_read_by_the_thread_that_waits_for_it(tmp_path: Path) -> None:
    (tmp_path / "cluster.yaml").write_text(CLUSTER)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GRPC_", "ETCD"))}
    argv = [sys.executable, "-c", SPY, "backup", "save"]
    done = subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert "engine: -event_engine_client\n" in done.stderr and "No member answers" in done.stderr, done


@pytest.mark.usefixtures("not_imported")
@pytest.mark.parametrize(
    ("release", "chosen"),
    [("1.66.2", True), ("1.85.1", True), ("1.65.0", False), ("1.86.0", False), ("2.0.0", False)],
)
def test_a_release_that_may_not_know_the_older_engine_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, release: str, chosen: bool
) -> None:
    monkeypatch.setattr(reading_engine, "version", lambda _: release)
    read_where_it_is_awaited()
    assert (VARIABLE in os.environ) == chosen


@pytest.mark.usefixtures("not_imported")
def test_an_engine_that_the_user_chose_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "tcp_rcv_lowat")
    read_where_it_is_awaited()
    assert os.environ[VARIABLE] == "tcp_rcv_lowat"
