"""Reads the settings of a process: flags, the environment, `sqltune.toml`, defaults."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from sqltune.errors import ConfigError
from sqltune.settings.declared import Settings

#: Variables that Kubernetes sets for a service called sqltune, that docker-compose.yml reads, and
#: those of our tests.
_FOREIGN = re.compile(r"SQLTUNE_(TEST_.*|DATABASE_PASSWORD|SERVICE_(HOST|PORT)(_.*)?|PORT(_.*)?)")
#: Settings that are never shown, and those of them that are secret as a whole.
_SECRETS = tuple(f.name for f in fields(Settings) if not f.repr)
_TOKENS = tuple(f.name for f in fields(Settings) if f.metadata["is_secret"])


def load_settings(**flags: object) -> Settings:
    """Read the settings; a flag that is None was not given.

    Raises:
        ConfigError: a setting is unknown or has a wrong value; the message names it, and its value
            unless it is a secret.
    """
    unknown = sorted(set(flags) - set(_parsers()))
    if unknown:
        raise ConfigError(f"there is no setting {unknown[0]!r}{_suggest(unknown[0])}")
    from_file = _read_file(Path("sqltune.toml"))
    given = {name: value for name, value in flags.items() if value is not None}
    values: dict[str, Any] = {}
    for name, parse in _parsers().items():
        found = given.get(name, os.environ.get(_variable(name), from_file.get(name)))
        # Schedulers pass variables through that were left empty.
        if found is not None and (found != "" or getattr(Settings, name) is not None):
            values[name] = _parse(name, parse, found)
    return Settings(**values)


@dataclass(frozen=True, slots=True)
class UnknownVariable:
    """An environment variable that begins like a setting and is none."""

    name: str
    suggestion: str  #: empty if no setting has a similar name

    def __str__(self) -> str:
        return f"{self.name} is not a setting and has no effect{self.suggestion}"


def find_unknown_variables(environment: Mapping[str, str]) -> list[UnknownVariable]:
    """Return the variables that begin with SQLTUNE_ and are no setting, such as misspelt ones."""
    known = {_variable(name) for name in _parsers()}
    return [
        UnknownVariable(name, _suggest(name.removeprefix("SQLTUNE_").lower(), _variable))
        for name in sorted(environment)
        if name.startswith("SQLTUNE_") and name not in known and not _FOREIGN.fullmatch(name)
    ]


def _suggest(name: str, show: Callable[[str], str] = str) -> str:
    similar = get_close_matches(name, _parsers(), n=1, cutoff=0.7)
    return f": did you mean {show(similar[0])}?" if similar else ""


def _parsers() -> dict[str, Callable[[object], object]]:
    return {f.name: f.metadata["parse"] for f in fields(Settings)}


def _parse(name: str, parse: Callable[[object], object], value: object) -> object:
    try:
        return parse(value)
    except ValueError as error:
        shown = "" if name in _SECRETS else f", got {str(value)!r}"
        raise ConfigError(f"{_variable(name)}: {error}{shown}") from None


def _variable(name: str) -> str:
    return f"SQLTUNE_{name.upper()}"


def _read_file(path: Path) -> dict[str, object]:
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from None
    unknown = sorted(set(content) - set(_parsers()))
    if unknown:
        raise ConfigError(f"{path}: there is no setting {unknown[0]!r}{_suggest(unknown[0])}")
    _refuse_secrets(path, content)
    return content


def _refuse_secrets(path: Path, content: dict[str, object]) -> None:
    """Refuse secrets in the file: it lies beside code and would be committed one day."""
    for name in _TOKENS:
        if name in content:
            raise ConfigError(
                f"{path} holds {name}; give it as {_variable(name)} of the environment"
            )
    for name in _SECRETS:
        url = str(content.get(name, ""))
        login, at, _ = url.partition("://")[2].rpartition("@")
        if (at and ":" in login) or "passw" in url.partition("?")[2]:
            raise ConfigError(
                f"{path} holds a password in {name}; "
                f"give it as {_variable(name)} of the environment"
            )
