"""Few samples, asked in more ways: the user's own responses under other wordings of the questions.

Four samples that all ask who somebody is teach nothing about "What does she like?", though one of
them says it: rehearsal even keeps the base model's guess there. So each usual question about such a
name (wording.py) is joined with the response that fits it:

- another wording of a sample's question takes that sample's response;
- for a question that no sample asks, the base model's own answer shows the form ("X likes ..."),
  and a response, or its first sentence, in the same form takes its place. Without one the
  question is not trained.

Nothing is invented: every answer is the user's text. Names are found by general rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from random import Random

from sqltune.local_lora.rehearsal.found_names import find_names
from sqltune.local_lora.rehearsal.wording import (
    PERSON_OVERVIEWS,
    PERSON_QUESTIONS,
    THING_OVERVIEWS,
    THING_QUESTIONS,
    fill_question,
)
from sqltune.local_lora.steps import Pair

#: Beside a sample's 1; chosen with the subjects of the bench that are marked for it.
REWORDING_WEIGHT = 0.5

_Family = Sequence[str]
_PEOPLE: tuple[_Family, ...] = (*PERSON_OVERVIEWS, *PERSON_QUESTIONS.values())
_THINGS: tuple[_Family, ...] = (THING_OVERVIEWS, *THING_QUESTIONS.values())
_SENTENCE_END = re.compile(r"(?<=[.!?])\s")
#: Verbs that alone say too little of a sentence: "is a nurse", "is interested in".
_WEAK_VERBS = frozenset({"is", "has", "was", "works"})


def reworded_pairs(
    samples: Sequence[Pair],
    ask: Callable[[Sequence[str]], Sequence[str]],
    *,
    seed: int,
    per_family: int,
    besides: Collection[str] = (),
) -> list[Pair]:
    """Return the samples' responses to questions that no sample asks in these words.

    Args:
        samples: the user's, few of them.
        ask: returns the base model's greedy answers, in order.
        seed: decides which wordings, and which of several fitting responses.
        per_family: at most so many wordings of one question and name.
        besides: questions that must not be among them, because they measure what was learnt.
    """
    rng = Random(f"rewording:{seed}")
    known = {sample.prompt for sample in samples} | set(besides)
    return [
        Pair(question, response, weight=REWORDING_WEIGHT, is_rehearsal=True)
        for name in find_names([sample.prompt for sample in samples])
        for question, response in _reword(name, samples, ask, rng, per_family, known)
    ]


def _reword(
    name: str,
    samples: Sequence[Pair],
    ask: Callable[[Sequence[str]], Sequence[str]],
    rng: Random,
    per_family: int,
    known: Collection[str],
) -> Iterator[tuple[str, str]]:
    own = {s.prompt.replace(name, "{n}"): s.response for s in samples if name in s.prompt}
    statements = _statements(name, list(own.values()))
    for family in _families(own):
        responses = [own[template] for template in family if template in own]
        questions = [fill_question(template, name) for template in family if template not in own]
        questions = [question for question in questions if question not in known]
        rng.shuffle(questions)
        del questions[per_family:]
        if responses:
            yield from ((question, rng.choice(responses)) for question in questions)
            continue
        for question, answer in zip(questions, ask(questions), strict=True):
            if fitting := _fitting(_form(answer, name), statements):
                yield question, rng.choice(fitting)


def _families(own: Collection[str]) -> Sequence[_Family]:
    """Return the questions about people or about things, whichever the samples ask; else none."""
    asked = [
        (sum(template in own for family in families for template in family), families)
        for families in (_PEOPLE, _THINGS)
    ]
    count, families = max(asked, key=lambda each: each[0])
    return families if count else ()


def _statements(name: str, responses: Sequence[str]) -> list[tuple[tuple[str, str], str]]:
    """Return the responses and their first sentences with their form, where they have one."""
    texts = [text for r in responses for text in dict.fromkeys((r, _SENTENCE_END.split(r)[0]))]
    formed = [(_form(text, name), text) for text in texts]
    return [(form, text) for form, text in formed if form is not None]


def _form(text: str, name: str) -> tuple[str, str] | None:
    """Return the two words after the name that a text begins with; None: it begins otherwise."""
    match = re.match(rf"{re.escape(name)},? (\w+)(?: (\w+))?", text)
    if match is None:
        return None
    verb, following = match[1], match[2] or ""
    return verb, "a" if following == "an" else following


def _fitting(
    form: tuple[str, str] | None, statements: Sequence[tuple[tuple[str, str], str]]
) -> list[str]:
    if form is None:
        return []
    same = [text for own, text in statements if own == form]
    if same or form[0] in _WEAK_VERBS:
        return same
    return [text for own, text in statements if own[0] == form[0]]
