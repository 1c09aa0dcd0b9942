"""What the lexer hands to the parser."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from etcdpilot.rendering.gotemplate.quoting import quote


class TokenKind(Enum):
    ERROR = auto()
    BOOL = auto()
    CHAR = auto()  # a printable ASCII character that has no other meaning
    CHARACTER = auto()  # a character constant, quotes included
    COMPLEX = auto()
    ASSIGN = auto()
    DECLARE = auto()
    EOF = auto()
    FIELD = auto()
    IDENTIFIER = auto()
    LEFT_DELIMITER = auto()
    LEFT_PAREN = auto()
    NUMBER = auto()
    PIPE = auto()
    RAW_STRING = auto()
    RIGHT_DELIMITER = auto()
    RIGHT_PAREN = auto()
    SPACE = auto()
    STRING = auto()
    TEXT = auto()
    VARIABLE = auto()
    BLOCK = auto()
    BREAK = auto()
    CONTINUE = auto()
    DOT = auto()
    DEFINE = auto()
    ELSE = auto()
    END = auto()
    IF = auto()
    NIL = auto()
    RANGE = auto()
    TEMPLATE = auto()
    WITH = auto()


KEYWORDS = {
    ".": TokenKind.DOT,
    "block": TokenKind.BLOCK,
    "break": TokenKind.BREAK,
    "continue": TokenKind.CONTINUE,
    "define": TokenKind.DEFINE,
    "else": TokenKind.ELSE,
    "end": TokenKind.END,
    "if": TokenKind.IF,
    "range": TokenKind.RANGE,
    "nil": TokenKind.NIL,
    "template": TokenKind.TEMPLATE,
    "with": TokenKind.WITH,
}
_KEYWORD_KINDS = frozenset(KEYWORDS.values())


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a template: `position` counts characters from the start of the text, `line` from 1."""

    kind: TokenKind
    position: int
    text: str
    line: int

    def __str__(self) -> str:
        """As Go's messages name it."""
        if self.kind is TokenKind.EOF:
            return "EOF"
        if self.kind is TokenKind.ERROR:
            return self.text
        if self.kind in _KEYWORD_KINDS:
            return f"<{self.text}>"
        # Go measures in bytes whether a token is long, and cuts it by characters.
        long = len(self.text.encode("utf-8", "surrogateescape")) > 10
        return f"{quote(self.text[:10])}..." if long else quote(self.text)
