"""Checks that an adapter's own query is one harmless SELECT, before anything runs.

A row of `adapters` must not decide what the runner's rights are used for, so what could write,
wait, lock or read files is refused by name. Two more barriers follow: the selection connection is
read-only, and its user should be granted SELECT only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sqltune.database.connection import EngineKind
from sqltune.errors import QueryRefused
from sqltune.selection.dialects import find_dialect

if TYPE_CHECKING:
    from sqlglot import Token, exp

    from sqltune.selection.dialects import DialectName

#: Functions that a selection may not call, and why.
_REFUSED_FUNCTIONS = {
    "load_file": "it reads files of the server",
    "readfile": "it reads files",
    "writefile": "it writes files",
    "edit": "it starts a program",
    "load_extension": "it loads code into the database",
    "fts3_tokenizer": "it loads code into the database",
    "sys_exec": "it starts a program",
    "sys_eval": "it starts a program",
    "sleep": "it only waits",
    "benchmark": "it only consumes time",
    "get_lock": "it takes a lock",
    "release_lock": "it releases a lock",
    "release_all_locks": "it releases locks",
    "is_free_lock": "it inspects locks",
    "is_used_lock": "it inspects locks",
    "master_pos_wait": "it waits",
    "source_pos_wait": "it waits",
    "master_gtid_wait": "it waits",
    "wait_for_executed_gtid_set": "it waits",
    "nextval": "it changes a sequence",
    "setval": "it changes a sequence",
    "last_insert_id": "it can change the session",
}
_ADVICE = "a selection is one SELECT that only reads; put anything more complex into a view"
_MYSQL_COMMENT = re.compile(
    r"/\*(?![!+]|M!)(?:(?!/\*).)*?\*/|--(?=[\s\x00-\x1f]|$)[^\n]*|#[^\n]*", re.S
)
_SQLITE_COMMENT = re.compile(r"/\*(?![!+]|M!)(?:(?!/\*).)*?\*/|--[^\n]*", re.S)


def guard_query(sql: str, kind: EngineKind, sql_modes: frozenset[str] = frozenset()) -> str:
    """Return the query as it may be run: one SELECT without a closing semicolon.

    Args:
        sql: the query.
        kind: the engine on which it will run.
        sql_modes: of the session on which it will run.

    Raises:
        QueryRefused: it is not one SELECT, does not parse, or contains something that is refused.
    """
    dialect = find_dialect(kind, sql_modes)
    tokens = _tokenise(sql, dialect)
    if not tokens:
        raise QueryRefused(
            "the query is empty: write a SELECT, or set it to NULL for the dataset that has the "
            "adapter's name"
        )
    _refuse_beginning(tokens[0])
    _refuse_comments(sql, tokens, kind)
    tokens = _without_semicolons(tokens)
    _refuse_words(tokens)
    text = sql[tokens[0].start : tokens[-1].end + 1]
    _refuse_shapes(_parse(text, dialect))
    return text


def _tokenise(sql: str, dialect: DialectName) -> list[Token]:
    from sqlglot import tokenize
    from sqlglot.errors import TokenError

    if "\x00" in sql:
        raise QueryRefused("the query contains a NUL character")
    try:
        return list(tokenize(sql, read=dialect))
    except TokenError as error:
        raise QueryRefused(f"the query cannot be read: {_first_line(error)}") from None


def _refuse_beginning(first: Token) -> None:
    """Refuse what is not a SELECT before sqlglot tries to parse it."""
    from sqlglot import TokenType

    if first.token_type is TokenType.SEMICOLON:
        raise QueryRefused(f"the query contains no statement: {_ADVICE}")
    if first.token_type not in (TokenType.SELECT, TokenType.WITH, TokenType.L_PAREN):
        raise QueryRefused(f"the query begins with {first.text.upper()}: {_ADVICE}")


def _refuse_comments(sql: str, tokens: list[Token], kind: EngineKind) -> None:
    """Refuse comments that a server may execute: we must see every token that it sees."""
    pattern = _SQLITE_COMMENT if kind is EngineKind.SQLITE else _MYSQL_COMMENT
    starts = [0, *(token.end + 1 for token in tokens)]
    ends = [*(token.start for token in tokens), len(sql)]
    for start, end in zip(starts, ends, strict=True):
        rest = pattern.sub("", sql[start:end]).strip()
        if rest:
            raise QueryRefused(f"the query has a comment that a server may execute: {rest[:40]!r}")


def _without_semicolons(tokens: list[Token]) -> list[Token]:
    from sqlglot import TokenType

    while tokens[-1].token_type is TokenType.SEMICOLON:
        tokens = tokens[:-1]
    if any(token.token_type is TokenType.SEMICOLON for token in tokens):
        raise QueryRefused(f"the query contains several statements: {_ADVICE}")
    return tokens


def _refuse_words(tokens: list[Token]) -> None:
    from sqlglot import TokenType

    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.token_type is TokenType.STRING:
            continue
        if token.token_type is TokenType.INTO:
            raise QueryRefused(f"the query contains INTO, which writes: {_ADVICE}")
        if token.token_type is TokenType.HINT:
            raise QueryRefused("the query contains an optimizer hint: remove it")
        name = token.text.lower()
        if name.startswith("pragma_"):
            raise QueryRefused(f"the query uses {name}: PRAGMA functions are not allowed")
        is_called = following is not None and following.token_type is TokenType.L_PAREN
        if is_called and name in _REFUSED_FUNCTIONS:
            raise QueryRefused(f"the query calls {name.upper()}: {_REFUSED_FUNCTIONS[name]}")


def _parse(sql: str, dialect: DialectName) -> exp.Expr:
    from sqlglot import parse
    from sqlglot.errors import SqlglotError

    try:
        trees = parse(sql, dialect=dialect)
    except SqlglotError as error:
        raise QueryRefused(f"the query does not parse: {_position(error)}") from None
    except RecursionError:
        raise QueryRefused("the query is nested too deeply: put a part of it into a view") from None
    if len(trees) != 1 or trees[0] is None:
        raise QueryRefused(f"the query contains {len(trees)} statements: {_ADVICE}")
    return trees[0]


def _refuse_shapes(tree: Any) -> None:
    from sqlglot import exp

    inner = tree.unnest() if isinstance(tree, exp.Subquery) else tree
    if not isinstance(inner, exp.Select | exp.SetOperation):
        raise QueryRefused(f"the query is {inner.key.upper()}, not SELECT: {_ADVICE}")
    refused: tuple[tuple[type[exp.Expr], str], ...] = (
        (exp.Into, "INTO, which writes"),
        (exp.Lock, "FOR UPDATE or FOR SHARE, which locks rows"),
        (exp.DML, "a statement that changes data"),
        (exp.DDL, "a statement that changes tables"),
        (exp.Command, "a command"),
        (exp.SessionParameter, "a server variable (@@...)"),
        (exp.Parameter, "a user variable (@...)"),
        (exp.Placeholder, "a placeholder; write the value instead"),
    )
    for node in tree.walk():
        for kind, reason in refused:
            if isinstance(node, kind):
                raise QueryRefused(f"the query contains {reason}: {_ADVICE}")


def _position(error: Exception) -> str:
    details = getattr(error, "errors", None)
    if not details:
        return _first_line(error)
    first = details[0]
    return f"line {first['line']}, column {first['col']}: {first['description']}"


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
