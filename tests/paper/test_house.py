"""The house is what its papers say: rooms, nouns, named functions, verbs, and what starting costs."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import etcdpilot
from etcdpilot.cli.main import VERBS

ROOT = Path(__file__).parents[2]
HOUSE = Path(etcdpilot.__file__).parent
NOUNS = {"members", "services", "files", "certificates", "versions", "data"}


@pytest.mark.parametrize("room", ["planning", "applying"])
def test_those_who_decide_and_those_who_do_hold_the_same_nouns(room: str):
    assert {path.stem for path in (HOUSE / room).glob("*.py")} >= NOUNS


def test_those_who_see_hold_those_nouns_that_can_be_seen():
    there = {path.stem for path in (HOUSE / "observing").glob("*.py")}
    assert there >= {"members", "services", "files"}
    assert "certificate_files" in there or "certificates" in there


def test_every_room_of_the_table_exists_and_every_room_stands_in_the_table():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    named = set(re.findall(r"^\| `(\w+)/` \|", text, re.MULTILINE))
    there = {path.parent.name for path in HOUSE.glob("*/__init__.py")}
    assert named == there


def named_in_architecture() -> list[str]:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    dotted = re.findall(r"`((?:\w+\.)+\w+)`", text)
    return sorted({name for name in dotted if not name.endswith((".py", ".md", ".toml", ".yaml", ".json"))})


@pytest.mark.parametrize("name", named_in_architecture())
def test_what_the_architecture_names_exists(name: str):
    """`room.file.thing`, `room.thing` or `file.thing`."""
    module, _, thing = f"etcdpilot.{name}".rpartition(".")
    assert hasattr(importlib.import_module(module), thing), f"{name} is named in ARCHITECTURE.md"


def test_the_architecture_names_functions_at_all():
    assert len(named_in_architecture()) >= 8


def test_every_path_that_the_architecture_names_exists():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    for path in re.findall(r"`(model/\w+\.py|hosts/\w+\.py)`", text):
        assert (HOUSE / path).exists(), path


def test_the_verbs_of_the_readme_exist():
    text = (ROOT / "README.md").read_text()
    used = set(re.findall(r"etcdpilot ([a-z]+)\b", text))
    listed = set(re.findall(r"^    ([a-z]+)(?: |$)", text.partition("Then try")[2].partition("##")[0], re.MULTILINE))
    assert listed and (used & set(VERBS))
    assert (used | listed) - set(VERBS) <= {"is", "plans"}, (used | listed) - set(VERBS)


def test_every_link_of_the_readme_leads_somewhere():
    text = (ROOT / "README.md").read_text()
    for target in re.findall(r"\]\((?!http)([^)#]+)", text):
        assert (ROOT / target).exists(), target


PROMISES = (ROOT / "docs/guide/promises.md").read_text()


def test_every_promise_that_a_refusal_names_stands_on_the_page():
    promised = set(re.findall(r"^\| (I\d+) \|", PROMISES, re.MULTILINE))
    named = {each for path in HOUSE.rglob("*.py") for each in re.findall(r"[\"(](I\d+)[\")]", path.read_text())}
    assert named and named <= promised, named - promised
    held = set(re.findall(r"\bI\d+", PROMISES.partition("## The tests")[2]))
    assert held == promised, held ^ promised


def test_every_test_that_holds_a_promise_exists():
    there = {
        name for path in (ROOT / "tests").rglob("*.py") for name in re.findall(r"def (test_\w+)", path.read_text())
    }
    named = set(re.findall(r"`(test_\w+)`", PROMISES))
    assert named and named <= there, named - there


def test_the_cluster_files_of_the_guide_load():
    from etcdpilot.spec.load import load

    blocks = re.findall(r"```yaml\n(name: .*?)```", (ROOT / "docs/guide/cluster-file.md").read_text(), re.DOTALL)
    assert len(blocks) >= 2
    for block in blocks:
        load(block)


def test_every_verb_has_its_help():
    for verb, (module, name, line) in VERBS.items():
        command = getattr(importlib.import_module(f"etcdpilot.cli.{module}"), name)
        assert command.help, verb
        assert line.endswith("."), verb


def test_no_line_of_help_is_cut_off():
    for verb, (module, name, _) in VERBS.items():
        command = getattr(importlib.import_module(f"etcdpilot.cli.{module}"), name)
        if isinstance(command, click.Group):
            shown = CliRunner().invoke(command, ["--help"]).output
            assert set(command.commands) and "..." not in shown.replace("[ARGS]...", ""), verb


HEAVY = ("grpc", "asyncssh", "pydantic", "cryptography", "yaml", "ruamel", "dns", "rich", "asyncio", "google.protobuf")


@pytest.mark.parametrize("words", [["--help"], ["version"]], ids=" ".join)
def test_help_and_version_import_nothing_heavy(words: list[str]):
    assert heavy_after(*words) == []


def heavy_after(*words: str) -> list[str]:
    program = (
        "import sys\nfrom etcdpilot.cli import main\n"
        f"try: main.main({words!r}, standalone_mode=False)\nexcept SystemExit: pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return list(eval(done.stderr.splitlines()[-1]))  # noqa: S307 - a list that the line above printed


def test_the_files_are_short():
    """But for what a program wrote, and tables: they are as long as what they list."""
    for path in HOUSE.rglob("*.py"):
        if path.name != "etcd_pb2.py" and "table" not in path.name:
            assert len(path.read_text().splitlines()) <= 500, path


def test_no_test_asserts_a_raft_term():
    """A lone member counts terms while it waits, so a term says nothing that a test may rely on."""
    for path in (ROOT / "tests").rglob("*.py"):
        if path != Path(__file__):
            assert not re.search(r"raft_term.*==|RAFT TERM.*==", path.read_text()), path
