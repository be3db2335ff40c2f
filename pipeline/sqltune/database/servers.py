"""Which server answers at an address; one of another engine than the scheme means is refused.

SingleStore speaks MySQL's protocol: each driver connects to each server, and what fails later, at a
statement that only one engine knows, names no cause.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqltune.database.urls import SCHEMES, Address, EngineKind
from sqltune.errors import ConfigError

_SHARED_OPTIONS = ("ssl_ca", "ssl_cert", "ssl_key", "ssl_verify_cert", "ssl_verify_identity")

#: In VERSION() or @@version_comment, for instance "SingleStoreDB source distribution (compatible;
#: MySQL Enterprise & MySQL Commercial)".
_SINGLESTORE = re.compile(r"singlestore|memsql", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FoundServer:
    """The server at the other end of a connection."""

    name: str
    kind: EngineKind
    version: str


def identify_server(connection: Any, refused: type[Exception]) -> FoundServer:
    """Ask a new connection which server it reached.

    Args:
        connection: a connection of a network driver.
        refused: the driver's errors.
    """
    version, comment = _fetch_row(connection, "SELECT VERSION(), @@version_comment")
    if _SINGLESTORE.search(f"{version} {comment}"):
        return FoundServer("SingleStore", EngineKind.SINGLESTORE, version)
    # No other server has this variable.
    with suppress(refused):
        (own_version,) = _fetch_row(connection, "SELECT @@memsql_version")
        return FoundServer("SingleStore", EngineKind.SINGLESTORE, own_version)
    name = "MariaDB" if "mariadb" in f"{version} {comment}".lower() else "MySQL"
    return FoundServer(name, EngineKind.MYSQL, version)


def require_kind(found: FoundServer, address: Address) -> None:
    """Refuse a server of another engine than the scheme of its address.

    Raises:
        ConfigError: names the server that was found and the URL to use.
    """
    if found.kind is address.kind:
        return
    # Options of a driver mean nothing to another one; both know those of TLS.
    shared = {name: value for name, value in address.url.query.items() if name in _SHARED_OPTIONS}
    url = address.url.set(drivername=SCHEMES[found.kind], query=shared)
    raise ConfigError(
        f"{address.setting} begins with {address.url.drivername}://, but the server at "
        f"{address.url.host} is {found.name} ({found.version}): use "
        f"{url.render_as_string(hide_password=True)}"
    )


def _fetch_row(connection: Any, query: str) -> tuple[str, ...]:
    cursor = connection.cursor()
    try:
        cursor.execute(query)
        return tuple(str(value) for value in cursor.fetchone())
    finally:
        cursor.close()
