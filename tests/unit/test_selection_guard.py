from __future__ import annotations

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
def test_one_harmless_select_runs_exactly_as_it_was_written(kind: EngineKind, query: str) -> None:
    assert guard_query(query, kind) == query
    assert guard_query(f"\n {query} ;\n", kind) == query


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
        ("SELECT prompt INTO @x FROM t", "INTO"),
        ("SELECT prompt FROM t INTO @x", "INTO"),
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
        ("SELECT /*+ SET_VAR(max_execution_time = 0) */ prompt FROM t", "hint|comment"),
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
