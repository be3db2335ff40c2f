"""Near duplicates and near leaks against a comparison of every text with every other one."""

from __future__ import annotations

import tracemalloc
from itertools import combinations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqltune.records import SelectionName
from sqltune.selection import near_leaks
from sqltune.selection.findings import Findings
from sqltune.selection.near_duplicates import NearDuplicates
from sqltune.selection.near_leaks import NearLeaks
from sqltune.selection.row_keys import RowKeys
from sqltune.selection.shingles import hash_numbers, shingles, similarity

SENTENCE = "Open the settings, choose security, and press the button that resets your password"
WORDS = st.sampled_from(SENTENCE.split())


@st.composite
def edited_texts(draw: st.DrawFn) -> list[str]:
    """Texts of which some are edits of others."""
    texts = draw(st.lists(st.lists(WORDS, min_size=8, max_size=30).map(" ".join), max_size=6))
    for text in list(texts):
        for _ in range(draw(st.integers(0, 2))):
            cut = draw(st.integers(0, len(text)))
            texts.append(text[:cut] + draw(st.sampled_from(["", "x", " and", " 7"])) + text[cut:])
    return draw(st.permutations(texts))


def _find(texts: list[str], threshold: float) -> dict[int, tuple[int, float]]:
    near = NearDuplicates(threshold)
    near.add(texts)
    return near.find()


def _brute_force(texts: list[str], threshold: float) -> set[int]:
    return {
        later
        for earlier, later in combinations(range(len(texts)), 2)
        if texts[earlier] != texts[later]
        and hash_numbers(texts[earlier]) == hash_numbers(texts[later])
        and similarity(shingles(texts[earlier]), shingles(texts[later])) >= threshold
    }


@settings(max_examples=60, deadline=None)
@given(edited_texts())
def test_near_duplicates_are_those_of_brute_force_but_for_the_error_of_the_estimate(
    texts: list[str],
) -> None:
    found = set(_find(texts, 0.8))
    # 128 hashes are wrong by that much once in a million pairs.
    assert _brute_force(texts, 0.95) <= found <= _brute_force(texts, 0.6)


@settings(max_examples=60, deadline=None)
@given(edited_texts(), edited_texts())
def test_near_leaks_are_exactly_those_of_brute_force(asked: list[str], trained: list[str]) -> None:
    leaks = NearLeaks({str(number): text for number, text in enumerate(asked)}, 0.8)
    for number, text in enumerate(trained):
        leaks.add(str(number), text)
    shares = {
        str(number): [
            similarity(shingles(question), shingles(text))
            for text in trained
            if text != question and hash_numbers(text) == hash_numbers(question)
        ]
        for number, question in enumerate(asked)
    }
    expected = {key: max(each) for key, each in shares.items() if max(each, default=0) >= 0.8}
    assert {key: leak.share for key, leak in leaks.found.items()} == expected


def test_of_many_long_prompts_few_pieces_are_kept_and_a_near_one_is_still_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(near_leaks, "MOST_PIECES", 10_000)
    rng = Random(1)
    texts = ["".join(rng.choices("abcdefghijklmnop ", k=10_000)) for _ in range(20)]
    tracemalloc.start()
    leaks = NearLeaks({str(number): text for number, text in enumerate(texts)}, 0.8)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000_000  # all pieces take 40 MB
    leaks.add("a", texts[7][:-50])
    leaks.add("b", texts[8][:5_000])
    assert {key: leak.sample_key for key, leak in leaks.found.items()} == {"7": "a"}


def test_the_first_of_several_earlier_samples_is_named() -> None:
    texts = [SENTENCE, "Something else altogether", SENTENCE + ".", SENTENCE + "!"]
    assert {other: first for other, (first, _) in _find(texts, 0.8).items()} == {2: 0, 3: 0}


def test_texts_that_are_equal_are_no_near_duplicates() -> None:
    assert _find([SENTENCE, SENTENCE], 0.8) == {}


def test_texts_with_other_numbers_are_no_near_duplicates() -> None:
    order = "Where is the parcel of my order 17, which was sent on Monday?"
    assert _find([order, order.replace("17", "18")], 0.8) == {}


def test_texts_without_a_piece_are_compared_as_a_whole() -> None:
    assert shingles("Hi") == {"hi"}
    assert _find(["Hi", "hi ", "Yo"], 0.8) == {1: (0, 1.0)}


def test_nothing_is_found_among_no_samples() -> None:
    assert _find([], 0.8) == {}


def test_a_near_duplicate_is_a_warning_that_names_both_keys() -> None:
    near, keys = NearDuplicates(0.8), RowKeys()
    texts = [SENTENCE, SENTENCE + "!"]
    near.add(texts)
    keys.add([b"k1", b"k2"])
    findings = Findings(SelectionName.TRAINING)
    near.note(keys, findings)
    (issue,) = findings.issues
    assert (issue.rule, issue.severity, issue.row_key) == ("near_duplicate", "warning", "k2")
    assert "nearly the same as sample k1 (" in issue.message
