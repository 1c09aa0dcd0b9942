"""`lab/prepare`: packages by the machine's own apt-get, then the base image."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time

from lab.base import base_folder, build_base, cache_folder
from lab.commands import LabError
from lab.readiness import TOOLS, missing_tools, why_never


def prepare() -> int:
    """Exit code: 0 when hosts can be booted from now on, 1 with the reason when they cannot."""
    if (reason := why_never()) is not None:
        print(f"lab/prepare: {reason}", file=sys.stderr)
        return 1
    try:
        _install(sorted({TOOLS[tool] for tool in missing_tools()}))
        _build()
    except (LabError, OSError, subprocess.CalledProcessError) as problem:
        print(f"lab/prepare: {problem}", file=sys.stderr)
        return 1
    return 0


def _install(packages: list[str]) -> None:
    if not packages:
        return
    if shutil.which("apt-get") is None:
        raise LabError(f"no apt-get here; install by hand what brings: {', '.join(missing_tools())}")
    print(f"installing {', '.join(packages)}")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    lock = ["-o", "DPkg::Lock::Timeout=300"]
    subprocess.run(["apt-get", "update", "-qq"], env=quiet, check=True)
    argv = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *lock, *packages]
    subprocess.run(argv, env=quiet, check=True, stdout=subprocess.DEVNULL)


def _build() -> None:
    cache_folder().mkdir(parents=True, exist_ok=True)
    with (cache_folder() / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two sessions at once: the second finds the first one's image
        if base_folder().is_dir():
            return
        print("building the base image of the test hosts (once, about a minute)")
        began = time.monotonic()
        base = build_base()
        print(f"built {base} in {time.monotonic() - began:.0f} s")
