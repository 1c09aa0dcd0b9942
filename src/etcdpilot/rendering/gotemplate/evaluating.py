"""Pipelines, commands, fields and calls: everything in a template that gives a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NoReturn

from etcdpilot.rendering.gotemplate import kinds
from etcdpilot.rendering.gotemplate.builtins import BUILTINS
from etcdpilot.rendering.gotemplate.errors import ExecutionError, FunctionError
from etcdpilot.rendering.gotemplate.floats import to_float32
from etcdpilot.rendering.gotemplate.indexing import call as call_value
from etcdpilot.rendering.gotemplate.kinds import GoType, Kind, Method, assignable, may_be_nil
from etcdpilot.rendering.gotemplate.nodes import (
    Anything,
    BoolNode,
    ChainNode,
    CommandNode,
    DotNode,
    FieldNode,
    IdentifierNode,
    NilNode,
    NumberNode,
    Operand,
    PipeNode,
    StringNode,
    VariableNode,
)
from etcdpilot.rendering.gotemplate.parser import Parsed
from etcdpilot.rendering.gotemplate.quoting import quote
from etcdpilot.rendering.gotemplate.values import (
    NO_VALUE,
    Func,
    Mapped,
    Pointer,
    Struct,
    Value,
    held,
    indirect,
    is_nothing,
    made,
    plain,
    to_bytes,
    truth,
    type_of,
    unheld,
    wrapped,
    zero,
)

LONGEST_TEXT = 1 << 27
"""What a function may give at most, in characters."""

Operands = Sequence[Operand]

_ABSENT = object()
"""No value comes from the command before in the pipeline."""

_NOTHING_GIVEN: tuple[Operand, ...] = ()


class Scope:
    """One invocation of a template: its variables, and the node at hand, which an error points at."""

    __slots__ = ("depth", "node", "template", "variables")

    def __init__(self, template: str, dot: Value, depth: int = 0) -> None:
        self.template, self.depth = template, depth
        self.variables: list[list[Value]] = [["$", dot]]
        self.node: Anything | None = None

    def read(self, name: str) -> Value:
        for pair in reversed(self.variables):
            if pair[0] == name:
                return pair[1]
        raise KeyError(name)

    def assign(self, name: str, value: Value) -> None:
        for pair in reversed(self.variables):
            if pair[0] == name:
                pair[1] = value
                return
        raise KeyError(name)


class Evaluation:
    """Every method takes the scope, then `dot`; `final` is what the command before in the pipeline gave."""

    def __init__(self, parsed: Parsed, functions: Mapping[str, Func]) -> None:
        self.parsed, self.functions = parsed, functions

    # Errors.

    def error(self, scope: Scope, message: str) -> ExecutionError:
        if scope.node is None:
            return ExecutionError(f"template: {scope.template}: {message}")
        before = self.parsed.text[: scope.node.position]
        line, column = before.count("\n") + 1, len(to_bytes(before[before.rfind("\n") + 1 :]))
        place = f"{self.parsed.name}:{line}:{column}"
        return ExecutionError(f"template: {place}: executing {quote(scope.template)} at <{scope.node}>: {message}")

    def fail(self, scope: Scope, message: str) -> NoReturn:
        raise self.error(scope, message)

    # Pipelines and commands.

    def pipeline(self, scope: Scope, dot: Value, pipe: PipeNode) -> Value:
        scope.node = pipe
        value: Value = _ABSENT
        for command in pipe.commands:
            value = unheld(self.command(scope, dot, command, value))
            # What an interface{} holds is what counts; if it holds nothing, there is nothing.
            if value is None:
                value = NO_VALUE
        for variable in pipe.variables:
            if pipe.assigns:
                self.assign(scope, variable.names[0], value)
            else:
                scope.variables.append([variable.names[0], value])
        return value

    def assign(self, scope: Scope, name: str, value: Value) -> None:
        try:
            scope.assign(name, value)
        except KeyError:
            self.fail(scope, f"undefined variable: {name}")

    def read(self, scope: Scope, name: str) -> Value:
        try:
            return scope.read(name)
        except KeyError:
            # The parser lets a variable of one branch be read in the next, as Go's does.
            self.fail(scope, f"undefined variable: {name}")

    def command(self, scope: Scope, dot: Value, command: CommandNode, final: Value) -> Value:
        arguments = command.arguments
        first = arguments[0]
        match first:
            case FieldNode():
                return self.field_node(scope, dot, first, arguments, final)
            case IdentifierNode():
                return self.function(scope, dot, first, command, arguments, final)
            case VariableNode():
                return self.variable(scope, dot, first, arguments, final)
            case PipeNode():
                self.takes_no_arguments(scope, arguments, final)
                return self.pipeline(scope, dot, first)
            case ChainNode():
                return self.chain(scope, dot, first, arguments, final)
            case _:
                scope.node = first
                self.takes_no_arguments(scope, arguments, final)
                return self.literal(scope, dot, first)

    def takes_no_arguments(self, scope: Scope, arguments: Operands, final: Value) -> None:
        if len(arguments) > 1 or final is not _ABSENT:
            # An empty list means a variable used as an argument, which has none.
            self.fail(scope, f"can't give argument to non-function {arguments[0]}")

    def literal(self, scope: Scope, dot: Value, node: BoolNode | DotNode | NilNode | NumberNode | StringNode) -> Value:
        match node:
            case DotNode():
                return dot
            case StringNode():
                return node.text
            case NumberNode():
                return self.number(scope, node)
            case BoolNode():
                return node.value
            case NilNode():
                self.fail(scope, "nil is not a command")

    def number(self, scope: Scope, node: NumberNode) -> Value:
        """A constant where nothing asks for a type: how it is written decides."""
        scope.node = node
        if node.complex is not None:
            return node.complex
        if node.real is not None and _looks_like_float(node.text):
            return node.real
        if node.integer is not None:
            return node.integer
        if node.unsigned is not None:
            self.fail(scope, f"{node.text} overflows int")
        return NO_VALUE

    # Fields.

    def field_node(self, scope: Scope, dot: Value, node: FieldNode, arguments: Operands, final: Value) -> Value:
        scope.node = node
        return self.fields(scope, dot, dot, node, node.names, arguments, final)

    def variable(self, scope: Scope, dot: Value, node: VariableNode, arguments: Operands, final: Value) -> Value:
        scope.node = node
        value = self.read(scope, node.names[0])
        if len(node.names) == 1:
            self.takes_no_arguments(scope, arguments, final)
            return value
        return self.fields(scope, dot, value, node, node.names[1:], arguments, final)

    def chain(self, scope: Scope, dot: Value, node: ChainNode, arguments: Operands, final: Value) -> Value:
        scope.node = node
        if isinstance(node.of, NilNode):
            self.fail(scope, f"indirection through explicit nil in {node}")
        receiver = self.operand(scope, dot, None, node.of)
        return self.fields(scope, dot, receiver, node, node.names, arguments, final)

    def fields(
        self,
        scope: Scope,
        dot: Value,
        receiver: Value,
        node: Operand,
        names: Sequence[str],
        arguments: Operands,
        final: Value,
    ) -> Value:
        """`.A.B.C x`: only the last of them can be a method with arguments."""
        for name in names[:-1]:
            receiver = self.field(scope, dot, name, node, _NOTHING_GIVEN, _ABSENT, receiver)
        return self.field(scope, dot, names[-1], node, arguments, final, receiver)

    def field(
        self,
        scope: Scope,
        dot: Value,
        name: str,
        node: Operand,
        arguments: Operands,
        final: Value,
        receiver: Value,
    ) -> Value:
        if receiver is NO_VALUE:
            return NO_VALUE
        inside = unheld(receiver)
        given = type_of(receiver).text if inside is receiver and receiver is not None else kinds.ANY.text
        target, is_nil = indirect(inside)
        if target is None:
            self.fail(scope, f"nil pointer evaluating {given}.{name}")
        of = type_of(target)
        method = of.elem.methods.get(name) if is_nil and of.elem else of.methods.get(name)
        if method is not None:
            return self.call(scope, dot, _bound(method, name, target), node, name, arguments, final)
        return self.part(scope, name, given, target, is_nil, len(arguments) > 1 or final is not _ABSENT)

    def part(self, scope: Scope, name: str, given: str, target: Value, is_nil: bool, has_arguments: bool) -> Value:
        """A struct's field or a map's element."""
        match target:
            case Struct():
                for (field, of), value in zip(target.type.fields, target.values, strict=True):
                    if field == name:
                        if has_arguments:
                            self.fail(scope, f"{name} has arguments but cannot be invoked as function")
                        return held(value, of)
            case Mapped() if target.type.key == kinds.STRING:
                if has_arguments:
                    self.fail(scope, f"{name} is not a method but has arguments")
                value = target.entries.get(name, NO_VALUE)
                return value if value is NO_VALUE else held(value, target.type.elem)
            case Pointer() if is_nil and _may_have(target.type.elem, name):
                self.fail(scope, f"nil pointer evaluating {given}.{name}")
        self.fail(scope, f"can't evaluate field {name} in type {given}")

    # Calls.

    def function(
        self,
        scope: Scope,
        dot: Value,
        node: IdentifierNode,
        place: CommandNode | Operand,
        arguments: Operands,
        final: Value,
    ) -> Value:
        scope.node = node
        called = self.functions.get(node.name)
        if called is None:
            self.fail(scope, f"{quote(node.name)} is not a defined function")
        return self.call(scope, dot, called, place, node.name, arguments, final)

    def call(
        self,
        scope: Scope,
        dot: Value,
        called: Func,
        place: CommandNode | Operand,
        name: str,
        arguments: Operands,
        final: Value,
    ) -> Value:
        """`arguments` begin with the function itself, unless there are none at all."""
        given = arguments[1:]
        self.check_count(scope, called.type, name, len(given), final)
        if called is BUILTINS["and"] or called is BUILTINS["or"]:
            return self.short_circuit(scope, dot, name, given, final)
        values = self.arguments(scope, dot, called.type, given, final)
        if called is not BUILTINS["slice"]:
            values = [unheld(value) for value in values]
        try:
            if called is BUILTINS["call"]:
                return call_value(str(given[0]) if given else _as_reflect_shows(final), *values)
            return _measured(called.call(*values))
        except FunctionError as error:
            scope.node = place
            self.fail(scope, f"error calling {name}: {error}")

    def check_count(self, scope: Scope, of: GoType, name: str, given: int, final: Value) -> None:
        count = given + (final is not _ABSENT)
        wanted = len(of.parameters)
        if of.variadic and count < wanted - 1:
            self.fail(scope, f"wrong number of args for {name}: want at least {wanted - 1} got {given}")
        if not of.variadic and count != wanted:
            self.fail(scope, f"wrong number of args for {name}: want {wanted} got {count}")

    def short_circuit(self, scope: Scope, dot: Value, name: str, given: Operands, final: Value) -> Value:
        value: Value = NO_VALUE
        for argument in given:
            value = unheld(self.operand(scope, dot, kinds.VALUE, argument))
            if truth(value) == (name == "or"):
                return value
        return value if final is _ABSENT else final

    def arguments(self, scope: Scope, dot: Value, of: GoType, given: Operands, final: Value) -> list[Value]:
        last = len(of.parameters) - 1
        values = [
            self.operand(scope, dot, of.parameters[min(place, last)], argument) for place, argument in enumerate(given)
        ]
        if final is not _ABSENT:
            values.append(self.checked(scope, final, of.parameters[min(len(given), last)]))
        return values

    def operand(self, scope: Scope, dot: Value, wanted: GoType | None, node: Operand) -> Value:
        """An argument as a value of the type that its parameter wants; None wants nothing in particular."""
        scope.node = node
        match node:
            case DotNode():
                value = dot
            case FieldNode():
                value = self.field_node(scope, dot, node, _NOTHING_GIVEN, _ABSENT)
            case VariableNode():
                value = self.variable(scope, dot, node, _NOTHING_GIVEN, _ABSENT)
            case PipeNode():
                value = self.pipeline(scope, dot, node)
            case IdentifierNode():
                value = self.function(scope, dot, node, node, _NOTHING_GIVEN, _ABSENT)
            case ChainNode():
                value = self.chain(scope, dot, node, _NOTHING_GIVEN, _ABSENT)
            case _:
                return self.constant(scope, wanted or kinds.ANY, node)
        if wanted is None or wanted is kinds.VALUE:
            return value
        return self.checked(scope, unheld(value), wanted)

    def constant(self, scope: Scope, wanted: GoType, node: BoolNode | NilNode | NumberNode | StringNode) -> Value:
        if isinstance(node, NilNode):
            if not may_be_nil(wanted):
                self.fail(scope, f"cannot assign nil to {wanted.text}")
            return zero(wanted)
        if wanted is kinds.ANY or wanted is kinds.VALUE:
            return self.literal(scope, None, node)
        name, value = _fitting(wanted, node)
        if not name:
            self.fail(scope, f"can't handle {node} for arg of type {wanted.text}")
        if value is None:
            self.fail(scope, f"expected {name}; found {node}")
        if wanted.kind in kinds.INTEGERS:
            value = wrapped(wanted.kind, value)
        return made(wanted, to_float32(value) if wanted.kind is Kind.FLOAT32 else value)

    def checked(self, scope: Scope, value: Value, wanted: GoType) -> Value:
        """The value, if it may be passed as what is wanted; a pointer may be followed one step for that."""
        if wanted is kinds.VALUE:
            return value
        if value is NO_VALUE:
            if may_be_nil(wanted):
                return zero(wanted)
            self.fail(scope, f"invalid value; expected {wanted.text}")
        of = kinds.ANY if value is None else type_of(value)
        if assignable(of, wanted):
            return value
        if isinstance(value, Pointer) and of.elem is not None and assignable(of.elem, wanted):
            if value.target is None:
                self.fail(scope, f"dereference of nil pointer of type {wanted.text}")
            return value.target
        self.fail(scope, f"wrong type for value; expected {wanted.text}; got {of.text}")


def _measured(value: Value) -> Value:
    """A text that is doubled in a loop would fill the memory before it is ever written."""
    if type(value) is str and len(value) > LONGEST_TEXT:
        raise FunctionError(f"the result is longer than {LONGEST_TEXT} characters")
    return value


def _bound(method: Method, name: str, target: Value) -> Func:
    """A method as a function of its arguments alone; a nil pointer has the method, and nothing to call it on."""

    def on_nil(*_: Value) -> NoReturn:
        of = type_of(target).elem or kinds.ANY
        raise FunctionError(f"value method {of.text}.{name} called using nil *{of.text.rpartition('.')[2]} pointer")

    return Func(method.type, on_nil if isinstance(target, Pointer) else partial(method.call, target))


def _looks_like_float(text: str) -> bool:
    hexadecimal = len(text) > 2 and text[0] == "0" and text[1] in "xX" and not any(mark in text for mark in "pP")
    return not hexadecimal and text[0] != "'" and any(mark in text for mark in ".eEpP")


def _fitting(wanted: GoType, node: BoolNode | NumberNode | StringNode) -> tuple[str, Value]:
    """What Go calls such a constant, and its value if it is one."""
    number = node if isinstance(node, NumberNode) else None
    kind = wanted.kind
    if kind is Kind.BOOL:
        return "bool", node.value if isinstance(node, BoolNode) else None
    if kind is Kind.STRING:
        return "string", node.text if isinstance(node, StringNode) else None
    if kind in kinds.SIGNED:
        return "integer", number and number.integer
    if kind in kinds.UNSIGNED:
        return "unsigned integer", number and number.unsigned
    if kind in kinds.FLOATS:
        return "float", number and number.real
    if kind in kinds.COMPLEXES:
        return "complex", number and number.complex
    return "", None


def _may_have(of: GoType | None, name: str) -> bool:
    """Whether what a nil pointer points at could have such a field."""
    return of is None or of.kind is not Kind.STRUCT or any(field == name for field, _ in of.fields)


def _as_reflect_shows(value: Value) -> str:
    """A value as Go names it where it has no name."""
    if is_nothing(value):
        return "<invalid Value>"
    of = type_of(value)
    return str(plain(value)) if of.kind is Kind.STRING else f"<{of.text} Value>"
