"""Go's `fmt`: print, println and printf, with its verbs, flags and the forms in which it reports misuse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from etcdpilot.rendering.gotemplate import kinds
from etcdpilot.rendering.gotemplate.floats import SHORTEST, format_float
from etcdpilot.rendering.gotemplate.kinds import Kind
from etcdpilot.rendering.gotemplate.quoting import (
    MAX_RUNE,
    REPLACEMENT,
    can_backquote,
    is_print,
    is_valid_rune,
    quote,
    quote_rune,
)
from etcdpilot.rendering.gotemplate.values import (
    NO_VALUE,
    Func,
    Mapped,
    Pointer,
    Sequenced,
    Struct,
    Typed,
    Value,
    joined,
    plain,
    sorted_keys,
    to_bytes,
    type_of,
)

_NIL = "<nil>"
# The address of a pointer differs from run to run in Go. A rendered file must not, so every one is this.
_ADDRESS = 0xC000000000


@dataclass(slots=True)
class Flags:
    """What stands between the percent sign and the verb."""

    width: int | None = None
    precision: int | None = None
    minus: bool = False
    plus: bool = False
    sharp: bool = False
    space: bool = False
    zero: bool = False
    plus_v: bool = False  # %+v
    sharp_v: bool = False  # %#v


class Printer:
    """Collects one output; `flags` are those of the verb at hand."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.flags = Flags()
        self.erroring = False

    def text(self) -> str:
        return joined("".join(self.out))

    def write(self, text: str) -> None:
        self.out.append(text)

    def pad(self, text: str) -> None:
        missing = (self.flags.width or 0) - len(text)
        if missing <= 0:
            self.write(text)
        elif self.flags.minus:
            self.write(text + " " * missing)
        else:
            self.write(("0" if self.flags.zero else " ") * missing + text)

    def pad_with_spaces(self, text: str) -> None:
        kept, self.flags.zero = self.flags.zero, False
        self.pad(text)
        self.flags.zero = kept

    # Anything.

    def argument(self, value: Value, verb: str) -> None:
        """One argument at the top: nil, %T and %p are settled here."""
        if value is None or value is NO_VALUE:
            if verb in "Tv":
                self.pad(_NIL)
            else:
                self.bad_verb(None, verb)
        elif verb == "T":
            self.string(type_of(value).text, "s")
        elif verb == "p":
            self.pointer(value, verb)
        elif type(value) is str:
            self.string(value, verb)
        else:
            self.value(value, verb, 0)

    def value(self, value: Value, verb: str, depth: int) -> None:
        if value is None or value is NO_VALUE:
            self.write("interface {}(nil)" if self.flags.sharp_v else _NIL)
        elif not self.by_method(value, verb):
            self.by_kind(value, verb, depth)

    def by_method(self, value: Value, verb: str) -> bool:
        """Lets a value that has Error or String speak for itself."""
        methods = type_of(value).methods
        if verb == "w" and not self.erroring and not self.is_basic(value):
            self.bad_verb(value, verb)
            return True
        method = methods.get("Error") or methods.get("String")
        if method is None or self.erroring or self.flags.sharp_v or verb not in "vsxXq":
            return False
        self.string(method.call(value), verb)
        return True

    def is_basic(self, value: Value) -> bool:
        """Whether Go prints it without looking for methods."""
        of = type_of(value)
        return of.text == "[]uint8" or not (of.named or isinstance(value, Mapped | Struct | Sequenced | Pointer | Func))

    def by_kind(self, value: Value, verb: str, depth: int) -> None:
        match value:
            case Mapped():
                self.map(value, verb, depth)
            case Struct():
                self.struct(value, verb, depth)
            case Sequenced():
                self.sequence(value, verb, depth)
            case Pointer(target=target):
                if depth == 0 and isinstance(target, Mapped | Struct | Sequenced):
                    self.write("&")
                    self.value(target, verb, depth + 1)
                else:
                    self.pointer(value, verb)
            case Func():
                self.pointer(value, verb)
            case _:
                self.scalar(value, verb)

    def scalar(self, value: Value, verb: str) -> None:
        kind, bare = type_of(value).kind, plain(value)
        if kind is Kind.STRING:
            self.string(bare, verb, value)
        elif kind is Kind.BOOL:
            self.boolean(bare, verb, value)
        elif kind in kinds.INTEGERS:
            self.integer(bare, verb, value)
        elif kind in kinds.FLOATS:
            self.real(bare, verb, 32 if kind is Kind.FLOAT32 else 64, value)
        else:
            self.imaginary(bare, verb, 32 if kind is Kind.COMPLEX64 else 64, value)

    def bad_verb(self, value: Value, verb: str) -> None:
        self.erroring = True
        self.write(f"%!{verb}(")
        if value is None:
            self.write(_NIL)
        else:
            self.write(f"{type_of(value).text}=")
            self.by_kind(value, "v", 0)
        self.write(")")
        self.erroring = False

    # Scalars.

    def boolean(self, value: bool, verb: str, of: Value) -> None:
        if verb in "tv":
            self.pad("true" if value else "false")
        else:
            self.bad_verb(of, verb)

    def string(self, text: str, verb: str, of: Value = None) -> None:
        match verb:
            case "v" if self.flags.sharp_v:
                self.quoted(text)
            case "v" | "s":
                self.pad(self.truncated(text))
            case "x" | "X":
                self.hex_bytes(to_bytes(text), verb)
            case "q":
                self.quoted(text)
            case _:
                self.bad_verb(text if of is None else of, verb)

    def truncated(self, text: str) -> str:
        return text if self.flags.precision is None else text[: self.flags.precision]

    def quoted(self, text: str) -> None:
        text = self.truncated(text)
        if self.flags.sharp and can_backquote(text):
            self.pad(f"`{text}`")
        else:
            self.pad(quote(text, ascii_only=self.flags.plus))

    def hex_bytes(self, data: bytes, verb: str) -> None:
        prefix = f"0{verb}" if self.flags.sharp else ""
        digits = data[: self.flags.precision].hex(" " if self.flags.space else "\0").replace("\0", "")
        if verb == "X":
            digits = digits.upper()
        self.pad(prefix + digits.replace(" ", f" {prefix}") if digits else "")

    def integer(self, number: int, verb: str, of: Value) -> None:
        unsigned = type_of(of).kind in kinds.UNSIGNED
        match verb:
            case "v" if self.flags.sharp_v and unsigned:
                self.hexadecimal(number, with_prefix=True)
            case "v" | "d" | "b" | "o" | "O" | "x" | "X":
                self.digits(number, verb)
            case "c":
                self.pad(chr(number) if is_valid_rune(number) else REPLACEMENT)
            case "q":
                rune = number if 0 <= number <= MAX_RUNE else 0xFFFD
                self.pad(quote_rune(rune, ascii_only=self.flags.plus))
            case "U":
                self.unicode(number & 0xFFFFFFFFFFFFFFFF)
            case _:
                self.bad_verb(of, verb)

    def digits(self, number: int, verb: str) -> None:
        flags = self.flags
        if flags.precision == 0 and number == 0:
            self.pad_with_spaces("")
            return
        sign = "-" if number < 0 else "+" if flags.plus else " " if flags.space else ""
        digits = format(abs(number), _INTEGER_FORMATS.get(verb, "d"))
        digits = digits.rjust(self.fewest_digits(sign), "0")
        self.pad_with_spaces(sign + self.base_prefix(digits, verb) + digits)

    def fewest_digits(self, sign: str) -> int:
        """Zeros in front come from a precision, or from the zero flag and a width; never to the left of padding."""
        flags = self.flags
        if flags.precision is not None:
            return flags.precision
        return (flags.width or 0) - len(sign) if flags.zero and not flags.minus else 0

    def base_prefix(self, digits: str, verb: str) -> str:
        if verb == "O":
            return "0o0" if self.flags.sharp and not digits.startswith("0") else "0o"
        if not self.flags.sharp:
            return ""
        return {"b": "0b", "o": "" if digits.startswith("0") else "0", "x": "0x", "X": "0X"}.get(verb, "")

    def unicode(self, rune: int) -> None:
        text = f"U+{rune:0{max(4, self.flags.precision or 0)}X}"
        if self.flags.sharp and is_valid_rune(rune) and is_print(chr(rune)):
            text += f" '{chr(rune)}'"
        self.pad_with_spaces(text)

    def real(self, number: float, verb: str, bits: int, of: Value) -> None:
        match verb:
            case "v":
                self.float_digits(number, "g", SHORTEST, bits)
            case "b" | "g" | "G" | "x" | "X":
                self.float_digits(number, verb, SHORTEST, bits)
            case "f" | "F" | "e" | "E":
                self.float_digits(number, verb.replace("F", "f"), 6, bits)
            case _:
                self.bad_verb(of, verb)

    def float_digits(self, number: float, verb: str, precision: int, bits: int) -> None:
        flags = self.flags
        precision = precision if flags.precision is None else flags.precision
        text = format_float(number, verb, precision, bits)
        sign, text = (text[0], text[1:]) if text[0] in "+-" else ("+", text)
        if flags.space and sign == "+" and not flags.plus:
            sign = " "
        if text in ("Inf", "NaN"):
            shown = sign if flags.plus or flags.space or (text == "Inf" and sign == "-") else ""
            self.pad_with_spaces(shown + text)
            return
        if flags.sharp and verb != "b":
            text = _with_point(text, verb, precision)
        if not flags.plus and sign == "+":
            self.pad(text)
        elif flags.zero and not flags.minus and (flags.width or 0) > len(text) + 1:
            self.write(sign + text.rjust((flags.width or 0) - 1, "0"))
        else:
            self.pad(sign + text)

    def imaginary(self, number: complex, verb: str, bits: int, of: Value) -> None:
        if verb not in "vbgGxXfFeE":
            self.bad_verb(of, verb)
            return
        plus = self.flags.plus
        self.write("(")
        self.real(number.real, verb, bits, of)
        self.flags.plus = True
        self.real(number.imag, verb, bits, of)
        self.write("i)")
        self.flags.plus = plus

    # What holds other things.

    def map(self, value: Mapped, verb: str, depth: int) -> None:
        if self.flags.sharp_v and value.nil:
            self.write(f"{value.type.text}(nil)")
            return
        self.write(f"{value.type.text}{{" if self.flags.sharp_v else "map[")
        for place, key in enumerate(sorted_keys(value)):
            self.separator(place)
            self.value(key, verb, depth + 1)
            self.write(":")
            self.value(value.entries[key], verb, depth + 1)
        self.write("}" if self.flags.sharp_v else "]")

    def struct(self, value: Struct, verb: str, depth: int) -> None:
        self.write(f"{value.type.text}{{" if self.flags.sharp_v else "{")
        for place, ((name, _), part) in enumerate(zip(value.type.fields, value.values, strict=True)):
            self.separator(place)
            if self.flags.plus_v or self.flags.sharp_v:
                self.write(f"{name}:")
            self.value(part, verb, depth + 1)
        self.write("}")

    def sequence(self, value: Sequenced, verb: str, depth: int) -> None:
        elem = value.type.elem
        if elem is not None and elem.kind is Kind.UINT8 and verb in "sqxX":
            data = bytes(plain(item) for item in value.items)
            self.string(data.decode("utf-8", "surrogateescape"), verb)
            return
        if self.flags.sharp_v and value.nil:
            self.write(f"{value.type.text}(nil)")
            return
        # Alone, Go calls it by its short name.
        name = "[]byte" if depth == 0 and value.type.text == "[]uint8" else value.type.text
        self.write(f"{name}{{" if self.flags.sharp_v else "[")
        for place, item in enumerate(value.items):
            self.separator(place)
            self.value(item, verb, depth + 1)
        self.write("}" if self.flags.sharp_v else "]")

    def separator(self, place: int) -> None:
        if place:
            self.write(", " if self.flags.sharp_v else " ")

    def pointer(self, value: Value, verb: str) -> None:
        if not isinstance(value, Pointer | Func | Mapped | Sequenced):
            self.bad_verb(value, verb)
            return
        nil = value.target is None if isinstance(value, Pointer) else not isinstance(value, Func) and value.nil
        address = 0 if nil else _ADDRESS
        match verb:
            case "v" if self.flags.sharp_v:
                self.write(f"({value.type.text})({'' if address else 'nil'}")
                if address:
                    self.hexadecimal(address, with_prefix=True)
                self.write(")")
            case "v" if nil:
                self.pad(_NIL)
            case "v" | "p":
                self.hexadecimal(address, with_prefix=not self.flags.sharp)
            case "b" | "o" | "d" | "x" | "X":
                self.digits(address, verb)
            case _:
                self.bad_verb(value, verb)

    def hexadecimal(self, number: int, *, with_prefix: bool) -> None:
        kept, self.flags.sharp = self.flags.sharp, with_prefix
        self.digits(number, "x")
        self.flags.sharp = kept


_INTEGER_FORMATS = {"b": "b", "o": "o", "O": "o", "x": "x", "X": "X"}


def _with_point(text: str, verb: str, precision: int) -> str:
    """The sharp flag: always a decimal point, and for %g the zeros that were left out."""
    exponents = "pP" if verb in "xX" else "eEpP"
    split = next((place for place, mark in enumerate(text) if mark in exponents), len(text))
    body, tail = text[:split], text[split:]
    wanted = (6 if precision == SHORTEST else precision) if verb in "gGx" else 0
    significant = len(body.replace(".", "").lstrip("0"))
    missing = wanted - significant
    if "." not in body:
        missing -= body == "0"
        body += "."
    return body + "0" * max(missing, 0) + tail


def sprint(values: Sequence[Value]) -> str:
    """Go's `fmt.Sprint`: a space between two operands when neither is a string."""
    printer, after_string = Printer(), True
    for value in values:
        is_string = type(value) is str or (type(value) is Typed and value.type.kind is Kind.STRING)
        if not (is_string or after_string):
            printer.write(" ")
        printer.argument(value, "v")
        after_string = is_string
    return printer.text()


def sprintln(values: Sequence[Value]) -> str:
    printer = Printer()
    for place, value in enumerate(values):
        if place:
            printer.write(" ")
        printer.argument(value, "v")
    return printer.text() + "\n"


def verb_of(value: Value, verb: str) -> str:
    """One value through one verb, without flags."""
    printer = Printer()
    printer.argument(value, verb)
    return printer.text()
