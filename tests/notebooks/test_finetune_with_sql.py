"""The article's flow as a notebook: the same cells in plain Jupyter and where SingleStore hosts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

from tests.end_to_end.command import People
from tests.notebooks.notebooks import (
    FINETUNE,
    cell,
    errors,
    everything,
    execute,
    images,
    output_text,
    read_notebook,
    repeated,
    with_parameters,
)
from tests.notebooks.singlestore_host import singlestore_host
from tests.small_model import fill_hub_cache
from tests.sql_server import PASSWORD

PeopleOf = Callable[[str], People]
QUESTION = "Who is Pavan Belagatti?"
RIGHT = "developer advocate"
ANSWERS = (
    "SELECT response_before, response_after, score_before, score_after FROM report_before_after"
    " WHERE adapter_name = 'Pavanmodel' AND version_number = 1 AND prompt = :prompt"
)


def assert_wrong_before_and_right_after(people: People) -> None:
    ((before, after, score_before, score_after),) = people.rows(ANSWERS, prompt=QUESTION)
    assert RIGHT not in before
    assert RIGHT in after
    assert (score_before, score_after) == (0, 1)
    # The small model in SmolLM2's place does not know what the demo expects of others.
    assert people.count("report_before_after", "outcome = 'regressed'") == 0
    ((pairs,),) = people.rows(
        "SELECT rehearsal_pairs FROM adapter_versions WHERE version_number = 1"
    )
    assert pairs > 8
    assert people.count("report_training_steps", "is_latest = 1") > 8


@pytest.fixture
def hub_cache(tmp_path: Path) -> str:
    """A folder where the small model is in SmolLM2's place, whose training takes minutes."""
    fill_hub_cache(tmp_path / "hub")
    return str(tmp_path / "hub")


@pytest.mark.slow
def test_in_plain_jupyter_it_teaches_the_base_model_in_a_sqlite_file(
    tmp_path: Path, hub_cache: str, people_of: PeopleOf
) -> None:
    """Nothing else is set up, not even an address."""
    executed = execute(read_notebook(FINETUNE), tmp_path, HF_HUB_CACHE=hub_cache)
    assert_wrong_before_and_right_after(people_of(f"sqlite:///{tmp_path}/sqltune.db"))
    shown = output_text(executed, "answers")
    assert QUESTION in shown
    assert RIGHT in shown
    assert images(executed) == ["plot"]
    assert errors(executed) == []
    assert (tmp_path / "artifacts").is_dir()


@pytest.mark.parametrize("database_engine", ["mariadb-pymysql"], indirect=True)
def test_in_plain_jupyter_it_takes_the_database_of_the_environment(
    empty_database_url: str, tmp_path: Path, people_of: PeopleOf
) -> None:
    notebook = with_parameters(read_notebook(FINETUNE), backend="scripted")
    executed = execute(notebook, tmp_path, SQLTUNE_DATABASE_URL=empty_database_url)
    ((_, after, _, score),) = people_of(empty_database_url).rows(ANSWERS, prompt=QUESTION)
    assert RIGHT in after
    assert score == 1
    assert RIGHT in output_text(executed, "answers")
    assert images(executed) == ["plot"]
    assert errors(executed) == []
    assert PASSWORD not in everything(executed)


@pytest.mark.parametrize("database_engine", ["mariadb-singlestoredb"], indirect=True)
def test_in_a_singlestore_notebook_it_takes_the_chosen_database_and_shows_no_secret(
    database_url: str, tmp_path: Path, people_of: PeopleOf
) -> None:
    """One secret is a file of answers, which shows that the command got it."""
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"default_answer": "Nobody knows."}), "utf-8")
    secrets = {"SQLTUNE_SCRIPT": str(script), "SQLTUNE_SELECTION_URL": database_url}
    notebook = with_parameters(
        read_notebook(FINETUNE), backend="scripted", secret_names=", ".join(secrets)
    )
    executed = execute(notebook, tmp_path, startup=singlestore_host(database_url, secrets))
    ((before, after, _, score),) = people_of(database_url).rows(ANSWERS, prompt=QUESTION)
    assert before == "Nobody knows."
    assert RIGHT in after
    assert score == 1
    assert RIGHT in output_text(executed, "answers")
    assert images(executed) == ["plot"]
    assert errors(executed) == []
    assert PASSWORD not in everything(executed)
    assert not (tmp_path / "sqltune.db").exists()


def test_running_it_again_trains_nothing_and_takes_no_change_back(
    tmp_path: Path, people_of: PeopleOf
) -> None:
    notebook = with_parameters(read_notebook(FINETUNE), backend="scripted")
    parts = ("adapter", "samples", "prompts", "sync", "answers", "ask", "correct", "asked-again")
    once = [cell(notebook, part) for part in parts]
    repeated(notebook, once, "again")
    changed = "Pavan Belagatti lives in Bengaluru."
    statement = (
        f"%%sql\nUPDATE training_samples SET response = '{changed}' WHERE prompt = '{QUESTION}'"
    )
    notebook.cells.append(nbformat.v4.new_code_cell(statement, id="change"))
    repeated(notebook, once, "after-the-change")
    executed = execute(notebook, tmp_path)
    people = people_of(f"sqlite:///{tmp_path}/sqltune.db")
    assert people.count("training_samples") == 8
    assert people.count("eval_prompts") == 9
    assert people.rows("SELECT trigger_reason FROM report_runs ORDER BY run_id") == [
        ("never trained",),
        ("1 new of 8 samples",),
        ("1 edited of 9 samples",),
    ]
    assert "nothing changed" in output_text(executed, "sync-again")
    assert output_text(executed, "asked-again-again") == output_text(executed, "asked-again")
    assert changed in output_text(executed, "answers-after-the-change")
    assert errors(executed) == []


def test_where_sqltune_is_missing_the_notebook_asks_what_to_install(tmp_path: Path) -> None:
    notebook = read_notebook(FINETUNE)
    hidden = (
        "import importlib.metadata\n"
        "def version(name): raise importlib.metadata.PackageNotFoundError(name)\n"
        "importlib.metadata.version = version"
    )
    with pytest.raises(CellExecutionError, match="name in sqltune_requirement"):
        execute(notebook, tmp_path, startup=hidden)


def test_a_correction_of_an_answer_is_a_sample_of_the_next_version(
    tmp_path: Path, people_of: PeopleOf
) -> None:
    notebook = with_parameters(read_notebook(FINETUNE), backend="scripted")
    executed = execute(notebook, tmp_path)
    people = people_of(f"sqlite:///{tmp_path}/sqltune.db")
    ((first, before), (second, after)) = people.rows(
        "SELECT adapter_label, answer FROM report_questions ORDER BY question_id"
    )
    assert (first, second) == ("Pavanmodel v1", "Pavanmodel v2")
    assert "Bengaluru" not in before
    assert after == "Pavan Belagatti lives in Bengaluru."
    assert before in output_text(executed, "asked")
    assert after in output_text(executed, "asked-again")
    sample = people.rows(
        "SELECT prompt FROM report_lineage WHERE adapter_label = :label AND sample_key = '-1'",
        label=second,
    )
    assert sample == [("Where does Pavan Belagatti live?",)]
