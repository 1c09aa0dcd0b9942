"""What a plan does to files, for people: a unified diff of text that is there already, never of a secret."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from etcdpilot.model.files import AuthorityBundle, FileSeen, FileSpec, Given, LeafCertificate, Text
from etcdpilot.model.memory import Memory
from etcdpilot.model.observation import HostSeen, Seen
from etcdpilot.model.plans import FileChange
from etcdpilot.model.steps import Step, WriteFiles
from etcdpilot.planning.certificates import due

# The token names a cluster rather than guarding it; whoever knows it may still start a member that claims to be of it.
SECRET = re.compile(r"((?:token|password|secret|discovery)[\w-]*=\"?)([^\s\"]+)", re.IGNORECASE)
HIDDEN = r"\1…"


def file_changes(steps: Iterable[Step], seen: Seen, memory: Memory, now: datetime) -> tuple[FileChange, ...]:
    """One for every file that some step writes, as it is found now; later steps over the same file are not repeated."""
    found: dict[tuple[str, str], FileChange] = {}
    for step in steps:
        if isinstance(step, WriteFiles):
            for change in changes_of(step, seen, memory, now):
                found.setdefault((change.member, change.path), change)
    return tuple(found.values())


def changes_of(step: WriteFiles, seen: Seen, memory: Memory, now: datetime) -> Iterator[FileChange]:
    for member, files in step.files:
        host = seen.reachable.get(member)
        for file in files if host else ():
            assert host is not None
            yield change_of(member, file, host, memory, now)


def change_of(member: str, file: FileSpec, host: HostSeen, memory: Memory, now: datetime) -> FileChange:
    there = host.file(file.path)
    if there is None:
        return FileChange(member, file.path, "new")
    match file.content:
        case Text(text) if text != there.text:
            also = "" if attributes(there) == attributes(file) else f", was {attributes(there)}"
            return FileChange(member, file.path, f"changed{also}", unified(file.path, there.text, text))
        case LeafCertificate(spec) if why := due(spec, host.certificate(file.path), memory, now):
            return FileChange(member, file.path, f"made anew: {why}")
        case Given(path, _, sha256) if sha256 != there.sha256:
            return FileChange(member, file.path, f"changed: {path} is another one")
        case AuthorityBundle() if attributes(there) == attributes(file):
            return FileChange(member, file.path, "changed: the authorities are others")
        case _ if attributes(there) != attributes(file):
            return FileChange(member, file.path, f"was {attributes(there)}, becomes {attributes(file)}")
        case _:
            return FileChange(member, file.path, "made anew")


def attributes(file: FileSeen | FileSpec) -> str:
    return f"{file.mode:04o} {file.owner}".rstrip()


def unified(path: str, before: str, after: str) -> str:
    old, new = (SECRET.sub(HIDDEN, text).splitlines() for text in (before, after))
    lines = list(difflib.unified_diff(old, new, f"{path} (there)", f"{path} (wanted)", lineterm="", n=1))
    return "\n".join(lines) or "(a value that is not shown)"
