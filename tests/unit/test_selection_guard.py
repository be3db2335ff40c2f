from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from sqltune.database.connection import EngineKind
from sqltune.errors import QueryRefused
from sqltune.selection.guard import guard_query

KINDS = list(EngineKind)
SERVERS = [EngineKind.MYSQL, EngineKind.SINGLESTORE]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "query",
    [
        "SELECT prompt, response FROM tickets",
        "select question as prompt, answer as response from shop.tickets where id % 2 = 0",
        "WITH t AS (SELECT 1 AS a) SELECT 'p' AS prompt, 'r' AS response FROM t",
        "(SELECT a AS prompt, b AS response FROM t UNION ALL SELECT c, d FROM u)",
        "SELECT a.prompt, b.response FROM a JOIN b ON a.id = b.id ORDER BY a.id LIMIT 10",
        "SELECT 'it''s; FOR UPDATE INTO @x' AS prompt, 'sleep(1)' AS response FROM t",
        "SELECT prompt, response FROM t -- a word\n WHERE x LIKE '%100%'",
        "SELECT prompt, response /* two words */ FROM t",
        "SELECT prompt, response, COUNT(*) OVER (PARTITION BY g) AS n FROM t",
        "SELECT COALESCE(a, 'b') AS prompt, REPLACE(r, 'x', 'y') AS response FROM t",
        "SELECT prompt, updated_at AS response FROM t",
    ],
)
def test_one_harmless_select_is_sent_as_its_tokens(kind: EngineKind, query: str) -> None:
    sent = guard_query(query, kind)
    without_comments = re.sub(r"--[^\n]*|/\*.*?\*/", "", query)
    assert re.sub(r"\s", "", sent) == re.sub(r"\s", "", without_comments)
    assert guard_query(sent, kind) == sent
    assert guard_query(f"\r\n {query} ;\t\n", kind) == sent


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("", "empty"),
        (" ; ", "no statement"),
        ("-- nothing", "empty"),
        ("SELECT 1; SELECT 2", "several statements"),
        ("SELECT 1; DROP TABLE runs", "several statements"),
        ("UPDATE t SET a = 1", "begins with UPDATE"),
        ("INSERT INTO t SELECT 1", "begins with INSERT"),
        ("REPLACE INTO t SELECT 1", "begins with REPLACE"),
        ("CALL p()", "begins with CALL"),
        ("EXPLAIN SELECT 1", "begins with EXPLAIN"),
        ("PRAGMA journal_mode = DELETE", "begins with PRAGMA"),
        ("ATTACH DATABASE 'x' AS y", "begins with ATTACH"),
        ("SET @x = 1", "begins with SET"),
        ("VALUES (1)", "begins with VALUES"),
        ("selec prompt", "begins with SELEC"),
        ("WITH x AS (DELETE FROM t RETURNING a) SELECT a FROM x", "changes data"),
        ("WITH x AS (UPDATE t SET a = 1 RETURNING a) SELECT a FROM x", "changes data"),
        ("WITH x AS (SELECT 1) DELETE FROM t", "DELETE, not SELECT"),
        ("SELECT prompt INTO OUTFILE '/tmp/x' FROM t", "INTO"),
        ("SELECT prompt FROM t INTO DUMPFILE '/tmp/x'", "INTO"),
        ("SELECT prompt INTO @x FROM t", "variable"),
        ("SELECT prompt FROM t INTO x", "INTO"),
        ("SELECT * INTO copied FROM t", "INTO"),
        ("SELECT prompt FROM t FOR UPDATE", "locks rows"),
        ("SELECT prompt FROM t LOCK IN SHARE MODE", "locks rows"),
        ("SELECT prompt FROM t FOR SHARE", "locks rows"),
        ("SELECT prompt FROM (SELECT prompt FROM t FOR UPDATE) AS x", "locks rows"),
        ("SELECT @x AS prompt", "variable"),
        ("SELECT @x := 1 AS prompt", "variable"),
        ("SELECT @@datadir AS prompt", "variable"),
        ("SELECT prompt FROM t WHERE id = :id", "placeholder"),
        ("SELECT prompt FROM t WHERE id = ?", "placeholder"),
        ("SELECT LOAD_FILE('/etc/passwd') AS prompt", "LOAD_FILE"),
        ("SELECT load_file ('/etc/passwd') AS prompt", "LOAD_FILE"),
        ("SELECT `load_file`('/etc/passwd') AS prompt", "LOAD_FILE"),
        ("SELECT prompt FROM t WHERE SLEEP(10) = 0", "SLEEP"),
        ("SELECT prompt FROM t WHERE (SELECT sLeEp(10))", "SLEEP"),
        ("SELECT BENCHMARK(1000000, MD5('x')) AS prompt", "BENCHMARK"),
        ("SELECT GET_LOCK('a', 10) AS prompt", "GET_LOCK"),
        ("SELECT RELEASE_LOCK('a') AS prompt", "RELEASE_LOCK"),
        ("SELECT RELEASE_ALL_LOCKS() AS prompt", "RELEASE_ALL_LOCKS"),
        ("SELECT load_extension('x') AS prompt", "LOAD_EXTENSION"),
        ("SELECT readfile('/etc/passwd') AS prompt", "READFILE"),
        ("SELECT writefile('/tmp/x', 'y') AS prompt", "WRITEFILE"),
        ("SELECT nextval(s) AS prompt", "NEXTVAL"),
        ("SELECT * FROM pragma_journal_mode('delete')", "pragma_journal_mode"),
        ("SELECT * FROM pragma_table_info", "pragma_table_info"),
        ("SELECT 1 /*! , SLEEP(10) */ AS prompt", "comment"),
        ("SELECT 1 /*!50000 INTO OUTFILE '/tmp/x' */", "comment"),
        ("SELECT 1 /*M!100100 , SLEEP(10) */ AS prompt", "comment"),
        ("/*! SET */ SELECT 1 AS prompt", "comment"),
        ("SELECT /*+ SET_VAR(max_execution_time = 0) */ prompt FROM t", "comment"),
        ("SELECT 1 /* /* */ , SLEEP(10) /* */ */ AS prompt", "comment"),
        ("SELECT prompt FROM t WHERE a = 'open", "cannot be read"),
        ("SELECT prompt\nFROM t WHERE (a = 1", "line 2"),
        ("SELECT prompt FROM t\x00", "NUL"),
    ],
)
def test_anything_but_one_harmless_select_is_refused_with_the_reason(
    kind: EngineKind, query: str, reason: str
) -> None:
    with pytest.raises(QueryRefused, match=reason):
        guard_query(query, kind)


@pytest.mark.parametrize("kind", SERVERS)
def test_two_dashes_that_are_no_comment_to_the_server_hide_nothing(kind: EngineKind) -> None:
    with pytest.raises(QueryRefused, match="SLEEP"):
        guard_query("SELECT 1--SLEEP(10)\n AS prompt", kind)


def test_a_query_nested_too_deeply_is_refused_without_a_crash() -> None:
    query = "SELECT " + "(" * 5000 + "1" + ")" * 5000 + " AS prompt"
    with pytest.raises(QueryRefused):
        guard_query(query, EngineKind.SQLITE)


def test_the_reason_names_the_place_where_the_query_does_not_parse() -> None:
    with pytest.raises(QueryRefused, match="line 2, column 8"):
        guard_query("SELECT prompt\nFROM t 1 2", EngineKind.SQLITE)


BLANKS = [
    "\u00a0",
    "\u2003",
    "\u3000",
    "\u2028",
    "\ufeff",
    "\u200b",
    "\u2060",
    "\x0b",
    "\x0c",
    "\r",
    "\x85",
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("blank", BLANKS, ids=ascii)
@pytest.mark.parametrize(
    "query",
    [
        "SELECT 'p' AS prompt, 1 --{} AS x, SLEEP(9)\nAS response FROM (SELECT 1 AS `a`) t",
        "SELECT 'p' AS prompt, 1 # {},'\n, SLEEP(9) AS response -- '",
        "SELECT{}SLEEP(9)",
        "SELECT 1 AS{}prompt",
        "SELECT 1 /* {} */ AS prompt",
        "SELECT 1 AS prompt, sle{}ep(9)",
        "SELECT 1 AS `{}`",
    ],
)
def test_no_blank_but_plain_ones_is_taken_outside_of_texts(
    kind: EngineKind, blank: str, query: str
) -> None:
    with pytest.raises(QueryRefused, match=r"the character|calls SLEEP"):
        guard_query(query.format(blank), kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("blank", BLANKS, ids=ascii)
def test_texts_keep_every_character(kind: EngineKind, blank: str) -> None:
    query = f"SELECT 'a{blank}b\n\tc -- /* # ; @' AS prompt"
    assert guard_query(query, kind) == query


@pytest.mark.parametrize("kind", KINDS)
def test_comments_and_windows_line_ends_are_written_freely_and_never_sent(kind: EngineKind) -> None:
    query = "SELECT a -- für alle \U0001f680\r\n /* zwei\r\nZeilen */ AS straße\r\nFROM käufe"
    assert guard_query(query, kind) == "SELECT a AS straße FROM käufe"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", ["1e5", "1.5", ".5", "0x41", "1.", "1.e5", "1e+5"])
def test_a_number_hides_no_word_behind_it(kind: EngineKind, number: str) -> None:
    with pytest.raises(QueryRefused, match=r"number with letters|does not parse"):
        guard_query(f"SELECT {number}FOR UPDATE", kind)
    with pytest.raises(QueryRefused, match=r"INTO|number with letters|does not parse"):
        guard_query(f"SELECT {number}INTO OUTFILE 'x'", kind)


@pytest.mark.parametrize("kind", SERVERS)
def test_a_name_that_begins_with_digits_is_sent_in_quotes(kind: EngineKind) -> None:
    sent = guard_query("SELECT t.2024, t.2023_sales, 1.5 FROM 2024_sales AS t", kind)
    assert sent == "SELECT t.`2024` , t.`2023_sales` , 1.5 FROM `2024_sales` AS t"


@pytest.mark.parametrize("kind", SERVERS)
def test_a_text_ends_at_the_same_place_under_every_sql_mode(kind: EngineKind) -> None:
    sent = guard_query(r"""SELECT 'it\'s' AS prompt, "a\"b", 'C:\\', '\n'""", kind)
    assert sent == r"""SELECT 'it''s' AS prompt , "a""b" , 'C:\\' , '\n'"""
    with pytest.raises(QueryRefused, match="SLEEP"):
        guard_query("""SELECT "sleep"(9)""", kind)


@pytest.mark.parametrize("kind", SERVERS)
def test_backslashes_mean_what_the_mode_of_the_server_says(kind: EngineKind) -> None:
    query = r"SELECT REPLACE( path , '\' , '/' ) AS prompt FROM files"
    with pytest.raises(QueryRefused, match="closing quote"):
        guard_query(query, kind)
    assert guard_query(query, kind, frozenset({"NO_BACKSLASH_ESCAPES"})) == query
    quoted = r"""SELECT "a b"."c" AS prompt FROM "a b" """.strip()
    assert guard_query(quoted, kind, frozenset({"ANSI_QUOTES"})) == quoted
    bracketed = "SELECT [a ` b] AS prompt"
    with pytest.raises(QueryRefused, match="the character"):
        guard_query(bracketed, kind)
    sent = guard_query(bracketed, kind, frozenset({"ANSI_QUOTES", "MSSQL"}))
    assert sent == "SELECT `a `` b` AS prompt"


@pytest.mark.parametrize(
    "name", ["slèep", "ＳＬＥＥＰ", "`slèep`", "ſleep", "get_loc\u212a", '"slèep"']
)
def test_a_function_is_not_hidden_by_letters_that_a_server_takes_for_others(name: str) -> None:
    with pytest.raises(QueryRefused, match=r"not ASCII|calls GET_LOCK"):
        guard_query(f"SELECT {name}(9) AS prompt", EngineKind.MYSQL)


@pytest.mark.parametrize(
    "name", ["fts3_tokenizer", "`fts3_tokenizer`", "[fts3_tokenizer]", '"FTS3_tokenizer"']
)
def test_a_quoted_function_is_refused_like_a_bare_one(name: str) -> None:
    with pytest.raises(QueryRefused, match="FTS3_TOKENIZER"):
        guard_query(f"SELECT {name} /* */ ('simple') AS prompt", EngineKind.SQLITE)


@pytest.mark.parametrize("query", ["SELECT 'x'::, 2", "SELECT 1 AS prompt FROM t WHERE a ::$"])
def test_a_failure_of_the_parser_itself_is_a_refusal(query: str) -> None:
    with pytest.raises(QueryRefused):
        guard_query(query, EngineKind.SINGLESTORE)


def test_a_function_keeps_its_bracket_and_a_name_its_dot() -> None:
    sent = guard_query("SELECT COUNT(*), s.t.*, NOW () FROM s.t", EngineKind.MYSQL)
    assert sent == "SELECT COUNT( * ) , s.t.* , NOW ( ) FROM s.t"


def test_the_lowest_sqlglot_that_is_allowed_is_the_one_that_is_tested() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    needed = [n for n in project["project"]["dependencies"] if n.startswith("sqlglot")]
    assert needed == [f"sqlglot>={version('sqlglot')},<31"]
