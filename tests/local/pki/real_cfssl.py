"""The real cfssl, for comparison: found on PATH or in the lab's cache, never installed by a test."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from etcdpilot.pki.cfssl.output import Output

TOOLS = Path.home() / ".cache" / "etcdpilot-lab" / "tools"


@dataclass(frozen=True)
class Cfssl:
    """One cfssl and its cfssljson."""

    folder: Path
    libraries: tuple[Path, ...]

    @property
    def environment(self) -> dict[str, str]:
        known = [os.environ.get("LD_LIBRARY_PATH", ""), *map(str, self.libraries)]
        return {**os.environ, "LD_LIBRARY_PATH": ":".join(filter(None, known))}

    def run(self, *arguments: str, cwd: Path | None = None, text: str = "") -> subprocess.CompletedProcess[str]:
        command = [str(self.folder / "cfssl"), *arguments]
        return subprocess.run(
            command, cwd=cwd, input=text, env=self.environment, capture_output=True, text=True, check=False, timeout=60
        )

    def make(self, *arguments: str, cwd: Path | None = None) -> Output:
        """What it prints, as the three texts; fails where it fails."""
        ended = self.run(*arguments, cwd=cwd)
        assert ended.returncode == 0 and ended.stdout, ended.stderr
        document = json.loads(ended.stdout)
        return Output(*(document.get(name, "").encode() for name in ("cert", "csr", "key")))

    def write_files(self, document: str, name: str, folder: Path) -> None:
        """`cfssljson -bare NAME`."""
        command = [str(self.folder / "cfssljson"), "-bare", name]
        subprocess.run(command, cwd=folder, input=document, env=self.environment, text=True, check=True, timeout=60)


@cache
def find_cfssl() -> Cfssl | None:
    """cfssl with its libraries (Debian's wants libsqlite3), or None where there is none that runs."""
    on_path = shutil.which("cfssl")
    places = [Path(on_path)] if on_path else []
    places += sorted(path for path in TOOLS.rglob("cfssl") if path.is_file()) if TOOLS.exists() else []
    libraries = tuple(sorted({path.parent for path in TOOLS.rglob("libsqlite3.so*")})) if TOOLS.exists() else ()
    candidates = (Cfssl(place.parent, libraries) for place in places if (place.parent / "cfssljson").exists())
    return next((found for found in candidates if found.run("version").returncode == 0), None)


def cfssl_or_skip() -> Cfssl:
    found = find_cfssl()
    if found is None:
        pytest.skip("no cfssl here: install golang-cfssl, or run lab/binaries --others")
    return found
