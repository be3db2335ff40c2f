"""Each call of a named statement passes exactly the values that the statement names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from sqltune.database.queries import load_statements

PACKAGE = Path(__file__).parents[2] / "pipeline" / "sqltune"
METHODS = ("execute", "insert", "fetch_all", "fetch_one")


def calls() -> Iterator[tuple[str, str, frozenset[str] | None]]:
    """Place, statement and values of every call; None where the values come as one mapping."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            name = node.args[0] if len(node.args) == 1 else None
            # Raw SQL, for the drivers and in set-up code, is not in lower case.
            if (
                node.func.attr in METHODS
                and isinstance(name, ast.Constant)
                and str(name.value).islower()
            ):
                words = [keyword.arg for keyword in node.keywords]
                values = None if None in words else frozenset(str(word) for word in words)
                yield f"{path.name}:{node.lineno}", str(name.value), values


def test_every_call_names_a_statement_and_passes_exactly_its_values() -> None:
    known = {
        name: frozenset(re.findall(r"(?<![:\w]):(\w+)", statement))
        for name, statement in load_statements("sqlite").items()
    }
    found = list(calls())
    assert len(found) > 60
    wrong = [
        f"{place}: {name} wants {sorted(known.get(name, ()))}"
        for place, name, values in found
        if name not in known or (values is not None and values != known[name])
    ]
    assert wrong == []
