"""etcd from packages of this machine's distribution, of its own suite or another one, unpacked and never installed.

The mirror and the key that vouches for it come from the machine's apt configuration when this runs.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from etcdpilot.model.cluster import Package
from etcdpilot.model.errors import SpecError
from etcdpilot.model.versions import Version
from etcdpilot.stores.kept_binaries import keep_programs, kept

APT = Path("/etc/apt")
MAIN_URI = re.compile(r"/(debian|ubuntu)/?$")
APT_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Mirror:
    """Where the machine's own packages come from, and the keyring that vouches for them."""

    uri: str
    keyring: str


def unpacked_package(source: Package, version: Version, architecture: str) -> Path:
    """A directory of the cache with the programs of these packages; SpecError when they are not to be had."""
    there = kept(version, architecture)
    if there is not None:
        return there
    with tempfile.TemporaryDirectory() as scratch:
        unpack(source.names, source.suite, Path(scratch), version=str(version), architecture=architecture)
        return keep_programs(Path(scratch) / "usr" / "bin", version, architecture)


def unpack(names: tuple[str, ...], suite: str, folder: Path, *, version: str = "", architecture: str = "") -> None:
    """Fetch each package (of `version` where one is asked for) from `suite`, "" for the machine's own, and unpack it."""
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise SpecError(
            "This machine has no apt-get and dpkg, which unpack packages.",
            remedy="Name another source: etcd.source.archive, directory, or wheel.",
        )
    with tempfile.TemporaryDirectory() as scratch:
        # apt-get reads its lists as a user of its own where it may.
        Path(scratch).chmod(0o755)
        options = suite_options(suite, Path(scratch), architecture)
        apt(["apt-get", *options, "update", "-qq"], Path(scratch))
        for name in names:
            apt(["apt-get", *options, "download", chosen(name, version, options, Path(scratch))], Path(scratch))
        for archive in sorted(Path(scratch).glob("*.deb")):
            apt(["dpkg", "-x", str(archive), str(folder)], Path(scratch))


def chosen(name: str, version: str, options: list[str], scratch: Path) -> str:
    """`etcd-server=3.5.30-1`: the offered revision of the version; SpecError names what is offered instead."""
    offered = apt(["apt-cache", *options, "madison", name], scratch)
    found = [line.split("|")[1].strip() for line in offered.splitlines() if line.count("|") == 2]
    fitting = [each for each in found if re.match(rf"(\d+:)?{re.escape(version)}\b", each)]
    if not fitting:
        raise SpecError(
            f"The package {name} is not offered in version {version or 'any'}.",
            why=f"There is {', '.join(dict.fromkeys(found)) or 'none of that name'}.",
            remedy="Correct etcd.version, or name another suite under etcd.source.package.",
        )
    return f"{name}={fitting[0]}"


def apt(words: list[str], directory: Path) -> str:
    done = subprocess.run(words, cwd=directory, capture_output=True, text=True, timeout=APT_SECONDS, check=False)
    if done.returncode != 0:
        raise SpecError(
            f"`{words[0]} {words[-1]}` ended with {done.returncode}.",
            why=done.stderr.strip()[-400:],
            remedy="Look at this machine's apt sources.",
        )
    return done.stdout


def suite_options(suite: str, scratch: Path, architecture: str) -> list[str]:
    """An apt configuration with lists and cache of its own, so that nothing of the machine's is touched."""
    for name in ("lists/partial", "cache/archives/partial", "parts"):
        (scratch / name).mkdir(parents=True)
    settings = {
        "Dir::State::Lists": str(scratch / "lists"),
        "Dir::Cache": str(scratch / "cache"),
        "APT::Sandbox::User": "root",
    }
    if architecture:
        settings["APT::Architecture"] = architecture
    if suite:
        mirror = main_mirror()
        signed = f"Signed-By: {mirror.keyring}\n" if mirror.keyring else ""
        stanza = f"Types: deb\nURIs: {mirror.uri}\nSuites: {suite}\nComponents: main\n{signed}"
        (scratch / "parts" / "suite.sources").write_text(stanza)
        settings |= {"Dir::Etc::sourcelist": "/dev/null", "Dir::Etc::sourceparts": str(scratch / "parts")}
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]


def main_mirror() -> Mirror:
    """From the deb822 sources, else the one-line ones; SpecError when neither names a mirror of the distribution."""
    for path in sorted((APT / "sources.list.d").glob("*.sources")):
        for stanza in path.read_text().split("\n\n"):
            lines = [line for line in stanza.splitlines() if ":" in line and not line.startswith("#")]
            fields = dict(line.split(":", 1) for line in lines)
            uri = fields.get("URIs", "").strip().split(" ")[0]
            if MAIN_URI.search(uri):
                return Mirror(uri, fields.get("Signed-By", "").strip())
    files = [APT / "sources.list", *sorted((APT / "sources.list.d").glob("*.list"))]
    for line in (line for path in files if path.exists() for line in path.read_text().splitlines()):
        words = re.sub(r"\[.*?\]", "", line).split()
        if words[:1] == ["deb"] and MAIN_URI.search(words[1]):
            return Mirror(words[1], "")
    raise SpecError("This machine's apt sources name no mirror of its distribution.")
