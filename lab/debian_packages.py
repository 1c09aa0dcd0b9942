"""Packages of any suite of the machine's own distribution, fetched and unpacked into a folder; nothing is installed.

The mirror and its key come from the machine's apt configuration when this runs.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from lab.commands import LabError, run

APT = Path("/etc/apt")
MAIN_URI = re.compile(r"/debian/?$")


@dataclass(frozen=True)
class Mirror:
    """Where the machine's own packages come from, and the keyring that vouches for them."""

    uri: str
    keyring: str


def unpack(packages: tuple[str, ...], suite: str | None, folder: Path, *, version: str = "") -> None:
    """Fetch each package (of `version` where one is asked for) from `suite`, None for the machine's own, and unpack."""
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise LabError("this machine has no apt-get and dpkg")
    with tempfile.TemporaryDirectory() as scratch:
        os.chmod(scratch, 0o755)
        options = own_options() if suite is None else suite_options(suite, Path(scratch))
        run(["apt-get", *options, "update", "-qq"], timeout=300)
        for package in packages:
            fetch(package, version, options, Path(scratch))
        for archive in sorted(Path(scratch).glob("*.deb")):
            run(["dpkg", "-x", str(archive), str(folder)])


def fetch(package: str, version: str, options: list[str], scratch: Path) -> None:
    """apt-get downloads into the directory that it is run in."""
    offered = run(["apt-cache", *options, "madison", package])
    found = [line.split("|")[1].strip() for line in offered.splitlines() if line.count("|") == 2]
    fitting = [each for each in found if re.match(rf"(\d+:)?{re.escape(version)}\b", each)]
    if not fitting:
        raise LabError(f"{package} {version} is not offered; there is {', '.join(dict.fromkeys(found)) or 'none'}")
    words = " ".join(f"'{word}'" for word in ("apt-get", *options, "download", f"{package}={fitting[0]}"))
    run(["sh", "-c", f"cd '{scratch}' && {words}"], timeout=300)


def own_options() -> list[str]:
    return ["-o", "APT::Sandbox::User=root"]


def suite_options(suite: str, scratch: Path) -> list[str]:
    """A second apt configuration: another suite of the same mirror, with lists and cache of its own."""
    mirror = main_mirror()
    for name in ("lists/partial", "cache/archives/partial", "parts"):
        (scratch / name).mkdir(parents=True)
    signed = f"Signed-By: {mirror.keyring}\n" if mirror.keyring else ""
    stanza = f"Types: deb\nURIs: {mirror.uri}\nSuites: {suite}\nComponents: main\n{signed}"
    (scratch / "parts" / "suite.sources").write_text(stanza)
    settings = {
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": str(scratch / "parts"),
        "Dir::State::Lists": str(scratch / "lists"),
        "Dir::Cache": str(scratch / "cache"),
        "APT::Sandbox::User": "root",
    }
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]


def main_mirror() -> Mirror:
    """From the deb822 sources, else the one-line ones; LabError when neither names a Debian mirror."""
    for path in sorted((APT / "sources.list.d").glob("*.sources")):
        for stanza in path.read_text().split("\n\n"):
            fields = dict(
                line.split(":", 1) for line in stanza.splitlines() if ":" in line and not line.startswith("#")
            )
            uri = fields.get("URIs", "").strip().split(" ")[0]
            if MAIN_URI.search(uri):
                return Mirror(uri, fields.get("Signed-By", "").strip())
    lists = [APT / "sources.list", *sorted((APT / "sources.list.d").glob("*.list"))]
    for line in (line for path in lists if path.exists() for line in path.read_text().splitlines()):
        words = [word for word in re.sub(r"\[.*?\]", "", line).split() if word]
        if words[:1] == ["deb"] and MAIN_URI.search(words[1]):
            return Mirror(words[1], "")
    raise LabError("the machine's apt sources name no Debian mirror")
