from __future__ import annotations

import pytest

from sqltune.database.rights import describe_excess


@pytest.mark.parametrize(
    "grants",
    [
        ["GRANT USAGE ON *.* TO `s`@`%` IDENTIFIED BY PASSWORD '*A'"],
        ["GRANT SELECT ON `sqltune`.`training_samples` TO `s`@`%`"],
        ["GRANT SELECT (`a`, `b`), SHOW VIEW ON `shop`.* TO `s`@`%`"],
    ],
)
def test_reading_tables_is_no_excess(grants: list[str]) -> None:
    assert describe_excess(grants) == []


@pytest.mark.parametrize(
    ("grant", "words"),
    [
        ("GRANT ALL PRIVILEGES ON *.* TO `root`@`%` WITH GRANT OPTION", "may do everything"),
        ("GRANT ALL PRIVILEGES ON `a`.* TO `s`@`%`", "ALL PRIVILEGES on a.*"),
        ("GRANT SELECT, FILE ON *.* TO `s`@`%`", "FILE on *.* (reads and writes files"),
        ("GRANT SUPER ON *.* TO `s`@`%`", "SUPER on *.* (changes the server"),
        ("GRANT PROCESS ON *.* TO `s`@`%`", "PROCESS on *.* (sees the statements"),
        ("GRANT SELECT, INSERT (`a`, `b`) ON `d`.`t` TO `s`@`%`", "INSERT on d.t (writes)"),
        ("GRANT CREATE TEMPORARY TABLES ON `d`.* TO `s`@`%`", "CREATE TEMPORARY TABLES on d.*"),
        ("GRANT EXECUTE ON FUNCTION `d`.`f` TO `s`@`%`", "EXECUTE on d.f (runs stored functions"),
        ("GRANT SELECT ON `mysql`.* TO `s`@`%`", "reads mysql.*"),
        ("GRANT SELECT ON `mysql`.`user` TO `s`@`%`", "reads mysql.*"),
        ("GRANT SELECT ON *.* TO `s`@`%`", "reads mysql.*"),
        ("GRANT SYSTEM_VARIABLES_ADMIN ON *.* TO `s`@`%`", "does more than read"),
        ("GRANT SELECT ON `d`.`t` TO `s`@`%` WITH GRANT OPTION", "passes its rights on"),
        ("GRANT `writer`@`%` TO `s`@`%`", "role `writer`@`%`"),
        ("GRANT PROXY ON ''@'%' TO 'root'@'localhost' WITH GRANT OPTION", "acts as another user"),
    ],
)
def test_a_right_beyond_reading_is_said_in_words(grant: str, words: str) -> None:
    assert words in ", ".join(describe_excess([grant]))
