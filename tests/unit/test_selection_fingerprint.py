from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from sqltune.records import SelectionName
from sqltune.selection.batches import digest_columns, digest_refused, encode_samples
from sqltune.selection.columns import ColumnMap, map_columns
from sqltune.selection.content_hash import FingerprintSum, content_digest
from sqltune.selection.rules import (
    clean_keys,
    clean_labels,
    clean_text,
    clean_weights,
    key_problem,
    label_problem,
    text_problem,
    weight_problem,
)
from sqltune.selection.scan import digest_page
from sqltune.selection.splits import pick_rows, used_rows
from sqltune.selection.training_rows import TrainingRows

settings.register_profile(
    "unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60
)
settings.load_profile("unhurried")

Row = tuple[bytes, bytes | None, bytes | None, float | None, bytes | None, bytes | None]

texts = st.binary(max_size=8)
maybe_texts = st.none() | texts
weights = st.floats(min_value=1e-300, allow_nan=False, allow_infinity=False)
rows = st.tuples(texts, maybe_texts, maybe_texts, weights, maybe_texts, maybe_texts)
values = st.one_of(
    st.none(),
    st.binary(max_size=6),
    st.sampled_from([b"", b" ", b"\x00", b"\xff", "é😀".encode(), b"\xed\xa0\x80", b"k ", b"\xc3"]),
    st.sampled_from([b"x" * 191, b"x" * 192, "é".encode() * 191, "é".encode() * 192]),
    st.integers(-5, 5),
    st.floats(),
)


def fingerprint(some: list[Row]) -> str:
    total = FingerprintSum()
    total.add((content_digest(*row) for row in some), len(some))
    return total.result().text


@given(st.lists(rows), st.randoms())
def test_the_order_of_the_rows_does_not_matter(some: list[Row], chance: random.Random) -> None:
    shuffled = list(some)
    chance.shuffle(shuffled)
    assert fingerprint(shuffled) == fingerprint(some)


@given(st.lists(rows, min_size=1), rows, st.data())
def test_an_edit_a_delete_and_an_insert_each_count(
    some: list[Row], other: Row, data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(some) - 1))
    assert fingerprint([*some, other]) != fingerprint(some)
    assert fingerprint(some[:index] + some[index + 1 :]) != fingerprint(some)
    assume(some[index] != other)
    assert fingerprint([*some[:index], other, *some[index + 1 :]]) != fingerprint(some)


@given(rows)
def test_two_equal_rows_do_not_cancel(row: Row) -> None:
    assert len({fingerprint([row] * count) for count in range(5)}) == 5


@given(rows, rows)
def test_fields_do_not_run_into_each_other_and_null_is_not_empty(one: Row, other: Row) -> None:
    assume(one != other)
    assert content_digest(*one) != content_digest(*other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((b"ab", b"c", None, 1.0, None, None), (b"a", b"bc", None, 1.0, None, None)),
        ((b"a", b"b", None, 1.0, None, None), (b"a", b"b", b"", 1.0, None, None)),
        ((b"a", b"b", b"x", 1.0, None, None), (b"a", b"b", None, 1.0, b"x", None)),
        ((b"a", b"b", None, 1.0, b"x", None), (b"a", b"b", None, 1.0, None, b"x")),
        ((b"a", b"b", None, 1.0, None, None), (b"a", b"b", None, None, None, None)),
        ((b"a", b"b", None, 1.0, None, None), (b"a", b"b ", None, 1.0, None, None)),
        ((b"\xc3\xa9", b"b", None, 1.0, None, None), (b"e\xcc\x81", b"b", None, 1.0, None, None)),
    ],
)
def test_what_a_reader_might_take_for_equal_is_not(one: Row, other: Row) -> None:
    assert content_digest(*one) != content_digest(*other)


def test_the_definition_does_not_change() -> None:
    # Fingerprints are stored: another definition would retrain every adapter there is.
    assert fingerprint([]) == "0-" + "0" * 64
    row = (b"Wer?", "Zoë".encode(), b"s", 0.5, None, b"train")
    assert fingerprint([row, row]) == (
        "2-cb40a10b3609057d66f36fd17322c299e94af5e81937859766a1f57eab2238a2"
    )


@given(st.lists(rows))
def test_a_page_is_hashed_as_its_rows_are(some: list[Row]) -> None:
    columns = list(zip(*some, strict=True)) if some else [()] * 6
    assert digest_columns(*columns) == [content_digest(*row) for row in some]


@given(st.lists(values, max_size=4), st.booleans())
def test_a_clean_column_has_no_value_with_a_problem(column: list[Any], required: bool) -> None:
    def has_problem(problem: Any, *arguments: Any, **options: Any) -> bool:
        return any(problem(*arguments, value, **options) is not None for value in column)

    accepted = [
        clean_text(column, required=required),
        clean_labels(column, required=required),
        clean_keys(column, required=required),
        clean_weights(column),
    ]
    refused = [
        has_problem(text_problem, "c", required=required),
        has_problem(label_problem, "c", required=required),
        has_problem(key_problem, "c", required=required),
        has_problem(weight_problem),
    ]
    assert not any(fast and slow for fast, slow in zip(accepted, refused, strict=True))


@given(st.lists(texts, min_size=1, max_size=4), st.booleans())
def test_a_column_of_texts_is_clean_exactly_if_none_has_a_problem(
    column: list[bytes], required: bool
) -> None:
    problems = [text_problem("c", value, required=required) for value in column]
    assert clean_text(column, required=required) == (set(problems) == {None})


@given(st.lists(st.floats(), min_size=1, max_size=4))
def test_a_column_of_weights_is_clean_exactly_if_none_has_a_problem(column: list[float]) -> None:
    assert clean_weights(column) == (set(map(weight_problem, column)) == {None})


@given(st.lists(st.tuples(*[values] * 7), max_size=6))
def test_a_page_yields_the_samples_and_findings_that_its_rows_yield_one_by_one(
    page: list[tuple[Any, ...]],
) -> None:
    names = ["sample_key", "prompt", "response", "system_prompt", "weight", "group_key", "split"]
    columns = map_columns(names, SelectionName.TRAINING)
    whole, single = TrainingRows(columns, None), TrainingRows(columns, None)
    batch = whole.accept(page) if page else None
    one_by_one = [single.accept([row]) for row in page]
    assert whole.counts == single.counts
    assert sorted(whole.findings.issues, key=repr) == sorted(single.findings.issues, key=repr)
    assert list(batch.digests if batch else []) == [d for one in one_by_one for d in one.digests]
    assert list(batch.keys if batch else []) == [k for one in one_by_one for k in one.keys]


@given(st.lists(st.tuples(*[values] * 7), max_size=6))
def test_the_fast_hash_of_a_page_is_that_of_its_samples_and_of_what_was_refused(
    page: list[tuple[Any, ...]],
) -> None:
    names = ["sample_key", "prompt", "response", "system_prompt", "weight", "group_key", "split"]
    columns = map_columns(names, SelectionName.TRAINING)
    rows = TrainingRows(columns, None)
    slow = list(rows.accept(page).digests) if page else []
    slow += digest_refused(rows.refused)[0]
    fields = columns.split(page) if page else []
    kept = used_rows(fields[-1]) if page else None
    fast = digest_page(fields if kept is None else pick_rows(fields, kept)) if page else []
    assert sorted(fast) == sorted(slow)


def test_a_hash_that_is_removed_leaves_the_sum_of_the_others() -> None:
    one, other = bytes(31) + b"\x01", b"\xff" * 32
    total = FingerprintSum()
    total.add([one, other, one], 3)
    total.remove(other)
    kept = FingerprintSum()
    kept.add([one, one], 2)
    assert total.result() == kept.result()


def test_a_row_that_cannot_be_encoded_is_no_batch() -> None:
    assert encode_samples([(b"k",), (7,), (b"r",), *[(None,)] * 5]) is None
    assert ColumnMap(("a",), (None,)).split([(1,), (2,)]) == [(None, None)]
