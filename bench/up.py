"""`up` against raw processes, and what looking costs: medians of rounds taken in turns within one run.

    python -m bench.up [--rounds 7] [--etcd DIRECTORY]

Raw is what a person with a ready script would do: the very `run` scripts of a cluster that `up` made, certificates and
all, started on empty data directories and waited for with `etcdctl endpoint health`. Exit 1 where a budget is missed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from tests.local.commands import Folder

UP_RATIO, AGAIN_SECONDS, HELP_SECONDS, STATUS_SECONDS, PAUSED_SECONDS = 2.0, 1.0, 0.15, 0.2, 1.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--etcd", default="", help="A directory with etcd and etcdctl.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="etcdpilot-bench-") as root:
        ups = measure_up(Path(root), options.rounds, options.etcd)
        looks = measure_looks(Path(root), options.rounds, options.etcd)
    return report(ups, looks)


def measure_up(root: Path, rounds: int, etcd: str) -> dict[str, float]:
    ours, raw, again = [], [], []
    for number in range(rounds):
        here = Folder.at(root / f"round-{number}")
        here.path.mkdir()
        here.environment["XDG_CACHE_HOME"] = str(root / "cache")
        try:
            ours.append(seconds(lambda here=here: here.run("up", *named(etcd))))  # type: ignore[misc]
            again.append(seconds(lambda here=here: here.run("up")))  # type: ignore[misc]
            settings = exports(here)
            stop(here)
            raw.append(seconds(lambda here=here, settings=settings: raw_start(here, settings)))  # type: ignore[misc]
        finally:
            stop(here)
            shutil.rmtree(here.path)
    return {"up": median(ours), "raw": median(raw), "up again": median(again)}


def measure_looks(root: Path, rounds: int, etcd: str) -> dict[str, float]:
    here = Folder.at(root / "looks")
    here.path.mkdir()
    found: dict[str, list[float]] = {}
    try:
        here.run("up", *named(etcd))
        settings = exports(here)
        bare = [settings["ETCDCTL"], "endpoint", "status", "--cluster"]
        for _ in range(rounds):
            for name, act in {
                "python -c pass": lambda: subprocess.run([sys.executable, "-c", "pass"], check=True),
                "--help": lambda: here.run("--help"),
                "status": lambda: here.run("status"),
                "etcdctl endpoint status": lambda: quiet(bare, here, settings),
                "health": lambda: here.run("health"),
                "plan": lambda: here.run("plan"),
            }.items():
                found.setdefault(name, []).append(seconds(act))
        os.kill(here.members()["etcd-1"], signal.SIGSTOP)
        found["status, one member paused"] = [seconds(lambda: here.run("status", code=1)) for _ in range(3)]
    finally:
        stop(here)
    return {name: median(each) for name, each in found.items()}


def raw_start(here: Folder, settings: dict[str, str]) -> None:
    """The same flags and certificates, on empty data, first start and all."""
    for home in homes(here):
        shutil.rmtree(home / "data")
        script = (home / "run").read_text().replace("--initial-cluster-state=existing", "--initial-cluster-state=new")
        start = "exec " + script.partition("exec ")[2]
        with (home / "raw.log").open("wb") as log:
            subprocess.Popen(["sh", "-c", start], stdout=log, stderr=log, start_new_session=True)
    deadline = time.monotonic() + 60
    while quiet([settings["ETCDCTL"], "--command-timeout=300ms", "endpoint", "health"], here, settings) != 0:
        if time.monotonic() > deadline:
            raise TimeoutError("the raw processes did not get healthy")


def homes(here: Folder) -> list[Path]:
    return sorted(path.parent for path in here.path.glob(".etcdpilot/*/members/*/run"))


def exports(here: Folder) -> dict[str, str]:
    lines = here.run("env").out.splitlines()
    found = dict(line.removeprefix("export ").split("=", 1) for line in lines if line.startswith("export "))
    tool = next(line.rsplit(": ", 1)[1] for line in lines if "etcdctl of this cluster" in line)
    return {name: value.strip("'") for name, value in found.items()} | {"ETCDCTL": tool}


def quiet(words: list[str], here: Folder, settings: dict[str, str]) -> int:
    given = {name: value for name, value in settings.items() if name != "ETCDCTL"}
    return subprocess.run(words, env=here.environment | given, capture_output=True, check=False).returncode


def stop(here: Folder) -> None:
    """SIGKILL, and wait: the next round wants the ports."""
    here.close()
    while here.members():
        time.sleep(0.01)


def named(etcd: str) -> tuple[str, ...]:
    return ("--etcd", etcd) if etcd else ()


def seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def report(ups: dict[str, float], looks: dict[str, float]) -> int:
    ratio = ups["up"] / ups["raw"]
    rows = [
        (
            "up to proved-healthy against raw processes",
            f"{ups['up']:.3f} s / {ups['raw']:.3f} s = {ratio:.2f}",
            UP_RATIO,
        ),
        ("up again", f"{ups['up again']:.3f} s", AGAIN_SECONDS),
        ("--help", f"{looks['--help']:.3f} s", HELP_SECONDS),
        ("status", f"{looks['status']:.3f} s", STATUS_SECONDS),
        ("status, one member paused", f"{looks['status, one member paused']:.3f} s", PAUSED_SECONDS),
    ]
    values = [ratio, ups["up again"], looks["--help"], looks["status"], looks["status, one member paused"]]
    kept = [value <= budget for value, (_, _, budget) in zip(values, rows, strict=True)]
    for good, (name, figure, budget) in zip(kept, rows, strict=True):
        print(f"{'ok  ' if good else 'OVER'} {name:44} {figure:28} budget {budget}")
    for name in ("python -c pass", "etcdctl endpoint status", "health", "plan"):
        print(f"     {name:44} {looks[name]:.3f} s")
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
