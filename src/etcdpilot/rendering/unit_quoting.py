"""Words and paths as systemd's unit files want them. systemd.syntax(7), systemd.service(5).

`%` begins a specifier everywhere, `$` a variable in all words of a command but the first, a backslash at the end of a
line joins it with the next: one of the classic tutorials lost its Restart= to that.
"""

from __future__ import annotations

import re

PLAIN = re.compile(r"[A-Za-z0-9_@+=:,./\[\]-]+")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
GLOB = re.compile(r"([*?\[\]\\])")


def command_word(word: str, *, first: bool = False) -> str:
    """One word of an ExecStart= line; `first` is the program, in which systemd expands no variables."""
    text = word.replace("%", "%%") if first else word.replace("%", "%%").replace("$", "$$")
    return quoted(text)


def optional_path(path: str) -> str:
    """A path in a setting that takes a list of them, such as ReadWritePaths=; the dash: it may be missing."""
    return quoted("-" + without_control(path).replace("%", "%%"))


def bare_path(path: str) -> str:
    """A path in a setting that takes the rest of the line as it is, such as WorkingDirectory=."""
    return bare(path).replace("%", "%%")


def glob_path(path: str) -> str:
    """The path of EnvironmentFile=, which is a pattern."""
    return GLOB.sub(r"\\\1", bare(path)).replace("%", "%%")


def text(value: str) -> str:
    """A description: free text of one line."""
    return bare(" ".join(value.split())).replace("%", "%%")


def quoted(word: str) -> str:
    if PLAIN.fullmatch(word):
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", escaped) + '"'


def bare(value: str) -> str:
    """ValueError where systemd would read something else than what is meant."""
    if value != value.strip() or value.endswith("\\"):
        raise ValueError(f"{value!r} begins or ends with a character that a unit file cannot carry there")
    return without_control(value)


def without_control(value: str) -> str:
    if CONTROL.search(value):
        raise ValueError(f"{value!r} holds a control character, which a unit file cannot carry there")
    return value
