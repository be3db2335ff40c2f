"""What the operator decides: where the database, the weights and the allowed base models are.

Precedence: flags, then SQLTUNE_* environment variables, then `sqltune.toml` in the working folder,
then the defaults. Rows of the database never override a setting. Secrets (the URLs may hold
passwords) come from the environment only.
"""

from __future__ import annotations

import math
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from sqltune.errors import ConfigError
from sqltune.records import parse_flag

#: The release, as the distribution has it.
VERSION = "0.1.0"
#: Variables that Kubernetes sets for a service called sqltune, that docker-compose.yml reads, and
#: those of our tests.
_FOREIGN = re.compile(r"SQLTUNE_(TEST_.*|DATABASE_PASSWORD|SERVICE_(HOST|PORT)(_.*)?|PORT(_.*)?)")
_SECRETS = (
    "database_url",
    "selection_url",
    "serve_token",
    "webhook_url",
    "webhook_secret",
    "forget_key",
)
#: Those that are secret as a whole, not only with a password in them.
_TOKENS = ("serve_token", "webhook_url", "webhook_secret", "forget_key")
#: What a webhook can be called for; `database.tables.webhook_calls` finds it.
WEBHOOK_EVENTS = ("failed", "rejected", "promoted", "rolled_back", "stuck")


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a text")
    return value


def _flag(value: object) -> bool:
    if (flag := parse_flag(value)) is None:
        raise ValueError("must be true or false")
    return flag


def _folder(value: object) -> Path:
    if "://" in str(value):
        raise ValueError("must be a folder")
    return Path(_text(str(value)))


def _list_of(make: Callable[[str], Any], separator: str) -> Callable[[object], tuple[Any, ...]]:
    def parse(value: object) -> tuple[Any, ...]:
        parts = value.split(separator) if isinstance(value, str) else value
        if not isinstance(parts, list | tuple):
            raise ValueError(f"must be a list, or a text with {separator!r} between its parts")
        return tuple(make(str(part).strip()) for part in parts if str(part).strip())

    return parse


def _number(
    make: type[int] | type[float],
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
) -> Callable[[object], float]:
    def parse(value: object) -> float:
        try:
            number = make(str(value))
        except ValueError:
            raise ValueError("must be a number") from None
        if not math.isfinite(number):
            raise ValueError("must be a finite number")
        if least is not None and not number >= least:
            raise ValueError(f"must be at least {least:g}")
        if above is not None and not number > above:
            raise ValueError(f"must be above {above:g}")
        if most is not None and not number <= most:
            raise ValueError(f"must be at most {most:g}")
        return number

    return parse


def _one_of(*words: str) -> Callable[[object], str]:
    def parse(value: object) -> str:
        if value not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return str(value)

    return parse


def _some_of(*words: str) -> Callable[[object], tuple[str, ...]]:
    def parse(value: object) -> tuple[str, ...]:
        parts: tuple[str, ...] = _list_of(str, ",")(value)
        if not parts or not set(parts) <= set(words):
            raise ValueError(f"must be a list of some of {', '.join(words)}")
        return parts

    return parse


def _address(value: object) -> str:
    text = _text(value)
    if not re.fullmatch(r"https?://[^\s/?#]+([/?#]\S*)?", text):
        raise ValueError("must be an address that begins with https:// or http://")
    return text


def _slugs(value: object) -> tuple[tuple[str, str], ...]:
    pairs = [part.partition("=") for part in _list_of(str, ",")(value)]
    found = tuple((slug.strip(), model.strip()) for slug, _, model in pairs)
    if not found or not all(slug and model for slug, model in found):
        raise ValueError("must be a list such as 'nous-hermes2=owner/model,other=/folder'")
    if len({slug for slug, _ in found}) < len(found):
        raise ValueError("must name each slug once")
    return found


def _token(value: object) -> str:
    # LangChain's client rejects shorter tokens.
    if not isinstance(value, str) or len(value) < 10 or not value.isascii() or " " in value:
        raise ValueError("must have at least 10 characters, all of them ASCII, without spaces")
    return value


def _forget_key(value: object) -> str:
    if not isinstance(value, str) or len(value.strip()) < 16:
        raise ValueError("must have at least 16 characters")
    return value


def _setting(default: Any, parse: Callable[[object], Any], *, is_secret: bool = False) -> Any:
    return field(default=default, repr=not is_secret, metadata={"parse": parse})


@dataclass(frozen=True)
class Settings:
    """The settings of one process; a field's environment variable is SQLTUNE_ and its name."""

    #: The database that holds our tables.
    database_url: str = _setting("sqlite:///sqltune.db", str, is_secret=True)
    #: A connection that may only read; None: database_url.
    selection_url: str | None = _setting(None, str, is_secret=True)
    #: Folder for weights and checkpoints.
    artifacts: Path = _setting(Path("artifacts"), _folder)  # noqa: RUF009  it is a field
    #: Folder for what can be made again, such as base models converted from GGUF.
    cache: Path = _setting(Path("~/.cache/sqltune"), _folder)  # noqa: RUF009  it is a field
    #: Backends that rows may name.
    backends: tuple[str, ...] = _setting(("local", "scripted", "gradient"), _list_of(str, ","))
    #: Folders below which a row's base_model, a folder or a GGUF file, may lie.
    base_model_folders: tuple[Path, ...] = _setting((), _list_of(Path, ":"))
    #: Whether base models may be downloaded from the Hugging Face Hub. What its local cache has is
    #: used in any case.
    allow_hub_models: bool = _setting(True, _flag)
    #: File of answers for the scripted backend.
    script: Path | None = _setting(None, _folder)  # noqa: RUF009  it is a field
    #: Prompts sent to a service of Gradient's API at the same time.
    gradient_slots: int = _setting(8, _number(int, least=1))
    #: Longest wait for one reply of such a service; a fine-tune call replies when it has trained.
    gradient_timeout_seconds: float = _setting(3600.0, _number(float, above=0))
    #: Where the local backend and the server compute: auto takes CUDA or Apple's Metal where torch
    #: finds one, else the processor.
    device: str = _setting("auto", _one_of("auto", "cuda", "mps", "cpu"))
    #: Threads of torch; None: torch chooses.
    threads: int | None = _setting(None, _number(int, least=1))
    #: Time limit of one selection query.
    selection_timeout_seconds: float = _setting(600.0, _number(float, above=0))
    #: How long a runner may be silent before another takes over.
    lease_seconds: float = _setting(60.0, _number(float, least=1))
    #: How long a run may be without a step or a response before it is marked as stuck.
    stall_seconds: float = _setting(900.0, _number(float, above=0))
    #: Pause of a worker between two scans.
    poll_seconds: float = _setting(1.0, _number(float, above=0))
    #: Port of a worker's metrics and health; None: neither is served, 0: a free port.
    worker_port: int | None = _setting(None, _number(int, least=0, most=65535))
    #: Address of a worker's metrics and health.
    worker_host: str = _setting("127.0.0.1", _text)
    #: Attempts of a run that may succeed later.
    max_attempts: int = _setting(3, _number(int, least=1))
    #: Pause before the first retry; it doubles each time.
    retry_wait_seconds: float = _setting(300.0, _number(float, least=0))
    #: Address of the local server.
    serve_host: str = _setting("127.0.0.1", _text)
    #: Port of the local server; 0: a free port.
    serve_port: int = _setting(8400, _number(int, least=0, most=65535))
    #: The base model behind each slug of the local server.
    serve_models: tuple[tuple[str, str], ...] = _setting(
        (("nous-hermes2", "HuggingFaceTB/SmolLM2-135M-Instruct"),), _slugs
    )
    #: Whether new adapters of the local server rehearse. Their first call then takes longer.
    serve_rehearsal: bool = _setting(True, _flag)
    #: Token that clients of the local server must send; None: any, from this machine only.
    serve_token: str | None = _setting(None, _token, is_secret=True)
    #: Calls that may wait for one base model of the local server.
    serve_queue: int = _setting(256, _number(int, least=1))
    #: Address that is called when something is to be heard of outside the database; None: none.
    webhook_url: str | None = _setting(None, _address, is_secret=True)
    #: What the receiver reads: json, or the form of a Slack or Teams webhook.
    webhook_form: str = _setting("json", _one_of("json", "slack", "teams"))
    #: What it is called for.
    webhook_events: tuple[str, ...] = _setting(WEBHOOK_EVENTS, _some_of(*WEBHOOK_EVENTS))
    #: Signs the body of each call, in the header X-Sqltune-Signature; None: no signature.
    webhook_secret: str | None = _setting(None, _text, is_secret=True)
    #: Secret of the hashes of what was forgotten, at least 16 characters; None: the database makes
    #: one. Keep it: without it nothing is trained.
    forget_key: str | None = _setting(None, _forget_key, is_secret=True)
    #: Days after which `sqltune gc --remove` removes answers that no alias needs; None: never.
    keep_answers_days: float | None = _setting(None, _number(float, above=0))
    #: Days after which `sqltune gc --remove` removes the texts of samples that neither the latest
    #: version of an adapter nor one with an alias saw; None: never.
    keep_texts_days: float | None = _setting(None, _number(float, above=0))
    #: Lowest level that the log on stderr shows.
    log_level: str = _setting("warning", _one_of("debug", "info", "warning", "error"))
    #: Log as sentences (text) or as JSON lines (json).
    log_format: str = _setting("text", _one_of("text", "json"))

    def without_secrets(self) -> dict[str, object]:
        """Return the effective settings as plain values, fit for a row of the database."""
        names = [f.name for f in fields(self) if f.name not in _SECRETS]
        return {name: _plain(getattr(self, name)) for name in names}


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
    values: dict[str, object] = {}
    for name, parse in _parsers().items():
        found = given.get(name, os.environ.get(_variable(name), from_file.get(name)))
        # Schedulers pass variables through that were left empty.
        if found is not None and (found != "" or getattr(Settings, name) is not None):
            values[name] = _parse(name, parse, found)
    return Settings(**values)  # type: ignore[arg-type]  # each value went through its parser


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


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return str(value) if isinstance(value, Path) else value
