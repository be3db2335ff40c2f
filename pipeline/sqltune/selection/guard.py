"""Checks that an adapter's own query is one harmless SELECT, before anything runs.

A row of `adapters` must not decide what the runner's rights are used for, so what could write,
wait, lock or read files is refused by name. Two more barriers follow: the selection connection is
read-only, and its user should be granted SELECT only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqltune.database.urls import EngineKind
from sqltune.errors import QueryRefused
from sqltune.selection.tokens import (
    ANSI_QUOTES,
    Token,
    TokenKind,
    join_tokens,
    place,
    split_query,
)

if TYPE_CHECKING:
    from sqlglot import exp

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
    "service_get_read_locks": "it takes locks",
    "service_get_write_locks": "it takes locks",
    "service_release_locks": "it releases locks",
    "master_pos_wait": "it waits",
    "source_pos_wait": "it waits",
    "master_gtid_wait": "it waits",
    "wait_for_executed_gtid_set": "it waits",
    "wait_until_sql_thread_after_gtids": "it waits",
    "wsrep_sync_wait_upto_gtid": "it waits",
    "gen_dictionary_load": "it reads files of the server",
    "nextval": "it changes a sequence",
    "setval": "it changes a sequence",
    "last_insert_id": "it can change the session",
}
_ADVICE = "a selection is one SELECT that only reads; put anything more complex into a view"


def guard_query(sql: str, kind: EngineKind, sql_modes: frozenset[str] = frozenset()) -> str:
    """Return the query as it may be run: the tokens of one SELECT, one blank apart.

    Args:
        sql: the query as a person wrote it.
        kind: the engine that will run it.
        sql_modes: those of the session that will run it, in upper case.

    Raises:
        QueryRefused: it is not one SELECT, does not parse, or contains something that is refused.
    """
    if "\x00" in sql:
        raise QueryRefused("the query contains a NUL character")
    rest = split_query(sql, kind, sql_modes)
    first = next(rest, None)
    if first is None:
        raise QueryRefused(
            "the query is empty: write a SELECT, or set it to NULL for the dataset that has the "
            "adapter's name"
        )
    _refuse_beginning(first)
    tokens = _without_semicolons([first, *rest])
    _refuse_words(tokens)
    _refuse_shapes(_parse(sql, tokens, kind, sql_modes))
    return join_tokens(tokens)


def _refuse_beginning(first: Token) -> None:
    """Refuse what is not a SELECT before sqlglot tries to parse it."""
    if first.text == ";":
        raise QueryRefused(f"the query contains no statement: {_ADVICE}")
    if first.text.upper() not in ("SELECT", "WITH", "("):
        raise QueryRefused(f"the query begins with {first.text.upper()}: {_ADVICE}")


def _without_semicolons(tokens: Sequence[Token]) -> Sequence[Token]:
    while tokens[-1].text == ";":
        tokens = tokens[:-1]
    if any(token.text == ";" for token in tokens):
        raise QueryRefused(f"the query contains several statements: {_ADVICE}")
    return tokens


def _refuse_words(tokens: Sequence[Token]) -> None:
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        is_called = following is not None and following.text == "("
        if not token.can_name:
            if is_called and token.kind is TokenKind.STRING:
                raise QueryRefused(f"the query calls {token.text}, which is a text")
            continue
        name = token.name
        if token.kind is TokenKind.WORD and name == "into":
            raise QueryRefused(f"the query contains INTO, which writes: {_ADVICE}")
        if name.startswith("pragma_"):
            raise QueryRefused(f"the query uses {name}: PRAGMA functions are not allowed")
        if is_called:
            _refuse_call(token)


def _refuse_call(token: Token) -> None:
    name = token.name
    if name in _REFUSED_FUNCTIONS:
        raise QueryRefused(f"the query calls {name.upper()}: {_REFUSED_FUNCTIONS[name]}")
    # Servers compare names of functions without accents.
    if not name.isascii():
        raise QueryRefused(f"the query calls {name}, which has letters that are not ASCII")


def _parse(
    sql: str, tokens: Sequence[Token], kind: EngineKind, sql_modes: frozenset[str]
) -> exp.Expr:
    from sqlglot import parse
    from sqlglot.errors import SqlglotError

    # A token a line: none can run into the next one, and a line's number is that of a token.
    text = "\n".join(_readable(token, kind, sql_modes) for token in tokens)
    try:
        trees = parse(text, dialect=kind.value)
    except SqlglotError as error:
        reason = _describe(error, sql, tokens)
        raise QueryRefused(f"the query does not parse: {reason}") from None
    except RecursionError:
        raise QueryRefused("the query is nested too deeply: put a part of it into a view") from None
    except Exception as error:
        # Some texts find gaps in the parser itself.
        reason = type(error).__name__
        raise QueryRefused(f"the query cannot be read ({reason}): write it differently") from None
    if len(trees) != 1 or trees[0] is None:
        raise QueryRefused(f"the query contains {len(trees)} statements: {_ADVICE}")
    return trees[0]


def _readable(token: Token, kind: EngineKind, sql_modes: frozenset[str]) -> str:
    """Return a token as sqlglot reads it in every version and mode: what is in quotes is not."""
    is_name = token.text.startswith('"') and ANSI_QUOTES in sql_modes
    if token.kind is TokenKind.NAME or (is_name and kind is not EngineKind.SQLITE):
        return "`x`"
    if token.kind is TokenKind.STRING:
        return "x'00'" if token.text[0] in "xXbB" else "'x'"
    return token.text


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
        (exp.NextValueFor, "NEXT VALUE FOR, which changes a sequence"),
    )
    for node in tree.walk():
        for kind, reason in refused:
            if isinstance(node, kind):
                raise QueryRefused(f"the query contains {reason}: {_ADVICE}")


def _describe(error: Exception, sql: str, tokens: Sequence[Token]) -> str:
    details = getattr(error, "errors", None)
    if not details:
        return str(error).splitlines()[0] if str(error) else type(error).__name__
    first = details[0]
    token = tokens[min(first["line"] or 1, len(tokens)) - 1]
    return f"{place(sql, token.start)}: {first['description']}"
