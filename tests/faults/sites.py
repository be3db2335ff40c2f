"""Finds in the code of `sqltune` what commits and what calls the world outside."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

PIPELINE = Path(__file__).parents[2] / "pipeline" / "sqltune"
COMMITTING = frozenset(
    {"transaction", "commit", "begin", "begin_nested", "begin_twophase", "raw_connection"}
)
#: Methods that are called `begin` and begin no transaction.
_NOT_DATABASES = frozenset({"pace", "store"})
_BACKENDS = ("backend", "inventory")
#: Where backends are implemented: what calls them stands elsewhere.
_IMPLEMENTATIONS = (
    *("backends.gradient.", "backends.local.", "backends.scripted."),
    *("local_lora.", "server."),
)
BACKEND_METHODS = frozenset({"describe", "count_tokens", "train", "answer", "delete", "remove"})


def find_commits() -> Counter[str]:
    """Give each function that opens or ends a transaction, and how many."""
    return Counter(
        name
        for name, node in _attributes(COMMITTING)
        if ast.unparse(node.value) not in _NOT_DATABASES
    )


def find_backend_calls() -> set[tuple[str, str]]:
    """Give function and method of each call of a backend outside of the backends."""
    found = set()
    for name, node in _attributes(BACKEND_METHODS):
        is_own = name.startswith(_IMPLEMENTATIONS)
        if not is_own and any(word in ast.unparse(node.value) for word in _BACKENDS):
            found.add((name, node.attr))
    return found


def find_functions(module: str, methods: Collection[str]) -> set[str]:
    """Give the functions of a module that call one of these methods of whatever."""
    return {name for name, _ in _attributes(methods) if name.startswith(module)}


def _attributes(names: Collection[str]) -> Iterator[tuple[str, ast.Attribute]]:
    for path in sorted(PIPELINE.rglob("*.py")):
        module = ".".join(path.relative_to(PIPELINE).with_suffix("").parts)
        tree = ast.parse(path.read_text("utf-8"))
        for name, node in _walk(tree, module.removesuffix(".__init__")):
            if isinstance(node, ast.Attribute) and node.attr in names:
                yield name, node


def _walk(node: ast.AST, name: str) -> Iterator[tuple[str, ast.AST]]:
    """Yield every node with the name of the function that it stands in, as a frame tells it."""
    for child in ast.iter_child_nodes(node):
        inner = name
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            within = isinstance(node, ast.FunctionDef)
            inner = f"{name}.<locals>.{child.name}" if within else f"{name}.{child.name}"
        yield inner, child
        yield from _walk(child, inner)
