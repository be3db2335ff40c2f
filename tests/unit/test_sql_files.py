"""The SQL files use only what every engine accepts: a lint for what no engine here would refuse.

SingleStore cannot be run everywhere, so the text is searched for what it refuses; and for words
that MySQL 8.4 or SingleStore reserve, and statements that differ from engine to engine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.dialects.mysql.reserved_words import RESERVED_WORDS_MYSQL
from sqlglot.generators.singlestore import SingleStoreGenerator

from sqltune.database.connection import EngineKind
from sqltune.database.queries import find_sql_folder, load_statements, strip_comments
from sqltune.database.scripts import read_migrations, read_views
from sqltune.evaluation.scorers import SCORERS

SQL = find_sql_folder()
FILES = sorted(SQL.rglob("*.sql"))
ENGINES = [kind.value for kind in EngineKind]
#: Patterns; case does not matter.
REFUSED_EVERYWHERE = [
    *("FOREIGN KEY", "REFERENCES", r"CHECK\s*\(", r"ENUM\s*\(", r"\bTRIGGER\b", "PROCEDURE"),
    *("GENERATED", r"\bSTORED\b", "SAVEPOINT", "SKIP LOCKED", "NOWAIT", "FOR UPDATE", "RETURNING"),
    *("OR REPLACE", r"GET_LOCK\s*\(", "->", r"\|\|", r"CONCAT\s*\(", "FULL JOIN", "FULL OUTER"),
    *("NATURAL", "EXCEPT", "INTERSECT", r"SELECT \*", r"TINYINT\s*\(1\)", r"\bBOOL", "UNSIGNED"),
    *(r"(?<!_)TIMESTAMP\b(?!\()", r"\bJSON\b", r"\bFLOAT\b", r"=\s*(ALL|ANY)\b", "DELIMITER"),
]
#: What only the statements in queries/<engine>/ may use.
CLOCKS = (
    r"(?<!:)\bNOW\b|CURRENT_|UTC_|UNIX_TIMESTAMP|julianday|strftime|datetime\("
    r"|\bINTERVAL\b|\bRAND\b"
)
#: Used as names, though on SingleStore's list of restricted keywords, which holds the words of its
#: whole grammar, ABS and STATE included; not yet tried on a server of theirs.
#: https://docs.singlestore.com/db/v9.1/reference/sql-reference/restricted-keywords
USABLE_IN_SINGLESTORE = frozenset(
    {"event", "host", "position", "rule", "split", "state", "users", "version"}
)
RESERVED = {word.lower() for word in RESERVED_WORDS_MYSQL}
RESERVED |= {"library", "manual", "parallel", "qualify", "tablesample"}  # new since MySQL 8.0
RESERVED |= {w.lower() for w in SingleStoreGenerator.RESERVED_KEYWORDS} - USABLE_IN_SINGLESTORE


def bare(text: str) -> str:
    """A text without comments and without the contents of quotes."""
    return re.sub(r"'(?:[^']|'')*'", "''", strip_comments(text))


def statements(*folders: str) -> Iterator[tuple[str, str]]:
    """Every statement of some files, with the file's name, without comments and quoted text."""
    for path in FILES:
        if path.relative_to(SQL).parts[0] in folders:
            for part in re.split(r";\s*$", bare(path.read_text("utf-8")), flags=re.MULTILINE):
                yield path.name, part


@pytest.mark.parametrize("refused", REFUSED_EVERYWHERE)
def test_nothing_is_used_that_singlestore_refuses(refused: str) -> None:
    pattern = re.compile(refused, re.IGNORECASE)
    found = [
        (path.name, match.group())
        for path in FILES
        for match in pattern.finditer(bare(path.read_text("utf-8")))
    ]
    assert found == []


def test_the_lint_reads_the_files_of_every_folder() -> None:
    folders = {path.relative_to(SQL).parts[0] for path in FILES}
    assert folders == {"demo", "functions", "migrations", "queries", "views"}


@pytest.mark.parametrize("wrong", ["||", "FOREIGN KEY (a)", "CHECK (a > 0)", "SELECT * FROM t"])
def test_the_lint_finds_what_it_looks_for(wrong: str) -> None:
    assert any(re.search(refused, bare(wrong), re.IGNORECASE) for refused in REFUSED_EVERYWHERE)


def test_no_update_and_no_delete_is_ordered_or_limited() -> None:
    changing = [s for _, s in statements("queries") if re.match(r"\s*(UPDATE|DELETE)\b", s)]
    assert len(changing) > 20
    assert [s for s in changing if re.search(r"\b(LIMIT|ORDER BY)\b", s)] == []


def test_no_statement_and_no_view_names_a_scorer() -> None:
    texts = [view.select for view in read_views()]
    texts += [statement for engine in ENGINES for statement in load_statements(engine).values()]
    quoted = {word for text in texts for word in re.findall(r"'([^']*)'", text)}
    assert "queued" in quoted
    assert quoted & set(SCORERS) == set()


def test_no_portable_statement_and_no_view_asks_the_clock() -> None:
    for path in [*(SQL / "queries").glob("*.sql"), *(SQL / "views").glob("*.sql")]:
        assert not re.search(CLOCKS, bare(path.read_text("utf-8")), re.IGNORECASE), path.name


def test_no_view_divides_whole_numbers() -> None:
    for view in read_views():
        for divisor in re.findall(r"/\s*(\S+)", bare(view.select)):
            assert "." in divisor, f"{view.name} divides by {divisor}"


def test_no_colon_is_left_that_would_be_taken_for_a_value() -> None:
    for path in FILES:
        text = strip_comments(path.read_text("utf-8"))
        assert not re.search(r"--|/\*", bare(text)), f"{path.name} has a comment that stays"
        for quoted in re.findall(r"'(?:[^']|'')*'", text):
            assert not re.search(r":\w", quoted), f"{path.name}: {quoted}"


def test_every_statement_begins_with_its_name_and_a_sentence() -> None:
    for path in (SQL / "queries").rglob("*.sql"):
        parts = re.split(r"^-- name: \w+$", path.read_text("utf-8"), flags=re.MULTILINE)
        assert parts[0].startswith("-- "), path.name
        for part in parts[1:]:
            assert re.match(r"\n-- [A-Z0-9].*\n", part), f"{path.name}: {part[:60]!r}"
            assert part.rstrip().endswith(";"), f"{path.name}: {part[-60:]!r}"
            assert part.count(";\n") == 1, f"{path.name}: {part[:60]!r}"


def named_values(engine: str) -> dict[str, frozenset[str]]:
    return {
        name: frozenset(re.findall(r"(?<![:\w]):(\w+)", statement))
        for name, statement in load_statements(engine).items()
    }


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_has_the_same_statements_with_the_same_values(engine: str) -> None:
    assert named_values(engine) == named_values("sqlite")


def test_a_file_of_one_engine_has_its_counterparts() -> None:
    for folder in ("queries", "migrations"):
        names = {
            engine: sorted(path.name for path in (SQL / folder / engine).glob("*.sql"))
            for engine in ENGINES
        }
        assert names["mysql"] == names["singlestore"] == names["sqlite"], folder


def test_no_statement_is_unused_or_missing() -> None:
    package = Path(__file__).parents[2] / "pipeline" / "sqltune"
    code = "\n".join(path.read_text("utf-8") for path in package.rglob("*.py"))
    known = set(load_statements("sqlite"))
    unused = {name for name in known if f'"{name}"' not in code}
    assert unused == set()
    called = re.findall(r'\.(?:fetch_one|fetch_all|execute_many|insert)\(\s*"(\w+)"', code)
    assert set(called) <= known


def identifiers() -> set[str]:
    """The tables, columns, indexes, views and other names that the files use."""
    names = {view.name for view in read_views()}
    for migration in read_migrations(EngineKind.SQLITE):
        names |= set(re.findall(r"^    ([a-z]\w*) ", migration.text, re.MULTILINE))
        names |= set(re.findall(r"INDEX (\w+) ON", migration.text)) | set(migration.tables)
    texts = [view.select for view in read_views()]
    texts += [statement for engine in ENGINES for statement in load_statements(engine).values()]
    for text in map(bare, texts):
        names |= set(re.findall(r"\bAS ([a-z]\w*)", text))
        names |= set(re.findall(r"\b(?:FROM|JOIN) \w+ ([a-z]\w*)", text))
    return names


def test_no_name_is_a_word_that_mysql_or_singlestore_reserves() -> None:
    names = identifiers()
    assert {"adapter_name", "report_runs", "score_change", "runs_by_key", "train_loss"} <= names
    assert sorted(names & RESERVED) == []


def test_names_are_in_lower_case() -> None:
    for path in FILES:
        if path.parent.name == "demo":
            continue
        words = set(
            re.findall(r"\b[a-z]+_?[A-Z]\w*|\b[A-Z]+[a-z]\w*", bare(path.read_text("utf-8")))
        )
        assert words - {"InnoDB"} == set(), path.name


def shard_tables() -> list[tuple[str, list[str], list[str]]]:
    found = []
    for migration in read_migrations(EngineKind.SINGLESTORE):
        for statement in migration.statements:
            if statement.startswith("ALTER"):
                continue  # a column more moves no row
            name = re.search(r"TABLE (?:IF NOT EXISTS )?(\w+)", statement)
            shard = re.search(r"SHARD KEY \(([^)]*)\)", statement)
            primary = re.search(r"PRIMARY KEY \(([^)]*)\)", statement)
            assert name, statement
            assert shard, name[1]
            assert primary, name[1]
            found.append((name[1], shard[1].split(", "), primary[1].split(", ")))
    return found


def test_every_singlestore_table_is_sharded_by_the_beginning_of_its_primary_key() -> None:
    for name, shard, primary in shard_tables():
        assert primary[: len(shard)] == shard, name


def test_what_is_joined_lies_on_one_shard() -> None:
    shards = {name: shard for name, shard, _ in shard_tables()}
    for name in ("run_prompts", "responses", "scores", "run_events", "training_metrics"):
        assert shards[name] == ["run_id"]
    assert shards["adapter_versions"] == ["adapter_name"]
    assert shards["manifest_samples"] == ["manifest_id"]
    assert shards["contents"] == ["content_hash"]


def test_small_tables_that_change_in_place_are_rowstore() -> None:
    texts = [s for m in read_migrations(EngineKind.SINGLESTORE) for s in m.statements]
    for name in ("runs", "adapter_states", "adapters", "aliases", "schema_migrations"):
        assert any(s.startswith("CREATE ROWSTORE TABLE") and f" {name} (" in s for s in texts), name


def test_singlestore_defaults_are_bare_functions_or_literals() -> None:
    text = "\n".join(migration.text for migration in read_migrations(EngineKind.SINGLESTORE))
    assert "DEFAULT 0" in text
    assert "DEFAULT (" not in text


def test_singlestore_makes_ids_of_bigint_columns_only() -> None:
    text = "\n".join(migration.text for migration in read_migrations(EngineKind.SINGLESTORE))
    made = re.findall(r"(\w+ \w+ \w+) AUTO_INCREMENT", text)
    assert set(made) == {"BIGINT NOT NULL"}
