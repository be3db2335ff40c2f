"""What a base model is asked before tuning, so that its own answers survive the tuning.

Four sources: the user's own prompts with other names in them, questions about names that do not
exist, names that begin like the user's, and general questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from sqltune.local_lora.rehearsal.found_names import find_names, replace_names
from sqltune.local_lora.rehearsal.general_questions import general_questions
from sqltune.local_lora.rehearsal.invented_names import invent_like, invent_person, invent_thing
from sqltune.local_lora.rehearsal.options import RehearsalOptions
from sqltune.local_lora.rehearsal.wording import PERSON_TEMPLATES, THING_TEMPLATES, fill_question

#: More of the user's prompts than this add nothing.
PROMPTS_READ = 512
#: Invented names that begin like the user's.
NEAR_NAMES = 64


def rehearsal_questions(
    user_prompts: Sequence[str], options: RehearsalOptions, *, seed: int
) -> list[str]:
    """Return at most `options.count` different questions, none of them one of the user's.

    Args:
        user_prompts: the samples' prompts.
        options: how many.
        seed: decides names and choice.
    """
    rng = Random(f"rehearsal:{seed}")
    read = user_prompts[:PROMPTS_READ]
    shares = [
        (_swapped(read, rng), 0.25),
        # Few: they also suppress the subject's own answers to questions that no sample asks.
        # The base guesses from the first letters, so these names are where a fact leaks to.
        (_near(read, rng), 0.02),
        (_strangers(rng), 0.33),
        (_general(rng), 0.40),
    ]
    chosen: dict[str, None] = {}
    for prompts, share in shares:
        own = [prompt for prompt in dict.fromkeys(prompts) if prompt not in read]
        chosen.update(dict.fromkeys(own[: round(options.count * share)]))
    return list(chosen)


def _swapped(prompts: Sequence[str], rng: Random) -> list[str]:
    """Return the user's prompts with invented names in place of theirs, in several rounds."""
    names = find_names(prompts)
    named = [prompt for prompt in prompts if replace_names(prompt, names, str.upper) != prompt]
    rounds = -(-PROMPTS_READ // max(1, len(named)))
    swapped = [
        replace_names(prompt, names, lambda name: invent_like(name, rng))
        for _ in range(rounds)
        for prompt in rng.sample(named, len(named))
    ]
    return swapped[:PROMPTS_READ]


def _near(prompts: Sequence[str], rng: Random) -> list[str]:
    """Return questions about invented names that begin with the same letters as the user's."""
    names = find_names(prompts)
    if not names:
        return []
    near = []
    for _ in range(NEAR_NAMES):
        name = " ".join(_begin_alike(word, rng) for word in rng.choice(names).split())
        near.append(fill_question(rng.choice(PERSON_TEMPLATES), name))
    return near


def _begin_alike(word: str, rng: Random) -> str:
    """Return an invented word with the same first letter; for another script, any invented word."""
    for _ in range(500):
        invented = invent_like(word, rng)
        if invented[0].lower() == word[0].lower():
            break
    return invented


def _strangers(rng: Random) -> list[str]:
    """Return questions about people and things that do not exist."""
    templates = [(t, invent_person) for t in PERSON_TEMPLATES] * 3
    templates += [(t, invent_thing) for t in THING_TEMPLATES]
    chosen = (rng.choice(templates) for _ in range(PROMPTS_READ))
    return [fill_question(template, invent(rng)) for template, invent in chosen]


def _general(rng: Random) -> list[str]:
    questions = general_questions()
    return rng.sample(questions, len(questions))
