"""Go's `fmt.Sprintf`: reads a format and hands each verb with its argument to a Printer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from etcdpilot.rendering.gotemplate import kinds
from etcdpilot.rendering.gotemplate.printing import Flags, Printer
from etcdpilot.rendering.gotemplate.quoting import REPLACEMENT, is_escaped_byte
from etcdpilot.rendering.gotemplate.values import Value, kind_of, plain, type_of

_FLAGS = {"#": "sharp", "0": "zero", "+": "plus", "-": "minus", " ": "space"}
# Go takes no width or precision beyond this one.
_LARGEST = 1_000_000


def sprintf(template: str, arguments: Sequence[Value]) -> str:
    reading = _Reading(template, arguments, Printer())
    while reading.place < len(template):
        reading.plain_text()
        if reading.place < len(template):
            reading.verb()
    reading.surplus()
    return reading.printer.text()


@dataclass(slots=True)
class _Reading:
    """Where one is in the format (`place`) and in the arguments (`index`)."""

    template: str
    arguments: Sequence[Value]
    printer: Printer
    place: int = 0
    index: int = 0
    reordered: bool = False  # an index like [2] was seen, so surplus arguments cannot be told any more
    good_index: bool = True
    after_index: bool = False

    def plain_text(self) -> None:
        end = self.template.find("%", self.place)
        end = len(self.template) if end < 0 else end
        self.printer.write(self.template[self.place : end])
        self.place = end

    def verb(self) -> None:
        self.place += 1
        self.good_index, self.after_index = True, False
        self.printer.flags = flags = Flags()
        self.read_flags(flags)
        self.read_index()
        self.read_width(flags)
        self.read_precision(flags)
        if not self.after_index:
            self.read_index()
        if self.place >= len(self.template):
            self.printer.write("%!(NOVERB)")
            return
        verb = self.template[self.place]
        self.place += 1
        self.print(REPLACEMENT if is_escaped_byte(verb) else verb, flags)

    def print(self, verb: str, flags: Flags) -> None:
        if verb == "%":
            self.printer.write("%")
        elif not self.good_index:
            self.printer.write(f"%!{verb}(BADINDEX)")
        elif self.index >= len(self.arguments):
            self.printer.write(f"%!{verb}(MISSING)")
        else:
            self.print_argument(verb, flags)

    def print_argument(self, verb: str, flags: Flags) -> None:
        if verb in "vw":
            flags.sharp_v, flags.sharp, flags.plus_v, flags.plus = flags.sharp, False, flags.plus, False
        self.printer.argument(self.arguments[self.index], verb)
        self.index += 1

    def read_flags(self, flags: Flags) -> None:
        while (name := _FLAGS.get(self.here())) is not None:
            setattr(flags, name, True)
            self.place += 1

    def here(self) -> str:
        return self.template[self.place : self.place + 1]

    def read_width(self, flags: Flags) -> None:
        if self.here() != "*":
            flags.width = self.read_number()
            self.good_index &= not (self.after_index and flags.width is not None)
            return
        flags.width = self.number_argument()
        if flags.width is None:
            self.printer.write("%!(BADWIDTH)")
        elif flags.width < 0:
            flags.width, flags.minus, flags.zero = -flags.width, True, False
        self.after_index = False

    def read_precision(self, flags: Flags) -> None:
        # A point at the very end is a verb, and a bad one.
        if self.here() != "." or self.place + 1 >= len(self.template):
            return
        self.place += 1
        self.good_index &= not self.after_index
        self.read_index()
        if self.here() != "*":
            flags.precision = self.read_number() or 0
            return
        precision = self.number_argument()
        flags.precision = precision if precision is not None and precision >= 0 else None
        if flags.precision is None:
            self.printer.write("%!(BADPREC)")
        self.after_index = False

    def read_number(self) -> int | None:
        """Digits of the format; one that is too large eats all the rest of it."""
        start, number = self.place, 0
        while "0" <= self.here() <= "9":
            if number > _LARGEST:
                self.place = len(self.template)
                return None
            number = number * 10 + int(self.here())
            self.place += 1
        return number if self.place > start else None

    def number_argument(self) -> int | None:
        """The `*`: a width or precision that is an argument itself."""
        self.place += 1
        if self.index >= len(self.arguments):
            return None
        value = self.arguments[self.index]
        self.index += 1
        if kind_of(value) not in kinds.INTEGERS:
            return None
        number: int = plain(value)
        return number if -_LARGEST <= number <= _LARGEST else None

    def read_index(self) -> None:
        """`[2]`: the argument to take, counted from one."""
        self.after_index = False
        if self.here() != "[":
            return
        self.reordered = True
        closing = self.template.find("]", self.place)
        if closing < 0 or len(self.template) - self.place < 3:
            self.good_index = False
            self.place += 1
            return
        inside, self.place = self.template[self.place + 1 : closing], closing + 1
        number = int(inside) if inside.isascii() and inside.isdigit() and len(inside) < 10 else None
        if number is not None and 1 <= number <= len(self.arguments):
            self.index, self.after_index = number - 1, True
            return
        self.good_index = False
        self.after_index = number is not None

    def surplus(self) -> None:
        if self.reordered or self.index >= len(self.arguments):
            return
        self.printer.flags = Flags()
        self.printer.write("%!(EXTRA ")
        for place, value in enumerate(self.arguments[self.index :]):
            self.printer.write(", " if place else "")
            if kind_of(value) is not None:
                self.printer.write(f"{type_of(value).text}=")
            self.printer.argument(value, "v")
        self.printer.write(")")
