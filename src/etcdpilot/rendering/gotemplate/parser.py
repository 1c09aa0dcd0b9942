"""Turns tokens into nodes by Go's grammar; a mistake is a ParseError with Go's text.

Every definition inside a template is read by a parser of its own, which shares the lexer with the others and keeps its
own look-ahead: the line in an error is that of the last token which *this* parser took.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import NoReturn

from etcdpilot.rendering.gotemplate.constants import character_constant, complex_constant, number_constant
from etcdpilot.rendering.gotemplate.errors import ParseError
from etcdpilot.rendering.gotemplate.lexer import Lexer
from etcdpilot.rendering.gotemplate.nodes import (
    ActionNode,
    BoolNode,
    Branch,
    BreakNode,
    ChainNode,
    CommandNode,
    ContinueNode,
    DotNode,
    ElseNode,
    EndNode,
    FieldNode,
    IdentifierNode,
    IfNode,
    ListNode,
    NilNode,
    NumberNode,
    Operand,
    PipeNode,
    RangeNode,
    Statement,
    StringNode,
    TemplateNode,
    TextNode,
    VariableNode,
    WithNode,
    is_empty,
)
from etcdpilot.rendering.gotemplate.quoting import BadLiteral, quote, unquote
from etcdpilot.rendering.gotemplate.tokens import KEYWORDS, Token, TokenKind

_STRINGS = (TokenKind.STRING, TokenKind.RAW_STRING)
_NUMBERS = (TokenKind.CHARACTER, TokenKind.COMPLEX, TokenKind.NUMBER)
_OPERANDS = frozenset({TokenKind.BOOL, *_NUMBERS, TokenKind.DOT, TokenKind.FIELD, TokenKind.IDENTIFIER, TokenKind.NIL})
_COMMAND_STARTS = _OPERANDS | {*_STRINGS, TokenKind.VARIABLE, TokenKind.LEFT_PAREN}
_LITERALS = (BoolNode, StringNode, NumberNode, NilNode, DotNode)
_BRANCHES: dict[TokenKind, type[Branch]] = {
    TokenKind.IF: IfNode,
    TokenKind.RANGE: RangeNode,
    TokenKind.WITH: WithNode,
}
_CHAINS = (TokenKind.IF, TokenKind.WITH)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A template's text and what it defines: itself under its own name, and every `define` and `block`."""

    name: str
    text: str
    definitions: dict[str, ListNode]


def parse(name: str, text: str, functions: Collection[str], *, left: str = "{{", right: str = "}}") -> Parsed:
    """Raises ParseError. `functions` are the names that may be called, the built-in ones among them."""
    # A function called break or continue takes the keyword away, as in Go.
    keywords = frozenset(word for word in KEYWORDS if word not in functions or word not in ("break", "continue"))
    tokens = Lexer(text, keywords=keywords, left=left, right=right).tokens()
    parsed = Parsed(name, text, {})
    parser = _Parser(parsed, tokens, functions)
    try:
        parser.whole()
    except RecursionError:
        raise parser.error("max expression depth exceeded") from None
    return parsed


class _Parser:
    def __init__(self, parsed: Parsed, tokens: Iterator[Token], functions: Collection[str]) -> None:
        self.parsed, self.tokens, self.functions = parsed, tokens, functions
        self.latest: Token | None = None  # the last token taken from the lexer, also when it was put back
        self.waiting: list[Token] = []  # tokens put back, the next one last
        self.variables = ["$"]
        self.action_line = 0
        self.range_depth = 0

    # Tokens.

    def next(self) -> Token:
        if self.waiting:
            return self.waiting.pop()
        self.latest = next(self.tokens)
        return self.latest

    def back(self, *tokens: Token) -> None:
        """Puts tokens back, the first to come again last."""
        self.waiting.extend(tokens)

    def peek(self) -> Token:
        token = self.next()
        self.back(token)
        return token

    def next_non_space(self) -> Token:
        while (token := self.next()).kind is TokenKind.SPACE:
            pass
        return token

    def peek_non_space(self) -> Token:
        token = self.next_non_space()
        self.back(token)
        return token

    def expect(self, context: str, *kinds: TokenKind) -> Token:
        token = self.next_non_space()
        if token.kind not in kinds:
            self.unexpected(token, context)
        return token

    # Errors.

    def error(self, message: str) -> ParseError:
        line = self.latest.line if self.latest else 0
        return ParseError(f"template: {self.parsed.name}:{line}: {message}")

    def unexpected(self, token: Token, context: str) -> NoReturn:
        if token.kind is not TokenKind.ERROR:
            raise self.error(f"unexpected {token} in {context}")
        extra = ""
        if self.action_line not in (0, token.line):
            extra = f"started at {self.parsed.name}:{self.action_line}"
            extra = f" {extra}" if token.text.endswith(" action") else f" in action {extra}"
        raise self.error(f"{token}{extra}")

    def literal(self, token: Token) -> str:
        try:
            return unquote(token.text)
        except BadLiteral as bad:
            raise self.error(str(bad)) from None

    # Templates.

    def whole(self) -> None:
        root = ListNode(self.peek().position)
        while self.peek().kind is not TokenKind.EOF:
            if self.peek().kind is TokenKind.LEFT_DELIMITER:
                delimiter, token = self.next(), self.next_non_space()
                if token.kind is TokenKind.DEFINE:
                    self.definition_parser().definition()
                    continue
                self.back(token, delimiter)
            statement = self.statement()
            if isinstance(statement, EndNode | ElseNode):
                raise self.error(f"unexpected {statement}")
            root.nodes.append(statement)
        self.add(self.parsed.name, root)

    def definition_parser(self) -> _Parser:
        return _Parser(self.parsed, self.tokens, self.functions)

    def definition(self) -> None:
        context = "define clause"
        name = self.literal(self.expect(context, *_STRINGS))
        self.expect(context, TokenKind.RIGHT_DELIMITER)
        body, end = self.items()
        if not isinstance(end, EndNode):
            raise self.error(f"unexpected {end} in {context}")
        self.add(name, body)

    def add(self, name: str, nodes: ListNode) -> None:
        known = self.parsed.definitions.get(name)
        if known is None or is_empty(known):
            self.parsed.definitions[name] = nodes
        elif not is_empty(nodes):
            raise self.error(f"template: multiple definition of template {quote(name)}")

    def items(self) -> tuple[ListNode, EndNode | ElseNode]:
        """Statements up to an `end` or an `else`, which comes second."""
        nodes = ListNode(self.peek_non_space().position)
        while self.peek_non_space().kind is not TokenKind.EOF:
            statement = self.statement()
            if isinstance(statement, EndNode | ElseNode):
                return nodes, statement
            nodes.nodes.append(statement)
        raise self.error("unexpected EOF")

    def statement(self) -> Statement | EndNode | ElseNode:
        token = self.next_non_space()
        if token.kind is TokenKind.TEXT:
            return TextNode(token.position, token.text)
        if token.kind is not TokenKind.LEFT_DELIMITER:
            self.unexpected(token, "input")
        self.action_line = token.line
        action = self.action()
        self.action_line = 0
        return action

    def action(self) -> Statement | EndNode | ElseNode:
        token = self.next_non_space()
        if token.kind in _BRANCHES:
            return self.branch(token.kind)
        control = _CONTROLS.get(token.kind)
        if control is not None:
            return control(self, token)
        self.back(token)
        return ActionNode(token.position, self.pipeline("command", TokenKind.RIGHT_DELIMITER))

    def end(self, _: Token) -> EndNode:
        return EndNode(self.expect("end", TokenKind.RIGHT_DELIMITER).position)

    def otherwise(self, _: Token) -> ElseNode:
        # `else if` and `else with` leave their keyword for the branch that they continue.
        token = self.peek_non_space()
        if token.kind not in _CHAINS:
            token = self.expect("else", TokenKind.RIGHT_DELIMITER)
        return ElseNode(token.position)

    def break_(self, token: Token) -> BreakNode:
        self.leaves_range("{{break}}")
        return BreakNode(token.position)

    def continue_(self, token: Token) -> ContinueNode:
        self.leaves_range("{{continue}}")
        return ContinueNode(token.position)

    def leaves_range(self, action: str) -> None:
        token = self.next_non_space()
        if token.kind is not TokenKind.RIGHT_DELIMITER:
            self.unexpected(token, action)
        if not self.range_depth:
            raise self.error(f"{action} outside {{{{range}}}}")

    def branch(self, kind: TokenKind) -> Branch:
        """An `if`, `range` or `with` whose keyword has been read.

        A chain of `else if` is read in a loop and put together from its end: it may be long.
        """
        seen = len(self.variables)
        links: list[tuple[int, PipeNode, ListNode]] = []
        while True:
            pipe, body, end = self.link(kind)
            links.append((pipe.position, pipe, body))
            if isinstance(end, EndNode) or kind not in _CHAINS or self.peek().kind is not kind:
                break
            self.next()
        last = None if isinstance(end, EndNode) else self.last_else()
        del self.variables[seen:]
        return _chained(_BRANCHES[kind], links, last)

    def link(self, kind: TokenKind) -> tuple[PipeNode, ListNode, EndNode | ElseNode]:
        pipe = self.pipeline(_BRANCHES[kind].__name__.removesuffix("Node").lower(), TokenKind.RIGHT_DELIMITER)
        deeper = 1 if kind is TokenKind.RANGE else 0
        self.range_depth += deeper
        body, end = self.items()
        self.range_depth -= deeper
        return pipe, body, end

    def last_else(self) -> ListNode:
        body, end = self.items()
        if not isinstance(end, EndNode):
            raise self.error(f"expected end; found {end}")
        return body

    def block(self, _: Token) -> TemplateNode:
        context = "block clause"
        token = self.next_non_space()
        name = self.template_name(token, context)
        pipe = self.pipeline(context, TokenKind.RIGHT_DELIMITER)
        inner = self.definition_parser()
        body, end = inner.items()
        if not isinstance(end, EndNode):
            raise self.error(f"unexpected {end} in {context}")
        inner.add(name, body)
        return TemplateNode(token.position, name, pipe)

    def template(self, _: Token) -> TemplateNode:
        context = "template clause"
        token = self.next_non_space()
        name = self.template_name(token, context)
        following, pipe = self.next_non_space(), None
        if following.kind is not TokenKind.RIGHT_DELIMITER:
            self.back(following)
            pipe = self.pipeline(context, TokenKind.RIGHT_DELIMITER)
        return TemplateNode(token.position, name, pipe)

    def template_name(self, token: Token, context: str) -> str:
        if token.kind not in _STRINGS:
            self.unexpected(token, context)
        return self.literal(token)

    # Pipelines.

    def pipeline(self, context: str, end: TokenKind) -> PipeNode:
        position = self.peek_non_space().position
        assigns, variables = self.declarations(context)
        commands: list[CommandNode] = []
        while (token := self.next_non_space()).kind is not end:
            if token.kind not in _COMMAND_STARTS:
                self.unexpected(token, context)
            self.back(token)
            commands.append(self.command())
        self.check_commands(commands, context)
        return PipeNode(position, assigns, variables, tuple(commands))

    def declarations(self, context: str) -> tuple[bool, tuple[VariableNode, ...]]:
        """`$a :=`, `$a =`, or for a range `$a, $b :=`; puts back a variable that is none of these."""
        declared: list[VariableNode] = []
        while (token := self.peek_non_space()).kind is TokenKind.VARIABLE:
            self.next()
            after = self.next()
            following = after if after.kind is not TokenKind.SPACE else self.next_non_space()
            if following.kind in (TokenKind.ASSIGN, TokenKind.DECLARE):
                self.declare(token, declared)
                return following.kind is TokenKind.ASSIGN, tuple(declared)
            if following.kind is not TokenKind.CHAR or following.text != ",":
                self.back(*([following, after] if after is not following else [after]), token)
                break
            self.declare(token, declared)
            self.check_comma(context, declared)
        return False, tuple(declared)

    def declare(self, token: Token, declared: list[VariableNode]) -> None:
        declared.append(VariableNode(token.position, tuple(token.text.split("."))))
        self.variables.append(token.text)

    def check_comma(self, context: str, declared: list[VariableNode]) -> None:
        if context != "range" or len(declared) > 1:
            raise self.error(f"too many declarations in {context}")
        second = (TokenKind.VARIABLE, TokenKind.RIGHT_DELIMITER, TokenKind.RIGHT_PAREN)
        if self.peek_non_space().kind not in second:
            raise self.error("range can only initialize variables")

    def check_commands(self, commands: list[CommandNode], context: str) -> None:
        if not commands:
            raise self.error(f"missing value for {context}")
        for stage, command in enumerate(commands[1:], start=2):
            if isinstance(command.arguments[0], _LITERALS):
                raise self.error(f"non executable command in pipeline stage {stage}")

    def command(self) -> CommandNode:
        position = self.peek_non_space().position
        arguments: list[Operand] = []
        while True:
            operand = self.operand()
            if operand is not None:
                arguments.append(operand)
            token = self.next()
            if token.kind is TokenKind.SPACE:
                continue
            if token.kind in (TokenKind.RIGHT_DELIMITER, TokenKind.RIGHT_PAREN):
                self.back(token)
            elif token.kind is not TokenKind.PIPE:
                self.unexpected(token, "operand")
            break
        if not arguments:
            raise self.error("empty command")
        return CommandNode(position, tuple(arguments))

    def operand(self) -> Operand | None:
        """A term and the fields behind it; None when what comes is no operand."""
        node = self.term()
        if node is None or self.peek().kind is not TokenKind.FIELD:
            return node
        # From here on the node's place is that of its second part: errors point there.
        position = self.peek().position
        names: list[str] = []
        while self.peek().kind is TokenKind.FIELD:
            names.append(self.next().text[1:])
        if isinstance(node, FieldNode):
            return FieldNode(position, (*node.names, *names))
        if isinstance(node, VariableNode):
            return VariableNode(position, (*node.names, *names))
        if isinstance(node, _LITERALS):
            raise self.error(f"unexpected . after term {quote(str(node))}")
        return ChainNode(position, node, tuple(names))

    def term(self) -> Operand | None:
        token = self.next_non_space()
        reader = _TERMS.get(token.kind)
        if reader is not None:
            return reader(self, token)
        self.back(token)
        return None

    def identifier(self, token: Token) -> IdentifierNode:
        if token.text not in self.functions:
            raise self.error(f"function {quote(token.text)} not defined")
        return IdentifierNode(token.position, token.text)

    def variable(self, token: Token) -> VariableNode:
        if token.text not in self.variables:
            raise self.error(f"undefined variable {quote(token.text)}")
        return VariableNode(token.position, (token.text,))

    def number(self, token: Token) -> NumberNode:
        read: Callable[[int, str], NumberNode] = {
            TokenKind.CHARACTER: character_constant,
            TokenKind.COMPLEX: complex_constant,
        }.get(token.kind, number_constant)
        try:
            return read(token.position, token.text)
        except BadLiteral as bad:
            raise self.error(str(bad)) from None

    def string(self, token: Token) -> StringNode:
        return StringNode(token.position, token.text, self.literal(token))

    def parenthesized(self, _: Token) -> PipeNode:
        return self.pipeline("parenthesized pipeline", TokenKind.RIGHT_PAREN)


def _chained(kind: type[Branch], links: list[tuple[int, PipeNode, ListNode]], last: ListNode | None) -> Branch:
    position, pipe, body = links.pop()
    branch = kind(position, pipe, body, last)
    while links:
        position, pipe, body = links.pop()
        branch = kind(position, pipe, body, ListNode(branch.position, [branch]))
    return branch


_CONTROLS: dict[TokenKind, Callable[[_Parser, Token], Statement | EndNode | ElseNode]] = {
    TokenKind.BLOCK: _Parser.block,
    TokenKind.BREAK: _Parser.break_,
    TokenKind.CONTINUE: _Parser.continue_,
    TokenKind.ELSE: _Parser.otherwise,
    TokenKind.END: _Parser.end,
    TokenKind.TEMPLATE: _Parser.template,
}

_TERMS: dict[TokenKind, Callable[[_Parser, Token], Operand]] = {
    TokenKind.IDENTIFIER: _Parser.identifier,
    TokenKind.DOT: lambda _, token: DotNode(token.position),
    TokenKind.NIL: lambda _, token: NilNode(token.position),
    TokenKind.VARIABLE: _Parser.variable,
    TokenKind.FIELD: lambda _, token: FieldNode(token.position, (token.text[1:],)),
    TokenKind.BOOL: lambda _, token: BoolNode(token.position, token.text == "true"),
    TokenKind.CHARACTER: _Parser.number,
    TokenKind.COMPLEX: _Parser.number,
    TokenKind.NUMBER: _Parser.number,
    TokenKind.LEFT_PAREN: _Parser.parenthesized,
    TokenKind.STRING: _Parser.string,
    TokenKind.RAW_STRING: _Parser.string,
}
