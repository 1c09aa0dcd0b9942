"""confd's functions against what the real confd 0.16 made of the same templates and keys."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcdpilot.rendering.confd.globs import glob
from etcdpilot.rendering.confd.template import ConfdTemplate
from etcdpilot.rendering.confd.tree import Tree, tree_of
from etcdpilot.rendering.confd.world import Service, World
from etcdpilot.rendering.gotemplate import FunctionError, ParseError, TemplateError

_FOLDER = Path(__file__).parents[1] / "data" / "confd"
_REAL: dict[str, Any] = json.loads((_FOLDER / "cases.json").read_text())
_WORLD = World(
    environment=lambda name: {"CFT": "envval"}.get(name, ""),
    now=lambda: datetime(2026, 1, 31, 14, 5, 6, 78900, tzinfo=UTC),
    file_exists=lambda path: path == "/etc/hosts",
    addresses=lambda name: ("10.0.0.2", "::1", "10.0.0.10"),
    services=lambda *asked: (Service("b.example.", 2379, 1, 2), Service("a.example.", 2380, 0, 5)),
    hostname=lambda: "n01",
    interface_addresses=lambda name: ("10.0.0.2", "fe80::1") if name == "eth0" else (),
)


def _below(prefix: str) -> Mapping[bytes, bytes]:
    store: dict[str, str] = _REAL["store"]
    return {key.encode(): value.encode() for key, value in store.items() if key.startswith(f"{prefix}/")}


def _rendered(text: str, tree: Tree | None = None) -> str:
    return ConfdTemplate.parse("t.tmpl", text).render(tree or tree_of(_below("/t"), "/t"), _WORLD)


@pytest.mark.parametrize("name", _REAL["cases"])
def test_a_template_gives_what_the_real_confd_gave(name: str) -> None:
    case = _REAL["cases"][name]
    try:
        out, error = _rendered(case["template"]), ""
    except ParseError as bad:
        out, error = None, f"Unable to process template TEMPLATES/t.tmpl, {bad}"
    except TemplateError as bad:
        out, error = None, str(bad)
    assert out == case["out"]
    assert [f"ERROR {error}", f"FATAL {error}"] == case["err"] if error else case["err"] == []


def test_an_nginx_configuration_from_keys_is_equal_to_the_byte() -> None:
    out = _rendered((_FOLDER / "nginx.tmpl").read_text(), tree_of(_below("/docker"), "/docker"))
    assert out.encode() == (_FOLDER / "nginx.conf").read_bytes()
    assert hashlib.md5(out.encode(), usedforsecurity=False).hexdigest() == "9706d7ffaecf395888b573abe26f0ef2"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('{{getenv "CFT"}} {{getenv "NONE" "d"}} [{{getenv "NONE"}}]', "envval d []"),
        ('{{getv "/nope" "default"}} {{exists "/foo"}} {{exists "/up"}}', "default true false"),
        ("{{datetime}}", "2026-01-31 14:05:06.0789 +0000 UTC"),
        ('{{datetime.Year}} {{datetime.Month}} {{datetime.Weekday}} {{datetime.Unix}}', "2026 January Saturday 1769868306"),
        ('{{datetime.Format "Jan 2, 2006 at 3:04pm (MST)"}}', "Jan 31, 2026 at 2:05pm (UTC)"),
        ('{{datetime.Format "2006-01-02T15:04:05.000Z07:00"}}', "2026-01-31T14:05:06.078Z"),
        ('{{lookupIP "x"}} {{lookupIPV4 "x"}} {{lookupIPV6 "x"}}', "[10.0.0.10 10.0.0.2 ::1] [10.0.0.10 10.0.0.2] [::1]"),
        ('{{range lookupSRV "etcd" "tcp" "x"}}{{.Target}}:{{.Port}};{{end}}', "a.example.:2380;b.example.:2379;"),
        ('{{$x := getvs "/up/*"}}{{reverse $x}} {{$x}}', "[3 2 10 1] [3 2 10 1]"),
        ('{{range sortKVByLength (gets "/up/*")}}{{len .Key}},{{end}}', "5,6,6,7,"),
        ('{{$m := map "a" 1 "b" "x"}}{{$m.a}}{{$m.b}}{{$m}}', "1xmap[a:1 b:x]"),
        ('{{base64Encode "Value"}} {{base64Decode "VmFsdWU="}}', "VmFsdWU= Value"),
        ('{{dir "/a/b/c"}} {{dir "a"}} {{dir ""}} {{dir "/"}} {{dir "/a//b/"}}', "/a/b . . / /a/b"),
        ('{{split "abc" ""}} {{split "" ","}} {{len (split "" ",")}}', "[a b c] [] 1"),
        ('{{with json "null"}}x{{else}}none{{end}} {{jsonArray "[]"}}', "none []"),
        ('{{range $k, $v := json "{\\"b\\":1e6,\\"a\\":[true]}"}}{{$k}}={{$v}} {{end}}', "a=[true] b=1e+06 "),
        ('{{hostname}} {{lookupIfaceIPV4 "eth0"}} {{lookupIfaceIPV6 "eth0"}}', "n01 10.0.0.2 fe80::1"),
        ('{{default "d" ""}} {{default "d" "v"}} {{ternary "y" "n" true}} {{coalesce "" 0 "c"}} {{empty ""}}', "d v y c true"),
        ('{{toJson (dict "a" (list 1 "x" nil))}} {{(fromJson "{\\"k\\":[1]}").k}}', '{"a":[1,"x",null]} [1]'),
        ('{{indent 2 "a\\nb"}}|{{nindent 1 "a"}}|{{quote "a\\"b"}} {{squote "x"}}', '  a\n  b|\n a|"a\\"b" \'x\''),
        ('{{regexMatch "^a+$" "aaa"}} {{regexFind "[0-9]+" "ab12c"}}', "true 12"),
        ('{{regexReplaceAll "(a)(b)" "abab" "$2${1}"}}', "baba"),
        ('{{trimPrefix "/a/b" "/a"}} {{repeat 3 "ab"}} {{snakecase "FooBar"}}', "/b ababab foo_bar"),
        ('{{camelcase "foo_bar"}} {{kebabcase "FooBar"}}', "FooBar foo-bar"),
        ('{{$d := dict "b" 1 "a" 2}}{{keys $d}} {{values $d}} {{hasKey $d "a"}} {{append (list 1) 2}} {{pluck "a" $d $d}}',
         "[a b] [2 1] true [1 2] [2 2]"),
        ('{{sha256sum "a"}}', hashlib.sha256(b"a").hexdigest()),
        ('{{define "x"}}<{{.}}>{{end}}{{include "x" 1 | toUpper}}', "<1>"),
        ("{{seq 1 3 | len}} {{add 9223372036854775807 1}}", "3 -9223372036854775808"),
    ],
)  # fmt: skip
def test_a_function_gives(text: str, wanted: str) -> None:
    assert _rendered(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('{{json "{\\"a\\":}"}}', "invalid character '}' looking for beginning of value"),
        ('{{json "{a}"}}', "invalid character 'a' looking for beginning of object key string"),
        ('{{json "{\\"a\\" 1}"}}', "invalid character '1' after object key"),
        ('{{json "{\\"a\\":1 1}"}}', "invalid character '1' after object key:value pair"),
        ('{{json "{} x"}}', "invalid character 'x' after top-level value"),
        ('{{json "{\\"a\\":tru}"}}', "invalid character '}' in literal true (expecting 'e')"),
        ('{{json "{"}}', "unexpected end of JSON input"),
        ('{{json ""}}', "unexpected end of JSON input"),
        ('{{json "[1]"}}', "json: cannot unmarshal array into Go value of type map[string]interface {}"),
        ('{{json "5"}}', "json: cannot unmarshal number into Go value of type map[string]interface {}"),
        ('{{jsonArray "[1"}}', "unexpected end of JSON input"),
        ('{{jsonArray "[1 2]"}}', "invalid character '2' after array element"),
        ('{{base64Decode "VmFsd"}}', "illegal base64 data at input byte 4"),
        ('{{atoi "9223372036854775808"}}', 'strconv.Atoi: parsing "9223372036854775808": value out of range'),
        ('{{atoi ""}}', 'strconv.Atoi: parsing "": invalid syntax'),
        ("{{mod 1 0}}", "runtime error: integer divide by zero"),
        ("{{seq 1 1000000000000}}", "seq of more than 10000000 numbers"),
        ('{{get "nope"}}', "key does not exist: nope"),
    ],
)
def test_a_function_refuses_in_gos_words(text: str, wanted: str) -> None:
    with pytest.raises(TemplateError, match=r"^template: t\.tmpl:1:2: executing") as caught:
        _rendered(text)
    assert str(caught.value).endswith(f": {wanted}")


def test_functions_of_an_encrypted_store_are_unknown_without_its_keys() -> None:
    with pytest.raises(ParseError, match='function "cget" not defined'):
        _rendered('{{cget "/a"}}')


@pytest.mark.parametrize(
    ("pattern", "matches", "misses"),
    [
        ("/a/*", ("/a/b", "/a/"), ("/a/b/c", "/a", "/ab")),
        ("/a?c", ("/abc", "/aéc"), ("/a/c", "/ac")),
        ("/[a-c]x", ("/ax", "/cx"), ("/dx", "/x")),
        ("/[^a-c]x", ("/dx",), ("/ax",)),
        ("/\\*", ("/*",), ("/a",)),
        ("/[\\]]", ("/]",), ("/\\",)),
        ("/a.b", ("/a.b",), ("/axb",)),
        ("*", ("", "ab"), ("/a",)),
    ],
)
def test_a_glob_matches_as_gos_path_match(pattern: str, matches: tuple[str, ...], misses: tuple[str, ...]) -> None:
    assert all(glob(pattern).pattern.fullmatch(key) for key in matches)
    assert not any(glob(pattern).pattern.fullmatch(key) for key in misses)


@pytest.mark.parametrize("pattern", ["[", "[]", "[a", "[a-", "[]a]", "[-a]", "a[", "\\", "[^]", "[a-]"])
def test_a_bad_glob_is_refused(pattern: str) -> None:
    with pytest.raises(FunctionError, match="syntax error in pattern"):
        glob(pattern)


@given(st.text(alphabet="abc*?[]^-\\/é", max_size=12), st.text(alphabet="abc*/é", max_size=8))
def test_any_glob_is_refused_or_compiled(pattern: str, key: str) -> None:
    try:
        glob(pattern).pattern.fullmatch(key)
    except FunctionError:
        pass


@given(st.binary(max_size=40))
def test_base64_gives_back_what_it_was_given(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    tree = Tree({"/k": text, "/e": base64.b64encode(data).decode()})
    assert _rendered('{{base64Encode (getv "/k")}}', tree) == base64.b64encode(data).decode()
    assert _rendered('{{base64Decode (getv "/e")}}', tree) == text


def test_values_that_are_no_text_come_out_as_they_went_in() -> None:
    tree = tree_of({b"/p/k": b"\xff\x00\xc3"}, "/p")
    assert _rendered('{{getv "/k"}}', tree).encode("utf-8", "surrogateescape") == b"\xff\x00\xc3"


def test_without_a_prefix_templates_see_whole_keys() -> None:
    assert tree_of({b"/a/b": b"1", b"c": b"2"}, "/").keys == ["/a/b", "/c"]


def test_keys_are_seen_as_clean_paths() -> None:
    assert tree_of({b"/p//a/": b"1", b"/p/b/../c": b"2", b"/p/.x": b"3"}, "/p").keys == ["/.x", "/a", "/c"]
