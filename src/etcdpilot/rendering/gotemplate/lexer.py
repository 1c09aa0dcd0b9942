"""Cuts a template into tokens, as Go's own lexer does: also its errors, and the places where it sees them."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator

from etcdpilot.rendering.gotemplate.quoting import REPLACEMENT, is_escaped_byte, is_print, quote
from etcdpilot.rendering.gotemplate.tokens import KEYWORDS, Token, TokenKind

_SPACES = " \t\r\n"
_END = ""  # what lies behind the last character
_TERMINATORS = ".,|:)("


class Lexer:
    """Tokens of one text. An error is a token too, and the last one; after the end there are only more ends."""

    def __init__(
        self, text: str, *, keywords: frozenset[str] = frozenset(KEYWORDS), left: str = "{{", right: str = "}}"
    ):
        self.text, self.keywords, self.left, self.right = text, keywords, left, right
        self.position = self.start = 0
        self.line = 1
        self.depth = 0

    def tokens(self) -> Iterator[Token]:
        try:
            yield from self._tokens()
        except LexerError as error:
            yield Token(TokenKind.ERROR, self.start, str(error), self.line)
        while True:
            yield Token(TokenKind.EOF, len(self.text), "EOF", self.line)

    def _tokens(self) -> Iterator[Token]:
        while (opening := self.text.find(self.left, self.position)) >= 0:
            yield from self._plain_text(opening)
            if not self._comment():
                yield self._left_delimiter()
                yield from self._action()
        self.position = len(self.text)
        if self.position > self.start:
            yield self._token(TokenKind.TEXT)

    def _plain_text(self, opening: int) -> Iterator[Token]:
        self.position = opening
        if self._has_left_trim(opening + len(self.left)):
            kept = self.text[self.start : opening].rstrip(_SPACES)
            self.position = self.start + len(kept)
        if self.position > self.start:
            yield self._token(TokenKind.TEXT)
        self._skip_to(opening)

    def _left_delimiter(self) -> Token:
        self.position += len(self.left)
        token = self._token(TokenKind.LEFT_DELIMITER)
        if self._has_left_trim(self.position):
            self._skip_to(self.position + 2)
        self.depth = 0
        return token

    def _comment(self) -> bool:
        """Skips a comment, should one begin here, with its delimiters and what they trim."""
        inside = self.position + len(self.left)
        inside += 2 if self._has_left_trim(inside) else 0
        if not self.text.startswith("/*", inside):
            return False
        self._skip_to(inside)
        closing = self.text.find("*/", inside + 2)
        if closing < 0:
            raise LexerError("unclosed comment")
        self.position = closing + 2
        delimiter, trims = self._at_right_delimiter()
        if not delimiter:
            raise LexerError("comment ends before closing delimiter")
        self._skip_right_delimiter(trims)
        return True

    def _skip_right_delimiter(self, trims: bool) -> None:
        end = self.position + (2 if trims else 0) + len(self.right)
        self._skip_to(self._after_spaces(end) if trims else end)

    def _action(self) -> Iterator[Token]:
        while True:
            delimiter, trims = self._at_right_delimiter()
            if delimiter and self.depth:
                raise LexerError("unclosed left paren")
            if delimiter:
                yield self._right_delimiter(trims)
                return
            token = self._inside_action()
            yield token
            if token.kind is TokenKind.RIGHT_DELIMITER:
                return

    def _right_delimiter(self, trims: bool) -> Token:
        if trims:
            self._skip_to(self.position + 2)
        self.position += len(self.right)
        token = self._token(TokenKind.RIGHT_DELIMITER)
        if trims:
            self._skip_to(self._after_spaces(self.position))
        return token

    def _inside_action(self) -> Token:
        character = self._next()
        if character == _END:
            raise LexerError("unclosed action")
        if character in _SPACES:
            return self._space()
        scan = _SCANNERS.get(character)
        if scan is not None:
            return scan(self)
        if character == "." and not "0" <= (self._peek() or "0") <= "9":
            return self._name(TokenKind.FIELD)
        if character in ".+-" or "0" <= character <= "9":
            self.position -= 1
            return self._number()
        if _is_alphanumeric(character):
            return self._identifier()
        if character < "\x80" and is_print(character):
            return self._token(TokenKind.CHAR)
        raise LexerError(f"unrecognized character in action: {_as_unicode(character)}")

    def _declare(self) -> Token:
        if self._next() != "=":
            raise LexerError("expected :=")
        return self._token(TokenKind.DECLARE)

    def _left_paren(self) -> Token:
        self.depth += 1
        return self._token(TokenKind.LEFT_PAREN)

    def _right_paren(self) -> Token:
        self.depth -= 1
        if self.depth < 0:
            raise LexerError("unexpected right paren")
        return self._token(TokenKind.RIGHT_PAREN)

    def _space(self) -> Token:
        self.position = self._after_spaces(self.position)
        # The last space may belong to a trimming right delimiter. If it is the only one, Go forgets to look whether a
        # paren is open, and leaves that to the parser.
        if self.text.startswith("-" + self.right, self.position):
            if self.position - self.start == 1:
                self.position = self.start
                return self._right_delimiter(trims=True)
            self.position -= 1
        return self._token(TokenKind.SPACE)

    def _identifier(self) -> Token:
        character = self._skip_alphanumerics()
        word = self.text[self.start : self.position]
        self._require_terminator(character)
        if word in self.keywords:
            return self._token(KEYWORDS[word])
        return self._token(TokenKind.BOOL if word in ("true", "false") else TokenKind.IDENTIFIER)

    def _variable(self) -> Token:
        return self._name(TokenKind.VARIABLE)

    def _name(self, kind: TokenKind) -> Token:
        """The rest of a field or a variable, whose first character has been read."""
        if self._at_terminator():
            return self._token(TokenKind.DOT if kind is TokenKind.FIELD else kind)
        self._require_terminator(self._skip_alphanumerics())
        return self._token(kind)

    def _skip_alphanumerics(self) -> str:
        while _is_alphanumeric(self._peek()):
            self.position += 1
        return self._peek()

    def _require_terminator(self, character: str) -> None:
        if not self._at_terminator():
            raise LexerError(f"bad character {_as_unicode(character)}")

    def _at_terminator(self) -> bool:
        character = self._peek()
        return character in _SPACES or character in _TERMINATORS or self.text.startswith(self.right, self.position)

    def _character_constant(self) -> Token:
        return self._quoted("'", TokenKind.CHARACTER, "unterminated character constant")

    def _string(self) -> Token:
        return self._quoted('"', TokenKind.STRING, "unterminated quoted string")

    def _quoted(self, mark: str, kind: TokenKind, unterminated: str) -> Token:
        while (character := self._next()) != mark:
            if character == "\\":
                character = self._next()
            if character in ("", "\n"):
                raise LexerError(unterminated)
        return self._token(kind)

    def _raw_string(self) -> Token:
        closing = self.text.find("`", self.position)
        if closing < 0:
            raise LexerError("unterminated raw quoted string")
        self.position = closing + 1
        return self._token(TokenKind.RAW_STRING)

    def _number(self) -> Token:
        well_formed = self._scan_number()
        if well_formed and self._peek() not in ("+", "-"):
            return self._token(TokenKind.NUMBER)
        # Complex: 1+2i, without spaces, ending in i.
        if not well_formed or not self._scan_number() or self.text[self.position - 1] != "i":
            raise LexerError(f"bad number syntax: {quote(self.text[self.start : self.position])}")
        return self._token(TokenKind.COMPLEX)

    def _scan_number(self) -> bool:
        """Reads what may be a number; whether it really is one, the parser finds out."""
        self._accept("+-")
        digits = "0123456789_"
        if self._accept("0"):
            digits = self._digits_after_prefix(digits)
        self._accept_run(digits)
        if self._accept("."):
            self._accept_run(digits)
        if len(digits) in _EXPONENTS and self._accept(_EXPONENTS[len(digits)]):
            self._accept("+-")
            self._accept_run("0123456789_")
        self._accept("i")
        if _is_alphanumeric(self._peek()):
            self.position += 1
            return False
        return True

    def _digits_after_prefix(self, decimal: str) -> str:
        if self._accept("xX"):
            return "0123456789abcdefABCDEF_"
        if self._accept("oO"):
            return "01234567_"
        return "01_" if self._accept("bB") else decimal

    def _accept(self, valid: str) -> bool:
        character = self._peek()
        if character and character in valid:
            self.position += 1
            return True
        return False

    def _accept_run(self, valid: str) -> None:
        while self._accept(valid):
            pass

    def _next(self) -> str:
        character = self.text[self.position : self.position + 1]
        self.position += len(character)
        return character

    def _peek(self) -> str:
        return self.text[self.position : self.position + 1]

    def _token(self, kind: TokenKind) -> Token:
        token = Token(kind, self.start, self.text[self.start : self.position], self.line)
        self._skip_to(self.position)
        return token

    def _skip_to(self, position: int) -> None:
        self.line += self.text.count("\n", self.start, position)
        self.start = self.position = position

    def _after_spaces(self, position: int) -> int:
        while position < len(self.text) and self.text[position] in _SPACES:
            position += 1
        return position

    def _has_left_trim(self, position: int) -> bool:
        pair = self.text[position : position + 2]
        return len(pair) == 2 and pair[0] == "-" and pair[1] in _SPACES

    def _at_right_delimiter(self) -> tuple[bool, bool]:
        """Whether a right delimiter stands here, and whether it trims the text behind it."""
        pair = self.text[self.position : self.position + 2]
        trims = len(pair) == 2 and pair[0] in _SPACES and pair[1] == "-"
        if trims and self.text.startswith(self.right, self.position + 2):
            return True, True
        return self.text.startswith(self.right, self.position), False


class LexerError(Exception):
    """What is wrong, in Go's words."""


_EXPONENTS = {len("0123456789_"): "eE", len("0123456789abcdefABCDEF_"): "pP"}

_SCANNERS: dict[str, Callable[[Lexer], Token]] = {
    "=": lambda lexer: lexer._token(TokenKind.ASSIGN),
    ":": Lexer._declare,
    "|": lambda lexer: lexer._token(TokenKind.PIPE),
    '"': Lexer._string,
    "`": Lexer._raw_string,
    "$": Lexer._variable,
    "'": Lexer._character_constant,
    "(": Lexer._left_paren,
    ")": Lexer._right_paren,
}


def _is_alphanumeric(character: str) -> bool:
    if not character:
        return False
    if character < "\x80":
        return character.isalnum() or character == "_"
    category = unicodedata.category(character)
    return category[0] == "L" or category == "Nd"


def _as_unicode(character: str) -> str:
    """`U+00E9 'é'`, as Go's %#U writes it."""
    if is_escaped_byte(character):
        character = REPLACEMENT
    name = f"U+{ord(character):04X}"
    return f"{name} '{character}'" if is_print(character) else name
