"""What the operator decides: where the database, the weights and the allowed base models are.

Precedence: flags, then SQLTUNE_* environment variables, then `sqltune.toml` in the working folder,
then the defaults. Rows of the database never override a setting. Secrets (the URLs may hold
passwords) come from the environment only.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqltune.settings.parsers import (
    list_of,
    number,
    one_of,
    parse_address,
    parse_flag_value,
    parse_folder,
    parse_forget_key,
    parse_header_token,
    parse_server,
    parse_slugs,
    parse_text,
    parse_token,
    some_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

#: The release, as the distribution has it.
VERSION = "0.1.0"
#: What a webhook can be called for; `database.tables.webhook_calls` finds it.
WEBHOOK_EVENTS = ("failed", "rejected", "promoted", "rolled_back", "stuck")


def _setting(
    default: Any,
    parse: Callable[[object], Any],
    *,
    has_password: bool = False,
    is_secret: bool = False,
) -> Any:
    """Return a field; one with a password in it, or that is secret as a whole, is never shown."""
    metadata = {"parse": parse, "is_secret": is_secret}
    return field(default=default, repr=not (has_password or is_secret), metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """The settings of one process; a field's environment variable is SQLTUNE_ and its name."""

    #: The database that holds our tables.
    database_url: str = _setting("sqlite:///sqltune.db", str, has_password=True)
    #: A connection that may only read; None: database_url.
    selection_url: str | None = _setting(None, str, has_password=True)
    #: Folder for weights and checkpoints.
    artifacts: Path = _setting(Path("artifacts"), parse_folder)  # noqa: RUF009  it is a field
    #: Folder for what can be made again, such as base models converted from GGUF.
    cache: Path = _setting(Path("~/.cache/sqltune"), parse_folder)  # noqa: RUF009  it is a field
    #: Backends that rows may name.
    backends: tuple[str, ...] = _setting(("local", "scripted", "gradient"), list_of(str, ","))
    #: Folders below which a row's base_model, a folder or a GGUF file, may lie.
    base_model_folders: tuple[Path, ...] = _setting((), list_of(Path, ":"))
    #: Whether base models may be downloaded from the Hugging Face Hub. What its local cache has is
    #: used in any case.
    allow_hub_models: bool = _setting(True, parse_flag_value)
    #: File of answers for the scripted backend.
    script: Path | None = _setting(None, parse_folder)  # noqa: RUF009  it is a field
    #: Prompts sent to a service of Gradient's API at the same time.
    gradient_slots: int = _setting(8, number(int, least=1))
    #: Longest wait for one reply of such a service; a fine-tune call replies when it has trained.
    gradient_timeout_seconds: float = _setting(3600.0, number(float, above=0))
    #: Where the local backend and the server compute: auto takes CUDA or Apple's Metal where torch
    #: finds one, else the processor.
    device: str = _setting("auto", one_of("auto", "cuda", "mps", "cpu"))
    #: Threads of torch; None: torch chooses.
    threads: int | None = _setting(None, number(int, least=1))
    #: Time limit of one selection query.
    selection_timeout_seconds: float = _setting(600.0, number(float, above=0))
    #: How long a runner may be silent before another takes over.
    lease_seconds: float = _setting(60.0, number(float, least=1))
    #: How long a run may be without a step or a response before it is marked as stuck.
    stall_seconds: float = _setting(900.0, number(float, above=0))
    #: Pause of a worker between two scans.
    poll_seconds: float = _setting(1.0, number(float, above=0))
    #: Port of a worker's metrics and health; None: neither is served, 0: a free port.
    worker_port: int | None = _setting(None, number(int, least=0, most=65535))
    #: Address of a worker's metrics and health.
    worker_host: str = _setting("127.0.0.1", parse_text)
    #: Attempts of a run that may succeed later.
    max_attempts: int = _setting(3, number(int, least=1))
    #: Pause before the first retry; it doubles each time.
    retry_wait_seconds: float = _setting(300.0, number(float, least=0))
    #: Address of the local server.
    serve_host: str = _setting("127.0.0.1", parse_text)
    #: Port of the local server; 0: a free port.
    serve_port: int = _setting(8400, number(int, least=0, most=65535))
    #: The base models of the local server, each behind a slug or by its own name.
    serve_models: tuple[tuple[str, str], ...] = _setting(
        (("nous-hermes2", "HuggingFaceTB/SmolLM2-135M-Instruct"),), parse_slugs
    )
    #: Whether new adapters of the local server rehearse. Their first call then takes longer.
    serve_rehearsal: bool = _setting(True, parse_flag_value)
    #: Token that clients of the local server must send; None: any, from this machine only.
    serve_token: str | None = _setting(None, parse_token, is_secret=True)
    #: Calls that may wait for one base model of the local server.
    serve_queue: int = _setting(256, number(int, least=1))
    #: Address that is called when something is to be heard of outside the database; None: none.
    webhook_url: str | None = _setting(None, parse_address, is_secret=True)
    #: What the receiver reads: json, or the form of a Slack or Teams webhook.
    webhook_form: str = _setting("json", one_of("json", "slack", "teams"))
    #: What it is called for.
    webhook_events: tuple[str, ...] = _setting(WEBHOOK_EVENTS, some_of(*WEBHOOK_EVENTS))
    #: Signs the body of each call, in the header X-Sqltune-Signature; None: no signature.
    webhook_secret: str | None = _setting(None, parse_text, is_secret=True)
    #: Address of a running vLLM that is to load what is live; None: none.
    vllm_url: str | None = _setting(None, parse_server, has_password=True)
    #: Key that vLLM asks for (its --api-key); None: it asks for none.
    vllm_api_key: str | None = _setting(None, parse_header_token, is_secret=True)
    #: Where that vLLM sees the folder of artifacts; None: where this machine does.
    vllm_lora_folder: str | None = _setting(None, parse_text)
    #: Secret of the hashes of what was forgotten, at least 16 characters; None: the database makes
    #: one. Keep it: without it nothing is trained.
    forget_key: str | None = _setting(None, parse_forget_key, is_secret=True)
    #: Days after which `sqltune gc --remove` removes answers that no alias needs, and questions
    #: with their answers; None: never.
    keep_answers_days: float | None = _setting(None, number(float, above=0))
    #: Days after which `sqltune gc --remove` removes the texts of samples that neither the latest
    #: version of an adapter nor one with an alias saw; None: never.
    keep_texts_days: float | None = _setting(None, number(float, above=0))
    #: Lowest level that the log on stderr shows.
    log_level: str = _setting("warning", one_of("debug", "info", "warning", "error"))
    #: Log as sentences (text) or as JSON lines (json).
    log_format: str = _setting("text", one_of("text", "json"))

    def without_secrets(self) -> dict[str, object]:
        """Return the effective settings as plain values, fit for a row of the database."""
        names = [f.name for f in fields(self) if f.repr]
        return {name: _plain(getattr(self, name)) for name in names}


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return str(value) if isinstance(value, Path) else value
