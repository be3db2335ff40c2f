"""Samples are sent only to the address that was set, and no message shows a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqltune.backends.gradient.account import read_account
from sqltune.errors import ConfigError
from sqltune.settings import Settings
from sqltune.wiring import BackendShelf

SECRET = "a-token-that-nobody-sees"
GIVEN = {
    "GRADIENT_API_URL": "http://127.0.0.1:8000/api/",
    "GRADIENT_ACCESS_TOKEN": SECRET,
    "GRADIENT_WORKSPACE_ID": "5b3d_workspace",
}


def test_an_account_is_read_from_the_environment_and_shows_no_secret() -> None:
    account = read_account(GIVEN)
    assert account.url == "http://127.0.0.1:8000/api"
    assert account.access_token == SECRET
    assert account.is_loopback
    assert SECRET not in repr(account)
    assert "5b3d" not in repr(account)


@pytest.mark.parametrize("missing", [{}, {"GRADIENT_API_URL": ""}, {"GRADIENT_API_URL": " "}])
def test_without_an_address_the_closed_service_and_its_replacement_are_named(
    missing: dict[str, str],
) -> None:
    others = {k: v for k, v in GIVEN.items() if k != "GRADIENT_API_URL"}
    with pytest.raises(ConfigError, match=r"public service has closed.*sqltune serve"):
        read_account(others | missing)


@pytest.mark.parametrize("name", ["GRADIENT_ACCESS_TOKEN", "GRADIENT_WORKSPACE_ID"])
def test_a_missing_variable_is_named(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is not set"):
        read_account(GIVEN | {name: ""})


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8000/api",
        "ftp://127.0.0.1/api",
        "http:///api",
        "http://127.0.0.1:port/api",
        "http://[::1/api",
    ],
)
def test_an_invalid_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="GRADIENT_API_URL is not a valid address"):
        read_account(GIVEN | {"GRADIENT_API_URL": url})


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "[::1]"])
def test_plain_http_is_fine_on_this_machine(host: str) -> None:
    assert read_account(GIVEN | {"GRADIENT_API_URL": f"http://{host}:1/api"}).is_loopback


def test_plain_http_to_another_machine_is_refused_unless_it_is_allowed() -> None:
    remote = GIVEN | {"GRADIENT_API_URL": "http://tuner.example/api"}
    with pytest.raises(ConfigError, match="GRADIENT_ALLOW_HTTP=1"):
        read_account(remote)
    assert not read_account(remote | {"GRADIENT_ALLOW_HTTP": "1"}).is_loopback
    assert not read_account(GIVEN | {"GRADIENT_API_URL": "https://tuner.example/api"}).is_loopback


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GRADIENT_API_URL", f"https://me:{SECRET}@tuner.example/api"),
        ("GRADIENT_API_URL", f"https://tuner.example/api?token={SECRET}"),
        ("GRADIENT_API_URL", f"https://tuner.example:{SECRET}/api"),
        ("GRADIENT_ACCESS_TOKEN", f"{SECRET}\nX-Other: 1"),
        ("GRADIENT_ACCESS_TOKEN", f"{SECRET}é"),
    ],
)
def test_a_wrong_value_is_refused_without_being_shown(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name) as refused:
        read_account(GIVEN | {name: value})
    assert SECRET not in str(refused.value)


def test_the_backend_is_not_built_without_an_address(tmp_path: Path) -> None:
    shelf = BackendShelf(Settings(artifacts=tmp_path))
    with pytest.raises(ConfigError, match="GRADIENT_API_URL is not set"):
        shelf.get("gradient")
