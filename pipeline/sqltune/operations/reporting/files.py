"""Writes pages into files: one file for one adapter, else a folder with an index."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from sqltune.database.connection import Database
from sqltune.database.tables import reports
from sqltune.errors import ConfigError
from sqltune.operations.reporting.contents import read_report
from sqltune.operations.reporting.pages import render_adapter, render_index, summarise_report
from sqltune.syncing.due import require_declared

_NAME = "sqltune-report"
_PLAIN = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")


def write_reports(
    database: Database,
    names: Sequence[str],
    place: Path | None = None,
    *,
    now: Callable[[], datetime],
) -> Path:
    """Write the page of one adapter that is named, else a folder with a page per adapter.

    Args:
        database: where to read.
        names: of adapters; none means all that are declared.
        place: the file, or the folder; None: sqltune-report.html, or the folder sqltune-report.
        now: the time in UTC.

    Returns:
        The page to open first.

    Raises:
        ConfigError: a named adapter does not exist, or `place` is a folder where a file is meant,
            or the other way round, or cannot be written.
    """
    with database.read() as session:
        declared = {row["adapter_name"]: row for row in reports.list_status(session)}
    require_declared(names, declared)
    chosen = [declared[name] for name in dict.fromkeys(names or declared)]
    if names and len(chosen) == 1:
        return _write_one(database, chosen[0], place or Path(f"{_NAME}.html"), now())
    return _write_folder(database, chosen, place or Path(_NAME), now())


def page_name(adapter_name: str) -> str:
    """Return the file of an adapter's page: its name where every system has such files."""
    if _PLAIN.fullmatch(adapter_name) and adapter_name != "index":
        return f"{adapter_name}.html"
    beginning = re.sub(r"[^a-z0-9_-]+", "-", adapter_name.lower())[:40].strip("-")
    digest = blake2b(adapter_name.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
    return f"{beginning}~{digest}.html"


def _write_one(database: Database, status: Mapping[str, Any], path: Path, now: datetime) -> Path:
    if path.is_dir():
        raise ConfigError(f"{str(path)!r} is a folder: the report on one adapter is a file")
    with database.read() as session:
        report = read_report(session, status)
    return _write(path, render_adapter(report, now=now, has_index=False))


def _write_folder(
    database: Database, declared: Sequence[Mapping[str, Any]], folder: Path, now: datetime
) -> Path:
    if folder.is_file() or folder.suffix in (".html", ".htm"):
        raise ConfigError(
            f"the report on several adapters is a folder with index.html, and {str(folder)!r} "
            "names a file: name one adapter, or a folder"
        )
    entries = []
    for status in declared:
        with database.read() as session:
            report = read_report(session, status)
        page = render_adapter(report, now=now, has_index=True)
        path = _write(folder / page_name(report.adapter_name), page)
        entries.append(summarise_report(report, path.name))
    return _write(folder / "index.html", render_index(entries, now=now))


def _write(path: Path, page: str) -> Path:
    """Write a file as a whole: who opens it meanwhile sees the page before, or this one."""
    _require_replaceable(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A new file, for this user alone: nobody's link leads it elsewhere.
        with (
            NamedTemporaryFile(
                "w",
                encoding="utf-8",
                newline="\n",
                dir=path.parent,
                prefix=".sqltune-",
                delete=False,
            ) as file,
            _removed_on_error(Path(file.name)),
        ):
            file.write(page)
            file.flush()
            os.replace(file.name, path)
    except OSError as error:
        raise ConfigError(
            f"cannot write {path}: {error.strerror or error}; name another place with -o"
        ) from error
    return path.resolve()


def _require_replaceable(path: Path) -> None:
    """Refuse a device, a pipe or a link: a new file in its place would remove it."""
    if path.is_symlink():
        raise ConfigError(f"{path} is a symbolic link: name the file that it leads to")
    if path.exists() and not path.is_file():
        raise ConfigError(f"{path} is no regular file: a report replaces nothing else")


@contextmanager
def _removed_on_error(path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise
