"""What `sqltune check` looks at: configured, reachable, migrated, and whether every text survives
the way there and back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from pipeline import evaluation, keys
from pipeline.backends.base import Backend, BaseModel
from pipeline.backends.options import check_options
from pipeline.database import adapters, clocks, inputs, migrations
from pipeline.database.connection import Database
from pipeline.errors import PipelineError
from pipeline.settings import Settings

#: Four bytes in UTF-8, a combining mark, right-to-left letters, and a backslash with quotes.
_ECHO = "\U0001f680 e\u0301 \u05e9\u05dc\u05d5\u05dd \\ ' \" `"
#: The server's clock fills the times of people's rows; more than this is no network delay.
_CLOCK_SECONDS = 120.0


class Verdict(StrEnum):
    """What a check came to."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `sqltune check`."""

    check: str
    verdict: Verdict
    detail: str


class _RollBack(Exception):
    """Ends a transaction without keeping anything."""


def examine(
    settings: Settings,
    database: Database,
    selection_database: Database | None,
    backend: Callable[[str], Backend],
    *,
    new_id: Callable[[], str],
    now_seconds: Callable[[], float],
) -> list[Finding]:
    """Look at everything once; a check that another one needs is left out when that one fails."""
    reach = _examine_reach(database)
    if reach.verdict is Verdict.FAILED:
        return [reach]
    schema = _examine_schema(database)
    findings = [reach, schema]
    if schema.verdict is not Verdict.FAILED:
        findings.append(_examine_clock(database, now_seconds))
        findings.append(_examine_text(database, new_id))
        findings.extend(_examine_adapters(database, backend))
    findings.append(_examine_selection(database, selection_database))
    findings.append(_examine_artifacts(settings))
    return findings


def _examine_reach(database: Database) -> Finding:
    try:
        version = clocks.server_version(database)
    except PipelineError as error:
        return Finding("database", Verdict.FAILED, str(error))
    return Finding("database", Verdict.OK, f"{database.address} ({version})")


def _examine_schema(database: Database) -> Finding:
    try:
        migrations.require_current(database)
    except PipelineError as error:
        return Finding("tables", Verdict.FAILED, str(error))
    return Finding("tables", Verdict.OK, "up to date")


def _examine_clock(database: Database, now_seconds: Callable[[], float]) -> Finding:
    difference = clocks.default_time_seconds(database) - now_seconds()
    if abs(difference) > _CLOCK_SECONDS:
        return Finding(
            "clock",
            Verdict.FAILED,
            f"the database fills in times that are {difference / 60:+.0f} minutes off UTC: "
            "let the server run in UTC",
        )
    return Finding("clock", Verdict.OK, "times that the database fills in are UTC")


def _examine_text(database: Database, new_id: Callable[[], str]) -> Finding:
    echoed: str | None = None
    try:
        with database.transaction() as session:
            echoed = inputs.echo_text(session, f"check-{new_id()}", _ECHO)
            raise _RollBack
    except _RollBack:
        pass
    except PipelineError as error:
        return Finding("text", Verdict.FAILED, f"an emoji could not be written: {error}")
    if echoed != _ECHO:
        return Finding(
            "text",
            Verdict.FAILED,
            f"wrote {_ECHO!r} and read {echoed!r}: database, table and connection must be utf8mb4",
        )
    return Finding("text", Verdict.OK, "an emoji comes back as it was written")


def _examine_adapters(database: Database, backend: Callable[[str], Backend]) -> list[Finding]:
    with database.read() as session:
        declared = [a for a in adapters.list_adapters(session) if a.is_enabled]
    if not declared:
        return [Finding("adapters", Verdict.WARNING, "no adapter is enabled")]
    findings = []
    for adapter in declared:
        name = f"adapter {adapter.adapter_name}"
        try:
            adapters.check_adapter(adapter)
            evaluation.plan_scoring(adapter)
            found = backend(adapter.backend)
            check_options(
                adapter.backend, keys.training_options(adapter), keys.decoding_of(adapter)
            )
            model = found.describe(adapter.base_model, adapter.base_model_revision)
        except PipelineError as error:
            findings.append(Finding(name, Verdict.FAILED, str(error)))
            continue
        findings.append(Finding(name, Verdict.OK, _tell_model(adapter.backend, model)))
    return findings


def _tell_model(backend: str, model: BaseModel) -> str:
    place = f", reached at {model.address}" if model.address is not None else ""
    simulated = " (simulated: answers come from a script)" if model.is_simulated else ""
    return f"{model.name} on backend {backend}{place}{simulated}"


def _examine_selection(database: Database, selection_database: Database | None) -> Finding:
    if selection_database is None:
        return Finding(
            "selection",
            Verdict.WARNING,
            "queries of adapters run as the main user: set SQLTUNE_SELECTION_URL to a user who may "
            "only read",
        )
    try:
        version = clocks.server_version(selection_database)
    except PipelineError as error:
        return Finding("selection", Verdict.FAILED, str(error))
    return Finding("selection", Verdict.OK, f"{selection_database.address} ({version})")


def _examine_artifacts(settings: Settings) -> Finding:
    folder = settings.artifacts
    probe = folder / ".sqltune-check"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        return Finding("artifacts", Verdict.FAILED, f"{folder} cannot be written: {error}")
    return Finding("artifacts", Verdict.OK, f"{folder.resolve()} can be written")
