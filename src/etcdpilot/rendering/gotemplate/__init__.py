"""Go's text/template in Python: values in, text out. Nothing here knows of etcd, and nothing touches the world.

    template = Template.parse("t.tmpl", "{{range .hosts}}{{.}};{{end}}")
    template.render(string_map({"hosts": strings(["a", "b"])}))      # "a;b;"

`values` tells how Go's types are written in Python, `functions` how to give a template functions of one's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from etcdpilot.rendering.gotemplate.builtins import BUILTINS
from etcdpilot.rendering.gotemplate.errors import ExecutionError, FunctionError, ParseError, TemplateError
from etcdpilot.rendering.gotemplate.executor import Limits, execute
from etcdpilot.rendering.gotemplate.functions import function, functions
from etcdpilot.rendering.gotemplate.parser import Parsed, parse
from etcdpilot.rendering.gotemplate.values import NO_VALUE, Func, Value, anything, string_map, strings

__all__ = [
    "NO_VALUE",
    "ExecutionError",
    "FunctionError",
    "Limits",
    "ParseError",
    "Template",
    "TemplateError",
    "anything",
    "function",
    "functions",
    "string_map",
    "strings",
]


@dataclass(frozen=True, slots=True)
class Template:
    """A template that has been read, with the functions that it may call."""

    parsed: Parsed
    functions: Mapping[str, Func]

    @classmethod
    def parse(cls, name: str, text: str, functions: Mapping[str, Func] | None = None) -> Template:
        """Raises ParseError. `text` keeps bytes that are no UTF-8 as surrogate escapes."""
        known = {**BUILTINS, **(functions or {})}
        return cls(parse(name, text, known.keys()), known)

    def render(self, data: Value = None, limits: Limits | None = None) -> str:
        """Raises ExecutionError; a template that ends in an error has written nothing."""
        return execute(self.parsed, NO_VALUE if data is None else data, self.functions, limits or Limits())
