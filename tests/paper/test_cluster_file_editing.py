"""Changes to a cluster file keep every character that they are not about."""

from __future__ import annotations

import difflib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etcdpilot.model.cluster import ClusterSpec
from etcdpilot.model.errors import SpecError
from etcdpilot.spec.edit import add_member, remove_member, set_member, set_version
from etcdpilot.spec.load import load

FLOW = """\
# our cluster \U0001f4a1
name:   prod      # spaces stay
etcd: { version: 3.5.30,  source: {directory: /opt/etcd} }

members:
  # the first rack
  - {name: etcd-0, host: 192.0.2.10}   # cold
  - { name: etcd-1,   host: '192.0.2.11' }

  # the second rack
  - {name: etcd-2, host: "192.0.2.12", zone: b}
# what follows the members stays below them

backup: {store: s3://bucket/etcd}  # why not
"""
BLOCK = """\
name: prod
etcd:
  version: '3.5.30'   # pinned
  source:
    directory: /opt/etcd
members:
- name: etcd-0        # cold
  # where it lives
  host: 192.0.2.10

- name: etcd-1
  host: 192.0.2.11
  ssh:
    user: root
# end
"""
ONE_LINE = "{name: x, etcd: {version: 3.5.30, source: wheel}, members: [{name: a, host: h1}, {name: b, host: h2}]}"


def changes(before: str, after: str) -> list[str]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def names(text: str) -> list[str]:
    return [member.name for member in load(text).spec.members]


def test_a_new_member_is_written_below_the_last_one_as_that_is_written() -> None:
    new = {"name": "etcd-3", "host": "192.0.2.13", "ssh": {"port": 2222}}
    assert changes(FLOW, add_member(FLOW, new)) == ["+  - {name: etcd-3, host: 192.0.2.13, ssh: {port: 2222}}"]
    assert changes(BLOCK, add_member(BLOCK, new)) == ["+- name: etcd-3", "+  host: 192.0.2.13", "+  ssh: {port: 2222}"]
    assert names(add_member(FLOW, new)) == ["etcd-0", "etcd-1", "etcd-2", "etcd-3"]
    assert add_member(ONE_LINE, {"name": "c", "host": "h3"}).endswith(", {name: b, host: h2}, {name: c, host: h3}]}")


def test_a_removed_member_takes_its_own_lines_along_and_no_others() -> None:
    assert changes(FLOW, remove_member(FLOW, "etcd-1")) == ["-  - { name: etcd-1,   host: '192.0.2.11' }"]
    assert changes(FLOW, remove_member(FLOW, "etcd-2")) == ['-  - {name: etcd-2, host: "192.0.2.12", zone: b}']
    assert changes(BLOCK, remove_member(BLOCK, "etcd-0")) == [
        "-- name: etcd-0        # cold",
        "-  # where it lives",
        "-  host: 192.0.2.10",
    ]
    assert names(remove_member(ONE_LINE, "a")) == ["b"]
    assert names(remove_member(ONE_LINE, "b")) == ["a"]


def test_a_changed_host_keeps_its_quotes_and_comments() -> None:
    assert changes(FLOW, set_member(FLOW, "etcd-2", "host", "192.0.2.99")) == [
        '-  - {name: etcd-2, host: "192.0.2.12", zone: b}',
        '+  - {name: etcd-2, host: "192.0.2.99", zone: b}',
    ]
    assert changes(BLOCK, set_member(BLOCK, "etcd-0", "host", "db.example.com")) == [
        "-  host: 192.0.2.10",
        "+  host: db.example.com",
    ]


def test_the_member_to_retire_is_noted_as_text_and_taken_out_again() -> None:
    for before in (FLOW, BLOCK, ONE_LINE):
        name = names(before)[0]
        noted = set_member(before, name, "retire", "12345678")
        assert 'retire: "12345678"' in noted  # another reader would take it for a number
        assert load(noted).spec.member(name).retire == "12345678"
        assert set_member(noted, name, "retire", None) == before


def test_taking_out_what_is_not_there_changes_nothing() -> None:
    assert set_member(FLOW, "etcd-0", "retire", None) == FLOW


def test_another_version_is_written_where_the_old_one_stands_or_begun() -> None:
    assert changes(BLOCK, set_version(BLOCK, "3.5.33")) == [
        "-  version: '3.5.30'   # pinned",
        "+  version: '3.5.33'   # pinned",
    ]
    local = "name: dev\nhosts: {kind: local}\nmembers: [{name: a}]"
    assert set_version(local, "3.5.33") == local + "\netcd: {version: 3.5.33}\n"


def test_windows_line_ends_stay_what_they_are() -> None:
    text = BLOCK.replace("\n", "\r\n")
    assert "\n" not in add_member(text, {"name": "c", "host": "h3"}).replace("\r\n", "")


def test_an_edit_that_would_not_load_is_refused_with_its_problems() -> None:
    with pytest.raises(SpecError) as caught:
        add_member(FLOW, {"name": "etcd-0", "host": "192.0.2.13"})
    assert "members[3].name" in str(caught.value)
    with pytest.raises(SpecError, match=r"members\[0\].host"):
        set_member(FLOW, "etcd-0", "host", "$(id)")
    with pytest.raises(SpecError, match=r"etcd\.version"):
        set_version(FLOW, "newest")


def test_a_file_that_was_wrong_before_is_not_edited() -> None:
    with pytest.raises(SpecError, match="not a key here"):
        add_member(FLOW + "nonsense: 1\n", {"name": "c", "host": "h3"})


def test_a_member_that_is_not_there_and_the_only_one_cannot_be_removed() -> None:
    with pytest.raises(SpecError, match="no member 'zz'"):
        remove_member(FLOW, "zz")
    with pytest.raises(SpecError, match="only member"):
        remove_member("name: dev\nhosts: {kind: local}\nmembers: [{name: a}]\n", "a")


def test_what_cannot_be_edited_safely_is_left_to_its_owner() -> None:
    shared = "members:\n  - &m {name: a, host: h1, ssh: &s {user: x}}\n  - {name: b, host: h2, ssh: *s}\n"
    text = "name: x\netcd: {version: 3.5.30, source: wheel}\n" + shared
    with pytest.raises(SpecError, match="cannot be edited for you"):
        remove_member(text, "a")  # the anchor that b needs would go with it


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 8), min_size=1, max_size=12), st.sampled_from([FLOW, BLOCK, ONE_LINE]))
def test_adding_and_removing_in_any_order_ends_where_a_list_would(moves: list[int], text: str) -> None:
    wanted = names(text)
    for move in moves:
        name = f"new-{move}"
        if name in wanted:
            text = remove_member(text, name)
            wanted.remove(name)
        else:
            text = add_member(text, {"name": name, "host": f"203.0.113.{move + 1}"})
            wanted.append(name)
        assert names(text) == wanted


def test_removing_what_was_added_gives_the_file_back() -> None:
    for text in (FLOW, BLOCK, ONE_LINE):
        assert remove_member(add_member(text, {"name": "new", "host": "h9"}), "new") == text
        spec: ClusterSpec = load(text).spec
        assert load(remove_member(add_member(text, {"name": "new", "host": "h9"}), "new")).spec == spec


OPTIONS = """\
name: prod
etcd:
  version: 3.5.35
  source: {directory: /opt/etcd}
  options:
    experimental-compaction-batch-limit: 500   # small steps
    experimental-initial-corrupt-check: true
    max-txn-ops: 256  # as before
hosts: {kind: local}
members:
  - {name: a, client-port: 1, peer-port: 2, options: {experimental-watch-progress-notify-interval: 5s}}
"""


def test_another_version_gets_its_own_names_of_the_options_and_keeps_comments():
    assert changes(OPTIONS, set_version(OPTIONS, "3.6.16")) == ["-  version: 3.5.35", "+  version: 3.6.16"]
    assert changes(OPTIONS, set_version(OPTIONS, "3.7.3")) == [
        "-  version: 3.5.35",
        "+  version: 3.7.3",
        "-    experimental-compaction-batch-limit: 500   # small steps",
        "-    experimental-initial-corrupt-check: true",
        "+    compaction-batch-limit: 500   # small steps",
        '+    feature-gates: "InitialCorruptCheck=true"',
        "-  - {name: a, client-port: 1, peer-port: 2, options: {experimental-watch-progress-notify-interval: 5s}}",
        "+  - {name: a, client-port: 1, peer-port: 2, options: {watch-progress-notify-interval: 5s}}",
    ]


def test_the_way_back_brings_the_old_names_back():
    there = set_version(OPTIONS, "3.7.3")
    again = set_version(there, "3.5.35")
    assert "experimental-initial-corrupt-check:" in again and "feature-gates" not in again
    assert "experimental-compaction-batch-limit: 500   # small steps" in again


def test_an_option_that_the_release_does_not_have_at_all_is_refused_by_name():
    served = OPTIONS.replace("max-txn-ops: 256", "enable-v2: true")
    with pytest.raises(SpecError) as refused:
        set_version(served, "3.6.16")
    assert "enable-v2" in str(refused.value.problems[0])
