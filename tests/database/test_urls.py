"""Database addresses: what they mean, and what is said of one that cannot be used."""

from __future__ import annotations

from importlib.metadata import requires

import pytest
from pymysql import _auth

from sqltune.database.connection import Database
from sqltune.database.urls import EngineKind
from sqltune.errors import ConfigError


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("sqlite:///sqltune.db", EngineKind.SQLITE),
        ("sqlite:////tmp/sqltune.db", EngineKind.SQLITE),
        ("sqlite://", EngineKind.SQLITE),
        ("mysql+pymysql://u:p@h/d", EngineKind.MYSQL),
        ("mysql://u:p@h/d", EngineKind.MYSQL),
        ("mariadb+pymysql://u:p@h/d", EngineKind.MYSQL),
        ("singlestoredb://u:p@h:3333/d", EngineKind.SINGLESTORE),
        ("singlestoredb+mysql://u:p@h/d", EngineKind.SINGLESTORE),
    ],
)
def test_an_address_says_which_engine_it_means(url: str, kind: EngineKind) -> None:
    assert Database.open(url).kind is kind


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "cannot be read"),
        ("sqltune.db", "cannot be read"),
        ("postgresql://u:hidden@h/d", "postgresql"),
        ("mysql+mysqlconnector://u:hidden@h/d", "mysqlconnector"),
        ("singlestoredb+https://u:hidden@h/d", "no transactions"),
        ("mysql+pymysql://u:hidden@h/d?ssl_certificate=x", "ssl_certificate"),
        ("singlestoredb://u:hidden@h/d?colour=red", "colour"),
        ("mysql+pymysql://u:hidden@h:port/d", "cannot be read"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_its_password(
    url: str, words: str
) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        Database.open(url)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("driver", ["mysql+pymysql", "singlestoredb"])
def test_the_password_is_not_in_what_a_database_shows_of_itself(driver: str) -> None:
    database = Database.open(f"{driver}://user:hidden@example.org:3307/sqltune")
    assert "example.org:3307/sqltune" in repr(database)
    assert "example.org:3307/sqltune" in database.address
    assert "hidden" not in repr(database) + database.address + str(vars(database))


def test_what_the_default_login_of_mysql_8_needs_is_installed_with_sqltune() -> None:
    # PyMySQL encrypts the password of caching_sha2_password with it, where there is no TLS.
    assert any(name.startswith("cryptography") for name in requires("sqltune") or [])
    assert _auth._have_cryptography


def test_options_of_the_driver_are_passed_on() -> None:
    database = Database.open("singlestoredb://u@h/d?local_infile=true&connect_timeout=3")
    assert database.engine.url.query["local_infile"] == "true"
