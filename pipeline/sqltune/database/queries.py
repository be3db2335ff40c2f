"""Named statements: plain SQL files, found by name.

`sql/queries/*.sql` has what is the same for all engines, `sql/queries/<engine>/*.sql` the few
statements that differ.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from sqltune.errors import PipelineError

_NAME_LINE = re.compile(r"^-- name: (?P<name>[a-z][a-z0-9_]*)\s*$", re.MULTILINE)
_COMMENT = re.compile(r"^\s*--.*$|\s+-- .*$", re.MULTILINE)


def find_sql_folder() -> Path:
    """Return the folder `sql`: inside the installed package, or beside it in a clone."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "sql", package.parents[1] / "sql"):
        if (folder / "queries").is_dir():
            return folder
    raise PipelineError(f"the SQL files are missing beside {package}: install sqltune again")


@cache
def load_statements(engine: str) -> Mapping[str, str]:
    """Return every named statement of an engine (sqlite, mysql, singlestore), without comments."""
    queries = find_sql_folder() / "queries"
    statements: dict[str, str] = {}
    for path in [*sorted(queries.glob("*.sql")), *sorted((queries / engine).glob("*.sql"))]:
        for name, statement in split_statements(path.read_text("utf-8")):
            if name in statements:
                raise PipelineError(f"two statements are named {name!r}, one of them in {path}")
            statements[name] = statement
    return statements


def split_statements(text: str) -> Iterator[tuple[str, str]]:
    """Yield (name, statement) for each `-- name:` of a file."""
    parts = _NAME_LINE.split(text)
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        yield name, strip_comments(body).rstrip().rstrip(";")


def strip_comments(text: str) -> str:
    """Return the text without comments: a `:word` in one would be taken for a value."""
    lines = (line.rstrip() for line in _COMMENT.sub("", text).splitlines())
    return "\n".join(line for line in lines if line)
