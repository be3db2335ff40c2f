"""Finds in the source of `sqltune` every place that commits or calls something outside.

What the undisturbed runs pass is compared with it, so that no new place goes unnoticed.
"""

from __future__ import annotations

import ast
import gc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import sqltune
from sqltune.backends.gradient.client import GradientClient
from tests.faults.points import (
    BACKEND_METHODS,
    WATCHED_ROOMS,
    Points,
    is_excluded,
    name_class,
    public_methods,
)

PACKAGE = Path(sqltune.__file__).parent
#: Rooms that implement backends; the calls of a backend are made elsewhere.
_IMPLEMENTATIONS = ("backends.gradient.", *WATCHED_ROOMS, "server.")
#: What begins or ends a transaction, on a connection or an engine.
_COMMITTING = frozenset({"begin", "begin_nested", "begin_twophase", "commit", "raw_connection"})
_WRITING = frozenset({"write_bytes", "write_text"})
_WORK = frozenset({"rename", "rmtree", "submit", "unlink"})


def find_points(package: Path = PACKAGE) -> Points:
    """Find every place of the source where a run has to be killed."""
    commits = Counter(_find_commits(package))
    calls = {*_find_backend_calls(package), *_find_work(package)}
    client = name_class(GradientClient)
    calls |= {f"{client}: {method}" for method in public_methods(GradientClient)}
    return Points(dict(commits), sorted(calls))


def find_working() -> set[str]:
    """Find the functions that open a transaction or work outside, the excluded ones included."""
    return {
        name
        for name, node in _nodes(PACKAGE)
        if _commits(node) or _work_of(node) or _asks_backend(node)
    }


def _find_commits(package: Path) -> Iterator[str]:
    for function, node in _nodes(package):
        # One that is called `transaction` opens the transactions of others.
        is_own = not function.endswith(".transaction") and not is_excluded(function)
        if is_own and _commits(node):
            yield function


def _find_backend_calls(package: Path) -> Iterator[str]:
    for function, node in _nodes(package):
        is_implementation = function.startswith(_IMPLEMENTATIONS)
        if is_implementation or is_excluded(function) or not isinstance(node, ast.Attribute):
            continue
        if _asks_backend(node):
            yield f"{function}: {node.attr}"


def _find_work(package: Path) -> Iterator[str]:
    # An undisturbed run enters no handler.
    for function, node in _nodes(package, leave_out=ast.ExceptHandler):
        work = _work_of(node)
        if work and function.startswith(WATCHED_ROOMS) and not is_excluded(function):
            yield f"{function}: {work}"


def _asks_backend(node: ast.AST) -> bool:
    if not isinstance(node, ast.Attribute) or node.attr not in BACKEND_METHODS:
        return False
    owner = ast.unparse(node.value)
    return "backend" in owner or "inventory" in owner


def _commits(node: ast.AST) -> bool:
    if not isinstance(node, ast.Attribute):
        return False
    owner = ast.unparse(node.value)
    is_connection = "connection" in owner or "engine" in owner
    return node.attr == "transaction" or (is_connection and node.attr in _COMMITTING)


def _work_of(node: ast.AST) -> str | None:
    """Return what a call does to files, or in another thread."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return None
    name = node.func.attr
    if name in _WORK:
        return name
    # A text's `replace` has two arguments, and that of a moment none but keywords.
    is_of_os = ast.unparse(node.func.value) == "os"
    if name == "replace" and len(node.args) == (2 if is_of_os else 1):
        return name
    values = [*node.args[:1], *(k.value for k in node.keywords if k.arg == "mode")]
    modes = [v.value for v in values if isinstance(v, ast.Constant) and isinstance(v.value, str)]
    opens = name == "open" and any(set(mode) & set("wax+") for mode in modes)
    return "write" if opens or name in _WRITING else None


def _nodes(
    package: Path, leave_out: type[ast.AST] | tuple[()] = ()
) -> Iterator[tuple[str, ast.AST]]:
    """Yield every node of a package with the name of the function that it is in."""
    # In CPython 3.11 a finalizer that runs inside ast.parse, as of a connection that an earlier
    # test lost on purpose, ends it with a SystemError.
    gc.collect()
    for path in sorted(package.rglob("*.py")):
        module = ".".join(path.relative_to(package).with_suffix("").parts)
        tree = ast.parse(path.read_text("utf-8"))
        yield from _walk(tree, module.removesuffix(".__init__"), ".", leave_out)


def _walk(
    node: ast.AST, name: str, separator: str, leave_out: type[ast.AST] | tuple[()]
) -> Iterator[tuple[str, ast.AST]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, leave_out):
            continue
        inner, inner_separator = name, separator
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            # As `co_qualname` has it.
            inner = f"{name}{separator}{child.name}"
            inner_separator = ".<locals>." if isinstance(child, ast.FunctionDef) else "."
        yield inner, child
        yield from _walk(child, inner, inner_separator, leave_out)
