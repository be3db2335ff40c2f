"""Where a text or a name ends depends on the sql_mode of the session, for the guard as well."""

from __future__ import annotations

import pytest
from sqlglot import TokenType, tokenize
from sqlglot.errors import TokenError

from sqltune.database.connection import EngineKind
from sqltune.selection.dialects import find_dialect

SERVERS = [EngineKind.MYSQL, EngineKind.SINGLESTORE]
TEXT, NAME = TokenType.STRING, TokenType.IDENTIFIER
BACKSLASH, ANSI, MSSQL = "NO_BACKSLASH_ESCAPES", "ANSI_QUOTES", "MSSQL"


def read(sql: str, kind: EngineKind, modes: set[str]) -> list[tuple[TokenType, str]]:
    tokens = tokenize(sql, read=find_dialect(kind, frozenset(modes)))
    return [(token.token_type, sql[token.start : token.end + 1]) for token in tokens]


@pytest.mark.parametrize("kind", SERVERS)
@pytest.mark.parametrize(
    ("modes", "piece", "kind_of_token"),
    [
        (set(), '"a\\"b"', TEXT),
        (set(), "'a\\'b'", TEXT),
        ({BACKSLASH}, "'a\\'", TEXT),
        ({BACKSLASH}, '"a\\"', TEXT),
        ({BACKSLASH}, "'a\\''b'", TEXT),
        ({ANSI}, '"a\\"', NAME),
        ({ANSI}, '"a""b\'"', NAME),
        ({ANSI}, "'a\\'\"b'", TEXT),
        ({ANSI, BACKSLASH}, "'\"\\'", TEXT),
        ({ANSI, MSSQL}, "[a'b]", NAME),
        ({"ONLY_FULL_GROUP_BY", "PIPES_AS_CONCAT"}, '"a\\"b"', TEXT),
    ],
)
def test_a_quoted_piece_ends_where_the_server_ends_it(
    kind: EngineKind, modes: set[str], piece: str, kind_of_token: TokenType
) -> None:
    assert read(f"{piece} , b", kind, modes)[0] == (kind_of_token, piece)


@pytest.mark.parametrize("kind", SERVERS)
@pytest.mark.parametrize("modes", [set(), {ANSI}])
def test_a_backslash_before_a_quote_ends_no_text_unless_it_is_a_plain_character(
    kind: EngineKind, modes: set[str]
) -> None:
    with pytest.raises(TokenError):
        read("'a\\'", kind, modes)
