"""A confd template: read once, rendered for every state of its keys."""

from __future__ import annotations

from dataclasses import dataclass, replace

from etcdpilot.rendering.confd.functions import confd_functions
from etcdpilot.rendering.confd.tree import Tree
from etcdpilot.rendering.confd.world import World
from etcdpilot.rendering.gotemplate import Limits, Template
from etcdpilot.rendering.gotemplate.errors import FunctionError
from etcdpilot.rendering.gotemplate.executor import execute
from etcdpilot.rendering.gotemplate.functions import function
from etcdpilot.rendering.gotemplate.quoting import quote
from etcdpilot.rendering.gotemplate.values import Func, Value


def _include(name: str, data: Value) -> str:
    raise FunctionError("include is known only while rendering")


_INCLUDE = function("string, any -> string", _include)


@dataclass(frozen=True, slots=True)
class ConfdTemplate:
    template: Template

    @classmethod
    def parse(cls, name: str, text: str) -> ConfdTemplate:
        """`name` is the file's own name, as confd's messages have it. Raises ParseError."""
        known = {**confd_functions(Tree({}), World()), "include": _INCLUDE}
        return cls(Template.parse(name, text, known))

    def render(self, tree: Tree, world: World, limits: Limits | None = None) -> str:
        """Raises ExecutionError; a template that ends in an error has written nothing."""
        limits = limits or Limits()
        known = {**self.template.functions, **confd_functions(tree, world)}
        known["include"] = self._include(known, limits)
        return execute(self.template.parsed, None, known, limits)

    def _include(self, known: dict[str, Func], limits: Limits) -> Func:
        """The fork's `include "name" data`: a defined template as text, for a pipeline."""
        parsed = self.template.parsed

        def include(name: str, data: Value) -> str:
            nodes = parsed.definitions.get(name)
            if nodes is None:
                raise FunctionError(f"template {quote(name)} not defined")
            inner = replace(parsed, definitions={**parsed.definitions, parsed.name: nodes})
            return execute(inner, data, known, limits)

        return function("string, any -> string", include)
