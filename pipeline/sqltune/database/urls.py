"""Database addresses: which engine one means, and the options that each driver needs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError

from sqltune.database.url_options import PYMYSQL, SINGLESTOREDB, SQLITE, read_options
from sqltune.errors import ConfigError


class EngineKind(StrEnum):
    """The engines; the value is the folder of their SQL files."""

    SQLITE = "sqlite"
    MYSQL = "mysql"  #: MySQL and MariaDB
    SINGLESTORE = "singlestore"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is."""

    url: URL
    kind: EngineKind
    setting: str  #: what messages call it
    options: dict[str, Any]  #: what stands behind its ?, as the driver wants it


#: The scheme of an engine's addresses.
SCHEMES = {
    EngineKind.SQLITE: "sqlite",
    EngineKind.MYSQL: "mysql+pymysql",
    EngineKind.SINGLESTORE: "singlestoredb",
}
_KINDS = {
    "sqlite": EngineKind.SQLITE,
    "mysql": EngineKind.MYSQL,
    "mariadb": EngineKind.MYSQL,
    "singlestoredb": EngineKind.SINGLESTORE,
}
_EXAMPLES = (
    "sqlite:///sqltune.db, mysql+pymysql://user:password@host/database or "
    "singlestoredb://user:password@host/database"
)
_DRIVERS = {
    EngineKind.SQLITE: ("", "pysqlite"),
    EngineKind.MYSQL: ("", "mysqldb", "pymysql"),
    EngineKind.SINGLESTORE: ("", "mysql"),
}
_OPTIONS = {
    EngineKind.SQLITE: SQLITE,
    EngineKind.MYSQL: PYMYSQL,
    EngineKind.SINGLESTORE: SINGLESTOREDB,
}
#: Schemes and drivers that a message may name; anything else could be a part of a password.
_FOREIGN = frozenset({"duckdb", "mariadb", "memsql", "mssql", "mysql", "oracle", "postgres"})
_FOREIGN |= {"postgresql", "psycopg", "psycopg2", "singlestore", "sqlserver", "aiomysql", "asyncmy"}
_FOREIGN |= {"mariadbconnector", "mysqlconnector", "pymysql", "pyodbc", "aiosqlite"}
#: A login in what should be a file's path.
_LOGIN = re.compile(r":[^/\\].*@")
_ESCAPES = "@ is %40, : is %3A, / is %2F, # is %23, ? is %3F, % is %25, a space is %20"


def parse_address(text: str, *, setting: str, reads_only: bool = False) -> Address:
    """Read an address; no part of its password appears in an error.

    Args:
        text: the address.
        setting: what messages call it.
        reads_only: whether only queries of adapters run there.

    Raises:
        ConfigError: it is no address, ambiguous, or of an engine that is not supported.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ConfigError(
            f"{setting} cannot be read; it looks like {_EXAMPLES}. Percent-encode reserved "
            f"characters in the user name and the password: {_ESCAPES}"
        ) from None
    kind = _KINDS.get(url.get_backend_name())
    if kind is None:
        engine = _shown("engine", url.get_backend_name())
        raise ConfigError(f"{setting} names {engine}; it must look like {_EXAMPLES}")
    if kind is EngineKind.SQLITE:
        _refuse_host(url, setting)
        _refuse_memory(url, setting)
    else:
        _refuse_ambiguity(url, text, setting)
    url = _with_driver(url, kind, setting)
    options = read_options(url, _OPTIONS[kind], setting=setting, reads_only=reads_only)
    return Address(url, kind, setting, options)


def _shown(noun: str, name: str) -> str:
    return f"{noun} {name!r}" if name in _FOREIGN else f"another {noun}"


def _with_driver(url: URL, kind: EngineKind, setting: str) -> URL:
    _, _, driver = url.drivername.partition("+")
    if driver in _DRIVERS[kind]:
        return url.set(drivername=SCHEMES[kind]) if kind is EngineKind.MYSQL else url
    if kind is EngineKind.SINGLESTORE and driver in ("http", "https"):
        raise ConfigError(
            f"{setting}: SingleStore's HTTP API has no transactions: use singlestoredb://"
        )
    raise ConfigError(
        f"{setting} names {_shown('driver', driver)}, which is not supported: use "
        f"{SCHEMES[kind]}://"
    )


def _refuse_host(url: URL, setting: str) -> None:
    if url.host or url.username or _LOGIN.search((url.database or "").removeprefix("file:")):
        raise ConfigError(
            f"{setting} names a host, which SQLite does not have: a file is "
            "sqlite:///sqltune.db, with three slashes, or four before an absolute path"
        )


def _refuse_memory(url: URL, setting: str) -> None:
    """Each connection would have a database of its own, which ends with it."""
    if not url.database or ":memory:" in url.database:
        raise ConfigError(
            f"{setting} names a database in memory, which several connections cannot share: name a "
            "file, for instance sqlite:///sqltune.db"
        )


def _refuse_ambiguity(url: URL, text: str, setting: str) -> None:
    """Refuse an unescaped `@`: part of the password would be taken for the host and be shown."""
    separators = 0 if url.username is None else 1
    if text.count("@") > separators:
        raise ConfigError(
            f"{setting} is ambiguous: the only @ in it may be the one before the host. "
            f"Percent-encode reserved characters in the user name and the password: {_ESCAPES}"
        )


def connect_options(address: Address, *, lock_wait_seconds: int) -> tuple[URL, dict[str, Any]]:
    """Return the URL and the driver's options, so that all drivers behave alike.

    Both network drivers understand `?ssl_ca=FILE`, and `&ssl_verify_identity=false` with it for a
    certificate whose name is not the host's.

    Raises:
        ConfigError: an option is not one of the driver's, or a file or folder is missing.
    """
    url = address.url
    if address.kind is EngineKind.SQLITE:
        _refuse_missing_folder(address)
        return url, {"timeout": address.options.get("timeout", float(lock_wait_seconds))}
    options: dict[str, Any] = {"connect_timeout": 10, "charset": "utf8mb4"} | address.options
    if url.password:
        # Both drivers encode it as Latin-1, the servers' own clients as UTF-8.
        options["password"] = url.password.encode().decode("latin-1")
    authority = options.get("ssl_ca")
    if authority:
        if not Path(authority).is_file():
            raise ConfigError(f"ssl_ca in {address.setting}: there is no file {authority!r}")
        options = {"ssl_verify_identity": True} | options | {"ssl_verify_cert": True}
    # Not read from the URL once more: the dialects understand some of them in their own way.
    url = url.set(query={})
    is_mysql = address.kind is EngineKind.MYSQL
    if not is_mysql:
        return _singlestoredb_options(url, options)
    # Its limit on connecting does not count the server's greeting, which may never come.
    return url, {"read_timeout": options["connect_timeout"]} | options


def _refuse_missing_folder(address: Address) -> None:
    """SQLite makes a file, not a folder, and its own message names neither."""
    if address.url.database and "uri" not in address.url.query:
        folder = Path(address.url.database).parent
        if not folder.is_dir():
            # An address of a server, with a password, may have been given the wrong scheme.
            shown = (
                "a folder that does not exist"
                if "@" in str(folder)
                else f"{folder}, which is no folder"
            )
            raise ConfigError(f"{address.setting} names a file in {shown}")


def _singlestoredb_options(url: URL, options: dict[str, Any]) -> tuple[URL, dict[str, Any]]:
    # The client's own default commits after each statement.
    options["autocommit"] = False
    # Its dialect leaves a slash in a password as it is, and reads the rest as the database.
    if url.username:
        options = {"user": url.username, "password": ""} | options
    bare = URL.create(url.drivername, host=url.host, port=url.port, database=url.database)
    return bare, options
