"""Database addresses: what they mean, and what is reported of one that cannot be used."""

from __future__ import annotations

from importlib.metadata import requires

import pytest
from pymysql import _auth

from sqltune.database.connection import Database
from sqltune.database.urls import EngineKind
from sqltune.errors import ConfigError
from tests.passwords import AMBIGUOUS, CLEAR, shows_part_of


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("sqlite:///sqltune.db", EngineKind.SQLITE),
        ("sqlite:////tmp/sqltune.db", EngineKind.SQLITE),
        ("sqlite:////tmp/a@b.db", EngineKind.SQLITE),
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
        ("sqlite://sqltune.db", "three slashes"),
        ("sqlite://u:hidden@h/d", "three slashes"),
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
@pytest.mark.parametrize("login", [f"user:{password}" for password in AMBIGUOUS] + ["us/er:Zq7Xv9"])
def test_a_login_that_would_be_cut_short_is_refused_with_how_to_write_it(
    driver: str, login: str
) -> None:
    with pytest.raises(ConfigError, match=r"Percent-encode .* @ is %40") as caught:
        Database.open(f"{driver}://{login}@127.0.0.1:3307/sqltune")
    assert not shows_part_of(login.partition(":")[2], str(caught.value))


@pytest.mark.parametrize("driver", ["mysql+pymysql", "singlestoredb"])
@pytest.mark.parametrize("password", CLEAR)
def test_a_password_whose_end_is_clear_is_taken_whole_and_never_shown(
    driver: str, password: str
) -> None:
    database = Database.open(f"{driver}://user:{password}@127.0.0.1:3307/sqltune")
    assert connection_options(database)["password"] == password
    for shown in (repr(database), database.address):
        assert "127.0.0.1:3307/sqltune" in shown
        assert not shows_part_of(password, shown)


def connection_options(database: Database) -> dict[str, object]:
    """The arguments that the driver gets, those of the URL and those beside it."""
    found: dict[str, object] = {}

    def connect(*_arguments: object, **options: object) -> None:
        found.update(options)
        raise ConnectionAbortedError

    database.engine.dialect.connect = connect
    with pytest.raises(ConnectionAbortedError):
        database.engine.raw_connection()
    return found


@pytest.mark.parametrize("option", ["passwd", "password", "ssl_key_password", "PASSWORD", "pwd"])
@pytest.mark.parametrize("start", ["mysql+pymysql://u@h/d", "singlestoredb://u@h/d", "sqlite:///d"])
def test_a_password_among_the_options_is_refused_and_never_shown(start: str, option: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Database.open(f"{start}?{option}=Zq7Xv9")
    assert not shows_part_of("Zq7Xv9", str(caught.value))
    assert option.isupper() or "user:password@host" in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "Zq7Xv9://h/d",
        "Zq7://Xv9@h/d",
        "Zq7Xv9+pymysql://u@h/d",
        "mysql+Zq7Xv9://u@h/d",
        "mysql+pymysql+Zq7Xv9://u@h/d",
        "singlestoredb+Zq7Xv9://u@h/d",
        "sqlite+Zq7Xv9:///d",
        "mysql+pymysql://u:Jw4&Zq7Xv9@h/d?Zq7Xv9=1",
        "mysql+pymysql://u@h/d?port=Zq7Xv9",
        "mysql+pymysql://u@h/d?connect_timeout=Zq7Xv9",
        "mysql+pymysql://u@h/d?a=1&Zq7Xv9=2",
        "sqlite:///d?timeout=Zq7Xv9",
        "mysql://u:Zq7Xv9",
        "sqlite:///u:Zq7Xv9@h",
        "sqlite:///file:u:Zq7Xv9@h?uri=true",
        "u:Zq7Xv9@h/d",
    ],
)
def test_no_part_of_a_wrong_address_that_could_be_a_password_is_shown(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Database.open(url)
    assert not shows_part_of("Zq7Xv9", str(caught.value))


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("multi_statements=true", "several statements"),
        ("client_flag=65536", "several statements"),
        ("init_command=SET+NAMES+gbk", "remove it"),
        ("sql_mode=ANSI", "remove it"),
        ("charset=gbk", "must be utf8mb4"),
        ("cursorclass=x", "not one of"),
        ("conv=x", "not one of"),
        ("credential_type=JWT", "not one of"),
        ("self=x", "not one of"),
        ("ssl=x", "not one of"),
        ("connect_timeout=NaN", "whole number"),
        ("connect_timeout=-1", "whole number"),
        ("local_infile=maybe", "true or false"),
        ("charset=utf8mb4&charset=utf8mb4", "twice"),
    ],
)
@pytest.mark.parametrize("driver", ["mysql+pymysql", "singlestoredb"])
def test_an_option_that_weakens_a_connection_or_is_wrong_is_refused_with_what_to_do(
    driver: str, option: str, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        Database.open(f"{driver}://u@h/d?{option}")


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("timeout=NaN", "number of seconds"),
        ("timeout=x", "number of seconds"),
        ("isolation_level=x", "not one of"),
        ("mode=ro", "uri=true"),
        ("foo=1", "'foo', which is not one of"),
    ],
)
def test_an_option_that_sqlite_does_not_have_is_refused(option: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Database.open(f"sqlite:///sqltune.db?{option}")


@pytest.mark.parametrize("driver", ["mysql+pymysql", "singlestoredb"])
def test_a_selection_may_not_let_a_server_read_files(driver: str) -> None:
    url = f"{driver}://u@h/d?local_infile=true"
    with pytest.raises(ConfigError, match=r"^SQLTUNE_SELECTION_URL has .* imports go through"):
        Database.open(url, setting="SQLTUNE_SELECTION_URL", reads_only=True)


def test_the_address_of_the_selection_is_called_by_its_variable() -> None:
    with pytest.raises(ConfigError, match=r"^SQLTUNE_SELECTION_URL is ambiguous"):
        Database.open("mysql+pymysql://u:a@b@h/d", setting="SQLTUNE_SELECTION_URL")


@pytest.mark.parametrize("driver", ["mysql+pymysql", "singlestoredb"])
def test_the_password_is_not_in_what_a_database_shows_of_itself(driver: str) -> None:
    database = Database.open(f"{driver}://user:hidden@example.org:3307/sqltune")
    for text in (repr(database), database.address):
        assert "hidden" not in text
        assert "example.org:3307/sqltune" in text
    assert "hidden" not in str(vars(database))


def test_what_the_default_login_of_mysql_8_needs_is_installed_with_sqltune() -> None:
    # PyMySQL encrypts the password of caching_sha2_password with it, where there is no TLS.
    assert any(name.startswith("cryptography") for name in requires("sqltune") or [])
    assert _auth._have_cryptography


def test_options_of_the_driver_are_passed_on() -> None:
    database = Database.open("singlestoredb://u@h/d?local_infile=true&connect_timeout=3")
    options = connection_options(database)
    assert (options["local_infile"], options["connect_timeout"]) == (True, 3)
