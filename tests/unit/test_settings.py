"""Flags over environment over file over defaults; a wrong value is named, a secret never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqltune.errors import ConfigError
from sqltune.settings import Settings, find_unknown_variables, load_settings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder without a settings file."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_file(folder: Path, text: str) -> None:
    (folder / "sqltune.toml").write_text(text, encoding="utf-8")


def test_without_anything_the_defaults_hold() -> None:
    settings = load_settings()
    assert settings.database_url == "sqlite:///sqltune.db"
    assert settings.lease_seconds == 60
    assert settings.backends == ("local", "scripted", "gradient")


def test_a_flag_wins_over_the_environment_and_that_over_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_file(folder, "lease_seconds = 10\nmax_attempts = 5\nretry_wait_seconds = 7\n")
    monkeypatch.setenv("SQLTUNE_LEASE_SECONDS", "20")
    monkeypatch.setenv("SQLTUNE_MAX_ATTEMPTS", "6")
    settings = load_settings(lease_seconds=30)
    assert (settings.lease_seconds, settings.max_attempts) == (30, 6)
    assert settings.retry_wait_seconds == 7


def test_a_flag_that_was_not_given_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQLTUNE_LEASE_SECONDS", "20")
    assert load_settings(lease_seconds=None).lease_seconds == 20


def test_lists_are_read_from_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQLTUNE_BACKENDS", "local, scripted,")
    monkeypatch.setenv("SQLTUNE_BASE_MODEL_FOLDERS", "/a:/b")
    settings = load_settings()
    assert settings.backends == ("local", "scripted")
    assert settings.base_model_folders == (Path("/a"), Path("/b"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LEASE_SECONDS", "0"),
        ("LEASE_SECONDS", "soon"),
        ("MAX_ATTEMPTS", "0"),
        ("RETRY_WAIT_SECONDS", "-1"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
        ("THREADS", "0"),
        ("SELECTION_TIMEOUT_SECONDS", "0"),
        ("ARTIFACTS", "s3://bucket/x"),
    ],
)
def test_a_wrong_value_is_named_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"SQLTUNE_{name}", value)
    with pytest.raises(ConfigError, match=f"SQLTUNE_{name}: .*{value}"):
        load_settings()


def test_an_unknown_name_in_the_file_is_refused(folder: Path) -> None:
    write_file(folder, "lease_second = 10\n")
    with pytest.raises(ConfigError, match="'lease_second': did you mean lease_seconds"):
        load_settings()


def test_a_file_that_is_no_toml_is_named(folder: Path) -> None:
    write_file(folder, "lease_seconds = \n")
    with pytest.raises(ConfigError, match=r"sqltune\.toml is not TOML"):
        load_settings()


def test_a_password_in_the_file_is_refused(folder: Path) -> None:
    write_file(folder, 'database_url = "mysql+pymysql://a:hidden@b/c"\n')
    with pytest.raises(ConfigError, match="SQLTUNE_DATABASE_URL") as refused:
        load_settings()
    assert "hidden" not in str(refused.value)


def test_an_address_without_a_password_may_be_in_the_file(folder: Path) -> None:
    write_file(folder, 'database_url = "sqlite:///own.db"\n')
    assert load_settings().database_url == "sqlite:///own.db"


def test_addresses_are_in_no_repr_and_in_no_row() -> None:
    url = "mysql+pymysql://a:hidden@b/c"
    settings = Settings(database_url=url, selection_url=url)
    assert "hidden" not in repr(settings)
    assert "hidden" not in repr(settings.without_secrets())
    assert "lease_seconds" in settings.without_secrets()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "SQLTUNE_DATABSE_URL",
            "SQLTUNE_DATABSE_URL is not a setting and has no effect: "
            "did you mean SQLTUNE_DATABASE_URL?",
        ),
        ("SQLTUNE_LEASE", "SQLTUNE_LEASE is not a setting and has no effect"),
    ],
)
def test_a_misspelt_variable_is_named_with_the_one_that_was_meant(name: str, message: str) -> None:
    environment = {name: "secret", "SQLTUNE_LEASE_SECONDS": "20", "PATH": "/bin"}
    (unknown,) = find_unknown_variables(environment)
    assert str(unknown).startswith(message)
    assert "secret" not in str(unknown)


def test_variables_that_kubernetes_sets_for_a_service_called_sqltune_are_not_named() -> None:
    names = [
        "SQLTUNE_SERVICE_HOST", "SQLTUNE_SERVICE_PORT", "SQLTUNE_SERVICE_PORT_HTTP",
        "SQLTUNE_PORT", "SQLTUNE_PORT_8400_TCP", "SQLTUNE_PORT_8400_TCP_ADDR",
    ]  # fmt: skip
    assert find_unknown_variables(dict.fromkeys(names, "tcp://10.0.0.1:8400")) == []


def test_an_unknown_flag_is_refused() -> None:
    with pytest.raises(ConfigError, match="'lease_second': did you mean lease_seconds"):
        load_settings(lease_second=3)


@pytest.mark.parametrize(
    "address",
    [
        "hooks.example.com/x",
        "ftp://example.com",
        "https://a b",
        "https://a\n.example",
        "https://[abc",
        "https://[abc]/",
        "https://a:99999",
        "https://a:b",
        "https://:8000",
    ],
)
def test_an_address_that_is_none_is_refused_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("SQLTUNE_WEBHOOK_URL", address)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert str(caught.value).startswith("SQLTUNE_WEBHOOK_URL: must be an address that begins")
    assert address not in str(caught.value)


def test_a_webhook_is_called_only_for_what_it_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQLTUNE_WEBHOOK_EVENTS", "failed, stuck")
    assert load_settings().webhook_events == ("failed", "stuck")
    monkeypatch.setenv("SQLTUNE_WEBHOOK_EVENTS", "failed, late")
    with pytest.raises(ConfigError, match="some of failed, rejected, promoted"):
        load_settings()


@pytest.mark.parametrize("name", ["serve_token", "webhook_url", "webhook_secret", "vllm_api_key"])
def test_what_is_secret_as_a_whole_is_refused_in_the_file(folder: Path, name: str) -> None:
    write_file(folder, f'{name} = "https://a.example/secret"\n')
    with pytest.raises(ConfigError, match=f"holds {name}; give it as SQLTUNE_{name.upper()}"):
        load_settings()


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/"])
def test_the_address_of_vllm_may_be_that_of_its_api(
    monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setenv("SQLTUNE_VLLM_URL", f"https://vllm.example.com:8000/a{end}")
    assert load_settings().vllm_url == "https://vllm.example.com:8000/a"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VLLM_URL", "vllm:8000"),
        ("VLLM_URL", "http://[hidden"),
        ("VLLM_URL", "http://eve:hidden@vllm"),
        ("VLLM_URL", "http://vllm/?key=hidden"),
        ("VLLM_URL", f"http://{'hidden' * 40}"),
        ("VLLM_API_KEY", "hidden key"),
        ("VLLM_API_KEY", "hidden\r\nX: y"),
        ("VLLM_API_KEY", "hiddén"),
    ],
)
def test_an_address_or_key_of_vllm_that_cannot_be_used_is_refused_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"SQLTUNE_{name}", value)
    with pytest.raises(ConfigError, match=f"SQLTUNE_{name}: must be") as caught:
        load_settings()
    assert "hidden" not in str(caught.value)
