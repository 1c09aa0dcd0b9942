"""Carries a template out: statements write, pipelines give values. The places in errors are those that Go names.

Statements are generators that hand what is nested in them to one loop, so that a template which calls itself without
end meets Go's limit and not Python's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from etcdpilot.rendering.gotemplate.errors import ExecutionError
from etcdpilot.rendering.gotemplate.escaping import printable
from etcdpilot.rendering.gotemplate.evaluating import Evaluation, Scope
from etcdpilot.rendering.gotemplate.kinds import INTEGERS
from etcdpilot.rendering.gotemplate.nodes import (
    ActionNode,
    BranchNode,
    BreakNode,
    ContinueNode,
    ListNode,
    RangeNode,
    TemplateNode,
    TextNode,
    WithNode,
)
from etcdpilot.rendering.gotemplate.parser import Parsed
from etcdpilot.rendering.gotemplate.printing import sprint, verb_of
from etcdpilot.rendering.gotemplate.quoting import quote
from etcdpilot.rendering.gotemplate.values import (
    NO_VALUE,
    Func,
    Mapped,
    Sequenced,
    Value,
    held,
    indirect,
    is_nothing,
    made,
    plain,
    sorted_keys,
    truth,
    type_of,
)

MAX_DEPTH = 100_000
"""How deep templates may call templates; Go's own number."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What no honest template reaches: rounds of ranges and calls of templates together, and characters written."""

    steps: int = 2_000_000
    characters: int = 1 << 28


class _Break(Exception):
    pass


class _Continue(Exception):
    pass


Running = Iterator["Running"]


def execute(parsed: Parsed, data: Value, functions: Mapping[str, Func], limits: Limits) -> str:
    """The template's output; raises ExecutionError."""
    run = _Run(parsed, functions, limits)
    scope = Scope(parsed.name, data)
    root = parsed.definitions.get(parsed.name)
    if root is None:
        raise ExecutionError(f"template: {parsed.name}: {quote(parsed.name)} is an incomplete or empty template")
    try:
        run.drive(run.statements(scope, data, root))
    except RecursionError:
        raise run.evaluation.error(scope, "max expression depth exceeded") from None
    return "".join(run.out)


@dataclass(slots=True)
class _Run:
    parsed: Parsed
    functions: Mapping[str, Func]
    limits: Limits
    out: list[str] = field(default_factory=list)
    steps: int = 0
    characters: int = 0
    evaluation: Evaluation = field(init=False)

    def __post_init__(self) -> None:
        self.evaluation = Evaluation(self.parsed, self.functions)

    def drive(self, root: Running) -> None:
        """Runs what is nested to its end before what it is nested in goes on; a break unwinds to its range."""
        stack = [root]
        signal: Exception | None = None
        while stack:
            top = stack[-1]
            try:
                nested = next(top) if signal is None else top.throw(signal)  # type: ignore[attr-defined]
            except StopIteration:
                stack.pop()
                signal = None
            except (_Break, _Continue) as raised:
                stack.pop()
                signal = raised
            else:
                signal = None
                stack.append(nested)

    def statements(self, scope: Scope, dot: Value, nodes: ListNode) -> Running:
        scope.node = nodes
        for node in nodes.nodes:
            scope.node = node
            if isinstance(node, TextNode):
                self.write(scope, node.text)
            elif isinstance(node, ActionNode):
                self.action(scope, dot, node)
            elif isinstance(node, RangeNode):
                yield self.range(scope, dot, node)
            elif isinstance(node, BranchNode):
                yield self.branch(scope, dot, node)
            elif isinstance(node, TemplateNode):
                yield self.template(scope, dot, node)
            else:
                _leave(node)

    def write(self, scope: Scope, text: str) -> None:
        self.out.append(text)
        self.characters += len(text)
        if self.characters > self.limits.characters:
            self.fail(scope, f"the output is longer than {self.limits.characters} characters")

    def step(self, scope: Scope) -> None:
        self.steps += 1
        if self.steps > self.limits.steps:
            self.fail(scope, f"the template takes more than {self.limits.steps} steps")

    def fail(self, scope: Scope, message: str) -> NoReturn:
        raise self.evaluation.error(scope, message)

    def action(self, scope: Scope, dot: Value, node: ActionNode) -> None:
        value = self.evaluation.pipeline(scope, dot, node.pipe)
        if node.pipe.variables:
            return
        scope.node = node
        if type(value) is str:
            self.write(scope, value)
            return
        value = printable(value)
        if isinstance(value, Func):
            self.fail(scope, f"can't print {node} of type {value.type.text}")
        self.write(scope, sprint([value]))

    def branch(self, scope: Scope, dot: Value, node: BranchNode) -> Running:
        mark = len(scope.variables)
        value = self.evaluation.pipeline(scope, dot, node.pipe)
        try:
            if truth(value):
                yield self.statements(scope, value if isinstance(node, WithNode) else dot, node.body)
            elif node.otherwise is not None:
                yield self.statements(scope, dot, node.otherwise)
        finally:
            del scope.variables[mark:]

    def range(self, scope: Scope, dot: Value, node: RangeNode) -> Running:
        outer = len(scope.variables)
        value, _ = indirect(self.evaluation.pipeline(scope, dot, node.pipe))
        inner, empty = len(scope.variables), True
        try:
            for key, element in self.elements(scope, node, value):
                empty = False
                self.step(scope)
                _set_loop_variables(scope, node, key, element)
                try:
                    yield self.statements(scope, element, node.body)
                except _Continue:
                    pass
                del scope.variables[inner:]
            if empty and node.otherwise is not None:
                yield self.statements(scope, dot, node.otherwise)
        except _Break:
            # A break in the `else` belongs to this range too: Go reads it so.
            pass
        finally:
            del scope.variables[outer:]

    def elements(self, scope: Scope, node: RangeNode, value: Value) -> Iterator[tuple[Value, Value]]:
        """Keys and elements in Go's order; a whole number n gives 0 to n-1, without keys."""
        if isinstance(value, Sequenced):
            of = value.type.elem
            return ((place, held(item, of)) for place, item in enumerate(value.items))
        if isinstance(value, Mapped):
            of = value.type.elem
            return ((key, held(value.entries[key], of)) for key in sorted_keys(value))
        if is_nothing(value):
            return iter(())
        return self.counted(scope, node, value)

    def counted(self, scope: Scope, node: RangeNode, value: Value) -> Iterator[tuple[Value, Value]]:
        of = type_of(value)
        if of.kind not in INTEGERS:
            self.fail(scope, f"range can't iterate over {verb_of(value, 'v')}")
        if len(node.pipe.variables) > 1:
            self.fail(scope, f"can't use {verb_of(value, 'v')} to iterate over more than one variable")
        return ((NO_VALUE, made(of, number)) for number in range(plain(value)))

    def template(self, scope: Scope, dot: Value, node: TemplateNode) -> Running:
        nodes = self.parsed.definitions.get(node.name)
        if nodes is None:
            self.fail(scope, f"template {quote(node.name)} not defined")
        if scope.depth == MAX_DEPTH:
            self.fail(scope, f"exceeded maximum template depth ({MAX_DEPTH})")
        self.step(scope)
        value = NO_VALUE if node.pipe is None else self.evaluation.pipeline(scope, dot, node.pipe)
        yield self.statements(Scope(node.name, value, scope.depth + 1), value, nodes)


def _leave(node: BreakNode | ContinueNode | object) -> NoReturn:
    raise _Break if isinstance(node, BreakNode) else _Continue


def _set_loop_variables(scope: Scope, node: RangeNode, key: Value, element: Value) -> None:
    names: Sequence[str] = [variable.names[0] for variable in node.pipe.variables]
    if not names:
        return
    values = (key, element) if len(names) > 1 else (element,)
    if node.pipe.assigns:
        for name, value in zip(names, values, strict=True):
            scope.assign(name, value)
        return
    for place, value in enumerate(reversed(values), start=1):
        scope.variables[-place][1] = value
