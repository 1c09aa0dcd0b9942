"""The loops over keys in memory: no change is missed, what failed is tried again, a burst is one write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from etcdpilot.serving.confd.loops import Confd
from etcdpilot.serving.confd.source import outermost
from tests.local.confd.folders import Folder, Memory, until


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@asynccontextmanager
async def watching(confd: Confd) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(confd.on_change())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait((task,))


def content(path: Path) -> str:
    return path.read_text() if path.exists() else ""


async def test_a_change_or_a_deletion_reaches_the_file(folder: Folder) -> None:
    keys = Memory()
    dest = folder.resource("x", '{{getv "/a" "none"}}')
    async with watching(folder.confd(keys)):
        await until(lambda: content(dest) == "none")
        await keys.put("/a", "1")
        await until(lambda: content(dest) == "1")
        await keys.put("/a", None)
        await until(lambda: content(dest) == "none")


async def test_other_keys_render_nothing(folder: Folder) -> None:
    keys = Memory({b"/a": b"1"})
    ran = folder.root / "ran"
    folder.resource("other", '{{getv "/b/x" ""}}', keys='["/b"]')
    folder.resource("x", '{{range gets "/*"}}{{.Key}}{{end}}', keys='["/a"]', more=f'check_cmd = "echo >> {ran}"')
    async with watching(folder.confd(keys)):
        await until(lambda: ran.exists())
        await keys.put("/ab", "1")
        await keys.put("/b/x", "seen")
        await until(lambda: content(folder.root / "out" / "other.conf") == "seen")
    assert ran.read_text() == "\n"


async def test_a_burst_of_a_thousand_changes_never_ends_in_an_old_file(folder: Folder) -> None:
    keys = Memory()
    dests = [folder.resource(f"x{number}", '{{getv "/a" ""}} {{getv "/b" ""}}') for number in range(5)]
    async with watching(folder.confd(keys)):
        for number in range(1000):
            await keys.put("/a" if number % 2 else "/b", str(number))
        await until(lambda: all(content(dest) == "999 998" for dest in dests))


async def test_changes_while_a_check_runs_are_rendered_after_it(folder: Folder) -> None:
    keys = Memory({b"/a": b"0"})
    dest = folder.resource("x", '{{getv "/a"}}', more='check_cmd = "sleep 0.2"')
    async with watching(folder.confd(keys)):
        await until(lambda: "Running sleep" in folder.log)
        await keys.put("/a", "1")
        await keys.put("/a", "2")
        await until(lambda: content(dest) == "2")


async def test_a_failed_reload_is_tried_again_until_it_succeeds(folder: Folder) -> None:
    keys = Memory({b"/a": b"1"})
    ran = folder.root / "ran"
    folder.resource("x", '{{getv "/a"}}', more=f'reload_cmd = "echo r >> {ran}; test $(wc -l < {ran}) -gt 3"')
    async with watching(folder.confd(keys)):
        await until(lambda: "has been updated" in folder.log or content(ran).count("r") > 3)
        await until(lambda: folder.left_behind == [])
    assert content(ran) == "r\n" * 4


async def test_a_reload_cut_off_by_our_end_is_made_up_for_by_the_next_start(folder: Folder) -> None:
    keys = Memory({b"/a": b"1"})
    started, done = folder.root / "started", folder.root / "done"
    folder.resource(
        "x", '{{getv "/a"}}', more=f'reload_cmd = "touch {started}; test -e {done}.go || sleep 30; touch {done}"'
    )
    async with watching(folder.confd(keys)):
        await until(lambda: started.exists())
    assert not done.exists()
    (folder.root / "done.go").touch()
    assert await folder.confd(keys).once()
    assert done.exists()


async def test_a_file_that_could_not_be_written_is_written_once_it_can(folder: Folder) -> None:
    keys = Memory({b"/a": b"1"})
    dest = folder.resource("x", '{{getv "/a"}}')
    (folder.root / "out").rename(folder.root / "away")
    async with watching(folder.confd(keys)):
        await until(lambda: "No such file" in folder.log)
        (folder.root / "away").rename(folder.root / "out")
        await until(lambda: content(dest) == "1")


async def test_a_template_that_was_repaired_is_read_anew(folder: Folder) -> None:
    keys = Memory({b"/a": b"1"})
    dest = folder.resource("x", "{{if}}")
    async with watching(folder.confd(keys)):
        await until(lambda: "missing value for if" in folder.log)
        (folder.root / "templates" / "x.tmpl").write_text('{{getv "/a"}}!')
        await until(lambda: content(dest) == "1!")


async def test_a_rendering_that_fails_leaves_the_old_file_and_goes_on(folder: Folder) -> None:
    keys = Memory({b"/a": b"1"})
    dest = folder.resource("x", '{{getv "/a"}}')
    async with watching(folder.confd(keys)):
        await until(lambda: content(dest) == "1")
        await keys.put("/a", None)
        await until(lambda: "key does not exist: /a" in folder.log)
        assert content(dest) == "1"
        await keys.put("/a", "2")
        await until(lambda: content(dest) == "2")


async def test_a_slow_resource_does_not_hold_up_the_others(folder: Folder) -> None:
    keys = Memory({b"/a": b"1"})
    folder.resource("a", '{{getv "/a"}}', more='check_cmd = "sleep 30"')
    dest = folder.resource("b", '{{getv "/a"}}')
    async with watching(folder.confd(keys)):
        await until(lambda: content(dest) == "1")
        await keys.put("/a", "2")
        await until(lambda: content(dest) == "2")


async def test_a_debounced_burst_is_one_write(folder: Folder) -> None:
    keys = Memory({b"/a": b"0"})
    dest = folder.resource("x", '{{getv "/a"}}', more='debounce = "300ms"')
    async with watching(folder.confd(keys)):
        await until(lambda: content(dest) == "0")
        for number in range(1, 30):
            await keys.put("/a", str(number))
            await asyncio.sleep(0)
        await until(lambda: content(dest) == "29")
    assert folder.log.count("has been updated") == 2


async def test_after_a_compaction_every_key_is_read_anew(folder: Folder) -> None:
    keys = Memory({b"/a": b"1"})
    dest = folder.resource("x", '{{getv "/a"}}')
    async with watching(folder.confd(keys)):
        await until(lambda: content(dest) == "1")
        async with keys.changed:
            # Changed and compacted before the watch heard of it.
            keys.entries[b"/a"] = b"2"
            keys.forgotten += 2
            keys.changed.notify_all()
        await until(lambda: content(dest) == "2")
    assert keys.states == 2


async def test_polling_picks_up_new_keys_and_new_resources(folder: Folder) -> None:
    keys = Memory({b"/a": b"1"})
    dest = folder.resource("x", '{{getv "/a"}}')
    task = asyncio.create_task(folder.confd(keys, interval=0.05).at_intervals())
    try:
        await until(lambda: content(dest) == "1")
        await keys.put("/a", "2")
        await until(lambda: content(dest) == "2")
        second = folder.resource("y", "new")
        await until(lambda: content(second) == "new")
    finally:
        task.cancel()
        await asyncio.wait((task,))


async def test_a_resource_without_keys_is_made_once_and_watching_goes_on(folder: Folder) -> None:
    dest = folder.resource("x", "fixed", keys="[]")
    async with watching(folder.confd(Memory())) as task:
        await until(lambda: content(dest) == "fixed")
        await asyncio.sleep(0.05)
        assert not task.done()
    assert folder.log.count("out of sync") == 1


async def test_a_mistake_that_lasts_is_an_error_once(folder: Folder) -> None:
    keys = Memory()
    folder.resource("x", '{{getv "/a"}}')
    async with watching(folder.confd(keys)):
        await until(lambda: folder.log.count("key does not exist: /a") >= 3)
    assert sum("ERROR" in line for line in folder.lines) == 1


def test_a_path_below_another_needs_no_watch_of_its_own() -> None:
    assert outermost(["/a/b", "/a", "/ab", "/a"]) == ("/a", "/ab")
    assert outermost(["/x", "/"]) == ("/",)
