"""A program that runs one query on a SQLite file and writes the rows to its standard output.

It is a process of its own because nothing but its end stops a function of SQLite that computes, or
gives back the memory that one took. `sqlite_reading` starts it by its path, so it imports only the
standard library, which takes milliseconds.
"""

from __future__ import annotations

import marshal
import os
import sqlite3
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from typing import Any, BinaryIO

LENGTH = struct.Struct(">Q")
#: Few enough that they fit into memory where each has several large texts.
_ROWS_AT_ONCE = 64
#: Rows of more bytes than this are written one by one, so that the reader has few in memory.
_MOST_FRAME_BYTES = 1_000_000
#: The last version of marshal that does not look for repeated values, which takes a third longer.
_FORMAT = 2
#: Longest text or blob that a query may return or make on its way.
_LONGEST_VALUE_BYTES = 100_000_000
#: All that one query may have in memory: many values of that length are more than one machine has.
_MEMORY_BYTES = 2_000_000_000
#: Longest temporary file, in which SQLite sorts what memory does not hold.
_FILE_BYTES = 4_000_000_000
_ALLOWED = frozenset(
    {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_RECURSIVE,
    }
)
_REFUSED_FUNCTIONS = frozenset(
    {"load_extension", "readfile", "writefile", "edit", "fts3_tokenizer"}
)
#: FTS5 asks by it whether the file has changed.
_ALLOWED_PRAGMAS = frozenset({"data_version"})
#: They compute rows from their arguments, and exist where SQLite was built with them.
_TABLE_FUNCTIONS = ("json_each('[]')", "json_tree('[]')", "generate_series(1, 1)")


def main() -> None:
    """Read a request, answer with column names, pages of rows and an end, or with an error."""
    address, sql, values = read_frame(sys.stdin.buffer)
    threading.Thread(target=_end_with_reader, daemon=True).start()
    memory_bytes = _limit("RLIMIT_AS", _MEMORY_BYTES)
    file_bytes = _limit("RLIMIT_FSIZE", _FILE_BYTES)
    try:
        for name, content in _answer(address, sql, values):
            _write_answer(sys.stdout.buffer, name, content)
    except MemoryError:
        needs = f"it needs more than {memory_bytes:,} bytes of memory"
        write_frame(sys.stdout.buffer, ("error", ("OperationalError", needs)))
    except Exception as error:
        message = str(error)
        if getattr(error, "sqlite_errorname", None) == "SQLITE_IOERR_WRITE":
            message += (
                f": a temporary file needs more than {file_bytes:,} bytes, or the disk failed"
            )
        write_frame(sys.stdout.buffer, ("error", (type(error).__name__, message)))


def read_frame(stream: BinaryIO) -> Any:
    """Read what `write_frame` wrote; None at the end."""
    data = read_data(stream)
    return None if data is None else loads(data)


def read_data(stream: BinaryIO) -> bytes | None:
    """Read the bytes of a frame; None at the end."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    data = stream.read(length)
    return data if len(data) == length else None


def loads(data: bytes) -> Any:
    """Return the value of a frame."""
    # Both ends are the same interpreter, and nothing else writes to the pipe.
    return marshal.loads(data)  # noqa: S302


def write_frame(stream: BinaryIO, content: Any) -> None:
    """Write a value of Python's own types."""
    _write_data(stream, marshal.dumps(content, _FORMAT))


def _write_answer(stream: BinaryIO, name: str, content: Any) -> None:
    data = marshal.dumps((name, content), _FORMAT)
    if len(data) <= _MOST_FRAME_BYTES or not name.endswith("rows"):
        _write_data(stream, data)
        return
    del data  # it may be half of the memory
    for row in content:
        write_frame(stream, (name, [row]))


def _write_data(stream: BinaryIO, data: bytes) -> None:
    stream.write(LENGTH.pack(len(data)))
    stream.write(data)
    stream.flush()


def _end_with_reader() -> None:
    """End at once when the other end of the pipe is gone, also while SQLite computes."""
    sys.stdin.buffer.read()
    os._exit(0)


def _answer(address: str, sql: str, values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    cursor = _connect(address).cursor()
    cursor.execute(sql, values)
    yield "columns", [str(column[0]) for column in cursor.description or ()]
    while rows := cursor.fetchmany(_ROWS_AT_ONCE):
        if bytes in set(map(type, chain.from_iterable(rows))):
            yield "marked rows", _mark_blobs(rows)
        else:
            yield "rows", rows
    yield "end", None


def _limit(name: str, most_bytes: int) -> int:
    """Limit what this process may use, unless less is allowed already; return what it may."""
    with suppress(ImportError):  # not every system has limits
        import resource

        kind = getattr(resource, name)
        allowed = [n for n in resource.getrlimit(kind) if n != resource.RLIM_INFINITY]
        most_bytes = min(most_bytes, *allowed) if allowed else most_bytes
        with suppress(ValueError, OSError):  # nor this one
            resource.setrlimit(kind, (most_bytes, most_bytes))
    return most_bytes


def _connect(address: str) -> sqlite3.Connection:
    connection = sqlite3.connect(address, uri=True, timeout=30, isolation_level=None)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE_BYTES)
    if sys.version_info >= (3, 12):
        # The query's own names are quoted so that this is needed by views alone.
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_DQS_DML, False)
    connection.text_factory = bytearray  # so that it is not bytes, as a blob is
    _open_virtual_tables(connection)
    connection.set_authorizer(_authorize)
    return connection


def _open_virtual_tables(connection: sqlite3.Connection) -> None:
    """Construct what looks like CREATE TABLE to the authorizer: table functions, FTS, R*Trees."""
    tables = connection.execute(
        "SELECT '\"' || replace(name, '\"', '\"\"') || '\"' FROM sqlite_master "
        "WHERE type = 'table' AND rootpage = 0"
    )
    for source in (*_TABLE_FUNCTIONS, *(bytes(name).decode() for (name,) in tables.fetchall())):
        with suppress(sqlite3.Error):  # of a module that is not there; the query may not need it
            connection.execute(f"SELECT 1 FROM {source} LIMIT 0")  # noqa: S608  a quoted name


def _authorize(action: int, first: str | None, second: str | None, *_: object) -> int:
    if action == sqlite3.SQLITE_PRAGMA:
        is_allowed = first in _ALLOWED_PRAGMAS and second is None
    elif action == sqlite3.SQLITE_FUNCTION:
        is_allowed = (second or "").lower() not in _REFUSED_FUNCTIONS
    else:
        is_allowed = action in _ALLOWED
    return sqlite3.SQLITE_OK if is_allowed else sqlite3.SQLITE_DENY


def _mark_blobs(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Put each blob into a list of its own: marshal turns texts into bytes too."""
    return [tuple([v] if type(v) is bytes else v for v in row) for row in rows]


if __name__ == "__main__":
    main()
    # The thread waits for the pipe, which Python's own end would wait for and then complain of.
    os._exit(0)
