"""`?ssl_ca=` with both network drivers, against a private MariaDB that requires TLS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sqltune.database.connection import Database
from sqltune.errors import ConfigError, DatabaseError
from tests.certificates import Authority, make_authority
from tests.mariadb_server import PASSWORD, USER, SqlServer, start_server
from tests.singlestore_on_mariadb import open_database

DRIVERS = pytest.mark.parametrize("driver", ["mysql+pymysql", "singlestoredb"])


@dataclass(frozen=True)
class TlsServer:
    """A server whose certificate is for one address, and the authority behind it."""

    server: SqlServer
    authority: Authority
    stranger: Authority


def start_with_certificate(folder: Path, address: str) -> Iterator[TlsServer]:
    authority = make_authority(folder, "authority")
    certificate, key = authority.sign_server(folder, address)
    options = [f"--ssl-ca={authority.path}", f"--ssl-cert={certificate}", f"--ssl-key={key}"]
    with start_server("--require-secure-transport=ON", *options) as server:
        server.execute("CREATE DATABASE sqltune")
        yield TlsServer(server, authority, make_authority(folder, "stranger"))


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsServer]:
    yield from start_with_certificate(tmp_path_factory.mktemp("tls"), "127.0.0.1")


@pytest.fixture(scope="module")
def server_of_another_name(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsServer]:
    yield from start_with_certificate(tmp_path_factory.mktemp("tls"), "192.0.2.1")


def cipher(url: str) -> str:
    database = open_database(url)
    try:
        with database.read() as session:
            row = session.connection.exec_driver_sql("SHOW STATUS LIKE 'Ssl_cipher'").one()
            return str(row[1])
    finally:
        database.close()


@DRIVERS
def test_with_ssl_ca_the_connection_is_encrypted(tls_server: TlsServer, driver: str) -> None:
    url = tls_server.server.url(driver, "sqltune")
    assert cipher(f"{url}?ssl_ca={tls_server.authority.path}") != ""


@DRIVERS
def test_a_server_that_the_authority_does_not_know_is_refused(
    tls_server: TlsServer, driver: str
) -> None:
    url = f"{tls_server.server.url(driver, 'sqltune')}?ssl_ca={tls_server.stranger.path}"
    with pytest.raises(DatabaseError, match=r"(?i)certificate") as caught:
        cipher(url)
    assert PASSWORD not in str(caught.value)


@DRIVERS
def test_a_server_that_wants_tls_is_never_spoken_to_in_the_clear(
    tls_server: TlsServer, driver: str
) -> None:
    # Both drivers encrypt by themselves where a server can, only without looking who it is.
    url = tls_server.server.url(driver, "sqltune")
    assert cipher(url) != ""
    with pytest.raises(DatabaseError, match="ssl_ca"):
        cipher(f"{url}?ssl_disabled=true")


@DRIVERS
def test_a_certificate_of_another_name_is_refused_unless_told_otherwise(
    server_of_another_name: TlsServer, driver: str
) -> None:
    tls = server_of_another_name
    url = f"{tls.server.url(driver, 'sqltune')}?ssl_ca={tls.authority.path}"
    with pytest.raises(DatabaseError, match=r"127\.0\.0\.1"):
        cipher(url)
    assert cipher(f"{url}&ssl_verify_identity=false") != ""


@DRIVERS
def test_a_server_without_tls_is_refused_when_the_address_has_ssl_ca(
    mariadb_server: SqlServer, tmp_path: Path, driver: str
) -> None:
    authority = make_authority(tmp_path, "authority")
    url = f"{mariadb_server.url(driver, '')}?ssl_ca={authority.path}"
    with pytest.raises(DatabaseError, match=r"TLS|SSL"):
        cipher(url)


@DRIVERS
def test_a_missing_file_of_certificates_is_named(driver: str) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.pem"):
        Database.open(f"{driver}://{USER}@127.0.0.1/d?ssl_ca=/nowhere.pem")
