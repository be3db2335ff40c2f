"""A story fails where a page is wrong."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.documentation.pages import Block, read_commands
from tests.documentation.story import Story, matches, split_statements

WRONG = [
    ("console", "$ false\n"),
    ("console", "$ echo one\ntwo\n"),
    ("console", "$ echo one two\none\n"),
    ("sql", "SELECT missing FROM numbers;\n"),
    ("python", "import no_such_module\n"),
    ("cron", "*/15 * * * sqltune sync\n"),
    ("yaml", "- a list\n"),
    ("toml", "lease_second = 3\n"),
    ("toml", "lease_seconds = -3\n"),
    ("json", "{\n"),
    ("ini", "# no section\n"),
    ("text", "one\n"),
    ("", "one\n"),
    ("sh", "true\n"),
]


@pytest.fixture
def story(tmp_path: Path) -> Story:
    with sqlite3.connect(tmp_path / "sqltune.db") as connection:
        connection.execute("CREATE TABLE numbers (number INTEGER)")
        connection.execute("INSERT INTO numbers VALUES (7)")
    connection.close()
    return Story(tmp_path)


def blocks(*parts: tuple[str, str]) -> list[Block]:
    return [Block("page.md", 1, language, text) for language, text in parts]


@pytest.mark.parametrize("part", WRONG)
def test_a_block_that_is_wrong_fails(story: Story, part: tuple[str, str]) -> None:
    with pytest.raises((AssertionError, ValueError)):
        story.follow(blocks(part))


def test_a_result_is_compared_with_the_sql_before_it(story: Story) -> None:
    query = ("sql", "SELECT number FROM numbers;\n")
    story.follow(blocks(query, ("text", "number\n7\n")))
    with pytest.raises(AssertionError, match="the rows are"):
        story.follow(blocks(query, ("text", "number\n8\n")))


def test_variables_that_a_page_exports_reach_its_later_commands(story: Story) -> None:
    story.follow(blocks(("console", "$ export WORD='a b'\n$ echo $WORD\na b\n")))


@pytest.mark.parametrize(
    ("shown", "printed", "expected"),
    [
        ("one  two", "one two\n", True),
        ("one ...", "one two three", True),
        ("... three", "one two three", True),
        ("one ... three", "one two\nthree", True),
        ("one", "one two", False),
        ("one ... four", "one two three", False),
    ],
)
def test_three_dots_stand_for_anything(shown: str, printed: str, expected: bool) -> None:
    assert matches(shown, printed) is expected


def test_a_comment_behind_a_command_is_no_part_of_it() -> None:
    (block,) = blocks(("console", "$ sqltune sync   # does it\n$ echo '#1'\n#1\n"))
    assert [command.text for command in read_commands(block)] == ["sqltune sync", "echo '#1'"]


def test_statements_end_at_a_semicolon_that_ends_a_line() -> None:
    script = "SELECT 'a; b';  -- first\nSELECT 2\n  FROM numbers;\n"
    assert split_statements(script) == ["SELECT 'a; b'", "SELECT 2\n  FROM numbers"]
