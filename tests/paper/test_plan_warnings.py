"""What a plan says beside its steps: machines below etcd's guidance, and what becomes of files."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from etcdpilot.model.cluster import HostKind
from etcdpilot.model.files import FileSeen, FileSpec, LeafKey, Text
from etcdpilot.model.knowledge import Absent, Known, Unknown
from etcdpilot.model.membership import Membership
from etcdpilot.model.memory import Memory
from etcdpilot.model.observation import DataSeen, EtcdSeen, HostSeen, Machine, Seen, ServiceSeen
from etcdpilot.model.steps import WriteFiles
from etcdpilot.planning.differences import file_changes
from etcdpilot.planning.hardware import hardware_warnings
from tests.paper.clusters import cluster

NOW = datetime(2030, 1, 1, tzinfo=UTC)
MEMORY = Memory("token", "", ())
GOOD = Machine("amd64", "Linux", 252, 4, 16 * 2**30, 0.0, False, (), 2**40)
ENV = "/etc/etcd/etcd.env"


def host(machine: Machine = GOOD, *files: FileSeen) -> HostSeen:
    service = ServiceSeen("", False, "inactive", "", 0, ())
    return HostSeen(machine, files, (), Absent(), service, None, DataSeen(False, False, False, 0), Absent(), ())


def seen(*hosts: HostSeen) -> Seen:
    named = tuple((f"etcd-{number}", Known(each)) for number, each in enumerate(hosts))
    return Seen(named, EtcdSeen(Unknown("nobody"), ()), Membership())


def test_good_machines_are_not_spoken_of() -> None:
    assert list(hardware_warnings(cluster(), seen(host(), host(), host()))) == []


def test_what_is_below_the_guidance_is_said_once_with_all_whom_it_concerns() -> None:
    small = replace(GOOD, cores=1, memory=4 * 2**30)
    slow = replace(GOOD, rotating_disk=True, shares_disk_with=("/var/lib/docker",))
    said = list(hardware_warnings(cluster(), seen(host(small), host(small), host(slow))))
    assert [each.partition(":")[0] for each in said] == ["etcd-0 and etcd-1"] * 2 + ["etcd-2"] * 2
    for word, text in zip(("1 core", "4.0 GB of memory", "rotating disk", "/var/lib/docker"), said, strict=True):
        assert word in text


def test_this_machine_is_not_judged() -> None:
    small = host(replace(GOOD, cores=1))
    assert list(hardware_warnings(cluster(kind=HostKind.LOCAL), seen(small, small, small))) == []


def changes(there: FileSeen | None, wanted: FileSpec):
    step = WriteFiles((("etcd-0", (wanted,)), ("etcd-9", (wanted,))), "why")
    return file_changes((step, step), seen(host(GOOD, *([there] if there else []))), MEMORY, NOW)


def env(text: str, mode: int = 0o600) -> FileSeen:
    return FileSeen(ENV, mode, "root", len(text), Text(text).sha256, text)


def wanted_env(text: str) -> FileSpec:
    return FileSpec(ENV, 0o600, "root", Text(text))


def test_a_new_file_has_no_diff_and_a_host_that_was_not_seen_no_change() -> None:
    (change,) = changes(None, wanted_env("A=1\n"))
    assert (change.member, change.path, change.what, change.diff) == ("etcd-0", ENV, "new", "")


def test_text_that_changes_is_shown_line_by_line() -> None:
    (change,) = changes(env("A=1\nB=2\n"), wanted_env("A=1\nB=3\n"))
    assert change.what == "changed"
    assert change.diff.splitlines()[2:] == ["@@ -1,2 +1,2 @@", " A=1", "-B=2", "+B=3"]


def test_a_token_or_password_is_never_shown() -> None:
    before = 'ETCD_INITIAL_CLUSTER_TOKEN="hush"\nX=1\nETCD_DISCOVERY_PASSWORD=hush\n'
    after = before.replace("hush", "quiet").replace("X=1", "X=2") + "  --initial-cluster-token=quiet \\\n"
    (change,) = changes(env(before), wanted_env(after))
    assert "hush" not in change.diff and "quiet" not in change.diff and "+X=2" in change.diff
    (change,) = changes(env("TOKEN=a\n"), wanted_env("TOKEN=b\n"))
    assert change.diff == "(a value that is not shown)"


def test_a_mode_that_changes_is_said() -> None:
    (change,) = changes(env("A=1\n", 0o644), wanted_env("A=1\n"))
    assert change.what == "was 0644 root, becomes 0600 root"
    (change,) = changes(env("A=2\n", 0o644), wanted_env("A=1\n"))
    assert change.what == "changed, was 0644 root"


def test_of_a_key_nothing_but_that_it_is_made_anew_is_said() -> None:
    key = FileSpec("/k", 0o600, "etcd", LeafKey("/c"))
    (change,) = changes(FileSeen("/k", 0o600, "etcd", 9, "ab", "PRIVATE KEY"), key)
    assert (change.what, change.diff) == ("made anew", "")
