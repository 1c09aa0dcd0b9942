"""The file that systemd's EnvironmentFile reads.

systemd parses it much as a shell would: inside double quotes a backslash protects a quote, a backslash, a backtick and
a dollar sign, and stands for itself before anything else. A percent sign means nothing here. Values with control
characters other than tab and newline are dropped by systemd with a warning, so they are refused here.
"""

from __future__ import annotations

import re

from etcdpilot.rendering.options import Options, variable

HEADER = "# Written by etcdpilot from the cluster file; changes by hand are found and put back.\n"
NEEDS_ESCAPE = re.compile(r'(["\\`$])')
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def env_file(options: Options) -> str:
    """One `ETCD_…="…"` a line, in the order given. ValueError for a value that systemd would drop."""
    return HEADER + "".join(f"{variable(option)}={env_quoted(value)}\n" for option, value in options.items())


def env_quoted(value: str) -> str:
    if CONTROL.search(value):
        raise ValueError(f"{value!r} holds a control character, which systemd does not take from an environment file")
    return '"' + NEEDS_ESCAPE.sub(r"\\\1", value) + '"'
