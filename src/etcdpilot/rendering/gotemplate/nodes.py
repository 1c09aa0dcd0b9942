"""The parts of a parsed template. `str()` of one is what Go's error messages show of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from etcdpilot.rendering.gotemplate.quoting import quote


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """`position` counts characters from the start of the template's text."""

    position: int


@dataclass(frozen=True, slots=True, eq=False)
class TextNode(Node):
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, eq=False)
class BoolNode(Node):
    value: bool

    def __str__(self) -> str:
        return "true" if self.value else "false"


@dataclass(frozen=True, slots=True, eq=False)
class NumberNode(Node):
    """A constant, under every sort of number that can hold it; None where it does not fit."""

    text: str
    integer: int | None = None
    unsigned: int | None = None
    real: float | None = None
    complex: complex | None = None

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, eq=False)
class StringNode(Node):
    quoted: str
    text: str

    def __str__(self) -> str:
        return self.quoted


@dataclass(frozen=True, slots=True, eq=False)
class DotNode(Node):
    def __str__(self) -> str:
        return "."


@dataclass(frozen=True, slots=True, eq=False)
class NilNode(Node):
    def __str__(self) -> str:
        return "nil"


@dataclass(frozen=True, slots=True, eq=False)
class IdentifierNode(Node):
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True, eq=False)
class FieldNode(Node):
    """`.A.B`: the names without their dots."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return "".join(f".{name}" for name in self.names)


@dataclass(frozen=True, slots=True, eq=False)
class VariableNode(Node):
    """`$x.A`: the variable with its dollar sign, then the names of fields."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return ".".join(self.names)


@dataclass(frozen=True, slots=True, eq=False)
class ChainNode(Node):
    """Fields of something in parentheses, or of a function's answer."""

    of: Operand
    names: tuple[str, ...]

    def __str__(self) -> str:
        return _as_operand(self.of) + "".join(f".{name}" for name in self.names)


@dataclass(frozen=True, slots=True, eq=False)
class CommandNode(Node):
    arguments: tuple[Operand, ...]

    def __str__(self) -> str:
        return " ".join(_as_operand(argument) for argument in self.arguments)


@dataclass(frozen=True, slots=True, eq=False)
class PipeNode(Node):
    """`$a, $b := command | command`; `assigns` when it is `=`."""

    assigns: bool
    variables: tuple[VariableNode, ...]
    commands: tuple[CommandNode, ...]

    def __str__(self) -> str:
        names = ", ".join(str(variable) for variable in self.variables)
        commands = " | ".join(str(command) for command in self.commands)
        return f"{names} {'=' if self.assigns else ':='} {commands}" if names else commands


@dataclass(frozen=True, slots=True, eq=False)
class ActionNode(Node):
    pipe: PipeNode

    def __str__(self) -> str:
        return f"{{{{{self.pipe}}}}}"


@dataclass(frozen=True, slots=True, eq=False)
class BreakNode(Node):
    def __str__(self) -> str:
        return "{{break}}"


@dataclass(frozen=True, slots=True, eq=False)
class ContinueNode(Node):
    def __str__(self) -> str:
        return "{{continue}}"


@dataclass(frozen=True, slots=True, eq=False)
class EndNode(Node):
    """Only while parsing: it closes a list."""

    def __str__(self) -> str:
        return "{{end}}"


@dataclass(frozen=True, slots=True, eq=False)
class ElseNode(Node):
    """Only while parsing: it closes a list and opens another."""

    def __str__(self) -> str:
        return "{{else}}"


@dataclass(frozen=True, slots=True, eq=False)
class BranchNode(Node):
    """What `if`, `range` and `with` have in common; `otherwise` is None without an `else`."""

    pipe: PipeNode
    body: ListNode
    otherwise: ListNode | None

    @property
    def keyword(self) -> str:
        return type(self).__name__.removesuffix("Node").lower()

    def __str__(self) -> str:
        otherwise = f"{{{{else}}}}{self.otherwise}" if self.otherwise is not None else ""
        return f"{{{{{self.keyword} {self.pipe}}}}}{self.body}{otherwise}{{{{end}}}}"


@dataclass(frozen=True, slots=True, eq=False)
class IfNode(BranchNode):
    pass


@dataclass(frozen=True, slots=True, eq=False)
class RangeNode(BranchNode):
    pass


@dataclass(frozen=True, slots=True, eq=False)
class WithNode(BranchNode):
    pass


@dataclass(frozen=True, slots=True, eq=False)
class TemplateNode(Node):
    name: str
    pipe: PipeNode | None

    def __str__(self) -> str:
        return f"{{{{template {quote(self.name)}{f' {self.pipe}' if self.pipe else ''}}}}}"


@dataclass(slots=True, eq=False)
class ListNode:
    """What stands between two actions; the parser fills it."""

    position: int
    nodes: list[Statement] = field(default_factory=list)

    def __str__(self) -> str:
        return "".join(str(node) for node in self.nodes)


Operand = (
    BoolNode
    | NumberNode
    | StringNode
    | DotNode
    | NilNode
    | IdentifierNode
    | FieldNode
    | VariableNode
    | ChainNode
    | PipeNode
)
Branch = IfNode | RangeNode | WithNode
Statement = TextNode | ActionNode | BreakNode | ContinueNode | Branch | TemplateNode
Anything = Statement | Operand | CommandNode | ListNode


def _as_operand(operand: Operand) -> str:
    return f"({operand})" if isinstance(operand, PipeNode) else str(operand)


def is_empty(nodes: ListNode) -> bool:
    """Whether there is nothing in it but space: such a template does not replace another of its name."""
    return all(isinstance(node, TextNode) and not node.text.strip(_WHITE) for node in nodes.nodes)


# The White_Space of Unicode; Python's own strip would take 0x1c to 0x1f too.
_WHITE = (
    " \t\n\v\f\r\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008"
    "\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
