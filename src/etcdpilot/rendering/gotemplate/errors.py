"""How a template fails: while it is read, or while it is carried out; the texts are Go's, place included."""

from __future__ import annotations

from etcdpilot.model.errors import EtcdpilotError


class TemplateError(EtcdpilotError):
    """A template that cannot be read or carried out; the text begins `template: NAME:LINE:COLUMN:` as Go's does."""


class ParseError(TemplateError):
    """The text is not a template."""


class ExecutionError(TemplateError):
    """The template is well formed, and met data or a function that it cannot work with."""


class FunctionError(Exception):
    """Raised by a template's function or method: its text follows `error calling NAME:`."""
