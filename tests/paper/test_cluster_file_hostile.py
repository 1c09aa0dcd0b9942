"""Hostile cluster files: what is typed, pasted or planted is refused with a reason, or cannot do harm anywhere."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from etcdpilot.model.errors import SpecError
from etcdpilot.spec.load import load, resolve
from etcdpilot.spec.schema import ClusterFile

Path = tuple[str | int, ...]

# One file that uses every key there is. `test_the_sample_uses_every_key` keeps it so.
SAMPLE: dict[str, Any] = {
    "name": "prod",
    "token": "etcd-cluster-1",
    "etcd": {
        "version": "3.6.14",
        "source": {"archive": "https://mirror.example/etcd-{version}.tar.gz", "sha256": {"3.6.14/amd64": "a" * 64}},
        "options": {"quota-backend-bytes": "8GiB", "metrics": "basic"},
        "timers": "default",
    },
    "bootstrap": {"dns": {"domain": "example.com", "name": "prod"}},
    "hosts": {
        "kind": "ssh",
        "ssh": {
            "user": "admin",
            "port": "22",
            "identity": "~/.ssh/id_ed25519",
            "host-keys": "strict",
            "jump": "me@bastion.example.com:22",
        },
        "paths": {"config": "/etc/etcd", "data": "/var/lib/etcd", "bin": "/usr/local/bin"},
        "service": {
            "unit": "etcd",
            "style": "env-file",
            "user": "etcd",
            "sandbox": "true",
            "working-directory": "/var/lib/etcd",
            "env-file": "/etc/etcd/etcd.env",
            "settings": {"LimitNOFILE": "40000", "MemoryMax": "80%"},
        },
    },
    "tls": {
        "mode": "mutual",
        "profile": "per-member",
        "authorities": "separate",
        "authority-name": "prod ca",
        "key": "ecdsa-p256",
        "authority-key": "rsa-2048",
        "lifetime": {"ca": "10y", "leaf": "1y"},
        "subject": {"CN": "etcd", "O": "k8s", "OU": "System", "C": "CN", "ST": "JiangSu", "L": "NanTong"},
        "extra-names": ["*.etcd.example.com", "192.0.2.99"],
        "loopback": "https",
        "directory": "/etc/etcd/tls",
        "files": {
            "server-cert": "server.pem",
            "server-key": "server-key.pem",
            "peer-cert": "peer.pem",
            "peer-key": "peer-key.pem",
            "client-ca": "client-ca.pem",
            "peer-ca": "peer-ca.pem",
        },
        "client-file": "client",
    },
    "members": [
        {
            "name": "etcd-0",
            "host": "db-0.example.com",
            "address": "192.0.2.10",
            "client-port": "2379",
            "peer-port": "2380",
            "listen-client-urls": ["https://192.0.2.10:2379"],
            "advertise-client-urls": ["https://db-0.example.com:2379"],
            "listen-peer-urls": ["https://192.0.2.10:2380"],
            "advertise-peer-urls": ["https://db-0.example.com:2380"],
            "options": {"max-snapshots": "3"},
            "extra-names": ["etcd-0"],
            "retire": "8e9e05c52164694d",
            "zone": "rack-a",
            "ssh": {"user": "root"},
            "paths": {"data": "/srv/etcd"},
            "service": {"user": "etcd2"},
        },
        {"name": "etcd-1", "host": "db-1.example.com", "interface": "eth0"},
    ],
    "backup": {
        "store": "s3://bucket/etcd",
        "schedule": "6h",
        "endpoint": "https://objects.example.com:9000",
        "region": "eu-1",
        "credentials-file": "s3.ini",
        "ca-file": "s3-ca.pem",
        "keep": {"last": "3", "hourly": "24", "daily": "7", "weekly": "4", "monthly": "12"},
        "on-members": {"directory": "/srv/snapshots", "schedule": "12h", "keep": "5"},
    },
}
# Keys that exclude others of the sample; each is put in by itself.
OTHER_WAYS: list[tuple[Path, Any]] = [
    (("etcd", "source"), {"directory": "/opt/etcd"}),
    (("etcd", "source"), {"package": {"names": ["etcd-server"], "suite": "trixie"}}),
    (("etcd", "source"), {"wheel": "true"}),
    (("etcd", "source"), {"found": "true"}),
    (("bootstrap",), {"static": "true"}),
    (("bootstrap",), {"discovery": {"url": "https://discovery.example/v2/keys/abc"}}),
    (("bootstrap",), {"discovery": {"endpoints": ["https://192.0.2.98:2379"], "token": "abc"}}),
    (
        ("bootstrap",),
        {"discovery": {"endpoints": ["https://h:1"], "cacert": "ca.pem", "cert": "c.pem", "key": "k.pem"}},
    ),
    (("tls",), {"certificates": "requested"}),
    (("tls",), {"signer": {"cert": "ca/chain.pem", "key": "ca/key.pem"}, "authority-passphrase": "true"}),
    (
        ("tls",),
        {
            "given": {
                "server-cert": "pki/server.crt",
                "server-key": "pki/server.key",
                "peer-cert": "pki/peer.crt",
                "peer-key": "pki/peer.key",
                "client-ca": "pki/ca.crt",
                "peer-ca": "pki/peer-ca.crt",
                "operator-cert": "pki/root.crt",
                "operator-key": "pki/root.key",
            }
        },
    ),
]

# None of these has a meaning in any field; each is a way out of quoting, of a line, of a folder, or of what one sees.
HOSTILE = [
    "x$(touch /tmp/canary)",
    "`id`",
    "${HOME}",
    "$HOME",
    "a;reboot",
    "a|b",
    "a&b",
    "a>b",
    "a<b",
    "it's",
    'say "x"',
    "back\\slash",
    "two\nlines",
    "carriage\rreturn",
    "nul\x00byte",
    "\x1b[31mred",
    "../../etc/shadow",
    "/etc/../root",
    "%n",
    "100%h",
    "\u202etxt.exe",
    "zero\u200bwidth",
    "line\u2028separator",
    "\ufeffbom",
    "x" * 5000,
    "a\tb",
    "#{x}",
    "{{x}}",
    "\U0001f600",
]
# What may not be in any text of a loaded file, whatever field it came from.
FORBIDDEN = set("\"'`$\\;|&<>\n\r\0\t\x1b\u202e\u200b\u2028")


def leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    """Where the single values stand."""
    match value:
        case dict():
            for key, inner in value.items():
                yield from leaves(inner, (*path, key))
        case list():
            for place, inner in enumerate(value):
                yield from leaves(inner, (*path, place))
        case _:
            yield path


def with_value(path: Path, value: Any, sample: Any = SAMPLE) -> dict[str, Any]:
    changed: Any = copy.deepcopy(sample)
    holder = changed
    for part in path[:-1]:
        holder = holder[part]
    holder[path[-1]] = value
    return dict(changed)


def samples() -> Iterator[dict[str, Any]]:
    yield SAMPLE
    for path, value in OTHER_WAYS:
        yield with_value(path, value)


def every_leaf() -> Iterator[tuple[dict[str, Any], Path]]:
    seen: set[Path] = set()
    for sample in samples():
        for path in leaves(sample):
            if path not in seen:
                seen.add(path)
                yield sample, path


def text_of(document: Any) -> str:
    """JSON is YAML, and its escapes carry every character there is past the eye of whoever reads the file."""
    return json.dumps(document)


def texts(value: Any) -> Iterator[str]:
    match value:
        case dict():
            for key, inner in value.items():
                yield key
                yield from texts(inner)
        case list():
            for inner in value:
                yield from texts(inner)
        case str():
            yield value


def assert_harmless(document: Any) -> None:
    for text in texts({key: value for key, value in document.items() if key != "warnings"}):
        assert not set(text) & FORBIDDEN, text
        assert ".." not in text.split("/"), text
        assert "%" not in text or text.rstrip("%").isdigit(), text


def keys_of(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        inner = section(field.annotation)
        here = (*path, field.alias or name)
        yield here
        if inner:
            yield from keys_of(inner, here)


def section(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := section(inner))), None)


def test_the_sample_uses_every_key() -> None:
    used = {
        tuple(part for part in path[:end] if isinstance(part, str))
        for _, path in every_leaf()
        for end in range(len(path) + 1)
    }
    per_member = {("members", part) for part in ("ssh", "paths", "service")}
    missing = [key for key in keys_of(ClusterFile) if key not in used and key[:2] not in per_member]
    assert missing == []


def test_the_sample_itself_loads() -> None:
    for sample in samples():
        if "found" not in sample["etcd"]["source"]:
            assert_harmless(resolve(text_of(sample)))


@pytest.mark.parametrize(
    ("sample", "path"), list(every_leaf()), ids=[".".join(map(str, path)) for _, path in every_leaf()]
)
def test_a_hostile_text_is_refused_in_every_field_and_the_refusal_names_the_field(sample: Any, path: Path) -> None:
    for hostile in HOSTILE:
        with pytest.raises(SpecError) as caught:
            load(text_of(with_value(path, hostile, sample)))
        told = [problem.path for problem in caught.value.problems]
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
        assert any(one.startswith(place) or place.startswith(one) for one in told), (hostile, told)
        assert all(character.isprintable() or character == "\n" for character in str(caught.value)), hostile


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_key_is_refused_everywhere(hostile: str) -> None:
    sections = {path[:end] for _, path in every_leaf() for end in range(len(path)) if isinstance(path[end], str)}
    for path in sections:
        for sample in samples():
            holder: Any = sample
            try:
                for part in path:
                    holder = holder[part]
            except (KeyError, TypeError, IndexError):
                continue
            with pytest.raises(SpecError) as caught:
                load(text_of(with_value((*path, hostile), "1", sample)))
            assert all(character.isprintable() or character == "\n" for character in str(caught.value))
            break


SCRAPS = ["", "\n", "{", "]", '"', ":", "\t", "- ", "\\", "&a", "*a", "\x00"]
WRONG_KINDS = [None, [], {}, [None], {"a": None}, [[]], "", 0, True, 1e300, [1, {}], {"": ""}]
NASTY = st.text(
    st.sampled_from([*"\"'`$\\;|&<>(){}[]%~*?#!=@:/.,-_ \n\r\t\0aZ09", "\u202e", "\u200b", "é", "а"]),
    max_size=12,
)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(place=st.integers(min_value=0), value=NASTY, keep=st.booleans())
def test_whatever_stands_in_a_field_is_refused_or_harmless(place: int, value: str, keep: bool) -> None:
    every = list(every_leaf())
    sample, path = every[place % len(every)]
    holder: Any = sample
    for part in path:
        holder = holder[part]
    text = text_of(with_value(path, holder + value if keep else value, sample))
    try:
        document = resolve(text, "cluster.yaml", "/srv")
    except SpecError:
        return
    assert_harmless(document)


@settings(max_examples=200, deadline=None)
@given(
    place=st.integers(min_value=0),
    value=st.sampled_from(WRONG_KINDS),
)
def test_a_value_of_the_wrong_kind_is_a_problem_and_never_a_crash(place: int, value: Any) -> None:
    every = [(sample, path[:end]) for sample, path in every_leaf() for end in range(1, len(path) + 1)]
    sample, path = every[place % len(every)]
    try:
        assert_harmless(resolve(text_of(with_value(path, value, sample))))
    except SpecError as error:
        assert error.problems or error.remedy


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=()), max_size=200))
@example("\ud800")
@example("\x85")
@example("a: b\n\ufeff")
@example("%YAML 1.3\n---\n")
@example("&a &b c")
@example("{? : }")
@example("!")
def test_no_text_at_all_is_anything_but_a_problem(text: str) -> None:
    with pytest.raises(SpecError):
        load(text)


def test_a_file_that_was_cut_or_garbled_anywhere_is_a_problem_or_loads_harmlessly() -> None:
    chance = random.Random(0)
    good = text_of(SAMPLE)
    for _ in range(800):
        cut, put = (
            chance.randrange(len(good)),
            chance.choice(["", "\n", "{", "]", '"', ":", "\t", "- ", "\\", "&a", "*a", "\x00"]),
        )
        text = good[:cut] + put + good[cut + chance.randrange(8) :]
        try:
            assert_harmless(resolve(text))
        except SpecError:
            continue
