"""Templates and data by grammar, from a random source: mostly well formed, some broken, over every type of the world."""

# ruff: noqa: E501 (word lists read better in long lines)
from __future__ import annotations

from random import Random
from typing import Any

from tests.oracle.gotemplate.world import Data, as_json

_STRINGS = (
    "", "a", "bc", "é", "日本語", "<a href=\"x\">&'</a>", "x\ny", "\x00\x7f", "%d", "a b&c=d", "\u200b\ufeff", "true", "12", "-3.5",
    "longer than ten", "\udcff\udc80", "😀", "back`tick", "tab\t", "\\", "A", "b", "ß",
)  # fmt: skip
_INTS = (0, 1, 2, 3, -1, 7, 42, 255, 256, 1000, -128, 65, 0x20AC, 1 << 31, 1 << 40, -(1 << 63), (1 << 63) - 1)
_FLOATS = (0.0, -0.0, 1.0, 1.5, -2.25, 1e6, 1e21, 1e-7, 123456.789, 3.0, 0.1, 1e100, -1e-5, 100000.0, 0.5, 2.0)
_FLOAT32S = (0.0, 1.0, 1.5, -2.25, 16777216.0, 0.10000000149011612)
_KEYS = ("a", "b", "Key", "x1", "z")

_INT_LITERALS = (
    "1",
    "0",
    "-1",
    "2",
    "3",
    "42",
    "0x1F",
    "0b101",
    "0o17",
    "017",
    "1_000",
    "'a'",
    "'\\n'",
    "'é'",
    "'\\''",
    "300",
    "1e3",
    "1.0",
)
_FLOAT_LITERALS = ("1.5", ".5", "1e3", "-2.5e-3", "0x1p4", "1.", "1e20", "3", "-0.0", "1e-7")
_STRING_LITERALS = (
    '"a"',
    '""',
    '"%d"',
    '"x\\ny"',
    '"\\u00e9\\x41\\101"',
    "`raw`",
    "`a\\n`",
    '"long string constant"',
    '"Key"',
    '"z"',
    '"\\xff"',
    '"é日"',
    '"b"',
)
_OTHER_LITERALS = (
    "true",
    "false",
    "nil",
    "1i",
    "1+2i",
    "-1.5-2i",
    "0i",
    "9223372036854775808",
    "18446744073709551615",
    "1e19",
    "1e3i",
)
_BAD_LITERALS = (
    "089",
    "99999999999999999999",
    "1e400",
    "1__0",
    "0x",
    "'ab'",
    '"\\q"',
    "1_",
    "'",
    "0b12",
    "1.2.3",
    "1a",
)

# What a key of the root holds, by the sort of argument that it can serve as.
_ROOT: dict[str, str] = {
    "i": "int", "j": "int", "u": "uint64", "t": "uint8", "w": "int64", "f": "float64", "g": "float32", "s": "string", "r": "string",
    "o": "bool", "c": "complex128", "ss": "[]string", "is": "[]int", "as": "[]any", "m": "map[string]any", "ms": "map[string]string",
    "mi": "map[int]string", "mb": "map[bool]int", "mf": "map[float64]any", "h": "Host", "hp": "*Host", "k": "KVPair",
    "ks": "[]KVPair", "l": "Level", "b": "Label", "bs": "Labels", "by": "[]uint8", "ar": "[3]int", "ip": "*int", "ls": "[]Level",
    "sss": "[][]string",
}  # fmt: skip
_PATHS = {
    "int": (".i", ".j", ".h.Port", ".w", ".t", ".u", ".l", ".h.Level", ".hp.Port"),
    "float": (".f", ".g", ".h.Weight"),
    "string": (".s", ".r", ".h.Name", ".k.Key", ".b", ".h.Address", ".hp.Name", ".ms.a", ".k.Value"),
    "bool": (".o", ".h.Up"),
    "list": (".ss", ".is", ".as", ".ks", ".bs", ".by", ".ar", ".ls", ".sss", ".h.Tags"),
    "strings": (".ss", ".bs", ".h.Tags"),
    "map": (".m", ".ms", ".mi", ".mb", ".mf", ".h.Meta"),
    "other": (
        ".n",
        ".h",
        ".hp",
        ".k",
        ".c",
        ".ip",
        ".nope",
        ".h.Any",
        ".h.Next",
        ".m.a",
        ".m.b",
        ".m.nope",
        ".h.Broken",
        ".hp.Any",
        ".",
    ),
    "func": (".fn",),
}
_SORTS = ("int", "float", "string", "bool", "list", "map", "other", "strings")
_CALLS: dict[str, tuple[str, ...]] = {
    "len": ("list",), "index": ("list", "int"), "slice": ("list", "int", "int"), "print": ("any", "any"), "println": ("any",),
    "html": ("string",), "js": ("any",), "urlquery": ("string",), "not": ("any",), "and": ("any", "any"), "or": ("any", "any", "any"),
    "add": ("int", "int"), "up": ("string",), "joined": ("strings", "string"), "fail": ("string",), "boom": (), "cat": ("string", "any", "any"),
    "half": ("float",), "tiny": ("int",), "wide": ("int",), "same": ("any",), "nothing": (), "flip": ("bool",), "pair": ("string", "string"),
    "level": ("int",), "count": ("int",), "list": ("any", "any"), "rot": ("other",), "call": ("func", "int"),
}  # fmt: skip
_GIVES = {
    "int": ("len", "add", "wide", "tiny", "level", "call"), "float": ("half",), "string": ("up", "print", "joined", "cat", "html", "js", "println"),
    "bool": ("not", "flip", "eq", "lt"), "list": ("count", "list", "slice"), "strings": ("same",), "map": ("same",), "other": ("nothing", "pair", "index", "rot"),
}  # fmt: skip
_COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")
_NAMES = (
    "Name",
    "Port",
    "Weight",
    "Up",
    "Tags",
    "Meta",
    "Next",
    "Any",
    "Level",
    "Key",
    "Value",
    "Address",
    "Greet",
    "Broken",
    "All",
    "a",
    "b",
    "nope",
    "String",
    "é",
)
_FLAGS = (
    "",
    "",
    "",
    "+",
    "-",
    "#",
    "0",
    " ",
    "5",
    "-5",
    "05",
    ".2",
    "8.3",
    "+.1",
    "#x",
    "*",
    ".*",
    "[1]",
    "[2]",
    "[9]",
    "-08",
    "3.",
    "[1",
    "#+",
    ".0",
    "+08.2",
    "# ",
    "20.10",
    "-20",
)
_VERBS = "vvvvdsqxXtTobcUeEfFgG%!yzOwé"
_INSERTED = (
    "{{",
    "}}",
    "(",
    ")",
    "$",
    ".",
    '"',
    "`",
    "'",
    "|",
    ":=",
    "\\",
    "\n",
    "é",
    "#",
    "€",
    ",",
    "{{end}}",
    "{{else}}",
    "\x01",
    "\udcff",
    " -}}",
    "{{- ",
)


class Grammar:
    """One template and its data; `variables` are those declared so far, which are used more often than unknown ones."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.variables: list[str] = []
        self.in_range = 0

    def one(self, *choices: Any) -> Any:
        return self.random.choice(choices)

    def chance(self, percent: int) -> bool:
        return self.random.randrange(100) < percent

    # Data.

    def root(self) -> dict[str, Any]:
        if self.chance(3):
            return as_json(self.anything(2))
        entries = {name: Data(of, self.value(of, 1, name)) for name, of in _ROOT.items() if self.chance(85)}
        entries["n"] = Data("nil")
        # Addresses are printed as they are in Go, and as one constant by us: seldom, so that they do not blur the rest.
        if self.chance(70):
            entries = {name: data for name, data in entries.items() if not data.type.startswith("*")}
        else:
            entries["fn"] = Data("func")
        return as_json(Data("map[string]any", entries))

    def anything(self, depth: int) -> Data:
        of = self.one(
            "int",
            "string",
            "float64",
            "bool",
            "nil",
            "uint8",
            "Level",
            "[]string",
            "KVPair",
            *(("[]any", "map[string]any") if depth else ()),
        )
        return Data(of, None if of == "nil" else self.value(of, depth - 1))

    def value(self, of: str, depth: int = 1, name: str = "") -> Any:
        if name == "j":
            return self.one(-1, 0, 1, 2, 3)
        scalars = {
            "int": _INTS,
            "int64": _INTS,
            "Level": (-1, 0, 1, 3),
            "uint64": (0, 5, (1 << 64) - 1),
            "uint8": (0, 1, 2, 65, 200, 255),
        }
        scalars |= {
            "float64": _FLOATS,
            "float32": _FLOAT32S,
            "bool": (True, False),
            "string": _STRINGS,
            "Label": _STRINGS,
        }
        if of in scalars:
            return self.one(*scalars[of])
        if of == "any":
            return self.anything(max(depth, 0))
        if of == "complex128":
            return complex(self.one(*_FLOATS), self.one(*_FLOATS))
        if of in ("Host", "KVPair"):
            return self.struct(of)
        if of[0] in "[*m" and of != "[3]int" and self.chance(12):
            return None
        return self.container("[]string" if of == "Labels" else of, depth)

    def container(self, of: str, depth: int) -> Any:
        if of.startswith("*"):
            return self.value(of[1:], depth)
        if of.startswith("["):
            length, _, elem = of[1:].partition("]")
            return [self.value(elem, depth - 1) for _ in range(int(length or self.random.randrange(4)))]
        key, _, elem = of[4:].partition("]")
        keys = {"string": _KEYS, "int": (0, 1, 2, -1), "bool": (True, False), "float64": (0.5, -1.0, 2.0)}[key]
        return {key: self.value(elem, depth - 1) for key in self.random.sample(keys, self.random.randrange(len(keys)))}

    def struct(self, of: str) -> dict[str, Any]:
        if of == "KVPair":
            return {"Key": self.value("string"), "Value": self.value("string")}
        fields = {
            "Weight": "float64",
            "Up": "bool",
            "Tags": "[]string",
            "Meta": "map[string]any",
            "Any": "any",
            "Level": "Level",
        }
        rest = {name: self.value(part, 0) for name, part in fields.items() if self.chance(60)}
        return {"Name": self.value("string"), "Port": self.value("int"), **rest}

    # Expressions.

    def argument(self, sort: str, depth: int) -> str:
        if sort == "any" or self.chance(12):
            sort = self.one(*_SORTS)
        choice = self.random.randrange(10)
        if choice < 3:
            return self.literal(sort)
        if choice < 4 and self.variables:
            return self.variable()
        if choice < 6 and depth and sort in _GIVES:
            return f"({self.giving(sort, depth - 1)})" + (f".{self.one(*_NAMES)}" if self.chance(10) else "")
        path = self.one(*_PATHS[sort])
        return path + (f".{self.one(*_NAMES)}" if self.chance(4) else "")

    def literal(self, sort: str) -> str:
        if self.chance(1):
            return self.one(*_BAD_LITERALS)
        known = {
            "int": _INT_LITERALS,
            "float": _FLOAT_LITERALS,
            "string": _STRING_LITERALS,
            "bool": ("true", "false"),
            "other": _OTHER_LITERALS,
        }
        return self.one(*known.get(sort, _PATHS[sort]))

    def variable(self) -> str:
        if self.chance(2):
            return "$nope"
        name = self.one("$", *self.variables, *self.variables)
        return name + (f".{self.one(*_NAMES)}" if self.chance(25) else "")

    def giving(self, sort: str, depth: int) -> str:
        return self.call(self.one(*_GIVES[sort]), depth) if self.chance(70) else self.pipeline(depth)

    def call(self, name: str, depth: int) -> str:
        if name in _COMPARISONS:
            sort = self.one("int", "int", "float", "string", "string", "bool", "other", "list")
            return f"{name} {' '.join(self.argument(sort, depth) for _ in range(self.one(2, 2, 2, 3)))}"
        sorts = _CALLS[name]
        if name in ("len", "slice", "index") and self.chance(40):
            sorts = (self.one("string", "map"), *sorts[1:])
        if name == "index" and sorts[0] == "map":
            sorts = ("map", self.one("string", "int"))
        given = [self.argument(sort, depth) for sort in sorts]
        if self.chance(6):
            given = given[:-1] if self.chance(50) else [*given, self.argument("any", 0)]
        return self.one(" ", " ", " ", " ", "  ", "\n").join([name, *given])

    def printf(self, depth: int) -> str:
        pieces = [
            self.one("", "a", " ", "é", "") + f"%{self.one(*_FLAGS)}{self.one(*_VERBS)}"
            for _ in range(self.one(1, 1, 2, 3))
        ]
        given = [self.argument("any", depth) for _ in range(self.one(len(pieces), len(pieces), 0, 1, 3))]
        return " ".join([f'printf "{"".join(pieces)}"', *given])

    def command(self, depth: int) -> str:
        choice = self.random.randrange(20)
        if choice < 6:
            return self.argument("any", depth)
        if choice < 10:
            return self.printf(depth)
        if choice < 11:
            return self.one(
                f".h.Greet {self.argument('string', depth)} {self.argument('int', depth)}",
                f".hp.All {self.argument('any', 0)}",
                ".h.Address 1",
            )
        if choice < 14:
            return self.call(self.one(*_COMPARISONS), depth)
        return self.call(self.one(*_CALLS), depth) if not self.chance(1) else "undefined 1"

    def pipeline(self, depth: int) -> str:
        commands = [self.command(depth)]
        while self.chance(18):
            name = self.one(
                "print",
                'printf "%v"',
                "len",
                "html",
                "up",
                "same",
                "not",
                "eq 1",
                'printf "%s-%d" .s',
                "index .ss",
                "and 1",
                "or .n",
                "add 1",
                '.h.Greet "x"',
                "call .fn",
                "joined .ss",
                "println",
                'cat "a"',
                ".s",
                "call",
                "1",
            )
            commands.append(name)
        return self.one(" | ", "|", " |\n").join(commands)

    # Statements.

    def action(self, inside: str) -> str:
        left, right = (
            self.one("{{", "{{", "{{", "{{ ", "{{- ", "{{-\n"),
            self.one("}}", "}}", "}}", " }}", " -}}", "\n-}}", "  -}}"),
        )
        return f"{left}{inside}{right}"

    def declaration(self, percent: int) -> str:
        if not self.chance(percent):
            return ""
        if self.variables and self.chance(40):
            return f"{self.one(*self.variables)} = "
        name = self.one("$x", "$y", "$z")
        self.variables.append(name)
        return f"{name} := "

    def simple(self) -> str:
        pipeline = self.pipeline(2)
        return self.action(self.declaration(20) + pipeline)

    def statement(self, depth: int) -> str:
        choice = self.random.randrange(30)
        if choice < 6:
            return self.one("a", " b ", "\n", "  \n\t", "é", "{", "}}", "text\nlines\n", "\udcfe", "-")
        if choice < 18 or (not depth and choice >= 22):
            return self.simple()
        if choice < 19:
            return (
                self.one(
                    "{{/* c */}}",
                    "{{- /*\n*/ -}}",
                    "{{/* c }}",
                    "{{}}",
                    "{{end}}",
                    "{{break}}",
                    "{{continue}}",
                    "{{else}}",
                )
                if self.chance(40)
                else "{{/**/}}"
            )
        if choice < 21:
            return self.action(
                f'template "{self.one("t1", "t1", "t2", "t1", "no")}"{self.one("", " .", " " + self.pipeline(1))}'
            )
        if choice < 22 and self.in_range:
            return self.one("{{break}}", "{{continue}}", "{{if .}}{{break}}{{end}}", "{{if $}}{{continue}}{{end}}")
        return self.branch(max(depth - 1, 0))

    def branch(self, depth: int) -> str:
        outside = len(self.variables)
        keyword = self.one("if", "if", "with", "range", "range", "range", "block")
        text = self.looped(depth) if keyword == "range" else self.tested(keyword, depth)
        del self.variables[outside:]
        return text

    def tested(self, keyword: str, depth: int) -> str:
        if keyword == "block":
            return f'{{{{block "{self.one("t1", "t2")}" {self.one(".", self.pipeline(1))}}}}}{self.outside_range(depth)}{{{{end}}}}'
        pipeline = self.pipeline(1)
        parts = [self.action(f"{keyword} {self.declaration(30)}{pipeline}"), self.statements(depth)]
        while self.chance(25):
            parts += [self.action(f"else {keyword} {self.pipeline(1)}"), self.statements(0)]
        return "".join([*parts, *self.otherwise(depth), self.action("end")])

    def looped(self, depth: int) -> str:
        # Whole numbers come by a path of their own: others may be so large that Go would never end.
        paths = (
            *_PATHS["list"],
            *_PATHS["list"],
            *_PATHS["map"],
            *_PATHS["other"],
            ".j",
            ".t",
            "4",
            "(count 3)",
            ".l",
            ".s",
        )
        over = (
            self.one(*paths) if self.chance(85) else self.call(self.one("count", "list", "slice", "print", "same"), 1)
        )
        variables = self.one((), (), ("$e",), ("$i", "$e"), ("$i", "$e"), ("$x",))
        self.variables += variables
        declared = f"{', '.join(variables)} {self.one(':=', ':=', ':=', '=')} " if variables else ""
        self.in_range += 1
        parts = [self.action(f"range {declared}{over}"), self.statements(depth)]
        self.in_range -= 1
        return "".join([*parts, *self.otherwise(depth), self.action("end")])

    def otherwise(self, depth: int) -> list[str]:
        return [self.action("else"), self.statements(depth)] if self.chance(40) else []

    def outside_range(self, depth: int) -> str:
        """A body that sees neither the variables nor the ranges around it."""
        kept, self.variables, self.in_range = (self.variables, self.in_range), [], 0
        text = self.statements(depth)
        self.variables, self.in_range = kept
        return text

    def statements(self, depth: int) -> str:
        return "".join(self.statement(depth) for _ in range(self.one(1, 1, 2, 3)))

    def template(self) -> str:
        """Definitions first, then statements; one in twelve is broken by a random cut, doubling or insertion."""
        text = ""
        if self.chance(40):
            text += f'{{{{define "t1"}}}}{self.one("[{{.}}]", self.outside_range(1))}{{{{end}}}}'
        if self.chance(15):
            text += f'{{{{define "t2" -}}}}\n{self.outside_range(1)}{{{{end}}}}'
        text += self.statements(self.one(0, 1, 2, 2))
        return self.broken(text) if self.chance(8) else text

    def broken(self, text: str) -> str:
        place, length = self.random.randrange(len(text) + 1), self.one(1, 1, 2, 4)
        match self.one("cut", "double", "insert"):
            case "cut":
                return text[:place] + text[place + length :]
            case "double":
                return text[:place] + text[place : place + length] + text[place:]
            case _:
                return text[:place] + self.one(*_INSERTED) + text[place:]


def example(random: Random) -> tuple[str, dict[str, Any]]:
    """A template and its data, in the oracle's encoding."""
    grammar = Grammar(random)
    return grammar.template(), grammar.root()
