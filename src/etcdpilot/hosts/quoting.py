"""The one function through which a value reaches a shell, and the command lines that are built with it."""

from __future__ import annotations

# Programs of the system, whatever the login's own setting: su, sudo and sshd each hand over another.
PREAMBLE = "export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"

# Who is not root becomes it, or is told at once that a password would be needed: nobody is there to type one.
AS_ROOT = '[ "$(id -u)" = 0 ] && exec /bin/sh -c "$@"; exec sudo -n /bin/sh -c "$@"'


def quote(word: str) -> str:
    """As one word for sh, taken as it is. ValueError for a NUL, which no argument can hold."""
    if "\0" in word:
        raise ValueError(f"{word!r} holds a NUL, which no argument can carry")
    return "'" + word.replace("'", "'\\''") + "'"


def command(script: str, *arguments: str, become_root: bool = False) -> str:
    """A command line that runs `script` with `arguments` as $1, $2, …, whatever they contain."""
    words = [PREAMBLE + script, "etcdpilot", *arguments]
    if become_root:
        words = [AS_ROOT, "etcdpilot", *words]
    return " ".join(("exec /bin/sh -c", *(quote(word) for word in words)))


def line(said: str) -> str:
    """The same command in one line, for a shell in which `n` is a newline: a newline never stands outside quotes."""
    return said.replace("\n", "'\"$n\"'")
