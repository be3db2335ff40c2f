"""The pages of docs/reference are what the source gives, and they describe everything."""

from __future__ import annotations

from dataclasses import fields

import pytest

from sqltune.database.scripts import read_views
from sqltune.settings import Settings
from tests.documentation.reference import FOLDER, pages
from tests.documentation.sql_columns import (
    read_descriptions,
    read_own_comments,
    read_tables,
)


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.iterdir()))
def test_a_committed_page_is_what_the_source_gives(name: str) -> None:
    written = (FOLDER / name).read_text("utf-8")
    assert written == pages()[name], "run `make docs-reference`"


def test_the_folder_has_no_page_that_nothing_writes() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(pages())


def test_every_column_is_described() -> None:
    columns = read_tables()
    missing = [f"{name}.{c.name}" for name in columns for c in columns[name] if not c.meaning]
    assert missing == [], "write a COMMENT in sql/, or a line in tests/documentation/columns.toml"


def test_no_description_is_left_of_a_column_that_is_gone_or_has_a_comment() -> None:
    columns = read_tables()
    descriptions = read_descriptions()
    assert descriptions
    for name, written in descriptions.items():
        if name == "any":
            known = {column.name for listed in columns.values() for column in listed}
        else:
            comments = read_own_comments().get(name, {})
            known = {column.name for column in columns[name]} - comments.keys()
        assert set(written) - known == set(), name


def test_every_setting_is_described() -> None:
    page = pages()["settings.md"]
    for field in fields(Settings):
        (line,) = [row for row in page.splitlines() if f"| `SQLTUNE_{field.name.upper()}` |" in row]
        assert line.split("|")[3].strip(), field.name


def test_every_table_and_view_has_a_section() -> None:
    views = {view.name for view in read_views()}
    for page, listed in (("tables.md", set(read_tables())), ("views.md", views)):
        sections = [line for line in pages()[page].splitlines() if line.startswith("##")]
        assert {line.split("`")[1] for line in sections if "`" in line} == listed
