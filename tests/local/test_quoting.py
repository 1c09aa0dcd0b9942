"""Whatever a value holds, a real shell takes it as one word."""

from __future__ import annotations

import os
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etcdpilot.hosts.quoting import command, quote
from etcdpilot.hosts.waiting import WAITING_SHELL, told

NEEDS_ROOT = pytest.mark.skipif(os.getuid() != 0, reason="needs root, or sudo that asks for nothing")
SCRIPT = "for word; do printf '%s\\0' \"$word\"; done"

CORPUS = [
    "", " ", "a b", "'", "''", '"', "\\", "\\'", "$HOME", "$(id)", "`id`", "${x}", "$'\\n'", "a;id", "a&&id", "a|id", "a&",
    "a\nid", "\n", "\r", "\t", "*", "?", "[a]", "{a,b}", "~", "~root", "!", "!!", "#", "a#b", "-n", "--", "-rf", "<x", ">x",
    "(id)", "%s", "%n", "\x1b[0m", "\x7f", "é", "日本", "../..", "/etc/passwd", "a=b", "=", "'; touch /tmp/x; '", "'\\''",
    "\"'\"'\"", "$(printf '\\047')", "\udcff", "x" * 5000,
]  # fmt: skip


def words(line: str) -> list[str]:
    """What the words of a script are after a shell has read the line, as sshd has it read."""
    done = subprocess.run(["/bin/sh", "-c", os.fsencode(line)], capture_output=True, check=True, cwd="/", timeout=20)
    return os.fsdecode(done.stdout).split("\0")[:-1]


@pytest.mark.parametrize(
    "become_root", [False, pytest.param(True, marks=pytest.mark.skipif(os.getuid() != 0, reason="needs root"))]
)
def test_every_hostile_word_arrives_as_it_was(become_root):
    assert words(command(SCRIPT, *CORPUS, become_root=become_root)) == CORPUS


@NEEDS_ROOT
def test_a_waiting_shell_is_told_every_hostile_word_and_leaves_the_rest_to_the_script():
    said = told(SCRIPT + "\ncat", *CORPUS) + b"its own\ninput\0"
    done = subprocess.run(["/bin/sh", "-c", WAITING_SHELL], input=said, capture_output=True, check=True, timeout=20)
    assert os.fsdecode(done.stdout).split("\0")[:-1] == [*CORPUS, "its own\ninput"]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30), max_size=6))
def test_any_words_arrive_as_they_were(given_words):
    assert words(command(SCRIPT, *given_words)) == given_words


def test_a_nul_is_refused():
    with pytest.raises(ValueError, match="NUL"):
        quote("a\0b")
