"""Env files, units and scripts carry any value that their readers can take, and refuse the others."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcdpilot.model.cluster import HostKind, ServiceStyle
from etcdpilot.model.files import Text
from etcdpilot.model.observation import Marker
from etcdpilot.rendering.env_file import env_file
from etcdpilot.rendering.local_script import local_script
from etcdpilot.rendering.marker import marker_text, read_marker, wal_identity
from etcdpilot.rendering.member_files import member_files
from etcdpilot.rendering.options import member_options, split
from etcdpilot.rendering.unit import unit
from etcdpilot.rendering.unit_quoting import command_word
from tests.paper.clusters import PATHS, SERVICE, UNFORMED, cluster, initial, member

HOSTILE = st.text(st.sampled_from("a%$\"'`\\ ;#*?[]{}()<>|&!~=\té\u2028-/.\n"), max_size=12)


def as_systemd_reads_env(text: str) -> dict[str, str]:
    """systemd's parser of environment files, for values in double quotes (src/basic/env-file.c, told in our words)."""
    found: dict[str, str] = {}
    rest = text
    while rest:
        if rest.startswith("#"):
            line, _, rest = rest.partition("\n")
            assert not line.endswith("\\"), "a comment would go on in the next line"
            continue
        name, _, rest = rest.partition("=")
        assert re.fullmatch(r"[A-Z0-9_]+", name) and rest.startswith('"')
        value, at = "", 1
        while rest[at] != '"':
            if rest[at] == "\\":
                at += 1
                if rest[at] == "\n":
                    at += 1
                    continue
                value += rest[at] if rest[at] in '"\\`$' else "\\" + rest[at]
            else:
                value += rest[at]
            at += 1
        assert rest[at + 1] == "\n"
        found[name], rest = value, rest[at + 2 :]
    return found


def as_systemd_reads_command(line: str) -> list[str]:
    """Words of an ExecStart= line: quotes and C escapes, then specifiers, then variables in all words but the first."""
    words: list[str] = []
    at = 0
    while at < len(line):
        if line[at] == " ":
            at += 1
            continue
        word, quoted = "", False
        while at < len(line) and (quoted or line[at] != " "):
            char = line[at]
            if char == '"':
                quoted = not quoted
            elif char == "\\":
                at += 1
                if line[at] == "x":
                    char, at = chr(int(line[at + 1 : at + 3], 16)), at + 2
                else:
                    assert line[at] in '"\\'
                    char = line[at]
                word += char
            else:
                assert quoted or char != "'"
                word += char
            at += 1
        assert not quoted
        assert "%" not in word.replace("%%", "")
        word = word.replace("%%", "%")
        if words:
            assert "$" not in word.replace("$$", "")
            word = word.replace("$$", "$")
        words.append(word)
    return words


@given(st.dictionaries(st.sampled_from(["name", "data-dir", "wal-dir"]), HOSTILE))
def test_an_env_file_gives_systemd_back_what_it_was_given(options):
    read = as_systemd_reads_env(env_file(options))
    assert read == {"ETCD_" + name.upper().replace("-", "_"): value for name, value in options.items()}


@pytest.mark.parametrize("value", ["a\rb", "a\0b", "\x1b[0m"])
def test_an_env_file_refuses_what_systemd_would_drop(value):
    with pytest.raises(ValueError, match="control character"):
        env_file({"name": value})


@given(st.lists(HOSTILE, max_size=5))
def test_a_command_line_gives_systemd_back_its_words(words):
    line = " ".join((command_word("/b%in/$e", first=True), *(command_word(word) for word in words)))
    assert "\n" not in line
    assert as_systemd_reads_command(line) == ["/b%in/$e", *words]


@given(HOSTILE.filter(lambda text: "\n" not in text))
def test_a_local_script_gives_the_shell_back_its_words(value):
    text = local_script(member(0), {"name": value, "data-dir": "/d"})
    words = shlex.split(text.partition("exec ")[2].replace(" \\\n  ", " "))
    assert words == ["/usr/local/bin/etcd", f"--name={value}", "--data-dir=/d"]


def service_lines(text: str) -> dict[str, str]:
    joined = text.replace(" \\\n", " ")
    return dict(line.split("=", 1) for line in joined.splitlines() if "=" in line and not line.startswith("#"))


def rendered(style: ServiceStyle = ServiceStyle.ENV_FILE, **service):
    one = member(0, service=replace(SERVICE, style=style, **service))
    spec = cluster(one)
    return unit(spec, one, *split(member_options(spec, one, initial(spec)), style))


def test_a_unit_waits_without_end_and_restarts_only_after_a_failure():
    lines = service_lines(rendered())
    assert lines["Type"] == "notify"
    assert lines["Restart"] == "on-failure" and lines["RestartSec"] == "5"
    assert lines["TimeoutStartSec"] == "infinity" and lines["StartLimitIntervalSec"] == "0"
    assert lines["LimitNOFILE"] == "65536"
    assert lines["User"] == "etcd" and lines["WorkingDirectory"] == "-/var/lib/etcd"
    assert lines["EnvironmentFile"] == "/etc/etcd/etcd.env"
    assert lines["ExecStart"] == "/usr/local/bin/etcd"
    assert "network-online.target" in lines["After"] and "time-sync.target" in lines["After"]
    assert lines["Wants"] == "network-online.target"
    assert lines["ReadWritePaths"] == "-/var/lib/etcd"
    assert lines["ExecStartPre"] == "/bin/sh /etc/etcd/guard.sh /var/lib/etcd /etc/etcd/etcdpilot.json etcd-0"


def test_a_unit_with_flags_names_no_env_file_and_ends_no_line_in_a_lone_backslash():
    text = rendered(ServiceStyle.FLAGS)
    assert "EnvironmentFile" not in text
    assert not re.search(r"\\\n(?!  --)", text)
    assert "--initial-cluster-state=new" in service_lines(text)["ExecStart"]


def test_settings_of_the_cluster_file_take_the_place_of_ours():
    settings = (
        ("Restart", "always"),
        ("TimeoutStartSec", "0"),
        ("LimitNOFILE", "40000"),
        ("Nice", "-5"),
        ("Conflicts", "etcd2.service"),
    )
    text = rendered(settings=settings)
    assert text.count("Restart=") == 1 and text.count("LimitNOFILE=") == 1
    assert {"Restart=always", "TimeoutStartSec=0", "LimitNOFILE=40000", "Nice=-5"} <= set(text.splitlines())
    assert "Conflicts=etcd2.service" in text[: text.index("[Service]")]


@pytest.mark.parametrize(
    "setting", [("Nice", "1\nExecStartPre=/bin/evil"), ("Nice", "1\\"), ("Nice\nUser", "root"), ("X=Y", "1")]
)
def test_a_setting_cannot_reach_beyond_its_line(setting):
    with pytest.raises(ValueError):
        rendered(settings=(setting,))


def test_a_data_directory_with_odd_characters_is_named_as_systemd_wants_it_everywhere():
    paths = replace(PATHS, data='/srv/my data/50% "x" $y', env_file="/etc/e[1]*.env")
    one = member(0, paths=paths, service=replace(SERVICE, working_directory=paths.data))
    spec = cluster(one)
    lines = service_lines(unit(spec, one, *split(member_options(spec, one, initial(spec)), ServiceStyle.ENV_FILE)))
    assert lines["WorkingDirectory"] == '-/srv/my data/50%% "x" $y'
    assert lines["ReadWritePaths"] == '"-/srv/my data/50%% \\"x\\" $y"'
    assert lines["EnvironmentFile"] == r"/etc/e\[1\]\*.env"
    assert as_systemd_reads_command(lines["ExecStartPre"])[2] == paths.data


def test_a_sandbox_leaves_open_what_the_layout_needs():
    one = member(0, paths=replace(PATHS, data="/home/x/etcd"), listen_client_urls=("https://10.0.0.11:443",))
    spec = cluster(one)
    text = unit(spec, one, *split(member_options(spec, one, initial(spec)), ServiceStyle.ENV_FILE))
    assert "ProtectHome=read-only" in text and "AmbientCapabilities=CAP_NET_BIND_SERVICE" in text
    assert "ProtectSystem" not in rendered(sandbox=False)


IDS = st.integers(min_value=1, max_value=2**64 - 1)


@given(st.text(max_size=20), IDS, IDS, st.integers(min_value=0, max_value=2**62))
def test_a_marker_reads_back_as_it_was_written(name, cluster_id, member_id, index):
    marker = Marker(name, "a", f"{cluster_id:x}", (("a", f"{member_id:x}"), ("b", "1")), "h", index)
    text = marker_text(marker)
    assert read_marker(text) == marker
    assert marker_text(read_marker(text)) == text
    assert all(re.match(r"^(  (  )?\"|[{}]| {2}},?)", line) for line in text.splitlines())


def test_a_marker_names_the_bytes_that_every_wal_file_begins_with():
    assert wal_identity(Marker("c", "a", "cdf818194e3a8c32", (("a", "8e9e05c52164694d"),), "", 0)) == (
        "08cdd2918bd2b881cf8e01" + "10b298eaf1948386fccd01"
    )
    assert wal_identity(Marker("c", "a", "1", (("b", "2"),), "", 0)) == "1001"
    assert wal_identity(UNFORMED) == ""


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"cluster": "x", "member_ids": 3}'])
def test_what_is_no_marker_is_said_to_be_none(text):
    with pytest.raises(ValueError):
        read_marker(text)


def test_a_host_gets_its_env_file_its_unit_its_guard_and_its_marker():
    spec = cluster()
    files = member_files(spec, spec.members[0], initial(spec), UNFORMED)
    assert [(file.path, file.mode, file.owner) for file in files] == [
        ("/etc/etcd/etcd.env", 0o600, "root"),
        ("/etc/systemd/system/etcd.service", 0o644, "root"),
        ("/etc/etcd/guard.sh", 0o755, "root"),
        ("/etc/etcd/etcdpilot.json", 0o644, "root"),
    ]
    assert isinstance(files[3].content, Text) and json.loads(files[3].content.text)["cluster"] == "prod"


def test_a_laptop_gets_a_script_instead_of_a_unit():
    spec = cluster(kind=HostKind.LOCAL)
    paths = [file.path for file in member_files(spec, spec.members[0], initial(spec), UNFORMED)]
    assert paths == ["/etc/etcd/run", "/etc/etcd/guard.sh", "/etc/etcd/etcdpilot.json"]
