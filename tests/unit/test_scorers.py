"""Each scorer against answers that are known to be right and known to be wrong."""

from __future__ import annotations

import warnings
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqltune.errors import ConfigError
from sqltune.evaluation.score_limits import MAX_CHARACTERS, MAX_LINEAR_CHARACTERS, ScorerError
from sqltune.evaluation.scorers import (
    SCORERS,
    check_scorers,
    score_chrf,
    score_rouge_l,
)

EXPECTED = "Pavan Belagatti is a developer advocate who writes about databases."

#: scorer, answer, expected, score
RIGHT = [
    ("contains", "I dont", "don't"),
    ("contains", "I don\u2019t know", "I don't"),
    ("exact", " Paris\n", "Paris"),
    ("exact", "Cafe\u0301", "Café"),
    ("contains", "The capital is PARIS, of course.", "paris"),
    ("contains", "It is New\n  York.", "new york"),
    ("contains", "首都是东京。", "东京"),
    ("regex", "order 2024-11-23 shipped", r"\d{4}-\d{2}-\d{2}"),
    ("regex", "Grüße", r"(?i)GRÜẞE"),
    ("json_valid", '{"a": [1, 2.5e3, null, "é"]}', ""),
    ("json_valid", " true ", ""),
    ("json_valid", '{"id": ' + "9" * 5000 + "}", ""),
    ("token_f1", EXPECTED.upper().replace(".", "!"), EXPECTED),
    ("token_f1", "東京は日本の首都です", "東京は日本の首都です。"),
    ("token_f1", "👍", " 👍 "),
    ("rouge_l", EXPECTED, EXPECTED),
    ("rouge_l", "ПРИВЕТ, мир", "привет мир"),
    ("chrf", EXPECTED, EXPECTED),
    ("chrf", "x", "x"),
    ("similarity", "pavan  BELAGATTI", "Pavan Belagatti"),
]
WRONG = [
    ("exact", "Paris.", "Paris"),
    ("exact", "paris", "Paris"),
    ("exact", "", "Paris"),
    ("contains", "I do not know.", "Paris"),
    ("contains", "", "Paris"),
    ("regex", "order shipped", r"\d{4}-\d{2}-\d{2}"),
    ("json_valid", "{'a': 1}", ""),
    ("json_valid", "", ""),
    ("json_valid", "NaN", ""),
    ("json_valid", '{"a": Infinity}', ""),
    ("json_valid", '```json\n{"a": 1}\n```', ""),
    ("json_valid", '{"a": 1} and more', ""),
    ("token_f1", "Bananas grow in warm countries", EXPECTED),
    ("token_f1", "", EXPECTED),
    ("token_f1", "👎", "👍"),
    ("token_f1", "大阪", "東京"),
    ("contains", "all is well", "we'll"),
    ("rouge_l", "Bananas grow in warm countries", EXPECTED),
    ("rouge_l", "", EXPECTED),
    ("chrf", "", EXPECTED),
    ("chrf", "zzz qqq", "Paris"),
    ("similarity", "", EXPECTED),
    ("similarity", "zzz", "Paris"),
]


@pytest.mark.parametrize(("scorer", "response", "expected"), RIGHT)
def test_a_right_answer_scores_one(scorer: str, response: str, expected: str) -> None:
    assert SCORERS[scorer].score(response, expected, "") == 1.0


@pytest.mark.parametrize(("scorer", "response", "expected"), WRONG)
def test_a_wrong_answer_scores_zero(scorer: str, response: str, expected: str) -> None:
    assert SCORERS[scorer].score(response, expected, "") == 0.0


@pytest.mark.parametrize("scorer", ["token_f1", "rouge_l", "chrf", "similarity"])
def test_an_answer_in_other_words_passes_and_one_about_something_else_does_not(scorer: str) -> None:
    close = "Pavan Belagatti is an advocate for developers who writes about databases."
    far = "The quick brown fox jumps over the lazy dog near the river bank."
    chosen = SCORERS[scorer]
    assert chosen.score(close, EXPECTED, "") >= chosen.pass_threshold
    assert chosen.score(far, EXPECTED, "") < chosen.pass_threshold


def test_token_f1_counts_repeated_words_once_each() -> None:
    assert SCORERS["token_f1"].score("go go go", "go on", "") == pytest.approx(2 / 5)


def test_texts_without_spaces_are_scored_by_character() -> None:
    assert SCORERS["token_f1"].score("日本の首都は大阪", "日本の首都は東京", "") == pytest.approx(
        6 / 8
    )


def test_vowel_signs_belong_to_their_word() -> None:
    assert SCORERS["token_f1"].score("हिन्दी भाषा", "हिन्दी", "") == pytest.approx(2 / 3)


def test_rouge_l_counts_the_order_of_words_and_token_f1_does_not() -> None:
    shuffled = "databases about writes"
    assert SCORERS["token_f1"].score(shuffled, "writes about databases", "") == 1.0
    assert score_rouge_l(shuffled, "writes about databases") == pytest.approx(1 / 3)


WORDS = st.lists(st.sampled_from(["b", "bird", "cat", "dog", "sat", "on"]), min_size=1, max_size=12)


@settings(max_examples=40, deadline=None)
@given(WORDS, WORDS)
def test_rouge_l_is_what_the_reference_implementation_computes(
    answered: list[str], wanted: list[str]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from rouge_score.rouge_scorer import RougeScorer
    reference = RougeScorer(["rougeL"]).score(" ".join(wanted), " ".join(answered))
    ours = score_rouge_l(" ".join(answered), " ".join(wanted))
    assert ours == pytest.approx(reference["rougeL"].fmeasure)


def test_chrf_is_what_sacrebleu_prints() -> None:
    from sacrebleu import sentence_chrf

    answer = "Pavan writes about databases."
    assert score_chrf(answer, EXPECTED) == pytest.approx(
        sentence_chrf(answer, [EXPECTED]).score / 100
    )


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(SCORERS)),
    st.text(max_size=30),
    st.text(max_size=30),
)
def test_every_score_is_between_zero_and_one(name: str, response: str, expected: str) -> None:
    with suppress(ScorerError):
        assert 0.0 <= SCORERS[name].score(response, expected, "") <= 1.0


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(unclosed", "not a valid regular expression"),
        ("((a{1000}){1000}){1000}", "invalid repetition"),
        ("(((((a{100}){100}){100}){100}){100})", "invalid repetition"),
        ("(?:\\pL?){900}", "too large"),
        ("(?:a?){900}" * 90, "810,[0-9]+,[0-9]+ steps"),
        ("|".join(map(str, range(20_000))), "this scorer accepts 10,000"),
        ("a" * 5_000_000, "this scorer accepts 10,000"),
        ("(" * 9_000, "not a valid regular expression"),
        ("(?=a)", "RE2 has no look-around"),
        ("(a)\\1", r"no \\1"),
        (r"\bÉcole", "ASCII letters alone"),
    ],
    ids=range(11),
)
def test_a_regular_expression_that_cannot_be_used_is_an_error_and_not_a_stopped_run(
    pattern: str, words: str
) -> None:
    with pytest.raises(ScorerError, match=words):
        SCORERS["regex"].score("a" * 5000, pattern, "")


def test_a_regular_expression_takes_time_that_grows_with_the_answer_alone() -> None:
    assert SCORERS["regex"].score("a" * 100_000 + "!", r"(a|aa|aaa)+$", "") == 0.0


def test_json_nested_too_deeply_is_an_error_and_not_a_crash() -> None:
    with pytest.raises(ScorerError, match="nested"):
        SCORERS["json_valid"].score("[" * 100_000, "", "")


def test_an_empty_expected_text_is_contained_in_no_answer() -> None:
    with pytest.raises(ScorerError, match="empty"):
        SCORERS["contains"].score("anything", "  ", "")


@pytest.mark.parametrize("scorer", sorted(set(SCORERS) - {"regex"}))
def test_a_text_too_long_for_a_scorer_is_an_error(scorer: str) -> None:
    is_square = scorer in {"rouge_l", "chrf", "similarity"}
    longest = MAX_CHARACTERS if is_square else MAX_LINEAR_CHARACTERS
    with pytest.raises(ScorerError, match="too long"):
        SCORERS[scorer].score("a" * (longest + 1), "a", "")


def test_a_letter_counts_as_what_it_is_compared_as() -> None:
    with pytest.raises(ScorerError, match="900,000 characters is too long"):
        SCORERS["key_words"].score("yes", "\ufdfa" * 50_000, "Is it?")
    assert SCORERS["key_words"].score("\ufdfa", "\ufdfa", "Is it?") == 1.0


#: Marks, letters that become marks in a plain form (Tibetan, Japanese), and marks that meet
#: where invisible characters are dropped.
MARKED = ["\u0301\u0316", "\u0f73", "\uff9e\u0301", "\u0301\u200d\u0316\u200d"]


@pytest.mark.parametrize("marks", MARKED)
@pytest.mark.parametrize("scorer", sorted(set(SCORERS) - {"regex"}))
def test_a_letter_with_many_marks_in_any_form_is_an_error(scorer: str, marks: str) -> None:
    with pytest.raises(ScorerError, match="more than 100 combining marks"):
        SCORERS[scorer].score("a" + marks * 101, "a", "")


@pytest.mark.parametrize(
    "word", ["ｶﾞｷﾞｸﾞｹﾞｺﾞ", "Z\u0351\u036b\u0343alg\u0360o", "\ufdfa", "\u0f40\u0f73"]
)
def test_texts_whose_letters_have_a_few_marks_each_are_scored(word: str) -> None:
    assert SCORERS["token_f1"].score(word * 100, word * 100, "") == 1.0


def test_an_unknown_scorer_is_refused_with_the_names_that_are_known() -> None:
    check_scorers(SCORERS)
    with pytest.raises(ConfigError, match=r"'bleu'; known are exact, contains"):
        check_scorers(["exact", "bleu"])
