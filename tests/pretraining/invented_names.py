"""Invented names for people and things, from the plain to the very odd.

A copy of the package's lists as they were when the model was made: its corpus, whose hash is stored
beside its weights, must not change with the package.

A base model that should copy any user's name must have read names of every kind: syllables of many
languages, random letters, hyphens, accents, initials, names of one to four words.
"""

from __future__ import annotations

from random import Random

FIRST_NAMES = (
    "Ada Aisha Akira Alba Amara Andrei Anna Arjun Astrid Beatriz Boris Bruno Camille Carlos Chen "
    "Clara Daniel Dara Deepa Diego Dmitri Elena Elif Emeka Emma Erik Fatima Felix Freya Gareth "
    "Giulia Grace Hana Hassan Heidi Hugo Ibrahim Ines Ingrid Ivan Jamal Jana Javier Joon Julia "
    "Kamal Karin Kenji Kofi Lars Leila Lena Liam Lin Lucia Magnus Maria Marta Mei Miguel Mina "
    "Nadia Nia Nikolai Noor Olga Omar Oscar Paolo Pavel Petra Pierre Priya Quentin Rafael Rania "
    "Ravi Rosa Ruth Samir Sanjay Sara Sofia Stefan Suresh Svetlana Tariq Tess Thabo Tomas Uma "
    "Ursula Vera Victor Wanda Wei Xavier Yara Yusuf Zane Zofia"
).split()
LAST_NAMES = (
    "Abbott Adeyemi Ahmed Alvarez Andersson Bauer Becker Bennett Bianchi Bose Brandt Carter "
    "Castillo Chandra Chowdhury Costa Dahl Diallo Dubois Eriksen Farouk Ferrari Fischer Fleming "
    "Fontaine Garcia Gomez Grant Gupta Haddad Hansen Harris Hoffmann Horvat Ibarra Ito Iyer "
    "Jansen Jovanovic Kapoor Kaya Keller Khan Kim Kovacs Kowalski Kumar Larsen Leblanc Lindberg "
    "Lopez Mahmoud Mancini Martens Mbeki Mehta Mensah Moreau Morgan Murphy Nair Nakamura Nguyen "
    "Novak Okafor Oliveira Ortega Osei Park Patel Petrov Popescu Quinn Rahman Ramirez Rao Reddy "
    "Rossi Sato Schmidt Sharma Silva Singh Sokolov Sorensen Suzuki Tanaka Torres Tran Turner "
    "Usman Varga Vasquez Vogel Walker Weber Yamamoto Yilmaz Zhang Zimmer"
).split()

ONSETS = (
    "b c d f g h j k l m n p q r s t v w x y z b d g k l m n p r s t v bh ch dr fr gh gr hl jh kh "
    "kr ll ph pr rh sh sk st sv th tr ts vr wh zh br cl dw fl gl kl pl sl sn sp str tw zl"
).split()
VOWELS = "a e i o u a e i o u a e i o u a e i o a e i y".split()
ODD_VOWELS = "aa ae ai au ea ee ei eo ia ie io oa oo ou ua ue ui é ö ü á ñe ø å".split()
PLAIN_ONSETS = "b c d f g h j k l m n p r s t v w y z b d g k l m n p r s t v ch sh th".split()
CODAS = (
    " " * 8 + "l m n r s t k d g b p v x z n n r l s ck ff gg kk ld ll lm ln lt nd ng nk nn nt rd "
    "rg rk rl rm rn rt rv ss st sz th tt tz wn ch sh v v"
).split(" ")
ENDINGS = (
    "a o i e us an en in on er ov ova ski sky vic wicz sen son dottir ez es az ini elli etti atti "
    "oni ano ara ata ani ati agi appa amma wala wal war kar deep jit esh ish ukh nath mani swamy "
    "ishvili yan oglu zade pour nejad bert mann feld berg stein wood ley ton ham shaw more field "
    "eau ier oux ard aki ato uki ima oka ura iro ita uda bo ba di ko le mbe nde ye wu xi ang ong"
).split()
PARTICLES = ("van", "de", "von", "de la", "al", "bin", "di", "van der", "el", "le", "da", "Mac")
THING_ENDINGS = (
    "base works loom grid mint dock flow deck lane mill spark forge nest port vault wave pad mesh "
    "gate kit box leaf ridge stack path cloud desk cast line hub trail"
).split()
THING_WORDS = (
    "Amber Atlas Birch Bright Cedar Clear Copper Coral Crane Delta Dune Echo Ember Falcon Fern "
    "Flint Grey Harbor Heron Indigo Iron Ivory Jade Juniper Kite Lark Lumen Lunar Maple Mist "
    "Moss North Oak Onyx Opal Orchid Pebble Pine Quartz Quick Raven River Ruby Sable Silver Slate "
    "Solar Stone Swift Tidal Topaz Umber Velvet Vivid Willow Winter Yarrow Zephyr"
).split()
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def invent_person(rng: Random) -> str:
    """Return a person's name: mostly two words, sometimes one, three or four."""
    kind = rng.random()
    if kind < 0.07:
        return _word(rng)
    first, last = invent_first_name(rng), invent_last_name(rng)
    if kind < 0.76:
        return f"{first} {last}"
    if kind < 0.82:
        return f"{first} {_word(rng)} {last}"
    if kind < 0.87:
        return f"{first} {rng.choice(LETTERS).upper()}. {last}"
    if kind < 0.91:
        return f"{first} {rng.choice(PARTICLES)} {last}"
    if kind < 0.94:
        return f"{first}-{invent_first_name(rng)} {last}"
    if kind < 0.97:
        return f"{first} {last}-{invent_last_name(rng)}"
    return f"{first} {rng.choice(('O', 'D', 'N', 'L'))}'{last}"


def invent_thing(rng: Random) -> str:
    """Return a name for a product, company, place or project."""
    kind = rng.random()
    word, other = _word(rng), _word(rng)
    ending = rng.choice(THING_ENDINGS)
    if kind < 0.25:
        return word
    if kind < 0.45:
        return rng.choice((word, rng.choice(THING_WORDS))) + rng.choice((ending, ending.title()))
    if kind < 0.60:
        return f"{rng.choice(THING_WORDS)} {ending.title()}"
    if kind < 0.75:
        return f"{word} {rng.choice((other, ending.title()))}"
    if kind < 0.83:
        return f"{word}{other}"
    if kind < 0.90:
        return f"{word} {rng.randrange(1, 100)}"
    if kind < 0.95:
        return "".join(rng.choice(LETTERS).upper() for _ in range(rng.randrange(2, 5)))
    return f"{word.lower()}{rng.choice(('.io', '-' + ending, ending, 'ly', 'DB', 'OS', 'AI'))}"


def invent_first_name(rng: Random) -> str:
    """Return a first name: one in three is a common one."""
    return rng.choice(FIRST_NAMES) if rng.random() < 0.30 else _word(rng)


def invent_last_name(rng: Random) -> str:
    """Return a last name: one in four is a common one."""
    return rng.choice(LAST_NAMES) if rng.random() < 0.25 else _word(rng)


def invent_like(name: str, rng: Random) -> str:
    """Return an invented name of as many words as `name`."""
    return " ".join(_word(rng) for _ in name.split())


def _word(rng: Random) -> str:
    """Return an invented capitalised word of one to four syllables, or a string of letters."""
    if rng.random() < 0.06:
        return "".join(rng.choice(LETTERS) for _ in range(rng.randrange(2, 9))).capitalize()
    syllables = rng.choices((1, 2, 3), (35, 45, 20))[0]
    stem = "".join(_syllable(rng) for _ in range(syllables))
    return (stem + (rng.choice(ENDINGS) if rng.random() < 0.6 else "")).capitalize()


def _syllable(rng: Random) -> str:
    onsets = ONSETS if rng.random() < 0.35 else PLAIN_ONSETS
    onset = rng.choice(onsets) if rng.random() < 0.85 else ""
    vowel = rng.choice(VOWELS if rng.random() < 0.85 else ODD_VOWELS)
    return onset + vowel + (rng.choice(CODAS) if rng.random() < 0.4 else "")
