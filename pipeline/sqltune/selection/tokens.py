"""Splits an adapter's own query into tokens, the only parts of it that a server ever gets.

What stands between tokens is never sent, so no server can read code in what was a comment here.
Where an engine could split a text in another way than this module does, the text is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import pairwise
from unicodedata import category

from sqltune.database.urls import EngineKind
from sqltune.errors import QueryRefused


class TokenKind(StrEnum):
    """What a token is; the value is its group in the patterns below."""

    NUMBER = "number"
    STRING = "string"
    NAME = "name"  #: an identifier in quotes
    WORD = "word"  #: a keyword or an identifier without quotes
    MARK = "mark"  #: an operator, a bracket, a comma


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a query."""

    kind: TokenKind
    text: str  #: as the server gets it
    start: int  #: its place in the query
    end: int

    @property
    def name(self) -> str:
        """What it names, without quotes; in lower case, which is how engines compare."""
        if self.kind is TokenKind.WORD:
            return self.text.lower()
        quote = self.text[-1]
        return self.text[1:-1].replace(2 * quote, quote).lower()

    @property
    def can_name(self) -> bool:
        """Whether it may name something; a server's mode may read a name between double quotes."""
        return self.kind in (TokenKind.WORD, TokenKind.NAME) or self.text.startswith('"')


#: The modes on which it depends where a text or a name ends.
#: https://dev.mysql.com/doc/refman/8.4/en/sql-mode.html and, of MariaDB,
#: https://mariadb.com/kb/en/sql_mode
ANSI_QUOTES, NO_BACKSLASH_ESCAPES, MSSQL = "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "MSSQL"

_LETTER = r"A-Za-z_\x80-\U0010ffff"
_GAP = r"(?P<gap>(?:[ \t\n]|\r\n)++)"
_BLOCK_COMMENT = r"/\*(?![!+]|M!)(?:(?!/\*|\*/).)*+\*/"
# The groups are atomic: a number must not give a digit back, or `1e5FOR UPDATE` would be a name.
_NUMBER = (
    rf"(?P<number>(?>0[xX][0-9a-fA-F]++|0[bB][01]++|(?:[0-9]++(?:\.[0-9]*+)?+|(?<![{_LETTER}0-9$`\"\]])"
    rf"\.[0-9]++)(?:[eE][+-]?[0-9]++)?+)(?![{_LETTER}0-9$]))"
)
_BACKTICKED = r"`(?:[^`]++|``)++`"
_PLAIN_STRING = r"'(?:[^']++|'')*+'"
_BRACKETED = r"\[[^\]]++\]"
_ESCAPED_STRINGS = r"""[nN]?'(?:[^'\\]++|\\.|'')*+'|"(?:[^"\\]++|\\.|"")*+\""""
_BARE_STRINGS = rf"""[nN]?{_PLAIN_STRING}|"(?:[^"]++|"")*+\""""
_SQLITE = re.compile(
    rf"{_GAP}|(?P<comment>--[^\n]*+|{_BLOCK_COMMENT})|{_NUMBER}"
    rf"|(?P<string>[xX]'[0-9a-fA-F]*+'|{_PLAIN_STRING})"
    rf'|(?P<name>{_BACKTICKED}|"(?:[^"]++|"")*+"|{_BRACKETED})'
    rf"|(?P<word>[{_LETTER}][{_LETTER}0-9$]*+)"
    r"|(?P<mark>->>|->|\|\||<<|>>|<=|>=|<>|==|!=|/(?!\*)|[-+*%&|~<>=(),.;])",
    re.DOTALL,
)


@cache
def _server_pattern(kind: EngineKind, sql_modes: frozenset[str]) -> re.Pattern[str]:
    # A name may begin with digits, but not like 1e5 or 0x1; behind a dot it may be all digits.
    digits = (
        r"(?P<digits>(?!0[xXbB]|[0-9]++[eE][+-]?[0-9])"
        rf"(?:[0-9]++[{_LETTER}$][{_LETTER}0-9$]*+|(?<=\.)[0-9]++(?![{_LETTER}0-9$.])))"
    )
    strings = _BARE_STRINGS if NO_BACKSLASH_ESCAPES in sql_modes else _ESCAPED_STRINGS
    names = rf"{_BACKTICKED}|{_BRACKETED}" if MSSQL in sql_modes else _BACKTICKED
    marks = r"::\$|::%|::|!:>|:>|" if kind is EngineKind.SINGLESTORE else ""
    return re.compile(
        rf"{_GAP}|(?P<comment>--(?=[ \t\n]|\r\n|\Z)[^\n]*+|\#[^\n]*+|{_BLOCK_COMMENT})"
        rf"|{digits}|{_NUMBER}"
        rf"|(?P<string>[xX]'[0-9a-fA-F]*+'|[bB]'[01]*+'|{strings})"
        rf"|(?P<name>{names})"
        rf"|(?P<word>[{_LETTER}$][{_LETTER}0-9$]*+)"
        rf"|(?P<mark>{marks}->>|->|\|\||&&|<=>|<<|>>|<=|>=|<>|!=|/(?!\*)|[-+*%&|^~!<>=(),.;])",
        re.DOTALL,
    )


_VARIABLE = "a variable (@...): write the value instead"
_PLACEHOLDER = "a placeholder: write the value instead"
_REASONS = {
    "/*": "a comment that a server may execute, has another inside, or does not end: remove it",
    "'": "a text that cannot be read to its end: its closing quote is missing",
    '"': "a quote that cannot be read to its end: its closing quote is missing",
    "`": "a name that cannot be read to its end: its closing quote is missing",
    "@": _VARIABLE,
    ":": _PLACEHOLDER,
    "?": _PLACEHOLDER,
}


def split_query(sql: str, kind: EngineKind, sql_modes: frozenset[str]) -> Iterator[Token]:
    """Yield the tokens of a query; comments and blanks are left out.

    The modes say what is meant. What the tokens are is the same under any other mode.

    Raises:
        QueryRefused: a character or a comment is not allowed outside of quotes.
    """
    is_sqlite = kind is EngineKind.SQLITE
    pattern = _SQLITE if is_sqlite else _server_pattern(kind, sql_modes)
    for match in _matches(sql, pattern):
        group, text = str(match.lastgroup), match[0]
        if group != "string":
            _refuse_unprintable(sql, text, match.start())
        if group in ("gap", "comment"):
            continue
        if group in ("word", "digits"):
            _refuse_symbols(sql, text, match.start())
        if group == "digits":
            # Some lexers would read a number and, say, a keyword.
            group, text = "name", f"`{text}`"
        if not is_sqlite:
            text = _make_safe(group, text, sql_modes)
        yield Token(TokenKind(group), text, match.start(), match.end())


def join_tokens(tokens: Sequence[Token]) -> str:
    """Return the text that a server gets: the tokens, one blank apart."""
    parts = [tokens[0].text]
    for before, token in pairwise(tokens):
        parts.append(("" if _belong_together(before, token) else " ") + token.text)
    return "".join(parts)


def place(sql: str, index: int) -> str:
    """Return the place of a character, as editors count."""
    line_start = sql.rfind("\n", 0, index) + 1
    return f"line {sql.count(chr(10), 0, index) + 1}, column {index - line_start + 1}"


def _matches(sql: str, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
    index = 0
    while index < len(sql):
        match = pattern.match(sql, index)
        if match is None:
            raise QueryRefused(f"the query contains {_reason(sql, index)} ({place(sql, index)})")
        yield match
        index = match.end()


def _reason(sql: str, index: int) -> str:
    found = _REASONS.get(sql[index : index + 2]) or _REASONS.get(sql[index])
    if found is not None:
        return found
    if sql[index].isdigit() or sql[index] == ".":
        return "a number with letters behind it: write a blank between them"
    return _character(sql[index])


def _character(character: str) -> str:
    if character.isprintable():
        return (
            f"the character {character} outside of quotes: put the name that it is in into quotes"
        )
    return f"the character U+{ord(character):04X} outside of quotes: write a blank, or remove it"


def _refuse_unprintable(sql: str, text: str, start: int) -> None:
    """Refuse what engines may take for a blank, the end of a line, or nothing at all."""
    for offset, character in enumerate(text):
        is_line_end = character in "\t\n" or text[offset : offset + 2] == "\r\n"
        # The \n of a Windows line end is a match of its own after a comment.
        is_line_end |= character == "\r" and sql[start + offset + 1 : start + offset + 2] == "\n"
        if not character.isprintable() and not is_line_end:
            raise QueryRefused(
                f"the query contains {_character(character)} ({place(sql, start + offset)})"
            )


def _refuse_symbols(sql: str, word: str, start: int) -> None:
    for offset, character in enumerate(word):
        if not character.isascii() and category(character)[0] not in "LMN":
            raise QueryRefused(
                f"the query contains {_character(character)} ({place(sql, start + offset)})"
            )


def _make_safe(group: str, text: str, sql_modes: frozenset[str]) -> str:
    """Write a text or a name so that it ends at the same place under every mode."""
    if group == "name" and text.startswith("["):
        return "`" + text[1:-1].replace("`", "``") + "`"
    if group != "string" or NO_BACKSLASH_ESCAPES in sql_modes:
        return text
    quote = text[-1]
    return re.sub(r"\\(.)", lambda m: 2 * quote if m[1] == quote else m[0], text, flags=re.DOTALL)


def _belong_together(before: Token, token: Token) -> bool:
    """Whether a blank would change the meaning: MySQL knows COUNT(*), and no COUNT (*)."""
    if before.end != token.start:
        return False
    return (before.can_name and token.text in ("(", ".")) or (
        before.text == "." and (token.can_name or token.text == "*")
    )
