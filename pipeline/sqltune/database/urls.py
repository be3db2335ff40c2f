"""Database addresses: which engine one means, and the options that each driver needs."""

from __future__ import annotations

from enum import StrEnum
from inspect import signature
from pathlib import Path
from typing import Any

from sqlalchemy import make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError

from sqltune.errors import ConfigError


class EngineKind(StrEnum):
    """The engines; the value is the folder of their SQL files."""

    SQLITE = "sqlite"
    MYSQL = "mysql"  #: MySQL and MariaDB
    SINGLESTORE = "singlestore"


_KINDS = {
    "sqlite": EngineKind.SQLITE,
    "mysql": EngineKind.MYSQL,
    "mariadb": EngineKind.MYSQL,
    "singlestoredb": EngineKind.SINGLESTORE,
}
_NO = ("false", "0", "no", "off")
_EXAMPLES = (
    "sqlite:///sqltune.db, mysql+pymysql://user:password@host/database or "
    "singlestoredb://user:password@host/database"
)


def parse_url(text: str) -> tuple[URL, EngineKind]:
    """Read an address; the password never appears in an error.

    Raises:
        ConfigError: it is no address, or of an engine that is not supported.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ConfigError(f"the database URL cannot be read; it looks like {_EXAMPLES}") from None
    kind = _KINDS.get(url.get_backend_name())
    if kind is None:
        raise ConfigError(
            f"the database URL names engine {url.get_backend_name()!r}; "
            f"it must look like {_EXAMPLES}"
        )
    if kind is EngineKind.MYSQL and url.get_driver_name() in ("", "mysqldb"):
        url = url.set(drivername="mysql+pymysql")
    if kind is EngineKind.MYSQL and url.get_driver_name() != "pymysql":
        raise ConfigError(
            f"driver {url.get_driver_name()!r} is not supported: use mysql+pymysql://"
        )
    if kind is EngineKind.SINGLESTORE and "https" in url.drivername:
        raise ConfigError("singlestoredb+https:// has no transactions: use singlestoredb://")
    return url, kind


def connect_options(
    url: URL, kind: EngineKind, *, lock_wait_seconds: int
) -> tuple[URL, dict[str, Any]]:
    """Give the address and the driver's options, so that all drivers behave alike.

    Both network drivers understand `?ssl_ca=FILE`, and `&ssl_verify_identity=false` with it for a
    certificate whose name is not the host's.

    Raises:
        ConfigError: an option is not one of the driver's, or a file or folder is missing.
    """
    if kind is EngineKind.SQLITE:
        _refuse_missing_folder(url)
        return url, {"timeout": float(lock_wait_seconds)}
    _refuse_unknown_options(url, kind)
    query = dict(url.query)
    options: dict[str, Any] = {"connect_timeout": 10, "charset": "utf8mb4"}
    authority = query.pop("ssl_ca", None)
    checks_name = str(query.pop("ssl_verify_identity", "true")).lower() not in ("false", "0")
    if authority:
        if not Path(str(authority)).is_file():
            raise ConfigError(f"ssl_ca in the database URL: there is no file {authority!r}")
        options |= {"ssl_ca": authority, "ssl_verify_cert": True}
        options["ssl_verify_identity"] = checks_name
    url = url.set(query=query)
    return (url, options) if kind is EngineKind.MYSQL else _singlestoredb_options(url, options)


def _refuse_missing_folder(url: URL) -> None:
    """SQLite makes a file, not a folder, and its own message names neither."""
    if url.database and "uri" not in url.query:
        folder = Path(url.database).parent
        if not folder.is_dir():
            raise ConfigError(f"the database URL names a file in {folder}, which is no folder")


def _singlestoredb_options(url: URL, options: dict[str, Any]) -> tuple[URL, dict[str, Any]]:
    # The client's own default commits after each statement.
    options["autocommit"] = False
    # Its dialect leaves a slash in a password as it is, and reads the rest as the database.
    if url.username:
        options |= {"user": url.username, "password": url.password or ""}
    query = {name: value for name, value in url.query.items() if name != "autocommit"}
    bare = URL.create(
        url.drivername, host=url.host, port=url.port, database=url.database, query=query
    )
    return bare, options


def _refuse_unknown_options(url: URL, kind: EngineKind) -> None:
    unknown = sorted(set(url.query) - _driver_options(kind) - {"ssl_ca", "ssl_verify_identity"})
    if unknown:
        raise ConfigError(
            f"the database URL has option {unknown[0]!r}, which its driver does not know; "
            "usual ones are ssl_ca, connect_timeout and local_infile"
        )


def _driver_options(kind: EngineKind) -> set[str]:
    if kind is EngineKind.MYSQL:
        from pymysql.connections import Connection

        return set(signature(Connection.__init__).parameters)
    from singlestoredb.connection import connect

    return set(signature(connect).parameters)
