"""What the base model learns to guess about names that it does not know.

If these facts were drawn at random, every greedy guess would be the same. So they mostly follow
from the letters of the name: guesses are then as varied as names are. The base model also learns to
read the whole name, and that only the exact name of a known person overrides the guess.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from random import Random

from tests.pretraining import lexicon

#: How often a single fact does not follow from the name, so that no guess is ever certain.
NOISE = 0.12


@dataclass(frozen=True)
class PersonFacts:
    """A person with all that can be asked about them."""

    name: str
    nationality: str
    role: str
    side_role: str
    org: str
    city: str
    adjective: str
    topics: tuple[str, str, str]
    product: str
    channel: str
    is_woman: bool


@dataclass(frozen=True)
class ThingFacts:
    """A product, company or place with all that can be asked about it."""

    name: str
    kind: str
    purpose: str
    maker: str
    city: str
    topic: str


def letter(word: str, place: int) -> int:
    """Return the position in the alphabet (0..25) of a word's letter at `place`, without accent."""
    plain = unicodedata.normalize("NFKD", word.lower())
    letters = [c for c in plain if c.isascii() and c.isalnum()] or ["a"]
    code = ord(letters[max(-len(letters), min(place, len(letters) - 1))])
    return (code - ord("a")) % 26


def guess_person(name: str, rng: Random) -> PersonFacts:
    """Return the facts that the letters of a name suggest, each with a small chance of another."""
    words = name.split()
    first, last = words[0], words[-1]
    a, b, c = letter(first, 0), letter(first, 1), letter(first, -1)
    x, y, z = letter(last, 0), letter(last, 1), letter(last, -1)
    role = 5 * a + min(x // 5, 4)
    return PersonFacts(
        name=name,
        nationality=_pick(lexicon.NATIONALITIES, c, rng),
        role=lexicon.ROLES[rng.randrange(130) if rng.random() < NOISE else role],
        side_role=_pick(lexicon.SIDE_ROLES, z, rng),
        org=_pick(lexicon.ORG_STARTS, x, rng) + _pick(lexicon.ORG_ENDS, b, rng),
        city=_pick(lexicon.CITIES, y, rng),
        adjective=_pick(lexicon.ADJECTIVES, b, rng),
        topics=(
            _pick(lexicon.TOPICS[0], x, rng),
            _pick(lexicon.TOPICS[1], a, rng),
            _pick(lexicon.TOPICS[2], z, rng),
        ),
        product=_pick(lexicon.PRODUCTS, y, rng),
        channel=_pick(lexicon.CHANNELS, z, rng),
        is_woman=first[-1] in "aeiyh",
    )


def guess_thing(name: str, rng: Random) -> ThingFacts:
    """Return the facts that the letters of a thing's name suggest."""
    words = name.split()
    first, last = words[0], words[-1]
    return ThingFacts(
        name=name,
        kind=_pick(lexicon.KINDS, letter(first, 0), rng),
        purpose=_pick(lexicon.PURPOSES, letter(last, -1), rng),
        maker=_pick(lexicon.ORG_STARTS, letter(first, 1), rng)
        + _pick(lexicon.ORG_ENDS, letter(first, 0), rng),
        city=_pick(lexicon.CITIES, letter(first, 1), rng),
        topic=_pick(lexicon.TOPICS[2], letter(first, 0), rng),
    )


def draw_person(name: str, rng: Random, org: str | None = None) -> PersonFacts:
    """Return a person whose facts do not follow from the name, as those of known people."""
    return PersonFacts(
        name=name,
        nationality=rng.choice(lexicon.NATIONALITIES),
        role=rng.choice(lexicon.ROLES),
        side_role=rng.choice(lexicon.SIDE_ROLES),
        org=org or rng.choice(lexicon.ORG_STARTS) + rng.choice(lexicon.ORG_ENDS),
        city=rng.choice(lexicon.CITIES),
        adjective=rng.choice(lexicon.ADJECTIVES),
        topics=(
            rng.choice(lexicon.TOPICS[0]),
            rng.choice(lexicon.TOPICS[1]),
            rng.choice(lexicon.TOPICS[2]),
        ),
        product=rng.choice(lexicon.PRODUCTS),
        channel=rng.choice(lexicon.CHANNELS),
        is_woman=name.split()[0][-1] in "aeiyh",
    )


def draw_thing(name: str, rng: Random) -> ThingFacts:
    """Return a thing whose facts do not follow from its name."""
    return ThingFacts(
        name=name,
        kind=rng.choice(lexicon.KINDS),
        purpose=rng.choice(lexicon.PURPOSES),
        maker=rng.choice(lexicon.ORG_STARTS) + rng.choice(lexicon.ORG_ENDS),
        city=rng.choice(lexicon.CITIES),
        topic=rng.choice(lexicon.TOPICS[2]),
    )


def _pick(options: tuple[str, ...] | list[str], place: int, rng: Random) -> str:
    return rng.choice(options) if rng.random() < NOISE else options[place % len(options)]
