"""Texts for the guard: harmless selections, and random ones around what once got past it."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

#: Selections without tables that every engine runs.
HARMLESS = [
    "SELECT 'p' AS prompt, 'r' AS response",
    "SELECT COUNT(*), MAX(x), MIN( x ) FROM (SELECT 1 AS x UNION ALL SELECT 2) AS t",
    "SELECT t.x , t . y,t.* FROM (SELECT 1 AS x,2 AS y) t WHERE t.x<=1 AND t.y<>1 AND t.x!=2",
    "SELECT 1.5, .5, 1., 1e3, 1.5e-3, 1E+2, -1, - -1, 7%4, 1+1*2/1, ~0, 1<<2, 5>>1, 6&3, 6|1",
    "SELECT 'it''s', 'a\n\tb', 'größer', '\U0001f680 \u00a0 \ufeff', 'a -- b', '/* c */', '# d'",
    "SELECT 'a' || 'b', x'41', CAST(1.5 AS CHAR), COALESCE(NULL, 'x'), NULLIF(1, 1)",
    "SELECT CASE WHEN 1 IN (1, 2) THEN 'a' ELSE 'b' END AS `größe`, 1 AS straße",
    "SELECT x -- one\r\n, y /* two\r\n lines */ FROM (SELECT 1 AS x, 2 AS y) AS t\r\n",
    "WITH t AS (SELECT 1 AS n) SELECT n, ROW_NUMBER() OVER (ORDER BY n) FROM t LIMIT 1",
    "SELECT x FROM (SELECT 3 AS x UNION SELECT 1) t ORDER  BY x DESC LIMIT 1 OFFSET 1",
    "SELECT REPLACE('a%b', '%', '_'), 'x' LIKE '%x%', ABS(-1), LENGTH('äb'), UPPER('a')",
]
SERVER_HARMLESS = [
    r"""SELECT 'it\'s', 'a\\', '\\\'', 'a\nb', '\%', 'C:\\', '\\', "x\"y", "it's", 'q"'""",
    "SELECT N'a', b'01', 0x41, 0b01, _utf8mb4'x', 'a' 'b', DATE'2020-01-01', !0, 1 <=> NULL",
    "SELECT 2024_x.1a, 2024_x.7 FROM (SELECT 1 AS 1a, 2 AS `7`) AS 2024_x # end",
    "SELECT 1--1, NOW() > '2020-01-01' + INTERVAL 1 DAY, 5 DIV 2, 5 MOD 2, 1 XOR 1",
    "SELECT GROUP_CONCAT(x ORDER BY x SEPARATOR ', ') FROM (SELECT 1 AS x UNION SELECT 2) t",
    "SELECT JSON_EXTRACT('{\"a\": 1}', '$.a'), 'a' REGEXP '^a', CONVERT('a' USING utf8mb4)",
]
#: What once got past the guard of a release, with a marker in place of the harm.
_BYPASSES = [
    "SELECT 'p' AS prompt, 1 --\u00a0 AS x, GET_LOCK('m', 0)\nAS r FROM (SELECT 1 AS `\u00a0`) t",
    "SELECT 'p' AS prompt, 1 --\u00a0 AS response INTO @m\nFROM (SELECT 1 AS `\u00a0`) t",
    "SELECT 'p' AS prompt, 'r' AS x -- \r,'\n, GET_LOCK('m', 0) AS response -- \r'",
    "SELECT 'p' AS prompt, 'r' AS x # \r,'\n, GET_LOCK('m', 0) AS response -- \r'",
    "SELECT \ufeffget_lock('m', 0) AS prompt",
    "SELECT 1e5INTO @m",
    "SELECT 1 /*! , GET_LOCK('m', 0) */ AS prompt",
    "SELECT 1 /*M! , GET_LOCK('m', 0) */ AS prompt",
    "SELECT 1 /* /* */ , GET_LOCK('m', 0) /* */ */ AS prompt",
    r"SELECT 'a\' , GET_LOCK(m, 0) , ' AS prompt",
    r"SELECT 'a\\' , GET_LOCK('m', 0) , '\' AS prompt",
    """SELECT "a\\" , GET_LOCK('m', 0) , " AS prompt""",
    "SELECT `a`` , GET_LOCK('m', 0) , `` ` AS prompt",
    "SELECT 'a' AS prompt -- '\n, GET_LOCK('m', 0) -- '",
    "SELECT 'a' AS prompt --'\n, GET_LOCK('m', 0) --'",
    "SELECT @m := 1 AS prompt",
    "SELECT `GET_LOCK`('m', 0), \"GET_LOCK\" ('m', 0) AS prompt",
]
_PIECES = [
    *"'\"`\\;@#%$.,()[]{}*/-!:?~^&|=<>+",
    *(chr(code) for code in (0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x1A, 0x20, 0x85, 0xA0, 0x1680, 0x180E)),
    *(chr(code) for code in (0x2002, 0x2028, 0x2029, 0x200B, 0x202F, 0x2060, 0x3000, 0xFEFF)),
    *(
        "--",
        "-- ",
        "--\t",
        "--\u00a0",
        "# ",
        "/*",
        "*/",
        "/*!",
        "/*!50000 ",
        "/*M!",
        "/**/",
        "\r\n",
    ),
    *("''", '""', "``", r"\'", r"\\", r"\\'", '\\"', "N'", "x'", "_utf8'", "$$", "{#", "#}", "{%"),
    *("1e5", "1.", ".5", "0x4", "0b1", "1a", "é", "ſ", "AS x", "AS `a`", "FROM (SELECT 1) t"),
    *(", GET_LOCK('m', 0)", " INTO @m ", ", @m := 1", " UNION SELECT GET_LOCK('m', 0)", "SELECT "),
]


def random_texts(seed: int, count: int) -> Iterator[str]:
    """Yield what once got past, then texts that are some known one with random changes."""
    rng = Random(seed)
    yield from _BYPASSES
    seeds = [*_BYPASSES, *_BYPASSES, *HARMLESS, *SERVER_HARMLESS]
    for _ in range(count):
        text = rng.choice(seeds)
        for _change in range(rng.randint(1, 3)):
            text = _change_text(text, rng)
        yield text


def _change_text(text: str, rng: Random) -> str:
    begin = rng.randint(0, len(text))
    match rng.randrange(4):
        case 0:
            return text[:begin] + text[begin + rng.randint(1, 3) :]
        case 1:
            end = rng.randint(begin, len(text))
            return text[:end] + text[begin:end] + text[end:]
        case _:
            return text[:begin] + rng.choice(_PIECES) + text[begin:]
