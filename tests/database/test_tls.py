"""`?ssl_ca=` with both network drivers, against private servers that require TLS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sqltune.database.connection import Database
from sqltune.errors import ConfigError, DatabaseError
from tests.certificates import Authority, make_authority
from tests.engines import driver_of
from tests.mariadb_server import AS_SINGLESTORE, start_server
from tests.singlestore_on_mariadb import open_database
from tests.sql_server import PASSWORD, USER, SqlServer

#: Each driver, with what the server must be started with for it.
DRIVERS = [("mysql+pymysql", ()), ("singlestoredb", (AS_SINGLESTORE,))]


@dataclass(frozen=True)
class TlsServer:
    """A server whose certificate is for one address, and the authority behind it."""

    url: str
    authority: Authority
    stranger: Authority


def start_with_certificate(
    folder: Path, address: str, driver: str, options: tuple[str, ...]
) -> Iterator[TlsServer]:
    authority = make_authority(folder, "authority")
    certificate, key = authority.sign_server(folder, address)
    tls = [f"--ssl-ca={authority.path}", f"--ssl-cert={certificate}", f"--ssl-key={key}"]
    with start_server("--require-secure-transport=ON", *tls, *options) as server:
        server.execute("CREATE DATABASE sqltune")
        url = server.url(driver, "sqltune")
        yield TlsServer(url, authority, make_authority(folder, "stranger"))


@pytest.fixture(scope="module", params=DRIVERS, ids=[driver for driver, _ in DRIVERS])
def tls_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TlsServer]:
    yield from start_with_certificate(tmp_path_factory.mktemp("tls"), "127.0.0.1", *request.param)


@pytest.fixture(scope="module", params=DRIVERS, ids=[driver for driver, _ in DRIVERS])
def server_of_another_name(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TlsServer]:
    yield from start_with_certificate(tmp_path_factory.mktemp("tls"), "192.0.2.1", *request.param)


def cipher(url: str) -> str:
    database = open_database(url)
    try:
        with database.read() as session:
            row = session.connection.exec_driver_sql("SHOW STATUS LIKE 'Ssl_cipher'").one()
            return str(row[1])
    finally:
        database.close()


def test_with_ssl_ca_the_connection_is_encrypted(tls_server: TlsServer) -> None:
    assert cipher(f"{tls_server.url}?ssl_ca={tls_server.authority.path}") != ""


def test_a_server_that_the_authority_does_not_know_is_refused(tls_server: TlsServer) -> None:
    with pytest.raises(DatabaseError, match=r"(?i)certificate") as caught:
        cipher(f"{tls_server.url}?ssl_ca={tls_server.stranger.path}")
    assert PASSWORD not in str(caught.value)


def test_a_server_that_requires_tls_gets_no_clear_text(tls_server: TlsServer) -> None:
    # Both drivers encrypt where a server can, only without verifying who it is.
    assert cipher(tls_server.url) != ""
    with pytest.raises(DatabaseError, match="ssl_ca"):
        cipher(f"{tls_server.url}?ssl_disabled=true")


def test_a_certificate_of_another_name_is_refused_unless_its_name_is_not_to_be_verified(
    server_of_another_name: TlsServer,
) -> None:
    tls = server_of_another_name
    url = f"{tls.url}?ssl_ca={tls.authority.path}"
    with pytest.raises(DatabaseError, match=r"127\.0\.0\.1"):
        cipher(url)
    assert cipher(f"{url}&ssl_verify_identity=false") != ""


@pytest.mark.mysql
def test_the_certificate_that_mysql_makes_for_itself_encrypts_the_connection(
    mysql_server: SqlServer,
) -> None:
    authority = mysql_server.folder / "data" / "ca.pem"
    url = f"{mysql_server.url('mysql+pymysql', '')}?ssl_ca={authority}&ssl_verify_identity=false"
    assert cipher(url) != ""


@pytest.mark.parametrize("database_engine", ["mariadb-pymysql", "mariadb-singlestoredb"])
def test_a_server_without_tls_is_refused_when_the_address_has_ssl_ca(
    sql_server: SqlServer, database_engine: str, tmp_path: Path
) -> None:
    authority = make_authority(tmp_path, "authority")
    url = f"{sql_server.url(driver_of(database_engine), '')}?ssl_ca={authority.path}"
    with pytest.raises(DatabaseError, match=r"TLS|SSL"):
        cipher(url)


@pytest.mark.parametrize("driver", ["mysql+pymysql", "singlestoredb"])
def test_a_missing_file_of_certificates_is_named(driver: str) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.pem"):
        Database.open(f"{driver}://{USER}@127.0.0.1/d?ssl_ca=/nowhere.pem")
