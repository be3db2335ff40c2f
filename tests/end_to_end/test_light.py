"""The command is light where there is nothing heavy to do."""

from __future__ import annotations

import pytest

from tests.end_to_end.command import People, Sqltune
from tests.end_to_end.imports import imported

HEAVY = {
    "torch", "transformers", "peft", "pandas", "pyarrow", "scipy", "sacrebleu", "rouge_score",
    "rapidfuzz", "regex", "sqlglot", "nltk", "matplotlib", "httpx", "tenacity",
}  # fmt: skip


def test_help_imports_no_database_and_nothing_heavy(sqltune: Sqltune) -> None:
    assert imported(sqltune, "--help") & (HEAVY | {"sqlalchemy", "pydantic", "numpy"}) == set()
    assert imported(sqltune, "sync", "--help") & (HEAVY | {"sqlalchemy"}) == set()


def test_a_sync_with_nothing_to_do_imports_nothing_heavy(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    assert imported(sqltune, "sync") & HEAVY == set()
    assert people.value("SELECT decision FROM adapter_states") == "up_to_date"


@pytest.mark.parametrize("command", [("status",), ("show", "1"), ("compare", "office"), ("init",)])
def test_looking_imports_nothing_heavy(
    sqltune: Sqltune, people: People, trained_office: str, command: tuple[str, ...]
) -> None:
    assert imported(sqltune, *command) & HEAVY == set()


def test_status_imports_neither_the_selection_nor_the_scorers(
    sqltune: Sqltune, people: People, trained_office: str
) -> None:
    unneeded = {"sqltune.selection", "sqltune.evaluation", "sqltune.vllm.client"}
    assert imported(sqltune, "status") & unneeded == set()
    assert imported(sqltune, "sync") & unneeded == unneeded - {"sqltune.vllm.client"}


def test_a_sync_with_scripted_does_without_torch(
    sqltune: Sqltune, people: People, office: str
) -> None:
    assert imported(sqltune, "sync") & {"torch", "transformers", "peft", "pandas"} == set()
