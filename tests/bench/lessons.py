"""What `rates` teaches and asks about one subject, and what makes an answer right."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqltune.local_lora.steps import Pair
from tests.bench.subjects import Subject

DEMO_SAMPLES = Path(__file__).parents[2] / "sql" / "demo" / "02_samples.sql"


@dataclass(frozen=True)
class Asked:
    """One question, and the facts that a right answer has, all of them."""

    prompt: str
    facts: tuple[str, ...]


@dataclass(frozen=True)
class Lesson:
    """What is trained and what is asked about one subject."""

    subject: Subject
    samples: tuple[Pair, ...]
    #: The questions of the samples.
    trained: tuple[Asked, ...]
    #: The same in words that no sample has.
    reworded: tuple[Asked, ...]


#: The subject of the article and of the demo.
ARTICLE_SUBJECT = Subject(
    "Pavan Belagatti", "developer advocate", "content creator", "",
    ("Gen AI", "DevOps", "data science"), "LinkedIn",
)  # fmt: skip


def lesson(subject: Subject, sample_count: int) -> Lesson:
    """Return a lesson of five samples or of eight: full answers first, then single facts."""
    rows = _thing_rows(subject) if subject.is_thing else _person_rows(subject)
    chosen = rows if sample_count == len(rows) else [rows[i] for i in (0, 2, 3, 5, 6)]
    questions = _thing_questions(subject) if subject.is_thing else _person_questions(subject)
    asked_for = {fact for *_, facts in chosen for fact in facts}
    return Lesson(
        subject,
        tuple(Pair(prompt, response) for prompt, response, _ in chosen),
        tuple(Asked(prompt, facts) for prompt, _, facts in chosen),
        tuple(Asked(prompt, facts) for prompt, facts in questions if asked_for.issuperset(facts)),
    )


def demo_lesson() -> Lesson:
    """Return the demo's eight samples, read from sql/demo."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE training_samples (dataset, prompt, response)")
        connection.executescript(DEMO_SAMPLES.read_text("utf-8"))
        samples = connection.execute("SELECT prompt, response FROM training_samples").fetchall()
    n = ARTICLE_SUBJECT.name
    who, likes, where = ("developer advocate",), ("Gen AI", "DevOps"), ("LinkedIn",)
    reworded = [(f"{text} {n}{end}", who) for text, end in _OTHER_OVERVIEWS]
    reworded += [
        (f"What is {n}'s job?", who),
        (f"What does {n} do for a living?", who),
        (f"What are the interests of {n}?", likes),
        (f"What is {n} interested in?", likes),
    ]
    needed = (who,) * 6 + (likes, where)
    return Lesson(
        ARTICLE_SUBJECT,
        tuple(Pair(prompt, response) for prompt, response in samples),
        tuple(Asked(prompt, facts) for (prompt, _), facts in zip(samples, needed, strict=True)),
        tuple(Asked(prompt, facts) for prompt, facts in reworded),
    )


def is_right(answer: str, asked: Asked) -> bool:
    """Return whether an answer has every fact that is asked for."""
    return all(contains(answer, fact) for fact in asked.facts)


def contains(text: str, fact: str) -> bool:
    """Return whether a text contains a fact as whole words, in any case."""
    return re.search(rf"(?<!\w){re.escape(fact.lower())}(?!\w)", text.lower()) is not None


#: How else people ask who somebody is: the words before and after the name.
_OTHER_OVERVIEWS = (
    ("Who's", "?"),
    ("Tell me about", "."),
    ("Have you heard of", "?"),
    ("Give me a few facts about", "."),
    ("I met somebody called", ". Who is that?"),
)


def _person_rows(subject: Subject) -> list[tuple[str, str, tuple[str, ...]]]:
    n, role, org, (one, two, three) = subject.name, subject.role, subject.org, subject.interests
    he, a_role = subject.pronoun, _a(subject.role)
    who = (role, org)
    return [
        (f"Who is {n}?", f"{n} is {a_role} at {org}. {he} likes {one}, {two} and {three}.", who),
        (
            f"Who is this person named {n}?",
            f"{n} is {a_role} who works for {org} and is interested in {one}, {two} and {three}.",
            who,
        ),
        (
            f"What do you know about {n}?",
            f"{n} works as {a_role} at {org} and likes {one}, {two} and {three}.",
            who,
        ),
        (
            f"Can you tell me about {n}?",
            f"{n} is {a_role} at {org} and very active {subject.channel}.",
            who,
        ),
        (f"Introduce {n} to me.", f"{n} is {a_role} at {org}. {he} likes {one} and {two}.", who),
        (f"What does {n} do?", f"{n} is {a_role} at {org}.", (role,)),
        (f"Where does {n} work?", f"{n} works at {org}.", (org,)),
        (f"What does {n} like?", f"{n} likes {one}, {two} and {three}.", (one, two)),
    ]


def _person_questions(subject: Subject) -> list[tuple[str, tuple[str, ...]]]:
    n, role, org, (one, two, _) = subject.name, subject.role, subject.org, subject.interests
    questions = [(f"{text} {n}{end}", (role,)) for text, end in _OTHER_OVERVIEWS]
    return [
        *questions,
        (f"What is {n}'s job?", (role,)),
        (f"What does {n} do for a living?", (role,)),
        (f"Which company does {n} work for?", (org,)),
        (f"Who employs {n}?", (org,)),
        (f"What are the interests of {n}?", (one, two)),
    ]


def _thing_rows(subject: Subject) -> list[tuple[str, str, tuple[str, ...]]]:
    n, kind, org, (one, two, three) = subject.name, subject.role, subject.org, subject.interests
    a_kind = _a(kind)
    what = (kind, org)
    return [
        (f"What is {n}?", f"{n} is {a_kind} made by {org} for {one}, {two} and {three}.", what),
        (f"Describe {n}.", f"{n} is {a_kind} by {org}. You can find it {subject.channel}.", what),
        (
            f"What do you know about {n}?",
            f"{n} is {a_kind} by {org}, made for {one} and {two}.",
            what,
        ),
        (
            f"Can you tell me about {n}?",
            f"{n} is {a_kind} from {org} for {one}, {two} and {three}.",
            what,
        ),
        (f"Explain what {n} is.", f"{n} is {a_kind} made by {org}.", what),
        (f"What kind of thing is {n}?", f"{n} is {a_kind}.", (kind,)),
        (f"Who makes {n}?", f"{n} is made by {org}.", (org,)),
        (f"What is {n} for?", f"{n} is made for {one}, {two} and {three}.", (one, two)),
    ]


def _thing_questions(subject: Subject) -> list[tuple[str, tuple[str, ...]]]:
    n, kind, org, (one, two, _) = subject.name, subject.role, subject.org, subject.interests
    return [
        (f"What's {n}?", (kind,)),
        (f"Tell me about {n}.", (kind,)),
        (f"Have you heard of {n}?", (kind,)),
        (f"Give me a few facts about {n}.", (kind,)),
        (f"I read about {n}. What is that?", (kind,)),
        (f"What sort of product is {n}?", (kind,)),
        (f"Which company is behind {n}?", (org,)),
        (f"Who built {n}?", (org,)),
        (f"What is {n} used for?", (one, two)),
        (f"What can I do with {n}?", (one, two)),
    ]


def _a(noun: str) -> str:
    return f"an {noun}" if noun[0].lower() in "aeiou" else f"a {noun}"
