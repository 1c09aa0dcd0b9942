"""confd's resources, flags and confd.toml: what is read, which of them wins, and every mistake at once."""

from __future__ import annotations

from typing import Any

import pytest

from etcdpilot.model.confd import Settings
from etcdpilot.model.errors import SpecError
from etcdpilot.spec.confd_resource import parse_duration, read_resource
from etcdpilot.spec.confd_settings import CommandLine, UsageError, read_flags, read_settings


def settings(*words: str, file: str | None = None, environment: dict[str, str] | None = None) -> Settings:
    return read_settings(read_flags(words), file, environment or {})


@pytest.mark.parametrize("dash", ["-", "--"])
def test_one_dash_and_two_are_the_same(dash: str) -> None:
    read = settings(
        f"{dash}onetime", f"{dash}node", "http://a:2379", f"{dash}node=b:2379", f"{dash}interval=5", f"{dash}noop=false"
    )
    assert (read.onetime, read.nodes, read.interval, read.noop) == (True, ("http://a:2379", "b:2379"), 5.0, False)


def test_every_flag_of_confd_is_taken() -> None:
    switches = "onetime watch noop sync-only keep-stage-file basic-auth client-insecure"
    texts = "confdir prefix scheme srv-domain srv-record client-cert client-key client-ca-keys username password"
    others = "auth-token auth-type table filter separator app-id user-id role-id secret-id path secret-keyring file"
    words = [f"-{name}" for name in switches.split()]
    words += [word for name in f"{texts} {others}".split() for word in (f"-{name}", f"of-{name}")]
    read = settings(*words, "-backend", "etcdv3", "-log-level", "debug", "-node", "a")
    assert read.client_cakeys == "of-client-ca-keys"
    assert (read.sync_only, read.keep_stage_file, read.log_level) == (True, True, "debug")


def test_flags_beat_the_file_and_with_compat_the_file_beats_flags() -> None:
    file = 'prefix = "/file"\ninterval = 7\nnodes = ["http://f:2379"]\nlog-level = "warn"\nsync-only = true\n'
    read = settings("-prefix", "/flag", file=file)
    assert (read.prefix, read.interval, read.nodes, read.log_level, read.sync_only) == (
        "/flag",
        7.0,
        ("http://f:2379",),
        "warn",
        True,
    )
    assert settings("-prefix", "/flag", file='compat = "confd"\n' + file).prefix == "/file"
    assert settings("-prefix", "/flag", "-compat", "confd", file=file).prefix == "/file"


def test_certificates_may_come_from_the_environment_and_flags_beat_it() -> None:
    environment = {"CONFD_CLIENT_CERT": "c", "CONFD_CLIENT_KEY": "k", "CONFD_CLIENT_CAKEYS": "a"}
    read = settings("-client-cert", "mine", environment=environment)
    assert (read.client_cert, read.client_key, read.client_cakeys) == ("mine", "k", "a")


@pytest.mark.parametrize("words", [("-nope",), ("-interval", "x"), ("-node",), ("-watch=perhaps",)])
def test_a_wrong_flag_is_a_mistake_of_the_command_line(words: tuple[str, ...]) -> None:
    with pytest.raises(UsageError):
        read_flags(words)


def test_flags_end_where_other_words_begin() -> None:
    assert read_flags(["-onetime", "rest", "-nope"]) == CommandLine({"onetime": True})
    assert read_flags(["-version"]).wants == "version"
    assert read_flags(["--help"]).wants == "help"


@pytest.mark.parametrize(
    ("words", "file", "said"),
    [
        (("-log-level", "loud"), None, 'not a valid level: "loud"'),
        (("-backend", "consul"), None, "Invalid backend"),
        ((), "nodes = 1\ninterval = true\n", "must be a whole number"),
        ((), "[broken", "is no TOML"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(words: tuple[str, ...], file: str | None, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        settings(*words, file=file)


def test_a_resource_is_read_with_all_that_it_may_hold() -> None:
    text = """
    [template]
    src = "deep/a.tmpl"
    dest = "/etc/a.conf"
    keys = ["/one", "two/", "/one"]
    prefix = "app"
    mode = "0640"
    uid = 0
    gid = 33
    owner = "www"
    check_cmd = "check {{.src}}"
    reload_cmd = "reload"
    check_cmd_timeout = "1m30s"
    reload_cmd_timeout = 5
    debounce = "250ms"
    unknown = "left alone"
    """
    read = read_resource(text, "a.toml")
    assert read.paths == ("/app/one", "/app/two")
    assert (read.prefix, read.mode, read.uid, read.gid, read.owner) == ("/app", 0o640, 0, 33, "www")
    assert (read.check_timeout, read.reload_timeout, read.debounce) == (90.0, 5.0, 0.25)
    assert read.template_name == "a.tmpl"


def test_a_resource_without_keys_is_one() -> None:
    assert read_resource('[template]\nsrc = "a"\ndest = "/a"', "a.toml").paths == ()


def test_the_programs_prefix_takes_the_place_of_the_resources() -> None:
    read = read_resource('[template]\nsrc = "a"\ndest = "/a"\nprefix = "/own"\nkeys = ["/"]', "a.toml", prefix="/given")
    assert (read.prefix, read.paths) == ("/given", ("/given",))


def test_every_mistake_of_a_resource_is_told_at_once() -> None:
    text = '[template]\nmode = "9"\nuid = "x"\nkeys = "/a"\ndebounce = "soon"\nsrc = 5\n'
    with pytest.raises(SpecError) as caught:
        read_resource(text, "a.toml")
    assert {problem.path for problem in caught.value.problems} == {
        f"template.{key}" for key in ("mode", "uid", "keys", "debounce", "src", "dest")
    }


@pytest.mark.parametrize(
    ("text", "mode", "confds"), [("0644", 0o644, 0o644), ("644", 0o644, 0o204), ("0o600", 0o600, 0o600)]
)
def test_a_mode_is_octal_unless_compat_asks_for_confds_reading(text: str, mode: int, confds: int) -> None:
    resource = f'[template]\nsrc = "a"\ndest = "/a"\nmode = "{text}"'
    assert read_resource(resource, "a.toml").mode == mode
    assert read_resource(resource, "a.toml", compat=True).mode == confds


@pytest.mark.parametrize(
    ("text", "seconds"), [("1.5s", 1.5), ("2h", 7200.0), ("0", 0.0), ("5", None), ("", None), ("1s x", None)]
)
def test_durations_are_gos(text: str, seconds: Any) -> None:
    assert parse_duration(text) == seconds
