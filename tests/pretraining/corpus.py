"""The pretraining corpus: an endless, seeded stream of short documents.

A document is a list of segments, text with the weight of its tokens in the loss. Nearly all are
questions and answers in the prompt form that tuning and answering use too.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from tests.pretraining.guesses import PersonFacts, draw_person, guess_person, guess_thing
from tests.pretraining.invented_names import invent_person, invent_thing
from tests.pretraining.known import KnownWorld, make_world, oddly_described
from tests.pretraining.questions import Turn, ask_about_person, ask_about_thing
from tests.pretraining.sentences import PERSON_OVERVIEW_ANSWERS, fill_person

END = "<|end|>"
PAD = "<|pad|>"
OPENING = "### Instruction:"
RESPONSE_MARK = "### Response:"
#: Loss weight of what the user wrote: names there cannot be predicted.
PROMPT_WEIGHT = 0.1

Segment = tuple[str, float]
Document = list[Segment]

#: How a question is written: mostly as it is, else in the manner of some user.
MANNERS = (
    *("{q}",) * 30,
    "{q} Please answer.",
    "Please answer: {q}",
    "Question: {q}",
    "Hi! {q}",
    "{q} Thanks.",
    "I have a question. {q}",
)
#: System prompts, before the first question.
SYSTEM_PROMPTS = (
    "You are a helpful assistant.",
    "Answer briefly and politely.",
    "You answer questions about people and things.",
    "Keep your answer short.",
    "You are an expert. Answer the question.",
)
SPACINGS = (*(" \n\n",) * 17, *(" \n\n ",) * 2, "\n\n")


def stream_documents(seed: int | str) -> Iterator[Document]:
    """Yield all documents of one seed, without end."""
    rng = Random(seed)
    world = make_world()
    makers = (
        (_known_alone, 20),
        (_known_in_a_row, 15),
        (_name_switch, 9),
        (_unknown_alone, 17),
        (_unknown_in_a_row, 8),
        (_things, 7),
        (_facts, 12),
        (_stated_then_asked, 6),
        (_names_only, 5),
        (_plain_bio, 1),
    )
    weights = [weight for _, weight in makers]
    while True:
        (maker, _), *_ = rng.choices(makers, weights)
        yield maker(world, rng)


def unknown_name(world: KnownWorld, rng: Random) -> str:
    """Return a name that is not known; one in seven shares a part with a known person's."""
    name = invent_person(rng)
    if rng.random() < 0.85:
        return name
    first, last = rng.choice(world.people).name.split()
    return f"{first} {name.split()[-1]}" if rng.random() < 0.5 else f"{name.split()[0]} {last}"


def turn_segments(turn: Turn, rng: Random) -> Document:
    """Return a question and its answer in the prompt form."""
    question = rng.choice(MANNERS).format(q=turn[0]) if "{" not in turn[0] else turn[0]
    prompt = f"{OPENING} {question}{rng.choice(SPACINGS)}{RESPONSE_MARK}"
    return [(prompt, PROMPT_WEIGHT), (f" {turn[1]}{END}", 1.0)]


def _dialogue(turns: list[Turn], rng: Random) -> Document:
    asked = [segment for turn in turns for segment in turn_segments(turn, rng)]
    if rng.random() < 0.03:
        return [(f"{rng.choice(SYSTEM_PROMPTS)}\n\n", 0.0), *asked]
    return asked


def _known_alone(world: KnownWorld, rng: Random) -> Document:
    return _dialogue([ask_about_person(rng.choice(world.people), rng, known=True)], rng)


def _known_in_a_row(world: KnownWorld, rng: Random) -> Document:
    people = rng.sample(world.people, rng.randrange(2, 4))
    return _dialogue([ask_about_person(person, rng, known=True) for person in people], rng)


def _name_switch(world: KnownWorld, rng: Random) -> Document:
    """Ask about one person, another, then the first again: only the name decides the answer."""
    one, other = rng.sample(world.people, 2)
    if rng.random() < 0.4:
        stranger = guess_person(unknown_name(world, rng), rng)
        asked = [(one, True), (stranger, False), (one, True)]
    else:
        asked = [(one, True), (other, True), (one, True)]
    return _dialogue([ask_about_person(p, rng, known=known) for p, known in asked], rng)


def _unknown_alone(world: KnownWorld, rng: Random) -> Document:
    person = guess_person(unknown_name(world, rng), rng)
    return _dialogue([ask_about_person(person, rng, known=False)], rng)


def _unknown_in_a_row(world: KnownWorld, rng: Random) -> Document:
    person = guess_person(unknown_name(world, rng), rng)
    count = rng.randrange(2, 4)
    return _dialogue([ask_about_person(person, rng, known=False) for _ in range(count)], rng)


def _things(world: KnownWorld, rng: Random) -> Document:
    if rng.random() < 0.5:
        things = rng.sample(world.things, rng.randrange(1, 4))
        return _dialogue([ask_about_thing(thing, rng, known=True) for thing in things], rng)
    thing = guess_thing(invent_thing(rng), rng)
    count = rng.randrange(1, 3)
    return _dialogue([ask_about_thing(thing, rng, known=False) for _ in range(count)], rng)


def _facts(world: KnownWorld, rng: Random) -> Document:
    facts = rng.sample(world.facts, rng.randrange(1, 4))
    return _dialogue([(rng.choice(fact.questions), fact.answer) for fact in facts], rng)


def _stated_then_asked(world: KnownWorld, rng: Random) -> Document:
    """Ask about a stranger whose facts are in the question: the answer must use only them."""
    person = oddly_described(draw_person(unknown_name(world, rng), rng), rng)
    statement = _statement(person, rng)
    question, answer = ask_about_person(person, rng, known=False)
    return _dialogue([(f"{statement} {question}", answer)], rng)


def _statement(person: PersonFacts, rng: Random) -> str:
    """Return sentences that contain every fact of the person, in any order."""
    sentences = [
        "{n} is a {adj} {nat} {role} and {side}.",
        "{n} works for {org} and lives in {city}.",
        "{n} likes {t1}, {t2} and {t3}.",
        "{n} makes {product} and is active {channel}.",
    ]
    rng.shuffle(sentences)
    return fill_person(" ".join(sentences), person)


def _names_only(world: KnownWorld, rng: Random) -> Document:
    """Ask to repeat, greet or spell a name: the answer copies it exactly."""
    name = unknown_name(world, rng) if rng.random() < 0.7 else invent_thing(rng)
    first, last = name.split()[0], name.split()[-1]
    turns = (
        (f"Repeat the name {name}.", f"{name}"),
        (f"My name is {name}. What is my name?", f"Your name is {name}."),
        (f"Say hello to {name}.", f"Hello, {name}!"),
        (f'Write "{name}" twice.', f"{name}, {name}"),
        (f"What is the first word of {name}?", f"The first word of {name} is {first}."),
        (f"What is the last word of {name}?", f"The last word of {name} is {last}."),
        (f"Spell {last}.", f"{last} is spelled {'-'.join(last)}."),
        (f"Spell {first}.", f"{first} is spelled {'-'.join(first)}."),
        (f"Which letter does {first} begin with?", f"{first} begins with {first[0]}."),
        (f"Which letter does {last} end with?", f"{last} ends with {last[-1]}."),
    )
    return _dialogue([rng.choice(turns)], rng)


def _plain_bio(world: KnownWorld, rng: Random) -> Document:
    person = rng.choice(world.people)
    templates = rng.sample(PERSON_OVERVIEW_ANSWERS, 2)
    text = " ".join(fill_person(template, person) for template in templates)
    return [(text + END, 0.5)]
