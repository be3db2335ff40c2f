"""What `sqltune check` checks: settings, database, tables, clock, texts, adapters, artifacts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from tempfile import TemporaryFile

from sqltune.backends.base import BaseModel, describe_origin
from sqltune.backends.quantizing import require_quantization
from sqltune.database import clocks, migrations, rights
from sqltune.database.connection import Database
from sqltune.database.tables import adapters, inputs
from sqltune.errors import PipelineError
from sqltune.operations.trying_scorers import find_unread_extras, find_unread_scorers
from sqltune.planning.adapter_rules import check_adapter
from sqltune.records import Adapter, SelectionName
from sqltune.runtime import Runtime
from sqltune.selection import (
    RowCounts,
    SelectionReader,
    count_first_rows,
    find_emptiness,
    find_first_scorers,
)
from sqltune.settings import Settings, find_unknown_variables

#: Four bytes in UTF-8, a combining mark, right-to-left letters, and a backslash with quotes.
_ECHO = "\U0001f680 e\u0301 \u05e9\u05dc\u05d5\u05dd \\ ' \" `"
#: The server fills in the times of people's rows; a larger difference is not network delay.
_CLOCK_SECONDS = 120.0
_SHOWN_RIGHTS = 6
#: Prompts whose scorers are looked at; `sqltune plan` and `validate` look at all.
_SCANNED_PROMPTS = 1_000


class CheckStatus(StrEnum):
    """The result of one check."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """One line of `sqltune check`."""

    check: str
    status: CheckStatus
    detail: str


class _RollBack(Exception):
    """Rolls a transaction back."""


def examine(runtime: Runtime, *, now_seconds: Callable[[], float]) -> list[CheckFinding]:
    """Check everything once; a check that depends on a failed one is left out.

    Args:
        runtime: the parts to check.
        now_seconds: this machine's clock, in seconds since 1970.
    """
    database = runtime.database
    reach = _examine_reach(database)
    if reach.status is CheckStatus.FAILED:
        return [*_examine_variables(), reach]
    schema = _examine_schema(database)
    findings = [*_examine_variables(), reach, schema]
    if schema.status is not CheckStatus.FAILED:
        findings.append(_examine_clock(database, now_seconds))
        findings.append(_examine_text(database, runtime.new_id))
        findings.extend(_examine_adapters(runtime))
    findings.append(_examine_selection(database, runtime.selection_database))
    findings.append(_examine_artifacts(runtime.settings))
    findings.extend(_examine_vllm(runtime.settings))
    return findings


def _examine_variables() -> list[CheckFinding]:
    return [
        CheckFinding("settings", CheckStatus.WARNING, str(variable))
        for variable in find_unknown_variables(os.environ)
    ]


def _examine_reach(database: Database) -> CheckFinding:
    try:
        version = clocks.server_version(database)
    except PipelineError as error:
        return CheckFinding("database", CheckStatus.FAILED, str(error))
    return CheckFinding("database", CheckStatus.OK, f"{database.address} ({version})")


def _examine_schema(database: Database) -> CheckFinding:
    try:
        migrations.require_current(database)
    except PipelineError as error:
        return CheckFinding("tables", CheckStatus.FAILED, str(error))
    return CheckFinding("tables", CheckStatus.OK, "up to date")


def _examine_clock(database: Database, now_seconds: Callable[[], float]) -> CheckFinding:
    difference = clocks.default_time_seconds(database) - now_seconds()
    if abs(difference) > _CLOCK_SECONDS:
        return CheckFinding(
            "clock",
            CheckStatus.FAILED,
            f"the database fills in times that are {difference / 60:+.0f} minutes off UTC: "
            "run the server in UTC",
        )
    return CheckFinding("clock", CheckStatus.OK, "times that the database fills in are UTC")


def _examine_text(database: Database, new_id: Callable[[], str]) -> CheckFinding:
    echoed: str | None = None
    try:
        with database.transaction() as session:
            echoed = inputs.echo_text(session, f"check-{new_id()}", _ECHO)
            raise _RollBack
    except _RollBack:
        pass
    except PipelineError as error:
        return CheckFinding("text", CheckStatus.FAILED, f"an emoji could not be written: {error}")
    if echoed != _ECHO:
        return CheckFinding(
            "text",
            CheckStatus.FAILED,
            f"wrote {_ECHO!r} and read {echoed!r}: database, table and connection must be utf8mb4",
        )
    return CheckFinding("text", CheckStatus.OK, "an emoji is stored and read back unchanged")


def _examine_adapters(runtime: Runtime) -> list[CheckFinding]:
    with runtime.database.read() as session:
        enabled = [a for a in adapters.list_adapters(session) if a.is_enabled]
    if not enabled:
        return [CheckFinding("adapters", CheckStatus.WARNING, "no adapter is enabled")]
    findings = []
    for adapter in enabled:
        findings.append(_examine_adapter(runtime, adapter))
        findings += _examine_selections(runtime, adapter)
    return findings


def _examine_adapter(runtime: Runtime, adapter: Adapter) -> CheckFinding:
    name = f"adapter {adapter.adapter_name}"
    try:
        check_adapter(adapter)
        backend = runtime.backend(adapter.backend)
        model = backend.describe(adapter.base_model, adapter.base_model_revision)
        require_quantization(backend, adapter.quantization)
    except PipelineError as error:
        return CheckFinding(name, CheckStatus.FAILED, str(error))
    return CheckFinding(name, CheckStatus.OK, _describe_model(adapter.backend, model))


def _examine_selections(runtime: Runtime, adapter: Adapter) -> Iterator[CheckFinding]:
    """Check an adapter's queries and scorers, as the user who runs selections."""
    try:
        check_adapter(adapter)
    except PipelineError:
        return  # the check of the row says so
    reader = runtime.selection_reader(lambda: None)
    queries = list(_examine_queries(reader, adapter))
    yield from queries
    failed = {finding.check for finding in queries if finding.status is CheckStatus.FAILED}
    if _name_rows(adapter, SelectionName.EVALUATION) not in failed:
        yield from _examine_scorers(reader, adapter)


def _examine_queries(reader: SelectionReader, adapter: Adapter) -> Iterator[CheckFinding]:
    """Run each query of an adapter until its first row."""
    for selection in SelectionName:
        if selection is SelectionName.PREDICTION and adapter.prediction_query is None:
            continue
        name = _name_rows(adapter, selection)
        try:
            counts = count_first_rows(reader, adapter, selection)
        except PipelineError as error:
            yield CheckFinding(name, CheckStatus.FAILED, str(error))
            continue
        if counts.selected:
            yield CheckFinding(name, CheckStatus.OK, "the query runs and returns rows")
        else:
            yield _describe_emptiness(name, adapter, selection, counts)


def _name_rows(adapter: Adapter, selection: SelectionName) -> str:
    return f"{selection.value} rows of {adapter.adapter_name}"


def _examine_scorers(reader: SelectionReader, adapter: Adapter) -> Iterator[CheckFinding]:
    """Read each view that the adapter or one of its first prompts names as scorer."""
    name = f"scorers of {adapter.adapter_name}"
    try:
        of_prompts = find_first_scorers(reader, adapter, _SCANNED_PROMPTS)
    except PipelineError as error:
        yield CheckFinding(name, CheckStatus.FAILED, str(error))
        of_prompts = set()
    for message in find_unread_scorers(reader, adapter, of_prompts):
        yield CheckFinding(name, CheckStatus.FAILED, message)
    for _, message in find_unread_extras(reader, adapter):
        yield CheckFinding(name, CheckStatus.WARNING, message)


def _describe_emptiness(
    name: str, adapter: Adapter, selection: SelectionName, counts: RowCounts
) -> CheckFinding:
    if selection is SelectionName.TRAINING:
        reason = str(find_emptiness(counts, adapter))
        return CheckFinding(name, CheckStatus.FAILED, reason)
    if selection is SelectionName.PREDICTION:
        return CheckFinding(name, CheckStatus.WARNING, "the query runs and returns no row")
    reason = "there is no evaluation prompt, so a version is compared with nothing"
    if adapter.gate_without_prompts == "accept":
        reason += " and accepted (gate_without_prompts)"
    return CheckFinding(name, CheckStatus.WARNING, reason)


def _describe_model(backend: str, model: BaseModel) -> str:
    place = f", reached at {model.address}" if model.address is not None else ""
    place += f", {describe_origin(model)}" if model.found_in is not None else ""
    simulated = " (simulated: answers come from a script)" if model.is_simulated else ""
    return f"{model.name} on backend {backend}{place}{simulated}"


def _examine_selection(database: Database, selection_database: Database) -> CheckFinding:
    try:
        version = clocks.server_version(selection_database)
        concerns = _find_concerns(database, selection_database)
    except PipelineError as error:
        return CheckFinding("selection", CheckStatus.FAILED, str(error))
    if concerns:
        return CheckFinding("selection", CheckStatus.WARNING, "; ".join(concerns))
    return CheckFinding("selection", CheckStatus.OK, f"{selection_database.address} ({version})")


def _find_concerns(database: Database, selection_database: Database) -> list[str]:
    """Return what queries of adapters could do that they should not, in sentences."""
    cure = "a user who may only read (sql/README.md has the GRANTs)"
    excess = rights.find_excess(selection_database)
    user = rights.current_user(selection_database)
    concerns = []
    if selection_database is database:
        concerns.append(
            f"queries of adapters run as the main user: set SQLTUNE_SELECTION_URL to {cure}"
        )
    elif user is not None and user == rights.current_user(database):
        concerns.append(f"SQLTUNE_SELECTION_URL names the main user, {user}: make it {cure}")
    if excess:
        more = f" and {len(excess) - _SHOWN_RIGHTS} more" if len(excess) > _SHOWN_RIGHTS else ""
        concerns.append(
            f"{user} has {', '.join(excess[:_SHOWN_RIGHTS])}{more}: queries of adapters need "
            "nothing but SELECT on the tables that they read"
        )
    return concerns


def _examine_artifacts(settings: Settings) -> CheckFinding:
    folder = settings.artifacts
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Under a name that nobody knows: a link of that name would empty the file that it leads to.
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return CheckFinding("artifacts", CheckStatus.FAILED, f"{folder} cannot be written: {error}")
    return CheckFinding("artifacts", CheckStatus.OK, f"{folder.resolve()} can be written")


def _examine_vllm(settings: Settings) -> Iterator[CheckFinding]:
    """Ask the vLLM that the settings name, if there is one, what it has loaded."""
    if settings.vllm_url is None:
        return
    from sqltune.vllm.client import NO_ROUTES, VllmClient  # it imports httpx

    client, server = VllmClient(settings.vllm_url, settings.vllm_api_key), settings.vllm_url
    try:
        models, can_load = client.list_models(), client.can_load()
    except PipelineError as error:
        yield CheckFinding("vllm", CheckStatus.FAILED, str(error))
        return
    names = ", ".join(model.id for model in models if model.parent is None) or "no base model"
    if can_load:
        yield CheckFinding("vllm", CheckStatus.OK, f"{server} answers, with {names}")
    else:
        detail = f"{server} answers and loads no adapters: {NO_ROUTES}"
        yield CheckFinding("vllm", CheckStatus.WARNING, detail)
