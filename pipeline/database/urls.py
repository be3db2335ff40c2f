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
    except ArgumentError:
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
    """
    if kind is EngineKind.SQLITE:
        return url, {"timeout": float(lock_wait_seconds)}
    query = dict(url.query)
    options: dict[str, Any] = {"connect_timeout": 10, "charset": "utf8mb4"}
    authority = query.pop("ssl_ca", None)
    checks_name = str(query.pop("ssl_verify_identity", "true")).lower() not in ("false", "0")
    if authority:
        options |= {"ssl_ca": authority, "ssl_verify_cert": True}
        options["ssl_verify_identity"] = checks_name
    if kind is EngineKind.SINGLESTORE:
        # The client's own default commits after each statement.
        query.pop("autocommit", None)
        options["autocommit"] = False
    return url.set(query=query), options
