"""Code, SQL and documents speak plain English: no idiom to decode, one word for one thing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import language

FAULTS = [
    "Whoever finds the lease expired resumes the run.",
    "a row that nobody thought of",
    "The log tells what happened, and a person is told.",
    "what people wish of a run",
    "The run goes on with the next sync.",
    "What a run came to.",
    "the database is away for a moment",
    "The next run begins anew.",
    "before it lets the adapter go",
    "A run that is held keeps its adapter.",
    "who holds the lease",
    "the row as it was at first sight",
    "tending the rows",
    "pause between two looks",
    "The reason stands in the row.",
    "texts as they stand",
    "a lease in hand",
    "the run at work",
    "a connection of the user's own",
    "never made live by itself",
]
LEGITIMATE = [
    "Rows whose split is not 'train' are held out, and so are held-out questions.",
    "The rule holds for every engine.",
    "Eight bytes of a hash tell a million samples apart.",
    "Small models tend to repeat themselves.",
    "A file that holds the weights.",
    "The name stands in for the model.",
    "It looks at every adapter once.",
    "No transaction holds a lock for longer than 200 ms.",
]


@pytest.mark.parametrize("sentence", FAULTS)
def test_the_lint_finds_what_it_looks_for(sentence: str, tmp_path: Path) -> None:
    assert findings(tmp_path, f"# {sentence}\n") != []


@pytest.mark.parametrize("sentence", LEGITIMATE)
def test_the_lint_leaves_legitimate_uses_alone(sentence: str, tmp_path: Path) -> None:
    assert findings(tmp_path, f"# {sentence}\n") == []


@pytest.mark.parametrize(
    "docstring",
    [
        "Give the rows.",
        "Say whether there are rows.",
        "Return rows.\n\n    Args: session: where to read. limit: how many.",
        "Return rows.\n\n    Raises: DataError: a row is wrong.",
        "Return rows.\n\n    Args:\n        session: where to read. limit: how many.",
        "Return rows.\n\n    Raises:\n        DataError: a row. ConfigError: a setting.",
    ],
)
def test_a_mangled_docstring_is_found(docstring: str, tmp_path: Path) -> None:
    code = f'def rows(session, limit):\n    """{docstring}"""\n'
    assert findings(tmp_path, code) != []


def test_a_docstring_with_one_entry_per_line_is_left_alone(tmp_path: Path) -> None:
    code = '''def rows(session, limit):
    """Return rows.

    Args:
        session: where to read.
        limit: how many.

    Raises:
        DataError: a row is wrong.
        ConfigError: a setting is.
    """
'''
    assert findings(tmp_path, code) == []


def test_messages_and_comments_are_read_as_well_as_docstrings(tmp_path: Path) -> None:
    code = 'raise ValueError(f"run {1} goes on")  # anew\n'
    assert len(findings(tmp_path, code)) == 2


@pytest.mark.parametrize("path", language.python_files(), ids=str)
def test_a_module_speaks_plainly(path: Path) -> None:
    found = language.findings_of_python(path)
    assert found == [], "\n".join(found)


@pytest.mark.parametrize("path", language.sql_files(), ids=str)
def test_a_file_of_sql_speaks_plainly(path: Path) -> None:
    found = language.findings_of_sql(path)
    assert found == [], "\n".join(found)


@pytest.mark.parametrize("path", language.documents(), ids=str)
def test_a_document_speaks_plainly(path: Path) -> None:
    found = language.findings_of_markdown(path)
    assert found == [], "\n".join(found)


def findings(folder: Path, code: str) -> list[str]:
    """Return what the lint finds in a module of this text."""
    path = folder / "module.py"
    path.write_text(code, "utf-8")
    return language.findings_of_python(path)


@pytest.mark.parametrize("path", language.commented_files(), ids=str)
def test_the_comments_of_build_files_speak_plain_english(path: Path) -> None:
    assert language.findings_of_comments(path) == []


def test_the_names_of_tests_speak_plain_english() -> None:
    found = map(language.findings_of_test_names, language.test_files())
    assert [finding for findings in found for finding in findings] == []
