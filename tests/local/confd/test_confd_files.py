"""One pass over real files: what is written, checked and reloaded, and what is left alone."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from etcdpilot.model.errors import SpecError
from tests.local.confd.folders import Folder, Memory

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="giving files to others needs root")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def keys() -> Memory:
    return Memory({b"/a": b"1", b"/b/c": b"2", b"/bc": b"3"})


async def test_a_file_is_made_from_keys(folder: Folder, keys: Memory) -> None:
    dest = folder.resource("x", '{{getv "/a"}} {{range gets "/b/*"}}{{.Value}}{{end}}\n')
    assert await folder.confd(keys).once()
    assert dest.read_text() == "1 2\n"
    assert stat.S_IMODE(dest.stat().st_mode) == 0o644
    assert folder.left_behind == []
    assert "Target config" in folder.log and "has been updated" in folder.log


async def test_a_resource_sees_only_its_own_keys(folder: Folder, keys: Memory) -> None:
    dest = folder.resource(
        "x", '{{range gets "/*"}}{{.Key}} {{end}}{{range gets "/*/*"}}{{.Key}} {{end}}', keys='["/b"]'
    )
    assert await folder.confd(keys).once()
    assert dest.read_text() == "/b/c "


async def test_a_prefix_is_not_seen_by_the_template(folder: Folder, keys: Memory) -> None:
    dest = folder.resource("x", '{{getv "/c"}}', keys='["c"]', more='prefix = "b"')
    assert await folder.confd(keys).once()
    assert dest.read_text() == "2"


async def test_the_prefix_of_the_command_line_takes_the_place_of_the_resources(folder: Folder, keys: Memory) -> None:
    dest = folder.resource("x", '{{getv "/c"}}', keys='["/c"]', more='prefix = "/nothing"')
    assert await folder.confd(keys, prefix="/b").once()
    assert dest.read_text() == "2"


async def test_an_unchanged_file_touches_nothing(folder: Folder, keys: Memory) -> None:
    ran = folder.root / "ran"
    dest = folder.resource("x", '{{getv "/a"}}', more=f'check_cmd = "echo c >> {ran}"\nreload_cmd = "echo r >> {ran}"')
    assert await folder.confd(keys).once()
    before = dest.stat()
    assert await folder.confd(keys).once()
    after = dest.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert ran.read_text() == "c\nr\n"


async def test_a_check_that_fails_leaves_the_old_file_in_place(folder: Folder, keys: Memory) -> None:
    dest = folder.resource("x", '{{getv "/a"}}', more='check_cmd = "grep -q 9 {{.src}}"')
    dest.write_text("old")
    assert not await folder.confd(keys).once()
    assert dest.read_text() == "old"
    assert folder.left_behind == []
    assert "ERROR Config check failed: exit status 1" in folder.log


async def test_a_check_sees_the_new_file_before_it_is_in_place(folder: Folder, keys: Memory) -> None:
    seen = folder.root / "seen"
    dest = folder.resource("x", '{{getv "/a"}}', more=f'check_cmd = "cat {{{{ .src }}}} {{{{.dest}}}} > {seen}"')
    dest.write_text("old")
    assert await folder.confd(keys).once()
    assert seen.read_text() == "1old"


async def test_a_failed_reload_is_owed_until_it_succeeds(folder: Folder, keys: Memory) -> None:
    ran, works = folder.root / "ran", folder.root / "works"
    dest = folder.resource("x", '{{getv "/a"}}', more=f'reload_cmd = "echo r >> {ran}; test -e {works}"')
    assert not await folder.confd(keys).once()
    assert dest.read_text() == "1"
    assert not await folder.confd(keys).once()
    works.touch()
    assert await folder.confd(keys).once()
    assert await folder.confd(keys).once()
    assert ran.read_text() == "r\n" * 3
    assert folder.left_behind == []


async def test_confd_itself_forgets_a_failed_reload(folder: Folder, keys: Memory) -> None:
    ran = folder.root / "ran"
    folder.resource("x", '{{getv "/a"}}', more=f'reload_cmd = "echo r >> {ran}; false"')
    assert not await folder.confd(keys, compat=True).once()
    assert await folder.confd(keys, compat=True).once()
    assert ran.read_text() == "r\n"


async def test_sync_only_neither_checks_nor_reloads(folder: Folder, keys: Memory) -> None:
    ran = folder.root / "ran"
    dest = folder.resource(
        "x", '{{getv "/a"}}', more=f'check_cmd = "echo >> {ran}; false"\nreload_cmd = "echo >> {ran}"'
    )
    assert await folder.confd(keys, sync_only=True).once()
    assert dest.read_text() == "1"
    assert not ran.exists()


async def test_noop_writes_nothing_and_says_so(folder: Folder, keys: Memory) -> None:
    dest = folder.resource("x", '{{getv "/a"}}', more='reload_cmd = "false"')
    assert await folder.confd(keys, noop=True).once()
    assert not dest.exists()
    assert folder.left_behind == []
    assert f"Noop mode enabled. {dest} will not be modified" in folder.log


async def test_the_stage_file_stays_when_asked_for(folder: Folder, keys: Memory) -> None:
    folder.resource("x", '{{getv "/a"}}', more='check_cmd = "false"')
    assert not await folder.confd(keys, keep_stage_file=True).once()
    (stage,) = folder.left_behind
    assert stage.startswith(".x.conf")
    assert (folder.root / "out" / stage).read_text() == "1"


@pytest.mark.parametrize(
    ("text", "mode", "confds"), [("0600", 0o600, 0o600), ("644", 0o644, 0o204), ("0755", 0o755, 0o755)]
)
async def test_a_mode_is_octal_and_with_compat_what_confd_makes_of_it(
    folder: Folder, keys: Memory, text: str, mode: int, confds: int
) -> None:
    dest = folder.resource("x", "x", more=f'mode = "{text}"')
    assert await folder.confd(keys).once()
    assert stat.S_IMODE(dest.stat().st_mode) == mode
    assert await folder.confd(keys, compat=True).once()
    assert stat.S_IMODE(dest.stat().st_mode) == confds


async def test_without_a_mode_the_file_keeps_its_own(folder: Folder, keys: Memory) -> None:
    dest = folder.resource("x", '{{getv "/a"}}')
    dest.write_text("old")
    dest.chmod(0o640)
    assert await folder.confd(keys).once()
    assert stat.S_IMODE(dest.stat().st_mode) == 0o640


async def test_another_mode_alone_is_a_difference(folder: Folder, keys: Memory) -> None:
    dest = folder.resource("x", '{{getv "/a"}}', more='mode = "0600"')
    dest.write_text("1")
    dest.chmod(0o644)
    assert await folder.confd(keys).once()
    assert stat.S_IMODE(dest.stat().st_mode) == 0o600


async def test_an_owner_who_is_not_there_is_a_warning_and_the_file_is_written(folder: Folder, keys: Memory) -> None:
    dest = folder.resource("x", '{{getv "/a"}}', more='owner = "nobody-of-that-name"\ngroup = "none-of-that-name"')
    assert await folder.confd(keys).once()
    assert dest.read_text() == "1"
    assert "WARNING there is no user 'nobody-of-that-name'" in folder.log
    before = dest.stat().st_ino
    assert await folder.confd(keys).once()
    assert dest.stat().st_ino == before


@AS_ROOT
async def test_a_file_is_given_to_its_owner_and_group(folder: Folder, keys: Memory) -> None:
    dest = folder.resource("x", '{{getv "/a"}}', more='owner = "nobody"\ngid = 12')
    assert await folder.confd(keys).once()
    assert (dest.stat().st_uid, dest.stat().st_gid) == (65534, 12)


@AS_ROOT
async def test_a_file_that_is_a_mount_is_written_in_place(folder: Folder, keys: Memory) -> None:
    dest = folder.resource("x", '{{getv "/a"}}', more='mode = "0600"')
    outside = folder.root / "outside"
    outside.write_text("a longer text than the new one")
    dest.touch()
    if subprocess.run(["mount", "--bind", str(outside), str(dest)], capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount; a container needs CAP_SYS_ADMIN for it")
    try:
        assert await folder.confd(keys).once()
        assert outside.read_text() == "1"
        assert stat.S_IMODE(outside.stat().st_mode) == 0o600
        assert folder.left_behind == []
        assert "written in place" in folder.log
    finally:
        subprocess.run(["umount", str(dest)], check=True)


async def test_one_bad_resource_does_not_stop_the_others(folder: Folder, keys: Memory) -> None:
    folder.resource("a", '{{getv "/nope"}}')
    folder.resource("b", "{{if}}")
    missing = folder.resource("c", "x")
    (folder.root / "templates" / "c.tmpl").unlink()
    (folder.root / "conf.d" / "d.toml").write_text("this is no toml")
    (folder.root / "conf.d" / "e.toml").write_text('[template]\nmode = "9"\nuid = -5\n')
    good = folder.resource("z", '{{getv "/a"}}')
    assert not await folder.confd(keys).once()
    assert good.read_text() == "1"
    assert not missing.exists()
    assert 'executing "a.tmpl" at <getv "/nope">: error calling getv: key does not exist: /nope' in folder.log
    assert (
        f"Unable to process template {folder.root}/templates/b.tmpl, template: b.tmpl:1: missing value for if"
        in folder.log
    )
    assert f"Missing template: {folder.root}/templates/c.tmpl" in folder.log
    assert "d.toml is no TOML." in folder.log
    for problem in ("empty src template", "template.mode", "template.uid"):
        assert problem in folder.log


async def test_with_compat_a_resource_that_is_no_toml_stops_everything(folder: Folder, keys: Memory) -> None:
    good = folder.resource("a", "x")
    (folder.root / "conf.d" / "b.toml").write_text("this is no toml")
    with pytest.raises(SpecError, match="is no TOML"):
        await folder.confd(keys, compat=True).once()
    assert not good.exists()


async def test_a_missing_folder_of_the_destination_is_an_error_of_that_resource(folder: Folder, keys: Memory) -> None:
    folder.resource("a", "x")
    (folder.root / "out").rmdir()
    assert not await folder.confd(keys).once()
    assert "No such file or directory" in folder.log


@pytest.mark.parametrize("which", ["check_cmd", "reload_cmd"])
async def test_a_command_that_hangs_is_ended_with_all_that_it_started(folder: Folder, keys: Memory, which: str) -> None:
    alive = folder.root / "alive"
    command = f"(sleep 30; touch {alive}) & echo $! > {folder.root}/child; wait"
    folder.resource("x", "x", more=f'{which} = "{command}"\n{which}_timeout = "300ms"')
    assert not await folder.confd(keys).once()
    assert "no answer within 0.3 s" in folder.log
    child = int((folder.root / "child").read_text())
    state = Path(f"/proc/{child}/stat")
    assert not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"


async def test_a_reload_may_leave_a_service_running(folder: Folder, keys: Memory) -> None:
    folder.resource("x", "x", more='reload_cmd = "sleep 5 & true"')
    assert await folder.confd(keys).once()


async def test_without_resources_there_is_nothing_to_do(folder: Folder, keys: Memory) -> None:
    assert await folder.confd(keys).once()
    assert "WARNING Found no templates" in folder.log


async def test_resources_are_found_in_folders_below(folder: Folder, keys: Memory) -> None:
    dest = folder.resource("x", "x")
    (folder.root / "conf.d" / "deep").mkdir()
    (folder.root / "conf.d" / "x.toml").rename(folder.root / "conf.d" / "deep" / "x-toml")
    assert await folder.confd(keys).once()
    assert dest.read_text() == "x"


async def test_a_reader_never_sees_half_a_file(folder: Folder, keys: Memory) -> None:
    dest = folder.resource("x", '{{range seq 1 20000}}{{getv "/a"}}{{end}}')
    import threading

    seen: set[str] = set()
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            if dest.exists():
                seen.add(dest.read_text())

    reader = threading.Thread(target=read)
    reader.start()
    confd = folder.confd(keys)
    for number in range(10):
        await keys.put("/a", str(number))
        assert await confd.once()
    over.set()
    reader.join()
    assert seen <= {str(number) * 20000 for number in range(10)}
