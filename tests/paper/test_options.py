"""Values of etcd's options as people write them and as etcd wants them; names across releases; releases to avoid."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from etcdpilot.model.errors import SpecError
from etcdpilot.model.etcd_option_table import GATE_RELEASES, OPTIONS, Kind, is_since
from etcdpilot.model.etcd_options import (
    available,
    check_together,
    check_value,
    env_name,
    gates_for,
    nearest,
    option,
    options_for,
    translated,
    why_unavailable,
)
from etcdpilot.model.releases import (
    FLAWS,
    KNOWN_BAD,
    RECOMMENDED,
    flaws_of,
    recommended,
    refusals_as_upgrade_target,
    warnings_when_building,
)
from etcdpilot.model.versions import Version
from etcdpilot.rendering.options import is_bootstrap_only, variable
from etcdpilot.spec.load import load
from etcdpilot.spec.owned import OWNED_OPTIONS

V34, V35, V36, V37 = (Version.parse(text) for text in ("3.4.23", "3.5.30", "3.6.14", "3.7.1"))


def checked(name: str, text: str, version: Version = V36) -> str:
    found = option(name)
    assert found is not None, name
    return check_value(found, text, version)


@pytest.mark.parametrize(
    ("name", "written", "wanted"),
    [
        ("quota-backend-bytes", "8GiB", "8589934592"),
        ("quota-backend-bytes", "8 Gi", "8589934592"),
        ("quota-backend-bytes", "8GB", "8000000000"),
        ("quota-backend-bytes", "1.5GiB", "1610612736"),
        ("quota-backend-bytes", "2147483648", "2147483648"),
        ("quota-backend-bytes", "-1", "-1"),
        ("max-request-bytes", "10MiB", "10485760"),
        ("bootstrap-defrag-threshold-megabytes", "1GiB", "1024"),
        ("bootstrap-defrag-threshold-megabytes", "100", "100"),
        ("heartbeat-interval", "100", "100"),
        ("heartbeat-interval", "100ms", "100"),
        ("election-timeout", "1s", "1000"),
        ("election-timeout", "0.5s", "500"),
        ("auth-token-ttl", "5m", "300"),
        ("auto-compaction-retention", "1h", "1h"),
        ("auto-compaction-retention", "10000", "10000"),
        ("grpc-keepalive-interval", "1h30m", "1h30m"),
        ("corrupt-check-time", "0", "0s"),
        ("pre-vote", "yes", "true"),
        ("pre-vote", "True", "true"),
        ("enable-pprof", "off", "false"),
        ("snapshot-count", "10_000", "10000"),
        ("log-level", "debug", "debug"),
        ("tls-max-version", "", ""),
        ("cipher-suites", "A, B ,C", "A,B,C"),
        ("cors", "*", "*"),
        ("listen-metrics-urls", "http://127.0.0.1:2381,http://[::1]:2381", "http://127.0.0.1:2381,http://[::1]:2381"),
        ("listen-metrics-urls", "http://localhost:2381", "http://localhost:2381"),
        ("feature-gates", "InitialCorruptCheck=true, AllAlpha=no", "InitialCorruptCheck=true,AllAlpha=false"),
        ("peer-crl-file", "/etc/etcd/crl.pem", "/etc/etcd/crl.pem"),
        ("auth-token", "jwt,pub-key=/a,sign-method=RS256", "jwt,pub-key=/a,sign-method=RS256"),
    ],
)
def test_a_value_is_given_to_etcd_as_etcd_wants_it(name, written, wanted):
    assert checked(name, written) == wanted


@pytest.mark.parametrize(
    ("name", "written", "told"),
    [
        ("quota-backend-bytes", "8G", "write 8GiB or 8GB"),
        ("quota-backend-bytes", "8 gigs", "write 8GiB or 8GB"),
        ("quota-backend-bytes", "much", "write a size such as 8GiB"),
        ("quota-backend-bytes", "-2", "-1 is the least"),
        ("quota-backend-bytes", "99999999999TiB", "is the most"),
        ("quota-backend-bytes", "0.3B", "no whole number of bytes"),
        ("max-request-bytes", "0", "1 is the least"),
        ("bootstrap-defrag-threshold-megabytes", "1KiB", "whole number of MiB"),
        ("heartbeat-interval", "0", "1 is the least"),
        ("heartbeat-interval", "1us", "whole milliseconds"),
        ("heartbeat-interval", "fast", "write a time such as"),
        ("election-timeout", "51s", "50000 is the most"),
        ("grpc-keepalive-interval", "30", "such as 30s or 30m"),
        ("grpc-keepalive-interval", "1d", "write 24h"),
        ("grpc-keepalive-interval", "", "write a time"),
        ("grpc-keepalive-interval", "1h 30m", "write a time"),
        ("auto-compaction-retention", "30d", "write 720h"),
        ("pre-vote", "perhaps", "write true or false"),
        ("snapshot-count", "-1", "0 is the least"),
        ("snapshot-count", "1e4", "write a whole number"),
        ("snapshot-count", "١٢", "write a whole number"),
        ("quota-backend-bytes", "١٢", "write a size"),
        ("auto-compaction-retention", "١٢", "write a time"),
        ("grpc-keepalive-interval", "١s", "write a time"),
        ("auto-compaction-retention", "9" * 40, "write a time"),
        ("bcrypt-cost", "3", "4 is the least"),
        ("max-concurrent-streams", "4294967296", "4294967295 is the most"),
        ("log-level", "loud", "debug, info, warn"),
        ("metrics", "all", "basic, extensive"),
        ("tls-min-version", "1.2", "TLS1.2, TLS1.3"),
        ("cipher-suites", "A,,B", "nothing between two commas"),
        ("listen-metrics-urls", "http://etcd-0.example.com:2381", "write the IP address of etcd-0.example.com"),
        ("listen-metrics-urls", "127.0.0.1:2381", "must begin with http://"),
        ("listen-metrics-urls", "http://127.0.0.1", "must name a host and a port"),
        ("listen-metrics-urls", "http://127.0.0.1:2381/", "no slash at the end"),
        ("feature-gates", "FastLeaseKeepAlive=true", "has no gate 'FastLeaseKeepAlive'"),
        ("feature-gates", "AllAlpha=maybe", "write true or false"),
        ("log-rotation-config-json", "{", "is no JSON"),
        ("log-rotation-config-json", "[]", "must be a JSON object"),
        ("log-rotation-config-json", '{"maxSize": 1}', "has a key 'maxSize'"),
        ("log-rotation-config-json", '{"maxsize": "1"}', "write a whole number"),
        ("log-rotation-config-json", '{"maxsize": true}', "write a whole number"),
        ("peer-crl-file", "crl.pem", "absolute path"),
        ("auth-token", "simple\nETCD_FORCE_NEW_CLUSTER=true", "line breaks"),
    ],
)
def test_a_wrong_value_is_refused_with_what_to_write(name, written, told):
    with pytest.raises(ValueError) as refused:
        checked(name, written)
    assert told in str(refused.value)


def test_words_come_and_go_with_releases():
    assert checked("logger", "capnslog", V34) == "capnslog"
    with pytest.raises(ValueError, match=r"etcd 3\.5\.30 knows zap"):
        checked("logger", "capnslog", V35)
    assert checked("v2-deprecation", "not-yet", V35) == "not-yet"
    with pytest.raises(ValueError):
        checked("v2-deprecation", "not-yet", V36)
    assert checked("v2-deprecation", "write-only-skip-check", V36)
    with pytest.raises(ValueError):
        checked("v2-deprecation", "write-only-skip-check", V35)


def test_a_list_is_refused_where_the_release_would_read_it_as_one_name():
    assert checked("peer-cert-allowed-cn", "a,b", V35) == "a,b"
    assert checked("peer-cert-allowed-cn", "a", V34) == "a"
    for text in ("3.4.23", "3.5.14"):
        with pytest.raises(ValueError, match=r"single word until etcd 3\.5\.15"):
            checked("peer-cert-allowed-cn", "a,b", Version.parse(text))


@given(some.sampled_from(OPTIONS), some.text(max_size=30), some.sampled_from([V34, V35, V36, V37, None]))
def test_any_text_is_a_value_or_a_sentence_and_what_is_accepted_is_accepted_again(row, text, version):
    try:
        value = check_value(row, text, version)
    except ValueError as error:
        assert str(error)
    else:
        assert check_value(row, value, version) == value
        assert "\n" not in value


@given(some.integers(0, 2**40), some.sampled_from(["KiB", "MiB"]))
def test_a_size_and_its_bytes_are_the_same(amount, unit):
    factor = {"KiB": 1024, "MiB": 1024**2}[unit]
    if 0 < amount * factor < 2**63:
        assert checked("max-request-bytes", f"{amount}{unit}") == checked("max-request-bytes", str(amount * factor))


def test_every_default_of_the_table_is_a_value_of_its_kind():
    empty_means_unset = (Kind.DURATION, Kind.PATH, Kind.JSON)
    for row in OPTIONS:
        if row.default is None or row.name == "data-dir" or (row.default == "" and row.kind in empty_means_unset):
            continue
        written = check_value(row, row.default)
        same = json.loads(written) == json.loads(row.default) if row.kind is Kind.JSON else written == row.default
        assert same, row.name


def test_the_table_is_in_order():
    names = [row.name for row in OPTIONS]
    assert len(set(names)) == len(names) == 150
    for row in OPTIONS:
        starts = [Version.parse(text) for text in row.since.split()]
        assert all(one < other and one.line < other.line for one, other in pairwise(starts)), row.name
        assert bool(row.choices) == (row.kind is Kind.CHOICE), row.name
        assert not row.gate or row.gate in GATE_RELEASES, row.name
        assert not row.renamed or option(row.renamed), row.name


def test_a_renamed_option_is_there_under_one_of_its_names_in_every_later_line():
    for row in (row for row in OPTIONS if row.renamed):
        assert available(row.renamed, Version.parse(f"{row.until}.0")), row.name


@pytest.mark.parametrize(
    ("since", "without", "having"),
    [
        ("3.4.20 3.5.5", "3.4.19 3.5.0 3.5.4", "3.4.20 3.4.45 3.5.5 3.6.0 3.10.0"),
        ("3.5.14", "3.4.45 3.5.13", "3.5.14 3.6.0 3.7.1"),
        ("3.6.0", "3.4.0 3.5.99", "3.6.0 3.7.0 4.0.0"),
        ("", "", "3.4.0 3.7.1"),
    ],
)
def test_an_option_that_came_late_to_old_lines_is_in_every_later_line(since, without, having):
    assert not any(is_since(since, Version.parse(text)) for text in without.split())
    assert all(is_since(since, Version.parse(text)) for text in having.split())


def test_availability_follows_the_release_down_to_its_patch():
    assert not available("listen-client-http-urls", V34) and available("listen-client-http-urls", Version(3, 4, 25))
    assert available("enable-v2", V35) and not available("enable-v2", V36)
    assert not available("no-such-thing", V36)
    assert available("experimental-corrupt-check-time", V36) and not available("experimental-corrupt-check-time", V37)
    assert {row.name for row in options_for(V37)} >= {"feature-gates", "discovery-srv", "pre-vote"}
    assert gates_for(V35) == () and "PriorityRequest" in gates_for(V37)


@pytest.mark.parametrize(
    ("written", "version", "meant"),
    [
        ("quota-backend-byte", V36, "quota-backend-bytes"),
        ("heartbeat-intervall", V34, "heartbeat-interval"),
        ("experimental-corrupt-check-time", V37, "corrupt-check-time"),
        ("corrupt-check-time", V35, "experimental-corrupt-check-time"),
        ("experimental-backend-bbolt-freelist-type", V35, "backend-bbolt-freelist-type"),
        ("zzz", V36, None),
    ],
)
def test_what_was_meant_is_found_among_the_options_of_the_release(written, version, meant):
    assert nearest(written, version) == meant


@pytest.mark.parametrize(
    ("written", "version", "told"),
    [
        ("snapshot-count", V34, ""),
        ("experimental-corrupt-check-time", None, ""),
        ("quota-backend-byte", V36, "is no option of etcd; did you mean quota-backend-bytes?"),
        ("quota-backend-byte", None, "is no option of etcd; did you mean quota-backend-bytes?"),
        ("ETCD_QUOTA_BACKEND_BYTES", V36, "is no option of etcd; did you mean quota-backend-bytes?"),
        ("enable-v2", V36, "is gone since etcd 3.6, and this is 3.6.14; leave it out"),
        ("experimental-corrupt-check-time", V37, "is gone since etcd 3.7, and this is 3.7.1; write corrupt-check-time"),
        (
            "experimental-initial-corrupt-check",
            V37,
            "is gone since etcd 3.7, and this is 3.7.1; write feature-gates: InitialCorruptCheck=true (or false)",
        ),
        ("debug", V35, "is gone since etcd 3.5, and this is 3.5.30; write log-level: debug"),
        (
            "corrupt-check-time",
            V35,
            "came with etcd 3.6.0, and this is 3.5.30; write experimental-corrupt-check-time",
        ),
        (
            "tls-min-version",
            V34,
            "came with etcd 3.4.25 and 3.5.8, and this is 3.4.23; leave it out, or take a newer release",
        ),
    ],
)
def test_an_option_that_the_release_lacks_is_refused_with_what_to_write(written, version, told):
    assert why_unavailable(written, version) == told


def test_options_are_put_into_the_words_of_the_release_that_is_to_read_them():
    old = {
        "experimental-corrupt-check-time": "1h",
        "experimental-initial-corrupt-check": "true",
        "experimental-compact-hash-check-enabled": "true",
        "snapshot-count": "9",
    }
    new = {
        "corrupt-check-time": "1h",
        "feature-gates": "InitialCorruptCheck=true,CompactHashCheck=true",
        "snapshot-count": "9",
    }
    assert translated(old, V37) == new
    assert translated(old, V36) == old
    assert translated(new, V35) == old


def test_what_a_release_cannot_say_stays_for_the_loader_to_refuse():
    assert translated({"enable-v2": "true", "no-such": "1"}, V37) == {"enable-v2": "true", "no-such": "1"}
    assert translated({"feature-gates": "SetMemberLocalAddr=true"}, V35) == {"feature-gates": "SetMemberLocalAddr=true"}


def test_the_releases_own_name_wins_where_a_wish_stands_under_both():
    both = {"experimental-corrupt-check-time": "1h", "corrupt-check-time": "2h"}
    assert translated(both, V37) == {"corrupt-check-time": "2h"}
    gates = {"experimental-initial-corrupt-check": "true", "feature-gates": "InitialCorruptCheck=false"}
    assert translated(gates, V37) == {"feature-gates": "InitialCorruptCheck=false"}


@given(some.dictionaries(some.sampled_from([row.name for row in OPTIONS]), some.sampled_from(["true", "1h"])))
def test_translating_twice_changes_nothing_more(options):
    for version in (V34, V35, V36, V37):
        once = translated(options, version)
        assert translated(once, version) == once


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({"auto-compaction-mode": "revision", "auto-compaction-retention": "1h"}, "auto-compaction-retention"),
        ({"tls-min-version": "TLS1.3", "tls-max-version": "TLS1.2"}, "tls-max-version"),
        ({"tls-min-version": "TLS1.3", "cipher-suites": "A"}, "cipher-suites"),
        ({"feature-gates": "LeaseCheckpointPersist=true"}, "feature-gates"),
        ({"auto-compaction-mode": "revision", "auto-compaction-retention": "1000"}, None),
        ({"auto-compaction-retention": "1h"}, None),
        ({"feature-gates": "LeaseCheckpointPersist=true,LeaseCheckpoint=true"}, None),
        ({}, None),
    ],
)
def test_options_that_do_not_go_together_are_told(values, wrong):
    assert set(check_together(values)) == ({wrong} if wrong else set())


def test_the_loader_tells_once_what_does_not_go_together_and_where_it_is_written():
    text = """
name: prod
etcd: {version: 3.6.14, source: {directory: /opt/etcd}, options: {auto-compaction-mode: revision, RETENTION}}
members:
  - {name: a, host: 192.0.2.10}
  - {name: b, host: 192.0.2.11}
  - {name: c, host: 192.0.2.12}
"""
    with pytest.raises(SpecError) as caught:
        load(text.replace("RETENTION", "auto-compaction-retention: 1h"))
    (problem,) = caught.value.problems
    assert problem.path == "etcd.options.auto-compaction-retention" and "how many revisions" in problem.what
    with pytest.raises(SpecError) as caught:
        load(
            text.replace("RETENTION", "snapshot-count: 9").replace(
                ".11}", ".11, options: {auto-compaction-retention: 1h}}"
            )
        )
    assert caught.value.problems[0].path == "members[1].options.auto-compaction-retention"


def test_the_table_the_loader_and_the_files_agree_on_who_owns_what():
    assert {row.name for row in OPTIONS if row.owned} == set(OWNED_OPTIONS)
    assert {row.name for row in OPTIONS if row.bootstrap} == {
        row.name for row in OPTIONS if is_bootstrap_only(row.name)
    }
    assert all(env_name(row) == variable(row.name) for row in OPTIONS)


def test_passwords_are_secret():
    assert {row.name for row in OPTIONS if row.secret} == {"discovery-user", "discovery-password"}


@pytest.mark.parametrize("text", ["3.5.0", "3.5.2", "3.6.0", "3.6.4", "3.7.0"])
def test_a_known_bad_release_is_a_warning_when_building_and_no_target_of_an_upgrade(text):
    version = Version.parse(text)
    (refusal,) = refusals_as_upgrade_target(version)
    assert refusal in warnings_when_building(version)
    assert f"Take {RECOMMENDED[version.line]} or newer" in refusal


@pytest.mark.parametrize("text", ["3.4.45", "3.5.3", "3.5.33", "3.6.5", "3.6.14", "3.7.1", "3.8.0"])
def test_one_may_go_to_every_other_release(text):
    assert refusals_as_upgrade_target(Version.parse(text)) == ()


@pytest.mark.parametrize("text", ["3.5.33", "3.5.35", "3.6.14", "3.7.1", "3.8.0"])
def test_a_good_release_is_built_without_a_word(text):
    assert warnings_when_building(Version.parse(text)) == ()


def test_an_ended_line_is_warned_about_and_names_its_gravest_flaws():
    ended, flawed = warnings_when_building(V34)
    assert "no fixes since June 2026" in ended
    assert "a snapshot taken while defragmenting can corrupt data" in flawed and "3.4.45 has not" in flawed
    assert len(warnings_when_building(Version(3, 4, 45))) == 1


def test_an_older_release_of_a_good_line_is_warned_about_and_may_still_be_gone_to():
    (flawed,) = warnings_when_building(V35)
    assert "3.5.33 has not" in flawed and "leak keys" in flawed
    assert refusals_as_upgrade_target(V35) == ()


def test_what_is_older_than_everything_known_is_refused():
    assert warnings_when_building(Version(3, 3, 27)) and refusals_as_upgrade_target(Version(3, 3, 27))


def test_no_recommended_release_has_a_flaw():
    assert all(flaws_of(version) == () for version in RECOMMENDED.values())
    assert all(recommended(Version(*flaw.line, 0)) for flaw in (*FLAWS, *KNOWN_BAD))
    assert all(flaw.since < flaw.fixed <= RECOMMENDED[flaw.line].patch for flaw in (*FLAWS, *KNOWN_BAD))
