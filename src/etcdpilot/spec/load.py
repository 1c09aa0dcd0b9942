"""The cluster file: text in, the specification or every problem with its line out.

`resolve` is the slow half (YAML, pydantic): its document is plain and complete, and `build.build` alone turns one that
was kept into a ClusterSpec.
"""

from __future__ import annotations

from pathlib import Path as FilePath

from pydantic import ValidationError

from etcdpilot.model.errors import Problem, SpecError
from etcdpilot.model.releases import warnings_when_building
from etcdpilot.model.versions import Version
from etcdpilot.spec.build import Loaded, build, warnings_of
from etcdpilot.spec.checks import check
from etcdpilot.spec.complaints import complaints
from etcdpilot.spec.filling import Document, fill
from etcdpilot.spec.options import settle_options
from etcdpilot.spec.report import Path, Report, path_text
from etcdpilot.spec.salvage import salvage
from etcdpilot.spec.schema import ClusterFile
from etcdpilot.spec.yamltree import NotYaml, Tree, read_tree

SCHEMA_HINT = "`etcdpilot schema` prints what a cluster file may hold; `etcdpilot init HOST…` prints a complete one."


def load_file(path: str | FilePath) -> Loaded:
    """Read the file at `path`; SpecError when it cannot be read, and for everything that is wrong in it."""
    try:
        data = FilePath(path).read_bytes()
    except OSError as error:
        raise SpecError(f"{path} cannot be read.", why=error.strerror or str(error), remedy=SCHEMA_HINT) from error
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        where = f"byte {error.start} is not UTF-8"
        raise SpecError(f"{path} is not a text file.", why=where, remedy=SCHEMA_HINT) from error
    return load(text, FilePath(path).name, str(FilePath(path).absolute().parent))


def load(text: str, file_name: str = "cluster.yaml", folder: str = ".") -> Loaded:
    """The specification; SpecError with every problem. Relative paths in the text are relative to `folder`."""
    resolved = resolve(text, file_name, folder)
    return Loaded(build(resolved), warnings_of(resolved))


def resolve(text: str, file_name: str = "cluster.yaml", folder: str = ".") -> Document:
    """The text as a plain document with every default filled in, which JSON can hold; SpecError with every problem."""
    tree = _tree(text, file_name)
    report = Report()
    document = _judged(tree, str(FilePath(folder).absolute()), report)
    problems = [_problem(file_name, tree, path, what) for path, what in report.problems]
    problems += [Problem(file_name, *mark, path_text(path), what) for path, mark, what in tree.problems]
    if problems or document is None:
        problems.sort(key=lambda problem: (problem.line, problem.column))
        many = "one problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise SpecError(f"{file_name} has {many}.", problems=tuple(problems))
    warnings = [_problem(file_name, tree, path, what) for path, what in report.warnings]
    warnings.sort(key=lambda warning: (warning.line, warning.column))
    document["warnings"] = [[each.file, each.line, each.column, each.path, each.what] for each in warnings]
    return document


def _tree(text: str, file_name: str) -> Tree:
    try:
        tree = read_tree(text)
    except NotYaml as error:
        problem = Problem(file_name, *error.mark, "", error.what)
        raise SpecError(f"{file_name} cannot be read.", problems=(problem,)) from error
    if tree.value is None:
        raise SpecError(f"{file_name} is empty.", remedy=SCHEMA_HINT)
    if not isinstance(tree.value, dict):
        raise SpecError(f"{file_name} is not a cluster file.", why="It is not a mapping of keys.", remedy=SCHEMA_HINT)
    return tree


def _judged(tree: Tree, folder: str, report: Report) -> Document | None:
    """The document, or None when too little of the file can be read to judge the rest of it."""
    damaged: frozenset[int] = frozenset()
    try:
        file = ClusterFile.model_validate(tree.value)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=True)
        for path, what in complaints(wrong):
            report.unreadable(path, what)
        rescued = salvage(tree.value, wrong)
        if rescued is None:
            return None
        file, damaged = rescued
    document = fill(file, folder)
    check(file, document, damaged, report)
    settle_options(file, document, report)
    _judge_release(document, report)
    return document


def _judge_release(document: Document, report: Report) -> None:
    if document["version"]:
        for warning in warnings_when_building(Version.parse(document["version"])):
            report.unwise(("etcd", "version"), warning)


def _problem(file_name: str, tree: Tree, path: Path, what: str) -> Problem:
    return Problem(file_name, *tree.mark(path), path_text(path), what)


__all__ = ["Loaded", "build", "load", "load_file", "resolve"]
