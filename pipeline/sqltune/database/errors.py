"""Driver errors become ours: one context manager, the most specific first."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from sqltune.errors import DatabaseError, DatabaseReadOnly, DatabaseUnavailable, SchemaOutOfDate

#: A cluster's node that is cut off from the others: it refuses even ROLLBACK.
NODE_NOT_READY = 1047
#: COMMIT itself failed, for instance because its node was just cut off.
COMMIT_FAILED = 1180
#: The server takes no writes: a replica, or a primary on its way to be one.
SERVER_READ_ONLY = 1290
#: Lock timeout, deadlock or cluster conflict, connection refused, gone or lost, too many
#: connections in all or of this user, server shutting down, closed after a silence.
_UNAVAILABLE_CODES = frozenset(
    {
        NODE_NOT_READY,
        COMMIT_FAILED,
        1040,
        1053,
        SERVER_READ_ONLY,
        1203,
        1205,
        1213,
        1226,
        1317,
        1927,
        2002,
        2003,
        2006,
        2013,
        2055,
        4031,
    }
)
#: Disk or table space full, an error of the storage.
_FULL_CODES = frozenset({1021, 1026, 1030, 1114})
_MISSING_TABLE_CODES = frozenset({1146, 1054})
_SECRET = re.compile(r"://[^@\s]*@")


@contextmanager
def translate_errors() -> Iterator[None]:
    """Translate what SQLAlchemy and the drivers raise into errors of ours."""
    try:
        yield
    except exc.SQLAlchemyError as error:
        raise _translate(error) from error
    except UnicodeEncodeError as error:
        raise DatabaseError(
            f"{error.object!r:.60} holds half of a character at position {error.start}, which no "
            "database stores: write the whole character"
        ) from error
    except OverflowError as error:
        raise DatabaseError(f"a number is larger than the database stores: {error}") from error


def error_number(error: BaseException) -> int | None:
    """Return the server's error number, None where there is none."""
    original = getattr(error, "orig", None) or error
    number = original.args[0] if original.args else None
    return number if isinstance(number, int) else None


def _translate(error: exc.SQLAlchemyError) -> DatabaseError:
    text = _SECRET.sub("://...@", _message(error))
    number = error_number(error)
    is_broken = isinstance(error, exc.DBAPIError) and error.connection_invalidated
    original = getattr(error, "orig", None)
    if number in _FULL_CODES or _is_full(original, text):
        return DatabaseUnavailable(
            f"the database has no room left ({text}): free some; what is committed stays, and the "
            "next sync continues from there"
        )
    if number == SERVER_READ_ONLY:
        return DatabaseUnavailable(
            f"the database takes no writes now ({text}): what is committed stays; where the server "
            "is a replica, set SQLTUNE_DATABASE_URL to the primary"
        )
    if is_broken or number in _UNAVAILABLE_CODES or _is_busy(original, text):
        return DatabaseUnavailable(f"the database is not available: {text}")
    if number in _MISSING_TABLE_CODES or "no such table" in text or "no such column" in text:
        return SchemaOutOfDate(f"{text}; run `sqltune init` first")
    if "readonly database" in text or number in (1792, 1836):
        return DatabaseReadOnly(
            f"the database may not be written: {text}; let this user write, then the next sync "
            "continues from what is committed"
        )
    if number == 1049:
        return DatabaseError(f"{text}; CREATE DATABASE it first, then run `sqltune init`")
    if number == 1045:
        return DatabaseError(
            f"the database refuses this login: {text}; check the name, the password, and whether "
            "the server wants TLS (?ssl_ca=FILE in the database URL)"
        )
    if number in (1044, 1142, 1143):
        return DatabaseError(
            f"the database refuses this user: {text}; sql/README.md lists the GRANTs"
        )
    if number == 3159:
        return DatabaseError(f"the server wants TLS: add ?ssl_ca=FILE to the database URL ({text})")
    return DatabaseError(text)


def _message(error: exc.SQLAlchemyError) -> str:
    original = getattr(error, "orig", None)
    if original is None:
        return str(error).splitlines()[0]
    # pymysql gives (number, text), the singlestoredb client (number, text, state), SQLite (text,).
    texts = [argument for argument in original.args if isinstance(argument, str)]
    return " ".join((texts[0] if texts else str(original)).split()) or type(original).__name__


def _is_busy(original: object, text: str) -> bool:
    if isinstance(original, sqlite3.OperationalError):
        return "locked" in text
    return False


def _is_full(original: object, text: str) -> bool:
    if isinstance(original, sqlite3.OperationalError):
        return "disk is full" in text or "disk I/O" in text
    return False
