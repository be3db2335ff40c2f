"""What the operator decides: where the database, the weights and the allowed base models are.

Order: command line flags, then SQLTUNE_* of the environment, then `sqltune.toml` of the working
folder, then the defaults here. Rows of the database never override a setting. Secrets (the URLs may
hold passwords) come from the environment only.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from pipeline.errors import ConfigError

_SECRETS = ("database_url", "selection_url")


class Settings(BaseSettings):
    """The settings of one process; every field's environment variable is SQLTUNE_ and its name in
    capitals.
    """

    model_config = SettingsConfigDict(
        env_prefix="SQLTUNE_", toml_file="sqltune.toml", frozen=True, extra="forbid"
    )

    database_url: str = Field(
        "sqlite:///sqltune.db", repr=False, description="the database that holds our tables"
    )
    selection_url: str | None = Field(
        None, repr=False, description="a connection that may only read; None: database_url"
    )
    artifacts: Path = Field(Path("artifacts"), description="folder for weights and checkpoints")
    backends: Annotated[tuple[str, ...], NoDecode] = Field(
        ("local", "scripted"), description="backends that rows may name"
    )
    base_model_folders: Annotated[tuple[Path, ...], NoDecode] = Field(
        (), description="folders below which a row's base_model may lie"
    )
    allow_hub_models: bool = Field(True, description="whether a row may name a model of the Hub")
    script: Path | None = Field(None, description="file of answers for the scripted backend")
    threads: int | None = Field(None, ge=1, description="threads of torch; None: its own choice")
    selection_timeout_seconds: float = Field(600, gt=0, description="limit of one selection query")
    lease_seconds: float = Field(60, ge=1, description="how long a runner may be silent")
    max_attempts: int = Field(
        3, ge=1, description="how often a run that may succeed later is tried"
    )
    retry_wait_seconds: float = Field(
        300, ge=0, description="pause before the first retry; doubles"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "warning", description="what the log on stderr shows"
    )
    log_format: Literal["text", "json"] = Field("text", description="sentences or JSON lines")

    @field_validator("backends", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        return _split(value, ",")

    @field_validator("base_model_folders", mode="before")
    @classmethod
    def _split_folders(cls, value: object) -> object:
        return _split(value, ":")

    @field_validator("artifacts", mode="before")
    @classmethod
    def _folder_only(cls, value: object) -> object:
        if "://" in str(value):
            raise ValueError(f"must be a folder, got {value}")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read flags, then the environment, then the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    def without_secrets(self) -> dict[str, object]:
        """Give the effective settings as plain values, fit for a row of the database."""
        return self.model_dump(mode="json", exclude=set(_SECRETS))


def load_settings(**flags: object) -> Settings:
    """Read the settings; a flag that is None was not given.

    Raises:
        ConfigError: a setting is unknown or has a wrong value; the message names it without its
        value if it is a secret.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        settings = Settings(**given)  # type: ignore[arg-type]  # pydantic checks the types
    except ValidationError as error:
        raise ConfigError(_explain(error)) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"sqltune.toml is not TOML: {error}") from None
    _refuse_secrets_in_file(Path("sqltune.toml"))
    return settings


def _explain(error: ValidationError) -> str:
    parts = []
    for problem in error.errors():
        name = str(problem["loc"][0]) if problem["loc"] else "?"
        value = "" if name in _SECRETS else f", got {problem['input']!r}"
        parts.append(f"SQLTUNE_{name.upper()}: {problem['msg'].lower()}{value}")
    return "; ".join(parts)


def _split(value: object, separator: str) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(separator) if part.strip())
    return value


def _refuse_secrets_in_file(path: Path) -> None:
    """A password in a file that lies beside the code gets committed one day."""
    if not path.exists():
        return
    for name in _SECRETS:
        url = str(tomllib.loads(path.read_text("utf-8")).get(name, ""))
        if "@" in url and ":" in url.split("@")[0].split("//")[-1]:
            raise ConfigError(
                f"{path} holds a password in {name}; "
                f"give it as SQLTUNE_{name.upper()} of the environment"
            )
