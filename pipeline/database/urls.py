"""Database addresses: which engine one means, and the options that each driver needs."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError

from pipeline.errors import ConfigError


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
    except ArgumentError:
        raise ConfigError(f"the database URL cannot be read; it looks like {_EXAMPLES}") from None
    kind = _KINDS.get(url.get_backend_name())
    if kind is None:
        raise ConfigError(
            f"the database URL names engine {url.get_backend_name()!r}; it must look like {_EXAMPLES}"
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


def connect_options(url: URL, kind: EngineKind) -> tuple[URL, dict[str, Any]]:
    """Give the address and the driver's options, so that both drivers behave alike.

    `?ssl_ca=` is understood by both; the singlestoredb client commits after each statement unless it is told not to.
    """
    if kind is EngineKind.SQLITE:
        return url, {"timeout": 30.0}
    if kind is EngineKind.MYSQL:
        return _pymysql_options(url)
    return _singlestoredb_options(url)


def _pymysql_options(url: URL) -> tuple[URL, dict[str, Any]]:
    query = dict(url.query)
    options: dict[str, Any] = {"connect_timeout": 10, "charset": "utf8mb4"}
    authority = query.pop("ssl_ca", None)
    if authority:
        options["ssl"] = {"ca": authority, "check_hostname": True}
    return url.set(query=query), options


def _singlestoredb_options(url: URL) -> tuple[URL, dict[str, Any]]:
    query = {name: value for name, value in url.query.items() if name != "autocommit"}
    options: dict[str, Any] = {"autocommit": False, "connect_timeout": 10, "charset": "utf8mb4"}
    return url.set(query=query), options
