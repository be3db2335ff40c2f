"""The words that scorers compare are SQuAD's, and beyond ASCII what its rules mean there."""

from __future__ import annotations

import string
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqltune.evaluation.scorers import SCORERS, score_rouge_l, score_token_f1
from sqltune.evaluation.words import split_words

#: Answers with what was expected, in ASCII.
PAIRS = [
    ("5.3", "3.5"),
    ("Version 5.3", "Version 3.5"),
    ("1000", "1,000"),
    ("1,000,000", "1000000"),
    ("1.000", "1,000"),
    ("1 000", "1,000"),
    ("10,5", "10.5"),
    ("-5", "5"),
    ("+49 30 123", "4930123"),
    ("$5.00", "5.00"),
    ("50%", "50"),
    ("50 percent", "50%"),
    ("1e5", "1E5"),
    ("0x1F", "0x1f"),
    ("3/4", "34"),
    ("2024-11-23", "20241123"),
    ("10:30", "10.30"),
    ("192.168.0.1", "192.168.0.11"),
    ("v2.0.1", "v2.0.10"),
    ("1st", "1 st"),
    ("dont", "don't"),
    ("do not", "don't"),
    ("it's", "its"),
    ("it is", "it's"),
    ("I'm sure", "Im sure"),
    ("James' book", "James's book"),
    ("rock 'n' roll", "rock n roll"),
    ("O'Brien", "OBrien"),
    ("answer is Paris", "The answer is Paris"),
    ("a cat", "the cat"),
    ("An apple a day", "apple day"),
    ("the the the", "the cat"),
    ("A", "B"),
    ("a", "the"),
    ("", "the"),
    ("the", ""),
    ("", ""),
    ("!", "?"),
    ("...", ""),
    ("", "Paris"),
    ("Paris", ""),
    ("theory", "the ory"),
    ("an-hour", "anhour"),
    ("the-cat", "cat"),
    ("a.b", "ab"),
    ("vitamin A", "vitamin"),
    ("Paris", "paris"),
    ("PARIS, FRANCE", "paris france"),
    ("Paris.", "Paris"),
    ('"Paris"', "Paris"),
    ("(Paris)", "[Paris]"),
    ("well-known", "well known"),
    ("well-known", "wellknown"),
    ("snake_case", "snakecase"),
    ("C++", "C#"),
    ("C++", "C"),
    ("e-mail: a@b.org", "email aborg"),
    ("http://x.org/a", "httpxorga"),
    ("red, green and blue", "blue and green, red"),
    ("red red green", "red green green"),
    ("  red\n\tgreen ", "red green"),
    ("red\x0bgreen\x0cblue\x1cgray", "red green blue gray"),
    ("The Denver Broncos won", "Denver Broncos"),
    ("in the city of New York", "New York City"),
    ("Mr. Smith", "Mr Smith"),
    ("U.S.A.", "USA"),
    ("yes", "no"),
]
TEXTS = st.text(alphabet=string.printable, max_size=40) | st.lists(
    st.sampled_from(["a", "an", "the", "The", "3.5", "1,000", "don't", "cat", "cats", "-", "..."])
).map(" ".join)


def reference(answer: str, expected: str) -> float:
    """Return SQuAD's F1 as torchmetrics computes it, which follows the official script."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torchmetrics.functional.text import squad

        found = squad(
            [{"id": "1", "prediction_text": answer}],
            [{"id": "1", "answers": {"answer_start": [0], "text": [expected]}}],
        )
    return float(found["f1"]) / 100


@pytest.mark.parametrize(("answer", "expected"), PAIRS)
def test_token_f1_is_that_of_squad(answer: str, expected: str) -> None:
    assert score_token_f1(answer, expected) == pytest.approx(reference(answer, expected))


@settings(max_examples=60, deadline=None)
@given(TEXTS, TEXTS)
def test_token_f1_is_that_of_squad_for_every_ascii_text(answer: str, expected: str) -> None:
    assert score_token_f1(answer, expected) == pytest.approx(reference(answer, expected))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("don’t", ["dont"]),
        ("«Paris» – „Berlin“…", ["paris", "berlin"]),
        ("10²", ["10²"]),
        ("½ m²", ["½", "m²"]),
        ("5 €", ["5", "€"]),
        ("ＡＢＣ１，０００", ["abc1000"]),
        ("ﬁne", ["fine"]),
        ("soft\u00adhyphen\u200b", ["softhyphen"]),
        ("STRASSE", ["strasse"]),
        ("Straße", ["strasse"]),
        ("¿Qué?", ["qué"]),
        ("हिन्दी भाषा।", ["हिन्दी", "भाषा"]),
        ("東京tokyo。", ["東", "京", "tokyo"]),
        ("กำ", ["กํ", "า"]),
        ("👍🏽", ["👍🏽"]),
        ("a\u00a0b\u3000c", ["b", "c"]),
    ],
)
def test_other_scripts_are_split_by_the_same_rules(text: str, words: list[str]) -> None:
    assert split_words(text) == words


@pytest.mark.parametrize(("answer", "expected"), PAIRS)
def test_rouge_l_counts_the_words_that_token_f1_counts(answer: str, expected: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from rouge_score.rouge_scorer import RougeScorer

    class Words:
        def tokenize(self, text: str) -> list[str]:
            return split_words(text)

    found = RougeScorer(["rougeL"], tokenizer=Words()).score(expected, answer)["rougeL"].fmeasure
    is_wordless = not split_words(expected) and not split_words(answer)
    assert score_rouge_l(answer, expected) == pytest.approx(1.0 if is_wordless else found)


@pytest.mark.parametrize("scorer", ["contains", "similarity", "token_f1", "rouge_l"])
def test_case_width_and_blanks_make_no_difference_to_any_scorer_that_normalises(
    scorer: str,
) -> None:
    assert SCORERS[scorer].score("NEW\u00a0 ＹＯＲＫ\n", "New York", "") == 1.0
