"""The company's support rows of the benches: the same on every engine, and fit to learn from."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from tests.bench.support.company import Company, make_company
from tests.bench.support.exported import (
    SupportRow,
    load_jsonl,
    select_held_out,
    select_train,
    write_jsonl,
)
from tests.bench.support.kinds import KINDS
from tests.bench.support.rows import read_rows, store
from tests.bench.support.scores import score, share_right
from tests.bench.support.wordings import WORDINGS
from tests.singlestore_on_mariadb import open_database


def make_small(seed: int = 1) -> Company:
    return make_company(tickets=240, held_out=60, seed=seed)


def select_from(company: Company, url: str) -> list[SupportRow]:
    with closing(open_database(url)) as database:
        store(company, database.engine)
        return read_rows(company, database.engine)


def read_from_sqlite(company: Company, folder: Path) -> Path:
    rows = select_from(company, f"sqlite:///{folder}/company.db")
    write_jsonl(rows, folder / "rows.jsonl")
    return folder / "rows.jsonl"


def test_every_engine_selects_the_same_rows(empty_database_url: str, tmp_path: Path) -> None:
    company = make_small()
    rows = select_from(company, empty_database_url)
    assert rows == load_jsonl(read_from_sqlite(company, tmp_path))
    assert len(select_held_out(rows)) == 60
    assert len(select_train(rows)) >= 240


def test_a_seed_decides_every_row() -> None:
    assert make_small().tables == make_small().tables
    assert make_small().tables != make_small(seed=2).tables


def test_the_rows_are_dirty_and_the_views_leave_out_what_is_of_no_use(tmp_path: Path) -> None:
    company = make_small()
    rows = load_jsonl(read_from_sqlite(company, tmp_path))
    bodies = [ticket["body"] for ticket in company.tables["shop_tickets"]]
    prompts = " ".join(row.prompt for row in rows)
    assert None in bodies
    assert any(body is not None and not body.strip() for body in bodies)
    assert all(mark in prompts for mark in ("<p>", "&nbsp;", "\n-- ", "\n> ", "\r\n", "\u00a0"))
    assert len(rows) < len(bodies)
    assert all(row.prompt.strip() and row.response.strip() for row in rows)
    assert not any(mark in row.response for row in rows for mark in ("{order}", "{product}"))


def test_sixty_kinds_are_trained_and_no_held_out_ticket_is(tmp_path: Path) -> None:
    rows = load_jsonl(read_from_sqlite(make_small(), tmp_path))
    trained, held_out = select_train(rows), select_held_out(rows)
    desks = {kind.decisive.split(" within ")[1] + kind.area.desk for kind in KINDS}
    assert len(KINDS) == len(desks) == 60
    assert not {row.prompt for row in trained} & {row.prompt for row in held_out}
    for kind in KINDS:
        start, end = kind.decisive.split("{order}")
        assert any(start in row.response and end in row.response for row in trained)


def test_new_wordings_are_asked_and_never_trained(tmp_path: Path) -> None:
    rows = load_jsonl(read_from_sqlite(make_small(), tmp_path))
    asked = [row for row in select_held_out(rows) if row.is_new_wording]
    known = {text for wordings in WORDINGS.values() for text in wordings.known}
    new = {text for wordings in WORDINGS.values() for text in wordings.new}
    assert not known & new
    assert 15 < len(asked) < 45
    assert not any("reference " in row.prompt.lower() for row in select_train(rows))
    assert any("reference " in row.prompt.lower() for row in asked)


def test_only_the_macro_is_a_right_answer(tmp_path: Path) -> None:
    held_out = select_held_out(load_jsonl(read_from_sqlite(make_small(), tmp_path)))
    right = {row.key: row.response for row in held_out}
    places = list(right)
    wrong = dict(zip(places, [right[key] for key in places[1:] + places[:1]], strict=True))
    assert score(held_out, right).right == share_right(held_out, right) == 1
    assert score(held_out, right).token_f1 == 1
    assert score(held_out, wrong).right == share_right(held_out, wrong) == 0
