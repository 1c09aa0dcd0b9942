"""The template engine against Go's own text/template: the committed answers always, Go itself where it is at hand."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etcdpilot.rendering.gotemplate import (
    NO_VALUE,
    ExecutionError,
    FunctionError,
    Limits,
    ParseError,
    Template,
    TemplateError,
    function,
    string_map,
    strings,
)
from tests.oracle.gotemplate import confd_grammar, grammar, oracle, table

_EXAMPLES = int(os.environ.get("ETCDPILOT_TEMPLATES", "300"))
"""How many templates Go is asked for; `ETCDPILOT_TEMPLATES=20000` for a long run."""

# Addresses, and what a width or a base makes of them.
_ADDRESS = re.compile(r"[ 0-9a-fA-FxX]+")


@pytest.mark.parametrize("case", table.read(), ids=lambda case: repr(case.template)[:40])
def test_a_template_gives_what_go_gives(case: table.Case) -> None:
    assert oracle.ours(case.template, case.data) == case.answer


@pytest.fixture(scope="module")
def go() -> Iterator[oracle.Oracle]:
    started = oracle.start()
    if started is None:
        pytest.skip("needs `go` 1.23 or newer on PATH (Debian: golang-go from backports, or go.dev's archive)")
    yield started
    started.close()


@settings(max_examples=_EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**63))
def _differ(go: oracle.Oracle, seed: int) -> None:
    # One in four is a call of what confd's functions are made of.
    template, data = (grammar if seed % 4 else confd_grammar).example(Random(seed))
    wanted, got = go.render(template, data), oracle.ours(template, data)
    if wanted == oracle.ENDLESS:
        # Go itself did not end in time: unwinding 100,000 templates through ranges takes it minutes. Ours must end.
        assert got == oracle.ENDLESS or "exceeded maximum template depth" in got.text
        return
    if wanted != got and table.holds_address(data):
        wanted, got = _without_addresses(wanted), _without_addresses(got)
    assert got == wanted, f"seed {seed}: {template!r}"


def _without_addresses(answer: oracle.Answer) -> oracle.Answer:
    return oracle.Answer(answer.stage, _ADDRESS.sub("ADDRESS", answer.text))


@pytest.mark.timeout(3600)
def test_templates_by_grammar_give_what_go_gives(go: oracle.Oracle) -> None:
    _differ(go)


@settings(max_examples=500, deadline=None)
@given(st.text(alphabet="{}.$()|\"'`\\-=:, \n\tabexrangdifw/*10é\udcff"))
def test_text_that_is_no_template_is_refused_and_never_crashes(text: str) -> None:
    for candidate in (text, "{{" + text + "}}"):
        try:
            Template.parse("t", candidate).render(None, limits=Limits(steps=1000))
        except TemplateError as error:
            assert str(error).startswith("template: t:")


def test_a_template_that_calls_itself_without_end_meets_gos_own_limit() -> None:
    template = Template.parse("t", '{{define "a"}}{{template "a" .}}{{end}}{{template "a"}}')
    with pytest.raises(
        ExecutionError, match=r"t:1:25: executing \"a\" at <.*>: exceeded maximum template depth \(100000\)"
    ):
        template.render()


@pytest.mark.parametrize(
    "text",
    [
        "{{range 1000000000000}}{{end}}",
        "{{range 100000}}{{range 100000}}{{end}}{{end}}",
        '{{range 1000000}}{{printf "%1000000d" 1}}{{end}}',
    ],
)
def test_a_template_without_end_stops_with_an_error(text: str) -> None:
    with pytest.raises(ExecutionError, match=r"more than|longer than"):
        Template.parse("t", text).render(limits=Limits(steps=100_000, characters=10_000_000))


@pytest.mark.parametrize(
    "text", ["{{" + "(" * 20_000 + "1" + ")" * 20_000 + "}}", "{{if 1}}" * 20_000 + "{{end}}" * 20_000]
)
def test_nesting_beyond_measure_is_an_error_of_the_template(text: str) -> None:
    with pytest.raises(ParseError, match="max expression depth exceeded"):
        Template.parse("t", text)


def test_a_long_chain_of_else_if_is_no_nesting() -> None:
    chain = "".join(f"{{{{else if eq . {number}}}}}{number}" for number in range(2000))
    assert Template.parse("t", f"{{{{if false}}}}{chain}{{{{end}}}}").render(1999) == "1999"


def test_functions_of_ones_own_are_checked_against_their_signature() -> None:
    twice = {"twice": function("string -> string", lambda text: text * 2)}
    assert Template.parse("t", '{{twice "ab"}}', twice).render() == "abab"
    with pytest.raises(ExecutionError, match="expected string; found 1"):
        Template.parse("t", "{{twice 1}}", twice).render()


def test_what_a_function_raises_names_the_function_and_the_place() -> None:
    def refuse() -> str:
        raise FunctionError("not today")

    template = Template.parse("f.tmpl", "\n  {{refuse}}", {"refuse": function("-> string", refuse)})
    with pytest.raises(ExecutionError) as caught:
        template.render()
    assert str(caught.value) == 'template: f.tmpl:2:4: executing "f.tmpl" at <refuse>: error calling refuse: not today'


def test_a_missing_key_prints_as_go_prints_it() -> None:
    assert Template.parse("t", "{{.a}} {{.b}}").render(string_map({"a": None})) == "<no value> <no value>"
    assert str(NO_VALUE.value) == "<no value>"


def test_bytes_that_are_no_utf8_pass_through() -> None:
    text = b"a\xff\xc3".decode("utf-8", "surrogateescape")
    out = Template.parse("t", text + "{{.}}").render(b"\xa9\xfe".decode("utf-8", "surrogateescape"))
    assert out.encode("utf-8", "surrogateescape") == b"a\xff\xc3\xa9\xfe"


def test_data_is_walked_by_its_names() -> None:
    data = string_map({"hosts": strings(["a", "b"])})
    assert Template.parse("t", "{{range $i, $h := .hosts}}{{$i}}{{$h}} {{end}}").render(data) == "0a 1b "
